"""The net under the whole suite: no made-up person of the target's rows may reach Slack, a log, our tables or a session."""

import logging
from typing import Any

import psycopg
from psycopg import sql

from bot.sandbox.slack.privacy import ARRIVED
from bot.sandbox.target.seeds import piece_of
from bot.store.db import APPLICATION_NAME

WRITTEN = {
    "dragonfly": logging.INFO,
    "uvicorn": logging.INFO,
    "slack_bolt": logging.ERROR,
    "psycopg.pool": logging.ERROR,
}
"""Loggers whose lines an installation writes, and from which level on."""
_NAMES = "SELECT relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace AND relkind = 'r' AND relname LIKE 'chatops%'"


class LogNet(logging.Handler):
    """Remembers every line that carries a seed, or that says that one arrived in the simulated Slack."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self._found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one line."""
        said = record.getMessage()
        if piece_of(said) or ARRIVED in said:
            self._found.append(f"{record.name}: {said}")

    def spread(self) -> None:
        """Hear every logger that an installation writes."""
        for name, level in WRITTEN.items():
            logger = logging.getLogger(name)
            logger.addHandler(self)
            if logger.level in (logging.NOTSET, logging.WARNING):
                logger.setLevel(level)

    def take(self) -> list[str]:
        """Return what was found since the last time."""
        found, self._found = self._found, []
        return found


def ours(connection: psycopg.Connection[Any]) -> str:
    """Return everything that our own tables hold."""
    names = [row[0] for row in connection.execute(_NAMES)]
    every = [sql.SQL("SELECT to_jsonb(t)::text FROM ops.{} AS t").format(sql.Identifier(name)) for name in names]
    return "\n".join(row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(every)))


def leaks(dsn: str) -> list[str]:
    """Return which of our tables, and which sessions of ours, hold a piece of a seed."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        kept = piece_of(ours(connection))
        sent = connection.execute("SELECT query FROM pg_stat_activity WHERE application_name = %s", (APPLICATION_NAME,))
        return [f"our tables: {kept}"] * bool(kept) + [f"session: {row[0]}" for row in sent if piece_of(row[0])]
