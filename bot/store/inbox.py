"""Deliveries from Slack, committed before they are acknowledged, handled once (§6, N2 to N4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.sqlfile import load
from bot.store.db import Database, Tx

SQL = load("bot.store", "inbox.sql")
CLAIM = timedelta(seconds=60)
"""Longer than any handling: calls to Slack end after 10 s each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery that waits to be handled."""

    id: int
    kind: str
    envelope: Mapping[str, Any]
    attempts: int


def receive(db: Database, *, key: str, signature: bytes | None, kind: str, envelope: Mapping[str, Any]) -> bool:
    """Commit one delivery in one statement; False = it came before."""
    row = db.once(SQL["receive"], key=key, signature=signature, kind=kind, envelope=dict(envelope))
    return row is not None


def receive_wrong(
    db: Database, *, key: str, signature: bytes | None, kind: str, envelope: Mapping[str, Any], plan: str
) -> int:
    """Commit a delivery with a wrong entry for a plan in one statement, and return how many the plan has had."""
    row = db.once(SQL["receive_wrong"], key=key, signature=signature, kind=kind, envelope=dict(envelope), plan=plan)
    return int(row["wrong_entries"]) if row else 0


def claim(tx: Tx, most: int) -> list[Delivery]:
    """Take deliveries that wait, for a while."""
    return tx.rows(Delivery, SQL["claim"], now=tx.now, claim_seconds=CLAIM.total_seconds(), most=most)


def finish(tx: Tx, delivery_id: int, *, state: str) -> None:
    """Mark a delivery `done` or `failed`, and forget what it carried."""
    tx.run(SQL["finish"], id=delivery_id, state=state)
