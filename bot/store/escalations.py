"""Who is to be called for an alert, and when; the chain is kept as it was when the alert fired."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "escalations.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One level of an alert's chain."""

    id: int
    alert_id: int
    round: int
    repeat: int
    """How often the chain was gone through, this time included."""
    level: int
    due_at: datetime
    done_at: datetime | None
    chain: list[dict[str, Any]]

    @property
    def ends_round(self) -> bool:
        """Say whether this is no level but the end of a round."""
        return self.level > len(self.chain)

    @property
    def label(self) -> str:
        """Return what the level is called."""
        return str(self.chain[self.level - 1]["label"])

    @property
    def who(self) -> tuple[str, ...]:
        """Return who is called."""
        return tuple(self.chain[self.level - 1]["who"])


def begin(tx: Tx, alert_id: int, chain: Sequence[Mapping[str, Any]], again: timedelta, *, repeat: int = 1) -> None:
    """Write down a whole chain from now on, and its end, where it begins again or is exhausted."""
    row = tx.record(SQL["last_round"], alert_id=alert_id)
    number = (int(row["round"]) if row else 0) + 1
    waits = [float(level["after"]) for level in chain]
    for level, seconds in enumerate([*waits, max(waits, default=0) + again.total_seconds()], start=1):
        tx.run(
            SQL["insert"],
            alert_id=alert_id,
            round=number,
            repeat=repeat,
            level=level,
            due_at=tx.now + timedelta(seconds=seconds),
            chain=json.dumps(chain),
        )


def first_called(tx: Tx, alert_id: int) -> None:
    """Mark an alert's first level as called: its card mentions them."""
    tx.run(SQL["first_called"], alert_id=alert_id, now=tx.now)


def take_due(tx: Tx, most: int = 20) -> list[Escalation]:
    """Take levels whose time has come; late ones run late, none is skipped."""
    return tx.rows(Escalation, SQL["take_due"], now=tx.now, most=most)


def cancel(tx: Tx, alert_id: int) -> None:
    """End what is still to come."""
    tx.run(SQL["cancel"], alert_id=alert_id, now=tx.now)


def of_alert(tx: Tx, alert_id: int) -> list[Escalation]:
    """Return the chain of an alert's present round."""
    return tx.rows(Escalation, SQL["of_alert"], alert_id=alert_id)
