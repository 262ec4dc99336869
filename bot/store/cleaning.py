"""What is old goes (§22); the record stays for good."""

from datetime import datetime

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "cleaning.sql")
MOST = 1000
"""Rows that one transaction takes away."""


def remove(tx: Tx, what: str, before: datetime) -> int:
    """Take away what was over before a moment, and return how many there were."""
    return tx.run(SQL[what], before=before, most=MOST)
