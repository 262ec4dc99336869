"""A team's own steps: SQL that people wrote and reviewed, under the rails of design section 7.

The preview pins keys and what was shown of them; the effect is sent with exactly the keys that the preview would still
show in the same way, returns each key it touched, and is rolled back whole when it touched another one, or one twice.
Nothing typed becomes SQL: values are parameters.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.audit import canonical
from bot.domain.catalog import Catalog
from bot.domain.durations import parse_duration
from bot.domain.ids import parse_alert_key
from bot.domain.messages import Message
from bot.domain.needs import Missing
from bot.domain.runbook import Step
from bot.errors import StatementRefused, StatementTimedOut
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible
from bot.operations.services import Services
from bot.store.db import Tx
from bot.store.plans import Target
from runbooks.reading import MOST_ROWS

KEY = "id"
_PRIVATE = ("payload", "last_error")
"""Columns that may hold personal data (design, D8): their values are never shown."""
_SHOWN = 10
_WIDTH = 60
_UNIQUE = "23505"
_TAKEN_BACK = "; all of it was taken back"

Row = Mapping[str, Any]


def most(step: Step) -> int:
    """Return how many rows a step may touch: its own cap, never more than ours."""
    return min(int(step.settings.get("most", MOST_ROWS)), MOST_ROWS)


def values(step: Step, params: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters as what their types say; what was not given is NULL, and a flag is false."""
    return {param.name: _value(param.type, params.get(param.name, "")) for param in step.params}


def _value(kind: str, text: str) -> Any:
    if kind == "flag":
        return bool(text)
    if not text:
        return None
    if kind == "duration":
        return parse_duration(text)
    if kind in ("integer", "pid"):
        return int(text)
    if kind == "alert":
        return parse_alert_key(text)
    return text.lower() if kind == "choice" else text


