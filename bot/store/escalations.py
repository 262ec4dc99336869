"""Who is to be called for an alert, and when; the chain is kept as it was when the alert fired."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.domain.escalation import Due
from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "escalations.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One level of an alert's chain."""

    id: int
    alert_id: int
    round: int
    level: int
    due_at: datetime
    done_at: datetime | None
    chain: list[dict[str, Any]]

    @property
    def label(self) -> str:
        """Return what the level is called."""
        return str(self.chain[self.level - 1]["label"])

    @property
    def who(self) -> tuple[str, ...]:
        """Return who is called."""
        return tuple(self.chain[self.level - 1]["who"])


def begin(tx: Tx, alert_id: int, dues: Sequence[Due]) -> None:
    """Write down a whole chain from now on."""
    row = tx.record(SQL["last_round"], alert_id=alert_id)
    number = (int(row["round"]) if row else 0) + 1
    chain = json.dumps([due.as_json() for due in dues])
    for due in dues:
        tx.run(
            SQL["insert"],
            alert_id=alert_id,
            round=number,
            level=due.level,
            due_at=tx.now + due.after,
            chain=chain,
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
