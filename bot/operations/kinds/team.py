"""A team's own steps: SQL that people wrote and reviewed, under the rails of design section 7.

The preview pins keys; the effect is sent with exactly these keys that the preview would still show, returns each key it
touched, and is rolled back whole when it touched another or too many. Nothing typed becomes SQL: values are parameters.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.durations import parse_duration
from bot.domain.messages import Message
from bot.domain.runbook import Step
from bot.errors import StatementRefused
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible
from bot.operations.services import Services
from bot.store.db import Tx
from bot.store.plans import Target

KEY = "id"
MOST = 500
_SHOWN = 10
_WIDTH = 60
_UNIQUE = "23505"


def most(step: Step) -> int:
    """Return how many rows a step may touch: its own cap, never more than ours."""
    return min(int(step.settings.get("most", MOST)), MOST)


def values(step: Step, params: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters as what their types say; what was not given is NULL."""
    typed: dict[str, Any] = {}
    for param in step.params:
        text = params.get(param.name)
        if not text:
            typed[param.name] = None
        elif param.type == "duration":
            typed[param.name] = parse_duration(text)
        elif param.type in ("integer", "pid"):
            typed[param.name] = int(text)
        elif param.type == "flag":
            typed[param.name] = True
        else:
            typed[param.name] = text
    return typed


def rows(services: Services, tx: Tx, step: Step, role: str, **given: Any) -> list[dict[str, Any]]:
    """Send one of a step's statements under the team's role and return its rows."""
    with tx.role(services.config.team_role):
        return tx.guarded(step.statements[role].text(), now=tx.now, most=most(step) + 1, **given)


def _preview(services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable:
        return unavailable
    found = rows(services, tx, step, "preview", ids=None, **values(step, params))
    if found and KEY not in found[0]:
        return cannot(services, tx, step, [f"its preview returns no column {KEY}"], ["dragonfly runbook lint"])
    if not found:
        return cannot(services, tx, step, ["there is nothing it would touch"], [])
    if len(found) > most(step):
        return cannot(services, tx, step, [f"it would touch more than {most(step)} rows"], ["narrow it"])
    shown = [_line(row) for row in found]
    return Preview(
        params=dict(params),
        facts={
            "title": step.title,
            "sample": [f"{key} {line}".strip() for key, line in shown[:_SHOWN]],
            "statement": step.statements["effect"].text(),
            "proof": step.proof,
            "has_proof": "proof" in step.statements,
        },
        sealed={"rows": [list(item) for item in shown]},
        targets=[
            Target(ordinal=number, target_id=key, disposition="touch", reason="", guard={"shown": line})
            for number, (key, line) in enumerate(shown, start=1)
        ],
        acting=len(found),
    )


def _line(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return a row's key, and its other columns in one line."""
    others = [f"{name} {str(value)[:_WIDTH]}" for name, value in row.items() if name != KEY]
    return str(row[KEY]), ", ".join(others)


def _act(services: Services, tx: Tx, work: Work, after: int, upto: int) -> Done:
    """Touch what the preview would still show as it was shown; everything else has moved on."""
    params = values(work.step, work.plan.params)
    pinned = [item for item in work.targets(tx) if after < item.ordinal <= upto]
    wanted = [item.target_id for item in pinned]
    still = dict(map(_line, rows(services, tx, work.step, "preview", ids=wanted, **params)))
    same = [item.target_id for item in pinned if still.get(item.target_id) == item.guard["shown"]]
    touched, conflicts = _touch(services, tx, work.step, same, params)
    if not set(touched) <= set(same):
        return Done(result={}, rows=0, refused="it touched rows that are not in the plan")
    moved = [item.ordinal for item in pinned if item.target_id not in touched]
    result = {"touched": len(touched), "moved_on": len(moved) - conflicts, "conflict": conflicts}
    return Done(result=result, rows=len(touched), moved=moved)


def _touch(
    services: Services, tx: Tx, step: Step, keys: Sequence[str], params: Mapping[str, Any]
) -> tuple[list[str], int]:
    """Return the keys that were touched, and how many a unique rule kept; row by row where the step asks for it."""
    if not step.settings.get("each"):
        return [str(row[KEY]) for row in rows(services, tx, step, "effect", ids=list(keys), **params)], 0
    touched: list[str] = []
    conflicts = 0
    for key in keys:
        try:
            with tx.savepoint():
                touched += [str(row[KEY]) for row in rows(services, tx, step, "effect", ids=[key], **params)]
        except StatementRefused as error:
            if error.sqlstate != _UNIQUE:
                raise
            conflicts += 1
    return touched, conflicts


def _prove(services: Services, work: Work) -> Proof:
    """Count what the step's proof still finds of the keys that were touched."""
    with services.db.read() as tx:
        keys = [item.target_id for item in work.targets(tx)]
        left = len(rows(services, tx, work.step, "proof", ids=keys, **values(work.step, work.plan.params)))
    return Proof(left=left, total=max(work.run.rows_affected, left))


def _proof_for(services: Services, _result: Mapping[str, int], facts: Mapping[str, Any]) -> timedelta | None:
    return services.config.timing.proof_limit if facts.get("has_proof") else None


SQL_CHANGE = Kind(preview=_preview, act=_act, proof_for=_proof_for, prove=_prove)
