"""The content: what to watch and what to do, declared in TOML and SQL, so that an operator can review it.

One folder a runbook: `runbook.toml` and `queries.sql`. `load()` reads them all; `faults()` says everything that is wrong
with a declaration, offline. Kinds of step are the only thing Python adds (`bot.steps`).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from bot.domain.actor import Risk
from bot.domain.runbook import Catalogue, Runbook, Step, Strategy
from bot.sqlfile import Statement, parse

FOLDERS = ("worker_death", "quick_reference")
KINDS = {
    "rescue": ("find_stuck", "scene", "type_beats", "reset_batch", "count_waiting"),
    "sql_read": (),
    "manual": (),
}
"""Each kind of step and the statements it sends."""

_ID = re.compile(r"^[a-z]+(-[a-z]+)*$")
_RUNBOOK_KEYS = {"scenario", "title", "trigger", "step"}
_STEP_KEYS = {"id", "title", "kind", "risk", "why", "proof", "way_back", "shell", "resource", "strategy"}
_STRATEGY_KEYS = {"id", "says", "needs"}


@cache
def load() -> Catalogue:
    """Return every declared runbook, in their order.

    Raises:
        ValueError: a declaration has a fault; `faults()` lists them all.
    """
    found = faults()
    if found:
        raise ValueError("; ".join(found))
    return Catalogue(runbooks=tuple(_runbook(*_read(folder)) for folder in FOLDERS))


def faults() -> tuple[str, ...]:
    """Return every fault of every declared runbook as a sentence that names the place."""
    return tuple(fault for folder in FOLDERS for fault in lint(folder, *_read(folder)))


def _read(folder: str) -> tuple[dict[str, Any], dict[str, Statement]]:
    place = files("runbooks").joinpath(folder)
    declared = tomllib.loads(place.joinpath("runbook.toml").read_text(encoding="utf-8"))
    queries = place.joinpath("queries.sql")
    return declared, parse(queries.read_text(encoding="utf-8")) if queries.is_file() else {}


def _runbook(declared: Mapping[str, Any], statements: Mapping[str, Statement]) -> Runbook:
    return Runbook(
        scenario=declared["scenario"],
        title=declared["title"],
        trigger=declared["trigger"],
        steps=tuple(_step(item, statements) for item in declared["step"]),
    )


def _step(item: Mapping[str, Any], statements: Mapping[str, Statement]) -> Step:
    plain = {key: value for key, value in item.items() if key not in ("risk", "strategy")}
    strategies = tuple(
        Strategy(id=entry["id"], says=entry["says"], needs=tuple(entry.get("needs", ())))
        for entry in item.get("strategy", ())
    )
    used = {name: statements[name] for name in KINDS[item["kind"]]}
    return Step(**plain, risk=Risk(item["risk"]), strategies=strategies, statements=used)


def lint(folder: str, declared: Mapping[str, Any], statements: Mapping[str, Statement]) -> Iterator[str]:
    """Yield every fault of one declaration."""
    yield from _unknown(folder, declared, _RUNBOOK_KEYS)
    yield from (f"{folder}: {key} is missing" for key in sorted(_RUNBOOK_KEYS - set(declared)))
    steps = declared.get("step", [])
    seen: set[str] = set()
    for item in steps:
        name = f"{folder}: step {item.get('id', '?')}"
        yield from _lint_step(name, item, statements)
        if item.get("id") in seen:
            yield f"{name} is declared twice"
        seen.add(item.get("id", ""))
    wanted = {name for item in steps for name in KINDS.get(item.get("kind", ""), ())}
    yield from (f"{folder}: query {name} is used by no step" for name in sorted(set(statements) - wanted))


def _lint_step(name: str, item: Mapping[str, Any], statements: Mapping[str, Statement]) -> Iterator[str]:
    yield from _unknown(name, item, _STEP_KEYS)
    yield from (f"{name} has no {key}" for key in ("title", "kind", "risk", "why") if not item.get(key))
    if not _ID.match(item.get("id", "")):
        yield f"{name}: an id is lower-case words joined by hyphens"
    kind = item.get("kind", "")
    if kind not in KINDS:
        yield f"{name}: kind {kind!r} is not one of {', '.join(KINDS)}"
    yield from (f"{name}: query {query} is missing" for query in KINDS.get(kind, ()) if query not in statements)
    if item.get("risk") not in [risk.value for risk in Risk]:
        yield f"{name}: risk is read, change or danger"
    elif item["risk"] != Risk.READ and kind != "manual":
        yield from (f"{name} changes something and has no {key}" for key in ("proof", "strategy") if not item.get(key))
    for entry in item.get("strategy", ()):
        yield from _unknown(f"{name}, strategy {entry.get('id', '?')}", entry, _STRATEGY_KEYS)


def _unknown(name: str, item: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    yield from (f"{name}: unknown key {key}" for key in item if key not in known)
