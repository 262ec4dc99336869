"""Runs of the release gate, and what two people allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "gate.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """One run of the gate."""

    id: int
    mode: str
    actor: str
    at: datetime
    ended_at: datetime | None
    """None while it runs."""
    passed: bool
    failed: list[str]
    report: Mapping[str, Any]
    allowed_until: datetime | None
    allowed_why: str
    stopped_by: str | None
    outdated_at: datetime | None
    """Since when its pass is not true any more."""


def begin(tx: Tx, *, mode: str, actor: str) -> int:
    """Keep that the gate begins to run, and return the run's number."""
    row = tx.record(SQL["begin_gate"], mode=mode, actor=actor, now=tx.now)
    assert row is not None
    return int(row["id"])


def progress(tx: Tx, gate_id: int, report: Mapping[str, object]) -> bool:
    """Keep how far it is; False = it was stopped."""
    return tx.record(SQL["progress_gate"], id=gate_id, report=dict(report)) is not None


def end(tx: Tx, gate_id: int, *, passed: bool, failed: Sequence[str], report: Mapping[str, object]) -> bool:
    """Keep what it came to; False = it was stopped."""
    values = {"id": gate_id, "passed": passed, "failed": list(failed), "report": dict(report)}
    return tx.record(SQL["end_gate"], **values, now=tx.now) is not None


def stop(tx: Tx, gate_id: int, *, actor: str) -> bool:
    """End a run that goes on, without an answer; False = it has ended."""
    return tx.record(SQL["stop_gate"], id=gate_id, actor=actor, now=tx.now) is not None


def give_up(tx: Tx, longest: timedelta) -> list[int]:
    """End the runs that began longer ago than any run may take, without an answer, and return their numbers."""
    rows = tx.records(SQL["give_up_gates"], seconds=longest.total_seconds(), now=tx.now)
    return [int(row["id"]) for row in rows]


def outdate(tx: Tx, true_for: timedelta) -> list[int]:
    """Mark the passes that are not true any more, and return their numbers."""
    rows = tx.records(SQL["outdate"], true_seconds=true_for.total_seconds(), now=tx.now)
    return [int(row["id"]) for row in rows]


def find(tx: Tx, gate_id: int) -> GateRun | None:
    """Return one run."""
    return tx.row(GateRun, SQL["find_gate"], id=gate_id)


def newest(tx: Tx, mode: str) -> GateRun | None:
    """Return the newest run of a mode that has ended."""
    return tx.row(GateRun, SQL["newest_gate"], mode=mode)


def allow(tx: Tx, gate_id: int, *, run: str, until: datetime, why: str) -> bool:
    """Allow what failed, for a while; False = it passed, or is gone."""
    return tx.record(SQL["allow"], id=gate_id, run=run, until=until, why=why) is not None


def disallow(tx: Tx, run: str) -> bool:
    """Take an allowance back; False = it has ended."""
    return tx.record(SQL["disallow"], run=run, now=tx.now) is not None


def is_allowed(tx: Tx, run: str) -> bool:
    """Say whether what a run allowed is allowed now."""
    return tx.record(SQL["is_allowed"], run=run, now=tx.now) is not None
