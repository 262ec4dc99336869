"""After an authentication failure no connection is opened for fifteen minutes (design, section 7).

Repeated wrong log-ins lock the whole project out of its pooler, and every retry prolongs it (target-system, 8.4).
The breaker stands in the connection class itself, so that every pool and every one-off connection obeys it.
psycopg gives no SQLSTATE for a failed log-in: the words of the failure decide, PostgreSQL's and the poolers'.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import psycopg
from psycopg.abc import RV, PQGen

from bot.errors import StoreUnavailable

HOLD = timedelta(minutes=15)
WORDS = (
    "password authentication failed",
    "sasl authentication failed",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "tenant or user not found",
    "(enotfound)",
    "ewrongpassword",
    "ecircuitbreaker",
    "server_login_retry",
)


class Breaker:
    """Open = refuse every log-in until it closes by itself."""

    def __init__(self, hold: timedelta = HOLD) -> None:
        """Start closed."""
        self._hold = hold
        self._open_until = 0.0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Return at once, or refuse.

        Raises:
            StoreUnavailable: a log-in failed less than `hold` ago.
        """
        left = self._open_until - time.monotonic()
        if self.is_open:
            message = (
                f"the database refused our log-in; no new one is tried for {int(left // 60) + 1} min, "
                "because repeated failures lock the project out"
            )
            raise StoreUnavailable(message, hint="put the credentials right, then start the bot again")

    @property
    def is_open(self) -> bool:
        """Say whether log-ins are held back."""
        return self._open_until > time.monotonic()

    def note(self, failure: str) -> bool:
        """Open if the words of a failure name a refused log-in; say whether they do."""
        refused = any(word in failure.lower() for word in WORDS)
        if refused:
            with self._lock:
                self._open_until = time.monotonic() + self._hold.total_seconds()
        return refused

    def reset(self) -> None:
        """Close; for a person who has put the credentials right, and for tests."""
        self._open_until = 0.0


BREAKER = Breaker()
"""One for the process: a wrong password is wrong for every pool."""


class GuardedConnection(psycopg.Connection[dict[str, Any]]):
    """A connection that is not even tried while the breaker is open."""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        """Connect, or refuse because a log-in failed lately."""
        BREAKER.check()
        try:
            return super().connect(conninfo, **kwargs)
        except psycopg.OperationalError as error:
            BREAKER.note(str(error))
            raise

    _patience: float | None = None

    @contextmanager
    def answering_within(self, limit: timedelta) -> Iterator[None]:
        """Close the connection if an answer takes longer inside.

        Before a transaction the server's own limits do not hold: a pooler that has no session to give lets us wait two
        minutes (PgBouncer's `query_wait_timeout`, tried with 1.18, 2026-11).
        """
        self._patience = limit.total_seconds()
        try:
            yield
        finally:
            self._patience = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for an answer, as every call of the library does."""
        try:
            return super().wait(gen, interval, self._patience if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self._patience is not None and not error.sqlstate:
                self.pgconn.finish()
            raise
