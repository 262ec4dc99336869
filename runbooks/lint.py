"""Everything that can be wrong with a declaration, found offline and said with the place (design, section 7)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from bot.domain.actor import Risk
from bot.domain.needs import is_known
from bot.domain.params import TYPES
from bot.sqlfile import Statement
from runbooks.reading import KINDS, Folder

READS = [
    "status",
    "workers",
    "queue",
    "failed",
    "stuck",
    "ingest",
    "migrations",
    "locks",
    "logs",
    "probe",
    "verify",
    "gate",
    "alerts",
    "timeline",
    "runbook",
    "oncall",
    "doctor",
]
"""Operations that a step of kind `read` may name."""
_ID = re.compile(r"^[a-z]+(-[a-z]+)*$")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_STRAY_PERCENT = re.compile(r"%(?!\(\w+\)s|%)")
_RUNBOOK_KEYS = {"scenario", "title", "trigger", "step"}
_STEP_KEYS = {
    "id",
    "title",
    "kind",
    "risk",
    "why",
    "proof",
    "way_back",
    "shell",
    "resource",
    "approval",
    "strategy",
    "param",
    "settings",
    "sql",
    "operation",
}
_PARAM_KEYS = {"name", "type", "required", "choices", "example", "after", "rest"}
_STRATEGY_KEYS = {"id", "says", "needs"}
_SQL_ROLES = {"sql_read": ({"read"}, set()), "sql_change": ({"preview", "effect"}, {"proof"})}
"""What a SQL step must and may name in `[step.sql]`."""
_GIVEN = {"now", "most", "ids"}
"""Values that every SQL step is given beside its own parameters."""
_ALWAYS_DANGER = ("end_session", "repair", "rollback", "allow_release")


def lint_all(folders: Sequence[Folder]) -> tuple[str, ...]:
    """Return every fault of some runbooks."""
    found = [fault for folder in folders for fault in lint(folder)]
    changing: dict[str, str] = {}
    for folder in folders:
        for item in folder.declared.get("step", []):
            name = item.get("id", "")
            if item.get("kind") in ("read", "manual"):
                continue
            if name in changing:
                found.append(f"{folder.name}: step {name} is declared in {changing[name]} too")
            if folder.is_team and name in READS:
                found.append(f"{folder.name}: step {name} has the name of a command")
            changing[name] = folder.name
    return tuple(found)


def lint(folder: Folder) -> Iterator[str]:
    """Yield every fault of one declaration."""
    yield from folder.faults
    if folder.faults:
        return
    declared, name = folder.declared, folder.name
    yield from _unknown(name, declared, _RUNBOOK_KEYS | {"contacts"})
    yield from (f"{name}: {key} is missing" for key in sorted(_RUNBOOK_KEYS - set(declared)))
    seen: set[str] = set()
    for item in declared.get("step", []):
        place = f"{name}: step {item.get('id', '?')}"
        yield from _lint_step(place, item, folder)
        if item.get("id") in seen:
            yield f"{place} is declared twice"
        seen.add(item.get("id", ""))
    used = {query for item in declared.get("step", []) for query in _queries(item)}
    yield from (f"{name}: query {query} is used by no step" for query in sorted(set(folder.statements) - used))


def _queries(item: Mapping[str, Any]) -> tuple[str, ...]:
    return (*KINDS.get(item.get("kind", ""), ()), *item.get("sql", {}).values())


def _lint_step(place: str, item: Mapping[str, Any], folder: Folder) -> Iterator[str]:
    yield from _unknown(place, item, _STEP_KEYS)
    yield from (f"{place} has no {key}" for key in ("title", "kind", "risk", "why") if not item.get(key))
    if not _ID.match(item.get("id", "")):
        yield f"{place}: an id is lower-case words joined by hyphens"
    kind = item.get("kind", "")
    if kind not in KINDS:
        yield f"{place}: kind {kind!r} is not one of {', '.join(KINDS)}"
        return
    yield from (f"{place}: query {query} is missing" for query in _queries(item) if query not in folder.statements)
    yield from _lint_risk(place, item)
    yield from _lint_params(place, item)
    for entry in item.get("strategy", ()):
        yield from _unknown(f"{place}, strategy {entry.get('id', '?')}", entry, _STRATEGY_KEYS)
        yield from (f"{place}: need {need!r} is not known" for need in entry.get("needs", ()) if not is_known(need))
    if kind == "read" and item.get("operation") not in READS:
        yield f"{place}: operation {item.get('operation')!r} is not one of {', '.join(READS)}"
    if kind in _SQL_ROLES:
        yield from _lint_sql(place, item, folder.statements)


def _lint_risk(place: str, item: Mapping[str, Any]) -> Iterator[str]:
    kind, risk = item["kind"], item.get("risk")
    if risk not in [each.value for each in Risk]:
        yield f"{place}: risk is read, change or danger"
        return
    if kind in ("read", "sql_read") and risk != Risk.READ:
        yield f"{place}: kind {kind} changes nothing, so its risk is read"
    if kind in ("read", "sql_read", "manual"):
        return
    if risk == Risk.READ:
        yield f"{place}: kind {kind} changes something, so its risk is change or danger"
    if kind in _ALWAYS_DANGER and risk != Risk.DANGER:
        yield f"{place}: kind {kind} is always danger"
    if risk == Risk.DANGER and not item.get("approval"):
        yield f'{place} is danger and has no approval; write approval = "second person"'
    if kind != "undo":
        yield from (f"{place} changes something and has no {key}" for key in ("proof", "way_back") if key not in item)
    if not files("templates").joinpath("slack", "plan", f"{kind}.j2").is_file():
        yield f"{place}: there is no template for kind {kind}"


def _lint_params(place: str, item: Mapping[str, Any]) -> Iterator[str]:
    for entry in item.get("param", ()):
        where = f"{place}, parameter {entry.get('name', '?')}"
        yield from _unknown(where, entry, _PARAM_KEYS)
        if entry.get("type") not in TYPES:
            yield f"{where}: type {entry.get('type')!r} is not one of {', '.join(TYPES)}"
        if entry.get("type") == "choice" and not entry.get("choices"):
            yield f"{where}: a choice has choices"
        if entry.get("name") in _GIVEN:
            yield f"{where}: {entry['name']} is given by the bot"


def _lint_sql(place: str, item: Mapping[str, Any], statements: Mapping[str, Statement]) -> Iterator[str]:
    must, may = _SQL_ROLES[item["kind"]]
    named = item.get("sql", {})
    yield from (f"{place} has no sql.{role}" for role in sorted(must - set(named)))
    yield from (
        f"{place}: sql.{role} is not one of {', '.join(sorted(must | may))}" for role in set(named) - must - may
    )
    known = _GIVEN | {entry.get("name") for entry in item.get("param", ())}
    for role, query in named.items():
        if query in statements:
            yield from _lint_statement(f"{place}, query {query}", role, statements[query].text(), known)


def _lint_statement(place: str, role: str, text: str, known: set[Any]) -> Iterator[str]:
    body = re.sub(r"--[^\n]*", "", text).strip().rstrip(";")
    if ";" in re.sub(r"'[^']*'", "", body):
        yield f"{place}: one statement a block"
    yield from (f"{place}: %({name})s is no parameter" for name in _PLACEHOLDER.findall(body) if name not in known)
    if _STRAY_PERCENT.search(body):
        yield f"{place}: a percent sign is written %%"
    if role == "effect":
        if not re.search(r"\bRETURNING\b", body, re.IGNORECASE):
            yield f"{place}: an effect ends in RETURNING and the key, so that what it touched is known"
        if "%(ids)s" not in body:
            yield f"{place}: an effect is narrowed by %(ids)s, the keys that the plan pinned"


def _unknown(place: str, item: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    yield from (f"{place}: unknown key {key}" for key in item if key not in known)
