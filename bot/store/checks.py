"""When each check is due, and how its looks have gone."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "checks.sql")


def take_due(tx: Tx, check: str, interval: timedelta) -> bool:
    """Say whether a check is due, and ours to look at now."""
    tx.run(SQL["ensure"], check=check, now=tx.now)
    return tx.record(SQL["take_due"], check=check, now=tx.now, seconds=interval.total_seconds()) is not None


def saw(tx: Tx, check: str, gap: timedelta) -> None:
    """Remember a look that could tell."""
    tx.run(SQL["saw"], check=check, now=tx.now, gap_seconds=gap.total_seconds())


def end_gap(tx: Tx, gap: timedelta) -> None:
    """End a long gap between looks at heartbeats, if there is one: from now on it is waited out (mass-stall guard)."""
    tx.run(SQL["end_gap"], now=tx.now, gap_seconds=gap.total_seconds())


def could_not_tell(tx: Tx, check: str) -> int:
    """Remember a look that could not tell, and return how many there were in a row."""
    row = tx.record(SQL["could_not_tell"], check=check, now=tx.now)
    return int(row["unknown_streak"]) if row else 0


def failed_in_a_row(tx: Tx, check: str, *, failed: bool) -> int:
    """Count failed probes in a row."""
    row = tx.record(SQL["failing_streak"], check=check, failed=failed)
    return int(row["failed"]) if row else 0


def swap_detail(tx: Tx, check: str, detail: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep something of this look, and return what was kept of the one before."""
    before = tx.record(SQL["check_detail"], check=check)
    tx.run(SQL["keep_detail"], check=check, detail=dict(detail), now=tx.now)
    kept: Mapping[str, Any] = before["detail"] if before else {}
    return kept


def note(tx: Tx, check: str, detail: Mapping[str, Any]) -> None:
    """Keep what this look saw."""
    tx.run(SQL["note_detail"], check=check, detail=dict(detail))


def last(tx: Tx, check: str) -> tuple[Mapping[str, Any], datetime | None]:
    """Return what was kept of the last look, and when that was; None = there was none."""
    row = tx.record(SQL["last_look"], check=check)
    return (row["detail"], row["observed_at"]) if row else ({}, None)


def make_due(tx: Tx, ids: Sequence[str]) -> None:
    """Look at some checks at once."""
    tx.run(SQL["make_due"], ids=list(ids), now=tx.now)
