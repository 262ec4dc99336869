"""The release gate: which checks there are, what their answers mean, and the shape a pipeline reads. Pure.

Check names, their order and the remedies are the playbook's (section 4); words are those of the cards (section 6).
A warning is a pass whose message begins `warning:`; a check that could not tell is no pass and begins `could not tell:`.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from bot import words
from bot.domain.history import Comparison
from bot.domain.messages import GateCheck, GateReport
from bot.errors import InvalidCommand

_SAYS = words.load("gate")
WARNING, COULD_NOT_TELL = (_SAYS[name].format(what="") for name in ("warning", "could_not_tell"))
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "pytest": ("python", "-m", "pytest", "-q"),
    "lint": ("ruff", "check", "."),
}
"""What a dev check runs where `gate.commands` names nothing else; for the others there is no guess."""
_TEN = 10
_OK, _NOT_FOUND = 200, 404
_COUNTS = re.compile(r"\b\d+ (?:passed|failed|errors?|skipped)\b")
_FAILURE = re.compile(r"(?P<file>[\w./-]+\.py):(?P<line>\d+)")
_RAISED = re.compile(r'File "(?P<file>[^"]+\.py)", line (?P<line>\d+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One check: the word that skips it, its name, and the modes in which it runs."""

    word: str
    name: str
    dev: bool
    prod: bool


CHECKS = (
    Kind(word="pytest", name="PyTest Suite", dev=True, prod=False),
    Kind(word="imports", name="Import Graph", dev=True, prod=False),
    Kind(word="lint", name="Lint (Ruff)", dev=True, prod=False),
    Kind(word="evaluator", name="AI Evaluator", dev=True, prod=True),
    Kind(word="api", name="API Health", dev=False, prod=True),
    Kind(word="workers", name="Worker Heartbeats", dev=False, prod=True),
    Kind(word="db", name="DB Connectivity", dev=True, prod=True),
    Kind(word="migrations", name="Migration Status", dev=True, prod=True),
    Kind(word="alerts", name="No critical alert open", dev=False, prod=True),
    Kind(word="pauses", name="No pause active", dev=False, prod=True),
)
"""The playbook's eight in its order, then our two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where a running gate stands: told when a check begins and ends, and for each line that its command writes."""

    names: tuple[str, ...]
    """Every check of this run, in order."""
    done: tuple[GateCheck, ...]
    running: str = ""
    """The name of the check that runs; empty when the last one has ended."""
    line: str = ""
    """One line of the running check's command, for a shell; never for Slack."""


