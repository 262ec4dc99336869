"""What one person ran alone, and whether somebody else has looked at it since."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "reviews.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One run alone; it is there from the moment it was asked for."""

    run_id: str
    actor: str
    reason: str
    alert_id: int | None
    told: list[str]
    """Channels with a card of it, beside the plan's own."""
    opened_at: datetime
    stopped_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    happened: bool
    """Its run has, or may have, changed something."""

    @property
    def is_open(self) -> bool:
        """Say whether somebody else must look at it."""
        return self.happened and self.closed_at is None


def start(tx: Tx, run_id: str, *, actor: str, reason: str, alert_id: int, told: list[str]) -> None:
    """Keep who is about to run something alone, why, and who was told."""
    tx.run(SQL["open"], run=run_id, actor=actor, reason=reason, alert_id=alert_id, told=told, now=tx.now)


def find(tx: Tx, run_id: str) -> Review | None:
    """Return the review of a run, or None: it was not run alone."""
    return tx.row(Review, SQL["find"], run=run_id)


def list_open(tx: Tx) -> list[Review]:
    """Return what somebody else must look at, oldest first."""
    return tx.rows(Review, SQL["list_open"])


def stop(tx: Tx, run_id: str, actor: str) -> None:
    """Keep who stopped it before it ran."""
    tx.run(SQL["stop"], run=run_id, actor=actor)


def close(tx: Tx, run_id: str, actor: str) -> bool:
    """Write down that somebody else has looked at it; False = it is closed already."""
    return tx.record(SQL["close"], run=run_id, actor=actor, now=tx.now) is not None


def take_due(tx: Tx, every: timedelta) -> list[str]:
    """Return the runs of which people are to be reminded now, by this replica alone."""
    rows = tx.records(SQL["take_due"], seconds=every.total_seconds(), now=tx.now)
    return [str(row["run_id"]) for row in rows]
