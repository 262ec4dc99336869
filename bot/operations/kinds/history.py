"""Repair and rollback: the record of a migration, and a reviewed script that takes one back (design, section 7).

`repair applied` runs no SQL of the migration and says so; `repair reverted` removes the record alone. A rollback script is
run as one `DO` … `EXECUTE`, so that the server itself refuses transaction control inside it; a failure leaves nothing.
Every statement is guarded by the row as the plan saw it: a record that somebody changed since is left alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.history import migration_features
from bot.domain.messages import CannotPlan, Message
from bot.domain.runbook import Step
from bot.errors import InvalidCommand, StatementTimedOut, TargetUnavailable
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible, watched
from bot.operations.services import Services
from bot.sqlfile import load
from bot.store import plans, runs
from bot.store.db import Tx
from bot.targets import migrations

SQL = load("bot.targets", "history.sql")
_CHANGED = "the record was changed since the plan"
_TAG = "$dragonfly$"
_NONE: Mapping[str, Any] = {"row": None, "seen": ""}


def peek(tx: Tx, version: str) -> Mapping[str, Any]:
    """Return one version's `row`, None where it is not recorded, and what it is known by again (`seen`).

    Raises:
        TargetUnavailable: somebody holds the history, or waits to.
    """
    try:
        with tx.savepoint():
            return tx.record(SQL["peek"], version=version) or _NONE
    except StatementTimedOut as error:
        message = "the migration history is locked by somebody else"
        raise TargetUnavailable(message, hint="dragonfly locks says who") from error


def _repair_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable and "history_readable" not in catalog.features:
        return unavailable
    version, status = params["version"], params["status"].lower()
    seen = peek(tx, version)
    before, local = seen["row"], migrations.local(services.config.migrations)
    if status == "applied" and local is None:
        return cannot(services, tx, step, ["no list of local migrations"], ["set migrations.source"])
    if status == "applied" and local is not None and version not in local:
        raise InvalidCommand(_unknown("local migration", version, sorted(local)), hint="/dragonfly migrations")
    if status == "reverted" and before is None and version not in (local or {}):
        known = sorted(row["version"] for row in tx.records(SQL["newest"]))
        raise InvalidCommand(_unknown("migration", version, known), hint="/dragonfly migrations")
    if (status == "applied") == (before is not None):
        state = "recorded already" if before else "not recorded"
        why = f"{version} is {state}; there is nothing to change"
        return cannot(services, tx, step, [why], ["dragonfly migrations"])
    facts = {
        "version": version,
        "status": status,
        "name": (local or {}).get(version) or (before or {}).get("name") or "",
        "statements": len((before or {}).get("statements") or []),
        **seen,
    }
    facts["statement"] = _repair_statement(tx, catalog, facts)
    if unavailable:
        return replace(unavailable, statement=facts["statement"])
    sealed = {name: facts[name] for name in ("version", "status", "name", "seen")}
    return Preview(params=dict(params), facts=facts, sealed=sealed, typed=version, resource=f"migration:{version}")


def _unknown(what: str, version: str, known: Sequence[str]) -> str:
    return f"no {what} {version}; the newest here: {', '.join(known[-3:]) or 'none'}"


def _repair_values(facts: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the values of the statement that a repair is."""
    if facts["status"] == "applied":
        return "record", {"version": facts["version"], "name": facts["name"]}
    return "remove", {"version": facts["version"], "seen": facts["seen"]}


def _repair_statement(tx: Tx, catalog: Catalog, facts: Mapping[str, Any]) -> str:
    name, values = _repair_values(facts)
    return tx.shown(SQL[name], migration_features(catalog.history_columns), **values)


def _repair_act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    name, values = _repair_values(work.plan.preview)
    done = tx.record(SQL[name], migration_features(work.catalog.history_columns), **values)
    if done is None:
        return Done(result={}, rows=0, refused=_CHANGED)
    result = "recorded" if name == "record" else "removed"
    return Done(result={result: 1}, rows=1, facts={"seen": done.get("seen", "")})


def _repair_prove(services: Services, work: Work) -> Proof:
    facts = work.plan.preview
    there = _is_there(services, facts["version"])
    return Proof(left=int(there != (facts["status"] == "applied")), total=1, facts={"there": there})


def _is_there(services: Services, version: str) -> bool:
    with services.db.read() as tx:
        return peek(tx, version)["row"] is not None


