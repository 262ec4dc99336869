"""Why changes are off, for every replica: a row for each cause."""

from dataclasses import dataclass
from datetime import datetime

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "changes.sql")

FREEZE, RECORD = "freeze", "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """One cause for which changes are off."""

    cause: str
    """`freeze`, `record`, or `clock`, which has no row."""
    since: datetime
    actor: str
    reason: str


def turn_off(tx: Tx, cause: str, *, actor: str, reason: str) -> bool:
    """Turn changes off; False = they were, for this cause."""
    return tx.record(SQL["turn_off"], cause=cause, actor=actor, reason=reason, now=tx.now) is not None


def turn_on(tx: Tx, cause: str) -> bool:
    """Take a cause away; False = it was none."""
    return tx.record(SQL["turn_on"], cause=cause) is not None


def why_off(tx: Tx) -> Off | None:
    """Return the oldest cause for which changes are off, or None."""
    return tx.row(Off, SQL["why_off"])


def find(tx: Tx, cause: str) -> Off | None:
    """Return one cause, locked, or None."""
    return tx.row(Off, SQL["find"], cause=cause)
