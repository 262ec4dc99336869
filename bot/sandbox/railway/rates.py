"""Railway's rate limits: so many requests an hour and a second for each token, told in headers.

Source: docs, public API (2026-11). What the docs leave open and is ours: windows are fixed, from the first request;
`X-RateLimit-Limit` and `-Remaining` are the hour's; `X-RateLimit-Reset` is in seconds since 1970; a request that is
refused is not counted.
"""

import math
import threading
from dataclasses import dataclass

HOUR = 3600.0
SECOND = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one request is told about the limit."""

    limit: int
    remaining: int
    reset_at: float
    """Seconds since 1970."""
    retry_after_seconds: int = 0
    """0: the request may go on."""

    def headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        told = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset_at)),
        }
        return told | ({"Retry-After": str(self.retry_after_seconds)} if self.retry_after_seconds else {})


@dataclass(slots=True)
class _Window:
    begins: float
    count: int = 0


class RateLimiter:
    """Counts requests by token; safe to use from any thread."""

    def __init__(self, *, an_hour: int, a_second: int) -> None:
        """Start with nothing counted."""
        self.an_hour = an_hour
        self.a_second = a_second
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, float], _Window] = {}

    def take(self, token: str, now: float) -> Allowance:
        """Count one request if it is within both limits, and say what is left."""
        with self._lock:
            hour, second = self._window(token, HOUR, now), self._window(token, SECOND, now)
            wait = 0.0
            if hour.count >= self.an_hour:
                wait = hour.begins + HOUR - now
            elif second.count >= self.a_second:
                wait = second.begins + SECOND - now
            else:
                hour.count += 1
                second.count += 1
            return Allowance(
                limit=self.an_hour,
                remaining=max(0, self.an_hour - hour.count),
                reset_at=hour.begins + HOUR,
                retry_after_seconds=max(1, math.ceil(wait)) if wait else 0,
            )

    def _window(self, token: str, length: float, now: float) -> _Window:
        window = self._windows.get((token, length))
        if window is None or now >= window.begins + length:
            window = self._windows[token, length] = _Window(now)
        return window