def _undo_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    """Put the history back as it was, while nothing else has touched the row."""
    repair = services.runbooks.step(params["step"]) or step
    unavailable = impossible(services, tx, replace(step, strategies=repair.strategies), catalog)
    plan, run = plans.find(tx, params["run"]), runs.find(tx, params["run"])
    if unavailable or plan is None or run is None:
        return unavailable or cannot(services, tx, step, ["the run is not known"], [])
    was, seen = plan.preview, peek(tx, plan.preview["version"])
    if seen["seen"] != run.proof_facts.get("seen", ""):
        why = "the record was changed since by somebody else; nothing is put back"
        return cannot(services, tx, step, [why], ["dragonfly migrations"])
    facts = {
        "run": params["run"],
        "of": params["step"],
        "can": 1,
        "cannot": 0,
        "thing": "record",
        "version": was["version"],
        "seen": seen["seen"],
        "restore": was["row"],
    }
    name, values = _undo_values(facts)
    return Preview(
        params=dict(params),
        facts={**facts, "statement": tx.shown(SQL[name], **values)},
        sealed={"run": params["run"], "version": was["version"], "seen": seen["seen"]},
        typed=str(was["version"]),
        approval_why="the record of a migration is changed",
        resource=f"migration:{was['version']}",
    )


def _undo_values(facts: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if facts["restore"] is None:
        return "remove", {"version": facts["version"], "seen": facts["seen"]}
    return "restore", {"row": facts["restore"]}


def _undo_act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    name, values = _undo_values(work.plan.preview)
    if tx.record(SQL[name], **values) is None:
        return Done(result={}, rows=0, refused=_CHANGED)
    return Done(result={"put_back": 1}, rows=1)


def _undo_prove(services: Services, work: Work) -> Proof:
    facts = work.plan.preview
    there = _is_there(services, facts["version"])
    return Proof(left=int(there != (facts["restore"] is not None)), total=1, facts={"there": there})


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()


def _rollback_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable and not {"history_readable", "rollbacks"} <= services.offered(catalog):
        return unavailable
    version = params["version"]
    script, why = migrations.script(services.config.migrations, version)
    seen = peek(tx, version)
    if why or seen["row"] is None:
        return _no_rollback(services, tx, step, version, why)
    shown = tx.shown(SQL["roll_back"], version=version, seen=seen["seen"], script=script)
    if shown.count(_TAG) != SQL["roll_back"].text().count(_TAG):
        return cannot(services, tx, step, [f"rollbacks/{version}.sql must not contain {_TAG}"], [])
    if unavailable:
        return replace(unavailable, statement=shown)
    return Preview(
        params=dict(params),
        facts={
            "version": version,
            "lines": len([line for line in script.splitlines() if line.strip() and not line.strip().startswith("--")]),
            "script": _digest(script)[:12],
            "digest": _digest(script),
            **seen,
            "statement": script,
            "hand_over": shown,
        },
        sealed={"version": version, "script": _digest(script), "seen": seen["seen"]},
        typed=version,
        resource=f"migration:{version}",
    )


def _no_rollback(services: Services, tx: Tx, step: Step, version: str, why: str) -> CannotPlan:
    if not why:
        return cannot(services, tx, step, [f"{version} is not recorded as applied"], ["dragonfly migrations"])
    known = ", ".join(migrations.scripts(services.config.migrations)[-3:]) or "none"
    return cannot(services, tx, step, [f"{why}; the newest scripts here: {known}"], ["look into migrations.rollbacks"])


def _rollback_act(services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    """Remove the record and run the script that was approved, in one transaction.

    The record goes first: a script may remove it too.
    """
    facts = work.plan.preview
    script, _why = migrations.script(services.config.migrations, facts["version"])
    if _digest(script) != facts["digest"]:
        return Done(result={}, rows=0, refused="the script was changed since it was approved")
    if tx.record(SQL["remove"], version=facts["version"], seen=facts["seen"]) is None:
        return Done(result={}, rows=0, refused=_CHANGED)
    tx.script(script)
    return Done(result={"removed": 1}, rows=1)


def _rollback_prove(services: Services, work: Work) -> Proof:
    there = _is_there(services, work.plan.preview["version"])
    return Proof(left=int(there), total=1, facts={"there": there})


_REPAIR_UNDO = Kind(preview=_undo_preview, act=_undo_act, proof_for=watched, prove=_undo_prove, dba=True)
REPAIR = Kind(
    preview=_repair_preview,
    act=_repair_act,
    proof_for=watched,
    prove=_repair_prove,
    undo=_REPAIR_UNDO,
    dba=True,
)
ROLLBACK = Kind(preview=_rollback_preview, act=_rollback_act, proof_for=watched, prove=_rollback_prove, dba=True)
