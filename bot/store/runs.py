"""Runs: one carrying-out of a plan, from the intent at Confirm to the outcome and its proof."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "runs.sql")

CLAIM = timedelta(seconds=10)
"""How long a replica keeps a run to itself between two batches; the row lock decides, this saves work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One stored run."""

    id: str
    step: str
    resource: str
    state: str
    actor: str
    approver: str | None
    surface: str
    confirmed_at: datetime
    not_before: datetime
    started_at: datetime | None
    ended_at: datetime | None
    rows_affected: int
    done_to: int
    result: Mapping[str, int]
    reason: str
    sqlstate: str
    record_n: int | None
    proof: str
    proof_until: datetime | None
    proof_facts: Mapping[str, Any]
    proved_at: datetime | None
    undone_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The run that holds a resource."""

    id: str
    step: str
    actor: str
    confirmed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    state: str
    result: Mapping[str, int]
    rows: int = 0
    done_to: int = 0
    moved: Sequence[int] = ()
    """What the last batch found moved on; added to what earlier ones found."""
    reason: str = ""
    sqlstate: str = ""
    proof: str = "none"
    proof_until: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the proof begins with."""


def insert(tx: Tx, **values: object) -> bool:
    """Commit to an effect before it happens; False = another run holds the resource."""
    return tx.record(SQL["insert_run"], **values, now=tx.now) is not None


def insert_handed_over(tx: Tx, **values: object) -> None:
    """Record that a plan's statement was given to a person to run."""
    tx.run(SQL["insert_handed_over"], **values, now=tx.now)


def active(tx: Tx, resource: str) -> Holder | None:
    """Return the run that holds a resource."""
    return tx.row(Holder, SQL["active"], resource=resource)


def was_followed(tx: Tx, run: Run) -> bool:
    """Say whether the same step was carried out on the same thing since, and stands: a way back would lead past it."""
    found = tx.record(SQL["followed"], resource=run.resource, step=run.step, since=run.confirmed_at)
    return bool(found and found["present"])


def find(tx: Tx, run_id: str, *, lock: bool = False) -> Run | None:
    """Return a run, locked until the transaction ends if asked."""
    return tx.row(Run, SQL["find_run"], {"locked"} if lock else (), id=run_id)


def claim_due(tx: Tx, most: int) -> list[str]:
    """Take runs that may begin now."""
    rows = tx.records(SQL["claim_due"], now=tx.now, claim_seconds=CLAIM.total_seconds(), most=most)
    return [str(row["id"]) for row in rows]


def _values(run_id: str, outcome: Outcome) -> dict[str, object]:
    return {**asdict(outcome), "id": run_id, "moved": list(outcome.moved)}


def progress(tx: Tx, run_id: str, outcome: Outcome) -> None:
    """Record one batch of several."""
    tx.run(SQL["progress"], **_values(run_id, outcome), claim_seconds=CLAIM.total_seconds(), now=tx.now)


def begin(tx: Tx, run_id: str, *, within: timedelta) -> bool:
    """Write down that a call is about to be sent; whoever finds this row later knows that it may have been."""
    values = {"id": run_id, "seconds": within.total_seconds()}
    return tx.record(SQL["begin"], **values, now=tx.now) is not None


def mark_unknown(tx: Tx, run_id: str, reason: str) -> bool:
    """Write down that nobody knows whether a call happened."""
    return tx.record(SQL["mark_unknown"], id=run_id, reason=reason) is not None


def unknown(tx: Tx, since: datetime, most: int = 20) -> list[Run]:
    """Return the runs sent since a moment of which nobody knows whether they happened."""
    return tx.rows(Run, SQL["list_unknown"], since=since, most=most)


def set_undone(tx: Tx, run_id: str, by: str) -> bool:
    """Write down which run took this one back; False = another did already."""
    return tx.record(SQL["set_undone"], id=run_id, by=by) is not None


def finish(tx: Tx, run_id: str, outcome: Outcome) -> int | None:
    """Record the outcome and return how long the run took, in milliseconds; None = it was recorded already."""
    done = tx.record(SQL["finish"], **_values(run_id, outcome), now=tx.now)
    return int(done["took_ms"]) if done else None


def set_record(tx: Tx, run_id: str, n: int) -> None:
    """Keep the number under which the outcome stands in the record."""
    tx.run(SQL["set_record"], id=run_id, n=n)


def watched(tx: Tx, most: int = 20) -> list[Run]:
    """Return runs whose proof is watched."""
    return tx.rows(Run, SQL["list_watched"], most=most)


def set_proof(tx: Tx, run_id: str, proof: str, facts: Mapping[str, Any]) -> bool:
    """Record what the proof says now."""
    return tx.record(SQL["set_proof"], id=run_id, proof=proof, facts=dict(facts), now=tx.now) is not None