Progress = Callable[[Moment], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one path of the API answered."""

    status: int | None
    """None = no answer; `why` says what happened."""
    content: Mapping[str, Any] = field(default_factory=dict)
    """Its JSON object, or nothing."""
    took: timedelta = timedelta(0)
    why: str = ""
    refused: bool = False
    """No connection was made: the service is not there, which is known."""


def of_mode(mode: str) -> tuple[Kind, ...]:
    """Return the checks of a mode, in order.

    Raises:
        InvalidCommand: it is neither `dev` nor `prod`.
    """
    if mode not in ("dev", "prod"):
        raise InvalidCommand(say("no_mode", mode=mode), hint="/dragonfly gate prod")
    return tuple(kind for kind in CHECKS if (kind.dev if mode == "dev" else kind.prod))


def parse_skip(text: str, mode: str) -> frozenset[str]:
    """Return the words of checks to skip, written with blanks or commas between them.

    Raises:
        InvalidCommand: a word that names no check, or every check of the mode at once.
    """
    words = frozenset(re.split(r"[\s,]+", text.strip().lower())) - {""}
    known = [kind.word for kind in CHECKS]
    strange = sorted(words - set(known))
    if strange:
        message = say("no_check", words=", ".join(map(repr, strange)), known=" ".join(known))
        raise InvalidCommand(message, hint=f"/dragonfly gate {mode} --skip evaluator")
    if words >= {kind.word for kind in of_mode(mode)}:
        raise InvalidCommand(say("nothing_left"), hint=f"/dragonfly gate {mode}")
    return words


def say(sentence: str, **facts: object) -> str:
    """Return a sentence of `templates/gate.toml` with its facts."""
    return str(_SAYS[sentence].format(**facts))


def passed(name: str, message: str, **details: object) -> GateCheck:
    """Return a check that passed."""
    return GateCheck(name=name, passed=True, skipped=False, message=message, details=details or None)


def failed(name: str, message: str, remedy: str, **details: object) -> GateCheck:
    """Return a check that failed, with what to do."""
    return GateCheck(
        name=name, passed=False, skipped=False, message=message, remediation=remedy, details=details or None
    )


def unknown(name: str, why: str, remedy: str = "", **details: object) -> GateCheck:
    """Return a check that could not tell: not passed."""
    return failed(name, say("could_not_tell", what=why), remedy, **details)


def skipped(name: str, why: str) -> GateCheck:
    """Return a check that did not run."""
    return GateCheck(name=name, passed=False, skipped=True, message=why)


def word(check: GateCheck) -> str:
    """Return a check's outcome as cards and terminals say it."""
    if check.skipped:
        return "skipped"
    if check.passed:
        return "warn" if check.message.startswith(WARNING) else "pass"
    return "could not tell" if check.message.startswith(COULD_NOT_TELL) else "FAIL"


def is_pass(report: GateReport) -> bool:
    """Say whether the gate is open: nothing failed, something was looked at, and nobody stopped it before its end."""
    return not report.has_findings


def _quoted(text: object) -> str:
    """Return a word from outside as a code span that it cannot leave."""
    kept = "".join(char for char in str(text) if char.isprintable() and char != "`")
    return f"`{kept[:40] or ' '}`"


def command(name: str, code: int, lines: Sequence[str], took: timedelta) -> GateCheck:
    """Judge a dev check by its command's exit code; of its output only counts and the first failing place are kept."""
    counts = next((found for line in reversed(lines) if (found := _COUNTS.findall(line))), [])
    told = ", ".join(counts) or say("exit", code=code)
    details = {"exit": code, "seconds": round(took.total_seconds(), 1)}
    if code == 0:
        return passed(name, told, **details)
    if code < 0:
        return unknown(name, say("signal", number=-code), say("by_hand_do"), **details)
    place = first_failure(lines)
    remedy = say("first_failure_do", place=_quoted(place)) if place else say("by_hand_do")
    return failed(name, told, remedy, **details, first=place)


def first_failure(lines: Sequence[str]) -> str:
    """Return file and line of the first failure that an output names, or nothing."""
    found = next((match for line in lines if (match := _FAILURE.search(line))), None)
    found = found or next((match for line in reversed(lines) if (match := _RAISED.search(line))), None)
    return f"{found['file'][-80:]}:{found['line']}" if found else ""


def score_in(lines: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the last JSON object with a `score` that begins at the start of a line; log lines around it are passed over.

    Objects inside another one are never taken for it: one case's score is not the score.
    """
    found, text, at = None, "\n".join(lines), 0
    decoder = json.JSONDecoder()
    while (begin := re.compile(r"^\{", re.MULTILINE).search(text, at)) is not None:
        try:
            content, at = decoder.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            at = begin.start() + 1
            continue
        found = content if "score" in content else found
    return found


def evaluator(content: Mapping[str, Any] | None, least: float, code: int = 0) -> GateCheck:
    """Judge the evaluator's score, a share of 1; `code` is how its command ended."""
    name = "AI Evaluator"
    score = (content or {}).get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:  # a NaN is not either
        return unknown(name, say("no_score"), say("no_score_do"), exit=code)
    cases = [str(item) for item in _listed((content or {}).get("failed_cases"))]
    told = say("score", share=_percent(score), least=_percent(least))
    details = {"score": score, "least": least, "failed_cases": cases[:_TEN], "failed_total": len(cases)}
    if score < least:
        low = say("low_score", told=told, cases=_many(len(cases), "case")) if cases else told
        return failed(name, low, say("low_score_do"), **details)
    if code != 0:
        return unknown(name, say("score_but_failed", told=told, code=code), say("by_hand_do"), **details)
    return passed(name, told, **details)


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _percent(share: float) -> str:
    """Return a share, cut and never rounded up: 94.99 % is not 95 %."""
    cut = (Decimal(str(share)) * 100).quantize(Decimal("0.1"), rounding=ROUND_DOWN)
    return f"{cut:f}".removesuffix(".0") + " %"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def api_unset(variable: str) -> GateCheck:
    """Return the failure of an address that nobody set; there is no default one."""
    shown = _quoted(variable)
    return failed("API Health", say("api_unset", variable=shown), say("api_unset_do", variable=shown))


def api(variable: str, health: Reply, ready: Reply, root: Reply | None, service_name: str) -> GateCheck:
    """Judge the API: alive, ready (the first stays 200 with its database down), and the one that is meant."""
    name = "API Health"
    remedy = say("api_do", variable=_quoted(variable))
    for path, reply in (("/api/health", health), ("/readyz", ready), ("/", root)):
        if reply is not None and reply.status is None:
            judge = failed if reply.refused else unknown
            return judge(name, say("no_answer", path=path, why=reply.why), remedy)
    details = {
        "health": health.status,
        "readyz": ready.status,
        "milliseconds": round(health.took.total_seconds() * 1000),
    }
    if health.status != _OK:
        return failed(name, say("answers", path="/api/health", status=health.status), remedy, **details)
    if root is not None and root.content.get("service_name") != service_name:
        return _another(name, root, service_name, remedy, details)
    if health.content.get("ok") is False or health.content.get("degraded") is True:
        return unknown(name, say("says_cannot_tell"), remedy, **details)
    alive = say("alive", **details)
    if ready.status == _NOT_FOUND:
        return passed(name, say("warning", what=say("no_readyz", alive=alive)), **details)
    if ready.status != _OK:
        return failed(name, say("not_ready", alive=alive, status=ready.status), remedy, **details)
    return passed(name, say("ready", alive=alive), **details)


def _another(name: str, root: Reply, wanted: str, remedy: str, details: Mapping[str, object]) -> GateCheck:
    said = root.content.get("service_name")
    if said is None:
        return unknown(name, say("no_name", wanted=_quoted(wanted)), remedy, **details)
    return failed(name, say("other_name", said=_quoted(said), wanted=_quoted(wanted)), remedy, **details)


def workers(
    rows: Sequence[Mapping[str, Any]], expected: Sequence[str], *, window: timedelta, offline_after: timedelta
) -> GateCheck:
    """Judge as the playbook does (any worker, any status, in the window), and say what our own definition says."""
    name = "Worker Heartbeats"
    span, ours = f"{window.total_seconds():g} s", f"{offline_after.total_seconds():g} s"
    seen = sum(row["seen"] for row in rows)
    online = [kind for kind in expected if any(row["worker_type"] == kind and row["online"] for row in rows)]
    details = {"seen": {row["worker_type"]: row["seen"] for row in rows}, "online": online, "expected": list(expected)}
    if not seen:
        return failed(name, say("no_workers", span=span), say("no_workers_do"), **details)
    types = _many(len(expected), "type")
    told = say("workers", seen=seen, span=span, online=len(online), types=types, ours=ours)
    return passed(name, told if len(online) == len(expected) else say("warning", what=told), **details)


def tables(wanted: Collection[str], missing: Sequence[str], remedy: str, **details: object) -> GateCheck:
    """Judge whether the configured tables are there."""
    name = "DB Connectivity"
    if missing:
        told = say("no_tables", tables=", ".join(_quoted(item) for item in missing[:_TEN]))
        return failed(name, told, remedy, missing=list(missing), **details)
    return passed(name, say("tables", tables=_many(len(wanted), "table")), tables=list(wanted), **details)


def migrations(mode: str, env: str, found: Comparison) -> GateCheck:
    """Judge pending migrations by comparing sets: in dev they are a warning."""
    name = "Migration Status"
    if found.pending is None:
        return _soft(mode, unknown(name, say("no_list"), say("no_list_do"), recorded=found.applied))
    details = {"recorded": found.applied, "pending": list(found.pending_versions[:100]), "unknown": found.unknown}
    others = say("others", unknown=found.unknown) if found.unknown else ""
    if not found.pending:
        return passed(name, say("recorded", recorded=found.applied, others=others), **details)
    told = say("pending", pending=found.pending, first=_quoted(found.pending_versions[0]), others=others)
    return _soft(mode, failed(name, told, say("pending_do", env=env), **details))


def _soft(mode: str, check: GateCheck) -> GateCheck:
    """Return the check as it is in prod; in dev it warns only."""
    if mode == "prod":
        return check
    return replace(check, passed=True, message=say("warning", what=check.message))


def history_hidden(mode: str, why: str, remedy: str) -> GateCheck:
    """Return what is known where our role may not read the history: nothing, which in dev is a warning."""
    return _soft(mode, unknown("Migration Status", why, remedy))


def alerts(open_ones: Sequence[Mapping[str, str]]) -> GateCheck:
    """Judge open critical alerts, each with `key`, `title` and `url`."""
    name = "No critical alert open"
    if not open_ones:
        return passed(name, say("none_open"))
    keys = ", ".join(_quoted(item["key"]) for item in open_ones[:_TEN])
    first = open_ones[0]["key"]
    told = say("open", alerts=_many(len(open_ones), "critical alert"), keys=keys)
    return failed(name, told, say("open_do", first=first), alerts=list(open_ones))


def pauses(thing: str, owner: str, ends_at: datetime | None) -> GateCheck:
    """Judge the pause that is open, if one is (`thing` is empty where none is)."""
    name = "No pause active"
    if not thing or ends_at is None:
        return passed(name, say("no_pause"))
    remedy = say("paused_do", owner=owner, ends_at=ends_at.isoformat(timespec="seconds"))
    return failed(name, say("paused", thing=thing), remedy, owner=owner, ends_at=ends_at.isoformat())


def as_json(report: GateReport) -> dict[str, object]:
    """Return the report in the shape of the target's own tool (target-system 5.1), its broken time stamp mended."""
    checks = [
        {
            "name": item.name,
            "passed": item.passed,
            "skipped": item.skipped,
            "message": item.message.replace("`", ""),
            "remediation": item.remediation.replace("`", "") or None,
            "details": _plain(item.details),
        }
        for item in report.checks
    ]
    return {
        "mode": report.mode,
        "timestamp": report.as_of.isoformat(),
        "environment": report.env,
        "overall_passed": is_pass(report),
        "summary": {
            "passed": sum(item.passed for item in report.checks),
            "failed": len(report.failed),
            "skipped": sum(item.skipped for item in report.checks),
            "total": len(report.checks),
        },
        "checks": checks,
    }


def _plain(value: object) -> object:
    """Return details as JSON has them: times in ISO, no number that JSON lacks."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
