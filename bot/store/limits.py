"""What one transaction may cost (§14), set with `SET LOCAL`, and how long anybody waits for a connection."""

from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

_SET: LiteralString = (
    "SELECT clock_timestamp() AS now, session_user::text AS role, set_config('statement_timeout', %s, true), "
    "set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', %s, true)"
)
_SET_WHOLE: LiteralString = _SET + ", set_config('transaction_timeout', %s, true)"
_KNOWS_WHOLE = 170_000
"""The version of the server that has `transaction_timeout`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """For one statement, for a lock, for a pause between two statements, and for the whole transaction."""

    statement: timedelta
    lock: timedelta
    idle: timedelta
    whole: timedelta

    def statement_for(self, server_version: int) -> tuple[LiteralString, tuple[str, ...]]:
        """Return what sets these limits and asks for the time, with its values; an old server has no limit for the whole."""
        values = tuple(
            f"{int(value.total_seconds() * 1000)}ms" for value in (self.statement, self.lock, self.idle, self.whole)
        )
        return (_SET_WHOLE, values) if server_version >= _KNOWS_WHOLE else (_SET, values[:-1])


def _limits(statement: float, lock: float, idle: float, whole: float) -> Limits:
    return Limits(*(timedelta(seconds=value) for value in (statement, lock, idle, whole)))


READ_LIMITS = _limits(5, 1, 10, 15)
EFFECT_LIMITS = _limits(15, 2, 15, 30)
ONCE_LIMITS = _limits(2, 1, 5, 5)
"""Slack waits three seconds for what is written down."""
LONG = timedelta(minutes=10)
"""What walks a whole table page by page, or changes our tables, may take so long in one transaction."""
READ_WAIT, WRITE_WAIT = timedelta(seconds=3), timedelta(seconds=5)
"""For a free connection: while all are taken, reads give up first, previews and changes later (S5)."""