def look(
    services: Services, tx: Tx, step: Step, role: str, catalog: Catalog, given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Send one of a step's statements that only look, under the team's role, so that it can change nothing.

    Raises:
        StatementRefused: the server refused it.
    """
    with tx.looking():
        return _send(services, tx, step, role, catalog, given)


def _send(
    services: Services,
    tx: Tx,
    step: Step,
    role: str,
    catalog: Catalog,
    given: Mapping[str, Any],
    *,
    explain: bool = False,
) -> list[dict[str, Any]]:
    """Send a statement with what it was declared to take, and what every statement is given; a refusal names its block."""
    statement = step.statements[role]
    asked = {"now": tx.now, "most": most(step) + 1, "ids": None, **given}
    try:
        begin = "EXPLAIN " if explain else ""
        return tx.guarded(statement.text(catalog.features), begin, services.config.team_role, **asked)
    except StatementRefused as error:
        said = f"block {statement.name}: {error.message}"
        raise StatementRefused(said, sqlstate=error.sqlstate, constraint=error.constraint, table=error.table) from None


def lacking(services: Services, tx: Tx, step: Step, catalog: Catalog) -> tuple[Missing, ...]:
    """Return the first refusal of a step's blocks, each planned by the server and none run, or nothing."""
    examples = {item.name: item.example if item.takes(item.example) else "" for item in step.params}
    try:
        for role in step.statements:
            with tx.looking():
                _send(services, tx, step, role, catalog, values(step, examples), explain=True)
    except StatementRefused as error:
        return (Missing(need="sql", reason=error.message, remedy=by_hand(services, catalog)),)
    except StatementTimedOut:
        return ()  # a table that somebody holds locked says nothing about the step
    return ()


def by_hand(services: Services, catalog: Catalog) -> str:
    """Return what to do about a statement that the database refuses."""
    return f"ask its author, or grant role {services.config.team_role or catalog.role} what it needs"


def shown(name: str, value: object, width: int = _WIDTH) -> str:
    """Return a value as it is shown: cut, times in UTC, and nothing that may hold personal data: two columns, and rows."""
    if (name in _PRIVATE and value is not None) or _has_names(value):
        return "(not shown)"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    text = "" if value is None else str(value)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _has_names(value: object) -> bool:
    """Say whether a value is a row, or an object of JSON, which may have been one."""
    return isinstance(value, Mapping | tuple) or (isinstance(value, list) and any(map(_has_names, value)))


def _line(row: Row) -> str:
    """Return a row's columns in one line, its key left out."""
    return ", ".join(f"{name} {shown(name, value)}" for name, value in row.items() if name != KEY)


def _print(row: Row) -> str:
    """Return the digest of a whole row: a value that differs beyond what is shown differs too."""
    whole = {name: _exact(value) for name, value in row.items()}
    return hashlib.sha256(canonical(whole).encode()).hexdigest()[:16]


def _exact(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else repr(value)


def _preview(services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable:
        return unavailable
    try:
        found = look(services, tx, step, "preview", catalog, values(step, params))
    except StatementRefused as error:
        return cannot(services, tx, step, [error.message], [by_hand(services, catalog)])
    fault, remedy = _why_not(step, found)
    if fault:
        return cannot(services, tx, step, [fault], [remedy])
    chosen = step.choose(services.offered(catalog))
    lines = [(str(row[KEY]), _line(row), _print(row)) for row in found]
    given = [f"{param.name}={params[param.name]}" for param in step.params if params.get(param.name)]
    statement = step.statements["effect"].text(catalog.features)
    return Preview(
        params=dict(params),
        facts={
            "title": step.title,
            **({"says": chosen.says} if chosen else {}),
            "sample": [f"{key} {line}".strip() for key, line, _ in lines[:_SHOWN]],
            "given": given,
            "statement": "\n".join([*(f"-- {item}" for item in given), statement]),
            "proof": step.proof,
            "has_proof": "proof" in step.statements,
            "looked_at": tx.now.isoformat(),
        },
        sealed={"rows": [list(item) for item in lines]},
        targets=[
            Target(ordinal=number, target_id=key, disposition="touch", reason="", guard={"shown": line, "row": print_})
            for number, (key, line, print_) in enumerate(lines, start=1)
        ],
        acting=len(lines),
    )


def _why_not(step: Step, found: Sequence[Row]) -> tuple[str, str]:
    """Return why no plan can be made of what a preview found, and what to do about it; or two empty texts."""
    if not found:
        return "there is nothing it would touch", ""
    if KEY not in found[0]:
        return f"its preview shows no column {KEY}", "tell whoever wrote the step"
    if len(found) > most(step):
        return f"it would touch more than {most(step)} rows", "narrow it by a parameter, or raise settings.most"
    keys = {str(row[KEY]) for row in found if row[KEY] is not None}
    if len(keys) < len(found):
        return "its preview shows a row without a key, or one key twice", "tell whoever wrote the step"
    return "", ""


def _act(services: Services, tx: Tx, work: Work, after: int, upto: int) -> Done:
    """Touch what the preview would still show as it was shown; everything else has moved on."""
    pinned = [item for item in work.targets(tx) if after < item.ordinal <= upto]
    given = values(work.step, work.plan.params)
    same = _still_the_same(services, tx, work, pinned, given)
    touched, conflicts = _touch(services, tx, work, same, given)
    if not set(touched) <= set(same):
        return Done(result={}, rows=0, refused=f"it touched rows that are not in the plan{_TAKEN_BACK}")
    if len(set(touched)) < len(touched):
        return Done(result={}, rows=0, refused=f"it touched more rows than the plan has{_TAKEN_BACK}")
    moved = [item.ordinal for item in pinned if item.target_id not in touched]
    result = {"touched": len(touched), "moved_on": len(moved) - conflicts, "conflict": conflicts}
    return Done(result=result, rows=len(touched), moved=moved)


def _still_the_same(
    services: Services, tx: Tx, work: Work, pinned: Sequence[Target], given: Mapping[str, Any]
) -> list[str]:
    """Return the pinned keys whose row is as the plan saw it; a window of time is still the plan's."""
    then = datetime.fromisoformat(work.plan.preview["looked_at"])
    asked = {**given, "ids": [item.target_id for item in pinned], "now": then}
    seen = {str(row[KEY]): _print(row) for row in look(services, tx, work.step, "preview", work.catalog, asked)}
    return [item.target_id for item in pinned if seen.get(item.target_id) == item.guard["row"]]


def _touch(
    services: Services, tx: Tx, work: Work, keys: Sequence[str], given: Mapping[str, Any]
) -> tuple[list[str], int]:
    """Return the keys that were touched, and how many a unique rule kept; row by row where the step asks for it."""

    def send(some: Sequence[str]) -> list[str]:
        asked = {**given, "ids": list(some)}
        return [str(row.get(KEY)) for row in _send(services, tx, work.step, "effect", work.catalog, asked)]

    if not work.step.settings.get("each"):
        return (send(keys) if keys else []), 0
    touched: list[str] = []
    conflicts = 0
    for key in keys:
        try:
            with tx.savepoint():
                touched += send([key])
        except StatementRefused as error:
            if error.sqlstate != _UNIQUE:
                raise
            conflicts += 1
    return touched, conflicts


def _prove(services: Services, work: Work) -> Proof:
    """Count what the step's proof still finds of the keys that were touched; one that is refused can tell nothing."""
    with services.db.read() as tx:
        keys = [item.target_id for item in work.targets(tx) if item.result == "done"]
        asked = {**values(work.step, work.plan.params), "ids": keys}
        try:
            found = look(services, tx, work.step, "proof", work.catalog, asked)
        except StatementRefused as error:
            return Proof(left=len(keys), total=len(keys), unknown=True, facts={"why": error.message})
    left = {str(row.get(KEY)) for row in found} & set(keys)
    return Proof(left=len(left), total=len(keys))


def _proof_for(services: Services, facts: Mapping[str, Any]) -> timedelta | None:
    return services.config.timing.proof_limit if facts.get("has_proof") else None


SQL_CHANGE = Kind(
    preview=_preview,
    act=_act,
    proof_for=_proof_for,
    prove=_prove,
    settings=lambda services: {"role": services.config.team_role},
)
