"""The process's own clocks: wall time for signature freshness only, monotonic time for durations.

State is decided by the database's clock (specification §1, T1), which is read in each transaction and passed down.
Nothing else in the product asks for the time.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the edge needs of a clock."""

    def now(self) -> datetime:
        """Return the wall time, aware, UTC."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()
