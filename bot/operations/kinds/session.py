"""End one session that blocks a migration: chosen by its locks, pinned by its identity, with a second person (§13)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.locks import Candidate, why_not_end
from bot.domain.messages import Message
from bot.domain.runbook import Step
from bot.errors import OutcomeUnknown, StatementRefused, StoreError, TargetRefused
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible
from bot.operations.services import Services
from bot.sqlfile import load
from bot.store.db import APPLICATION_NAME, Tx

SQL = load("bot.targets", "sessions.sql")
_MOMENTS = ("backend_start", "xact_start", "state_change")
_CANDIDATE = (
    "username",
    "backend_type",
    "same_database",
    "is_privileged",
    "is_ours",
    "is_waiting_migration",
    "xact_start",
    "in_state_seconds",
    "holds_history",
)


def look(tx: Tx, pid: int) -> dict[str, Any] | None:
    """Return one session as it is now, or None where there is none."""
    return tx.record(SQL["session"], now=tx.now, pid=pid, ours=APPLICATION_NAME)


def candidate(row: Mapping[str, Any]) -> Candidate:
    """Return what decides whether a session may be ended."""
    values = {name: row[name] for name in _CANDIDATE}
    return Candidate(**values, state=row["state"] or "", blocks=tuple(row["blocks"]))


def _preview(services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable and "sees_sessions" not in catalog.features:
        return unavailable
    pid = int(params["pid"])
    row = look(tx, pid)
    if row is None:
        return cannot(services, tx, step, [f"session {pid} is already gone; nothing was ended"], ["dragonfly locks"])
    refused = why_not_end(candidate(row), idle_limit=services.config.timing.idle_limit)
    if refused:
        return cannot(services, tx, step, [f"session {pid}: {refused}"], ["dragonfly locks"])
    pinned = _pinned(row)
    verb = "cancel" if row["state"] == "active" else "terminate"
    statement = tx.shown(SQL[verb], **pinned)
    if unavailable:
        return replace(unavailable, statement=statement)
    facts = {
        **pinned,
        "application_name": row["application_name"],
        "xact_seconds": row["xact_seconds"],
        "in_state_seconds": row["in_state_seconds"],
        "locks": row["locks"],
        "blocks": list(row["blocks"]),
        "holds_history": row["holds_history"],
        "cancel": verb == "cancel",
        "statement": statement,
    }
    return Preview(
        params={"pid": str(pid)},
        facts=facts,
        sealed=pinned,
        milder=facts["cancel"],
        typed=str(pid),
        resource=f"session:{pid}",
    )


def _pinned(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return by what a session is known again: its number, whose it is, since when, and that it has done nothing since."""
    return {
        "pid": row["pid"],
        "username": row["username"],
        "state": row["state"],
        **{name: row[name].isoformat() if row[name] else None for name in _MOMENTS},
    }


def _call(services: Services, work: Work) -> Done:
    """Signal exactly the previewed session; zero rows = it is gone, works again, or its number is another's now (M3).

    A signal is no change of a transaction: nothing takes it back, so it is sent as a call is, with its intent before it.
    """
    facts = work.plan.preview
    pinned = {name: facts[name] for name in ("pid", "username", "state", *_MOMENTS)}
    try:
        with (services.dba or services.db).write() as tx:
            row = tx.record(SQL["cancel" if facts["cancel"] else "terminate"], **pinned)
    except StatementRefused as error:
        raise TargetRefused(error.message) from None
    except StoreError as error:
        raise OutcomeUnknown(error.message) from None
    ended = int(bool(row and row["signalled"]))
    return Done(result={"ended" if ended else "gone": 1}, rows=ended)


def _read_back(services: Services, work: Work) -> bool | None:
    """Say whether the signal of an unanswered call arrived: a session that is gone is; of a cancelled statement nobody can tell."""
    if work.plan.preview["cancel"]:
        return None
    with services.db.read() as tx:
        return not _is_there(tx, work.plan.preview)


def _is_there(tx: Tx, facts: Mapping[str, Any]) -> bool:
    """Say whether exactly the previewed session still is."""
    row = look(tx, facts["pid"])
    return row is not None and row["backend_start"] == datetime.fromisoformat(facts["backend_start"])


def _prove(services: Services, work: Work) -> Proof:
    """Look whether the session is gone and whoever waited for it goes on."""
    facts = work.plan.preview
    with services.db.read() as tx:
        same = _is_there(tx, facts)
        waits = tx.records(SQL["waits"], now=tx.now, tools=[])
    still = [item["pid"] for item in waits if item["pid"] in facts["blocks"]]
    alive = same and not facts["cancel"]
    return Proof(
        left=int(alive) + len(still), total=1 + len(facts["blocks"]), facts={"gone": not alive, "wait": len(still)}
    )


END_SESSION = Kind(
    preview=_preview,
    call=_call,
    read_back=_read_back,
    proof_for=lambda services, _facts: services.config.timing.session_gone,
    prove=_prove,
    dba=True,
)
