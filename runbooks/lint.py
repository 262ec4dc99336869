"""Everything that can be wrong with a declaration, found offline and said with the place (design, section 7)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from bot.domain.actor import Risk
from bot.domain.catalog import FEATURES
from bot.domain.needs import is_known
from bot.domain.params import TYPES, Param
from runbooks.lint_sql import GIVEN, lint_statement
from runbooks.reading import FOR_TEAMS, KINDS, MOST_ROWS, Folder

_READS = (
    "status workers queue failed stuck ingest migrations locks logs probe verify gate "
    "alerts timeline runbook oncall doctor"
)
READS = _READS.split()
"""Operations that a step of kind `read` may name."""
_OTHERS = (
    "incidents ack resolve help check plan show apply audit route db bot sandbox "
    "silence unsilence escalate freeze unfreeze report chart drill undo"
)
TAKEN = frozenset({*READS, *_OTHERS.split()})
"""Commands there are, or will be: a team's step with such a name would stand in the command's way."""
_ID = re.compile(r"[a-z]+(-[a-z]+)*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _is_list_of(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(item, kind) for item in value)


_IS: Mapping[str, Callable[[object], bool]] = {
    "a text": lambda value: isinstance(value, str),
    "true or false": lambda value: isinstance(value, bool),
    "a table": lambda value: isinstance(value, dict),
    "a table of names": lambda value: isinstance(value, dict) and all(isinstance(item, str) for item in value.values()),
    "a list of texts": _is_list_of(str),
    "a list of tables, each under [[…]]": _is_list_of(dict),
}
_TEXT, _FLAG, _TABLE, _NAMES, _TEXTS, _TABLES = _IS
_RUNBOOK = {"scenario": _TEXT, "title": _TEXT, "trigger": _TEXT, "contacts": _TEXTS, "step": _TABLES}
_STEP = {
    **dict.fromkeys(("id", "title", "kind", "risk", "why", "proof", "way_back", "shell"), _TEXT),
    **dict.fromkeys(("resource", "approval", "operation"), _TEXT),
    "strategy": _TABLES,
    "param": _TABLES,
    "settings": _TABLE,
    "sql": _NAMES,
}
_PARAM = {
    **dict.fromkeys(("name", "type", "example", "after"), _TEXT),
    "required": _FLAG,
    "rest": _FLAG,
    "choices": _TEXTS,
}
_STRATEGY = {"id": _TEXT, "says": _TEXT, "needs": _TEXTS}
_SQL_ROLES = {"sql_read": ({"read"}, set[str]()), "sql_change": ({"preview", "effect"}, {"proof"})}
"""What a SQL step must and may name in `[step.sql]`."""
_SQL_SETTINGS = {"sql_read": {"most"}, "sql_change": {"most", "each"}}
_ALWAYS_DANGER = ("end_session", "repair", "rollback", "allow_release")


def lint_all(folders: Sequence[Folder]) -> tuple[str, ...]:
    """Return every fault of some runbooks."""
    found = [fault for folder in folders for fault in lint(folder)]
    commands: dict[str, str] = {}
    scenarios: dict[str, str] = {}
    for folder in folders:
        scenario = folder.declared.get("scenario", "")
        if not scenario or _mistaken("", folder.declared, _RUNBOOK):
            continue
        if scenario in scenarios:
            found.append(f"{folder.name}: scenario {scenario} is declared in {scenarios[scenario]} too")
        scenarios[scenario] = folder.name
        for item in folder.declared.get("step", []):
            found += _lint_command(folder, str(item.get("id", "")), str(item.get("kind", "")), commands)
    return tuple(found)


def _lint_command(folder: Folder, step: str, kind: str, commands: dict[str, str]) -> Iterator[str]:
    """A step that the bot carries out is a command of its own: its name must be free."""
    if kind in ("read", "manual"):
        return
    if commands.get(step, folder.name) != folder.name:
        yield f"{folder.name}: step {step} is declared in {commands[step]} too"
    if folder.is_team and step in TAKEN:
        yield f"{folder.name}: step {step} has the name of a command"
    commands[step] = folder.name


def lint(folder: Folder) -> Iterator[str]:
    """Yield every fault of one declaration."""
    declared, name = folder.declared, folder.name
    wrong = folder.faults or _mistaken(name, declared, _RUNBOOK)
    yield from wrong
    if wrong:
        return
    yield from (f"{name}: {key} is missing" for key in sorted(set(_RUNBOOK) - {"contacts"}) if not declared.get(key))
    if not _ID.fullmatch(declared.get("scenario", "x")):
        yield f"{name}: a scenario is lower-case words joined by hyphens"
    seen: set[str] = set()
    for item in declared.get("step", []):
        place = f"{name}: step {item.get('id', '?')}"
        wrong = _mistaken(place, item, _STEP)
        yield from wrong or _lint_step(place, item, folder)
        if str(item.get("id")) in seen:
            yield f"{place} is declared twice"
        seen.add(str(item.get("id")))
    used = {query for item in declared.get("step", []) for query in _queries(item)}
    yield from (f"{name}: query {query} is used by no step" for query in sorted(set(folder.statements) - used))


def _mistaken(place: str, item: Mapping[str, Any], shape: Mapping[str, str]) -> tuple[str, ...]:
    """Return each key that nobody knows, and each value that is of another type than its key wants."""
    return (
        *(f"{place}: unknown key {key}" for key in item if key not in shape),
        *(f"{place}: {key} is {shape[key]}" for key in item if key in shape and not _IS[shape[key]](item[key])),
    )


def _queries(item: Mapping[str, Any]) -> tuple[str, ...]:
    named = item.get("sql", {})
    return (*KINDS.get(str(item.get("kind")), ()), *(named.values() if _IS[_NAMES](named) else ()))


def _lint_step(place: str, item: Mapping[str, Any], folder: Folder) -> Iterator[str]:
    yield from (f"{place} has no {key}" for key in ("title", "kind", "risk", "why") if not item.get(key))
    if not _ID.fullmatch(item.get("id", "")):
        yield f"{place}: an id is lower-case words joined by hyphens"
    kind = item.get("kind", "")
    if kind not in KINDS:
        yield f"{place}: kind {kind!r} is not one of {', '.join(FOR_TEAMS if folder.is_team else KINDS)}"
        return
    if folder.is_team and kind not in FOR_TEAMS:
        yield f"{place}: kind {kind} is not for a team's runbook; one of {', '.join(FOR_TEAMS)} is"
        return
    yield from (f"{place}: query {query} is missing" for query in _queries(item) if query not in folder.statements)
    yield from _lint_risk(place, item)
    for entry in item.get("param", ()):
        where = f"{place}, parameter {entry.get('name', '?')}"
        yield from _mistaken(where, entry, _PARAM) or _lint_param(where, entry)
    for entry in item.get("strategy", ()):
        where = f"{place}, strategy {entry.get('id', '?')}"
        yield from _mistaken(where, entry, _STRATEGY) or _lint_strategy(where, entry)
    if kind == "read" and item.get("operation") not in READS:
        yield f"{place}: operation {item.get('operation')!r} is not one of {', '.join(READS)}"
    if kind in _SQL_ROLES:
        yield from _lint_sql(place, item, folder)
    elif item.get("sql"):
        yield f"{place}: kind {kind} takes no sql"


def _lint_risk(place: str, item: Mapping[str, Any]) -> Iterator[str]:
    kind, risk = item["kind"], item.get("risk")
    if risk not in [each.value for each in Risk]:
        yield f"{place}: risk is read, change or danger"
        return
    if item.get("approval", "second person") != "second person":
        yield f'{place}: approval = "second person" is the only one there is'
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


def _lint_param(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    name, kind, example = entry.get("name", ""), entry.get("type"), entry.get("example", "")
    if not _NAME.fullmatch(name):
        yield f"{where}: a name is lower-case letters, digits and underscores"
    if name in GIVEN:
        yield f"{where}: {name} is given by the bot"
    if kind not in TYPES:
        yield f"{where}: type {kind!r} is not one of {', '.join(TYPES)}"
        return
    if kind == "choice" and not entry.get("choices"):
        yield f"{where}: a choice has choices"
    param = Param(name=name, type=kind, choices=tuple(entry.get("choices", ())))
    if example and not param.takes(example):
        yield f"{where}: its example {example!r} is not {param.what}"


def _lint_strategy(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{where} has no {key}" for key in ("id", "says") if not entry.get(key))
    unknown = [need for need in entry.get("needs", ()) if not is_known(need) and need not in FEATURES]
    yield from (f"{where}: need {need!r} is not known" for need in unknown)


def _lint_sql(place: str, item: Mapping[str, Any], folder: Folder) -> Iterator[str]:
    kind, named, settings = item["kind"], item.get("sql", {}), item.get("settings", {})
    must, may = _SQL_ROLES[kind]
    yield from (f"{place} has no sql.{role}" for role in sorted(must - set(named)))
    yield from (
        f"{place}: sql.{role} is not one of {', '.join(sorted(must | may))}" for role in sorted(set(named) - must - may)
    )
    yield from (f"{place}: unknown setting {key}" for key in sorted(set(settings) - _SQL_SETTINGS[kind]))
    most = settings.get("most", 1)
    if type(most) is not int or not 1 <= most <= MOST_ROWS:
        yield f"{place}: settings.most is a number from 1 to {MOST_ROWS}"
    if not isinstance(settings.get("each", False), bool):
        yield f"{place}: settings.each is true or false"
    known = {str(entry.get("name")): str(entry.get("type")) for entry in item.get("param", ())}
    for role, query in named.items():
        if query in folder.statements and role in must | may:
            yield from lint_statement(f"{place}, query {query}", role, folder.statements[query], known)
