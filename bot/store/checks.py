"""When each check is due, and how its looks have gone."""

from collections.abc import Sequence
from datetime import timedelta

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "checks.sql")


def take_due(tx: Tx, ids: Sequence[str], interval: timedelta) -> list[str]:
    """Return the checks that are due and ours to look at now."""
    tx.run(SQL["ensure"], ids=list(ids), now=tx.now)
    rows = tx.records(SQL["take_due"], ids=list(ids), now=tx.now, interval_seconds=interval.total_seconds())
    return [str(row["check_id"]) for row in rows]


def saw(tx: Tx, check: str, gap: timedelta) -> None:
    """Remember a look that could tell."""
    tx.run(SQL["saw"], check=check, now=tx.now, gap_seconds=gap.total_seconds())


def could_not_tell(tx: Tx, check: str) -> int:
    """Remember a look that could not tell, and return how many there were in a row."""
    row = tx.record(SQL["could_not_tell"], check=check, now=tx.now)
    return int(row["unknown_streak"]) if row else 0


def failed_in_a_row(tx: Tx, check: str, *, failed: bool) -> int:
    """Count failed probes in a row."""
    row = tx.record(SQL["failing_streak"], check=check, failed=failed)
    return int(row["failed"]) if row else 0
