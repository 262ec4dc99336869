"""Slack's bad days: faults that stand until lifted, and faults scripted for the next calls."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one call of the Web API."""

    method: str = "*"
    """The method it waits for; `*` is any."""
    down: bool = False
    """503, nothing is done."""
    refuse_connection: bool = False
    """The connection is dropped before anything is done."""
    drop_answer: bool = False
    """The call is carried out, then the connection is dropped."""
    answer_seconds: float = 0.0
    """The call is carried out, and answered so much later."""
    error: str = ""
    """Slack refuses with this word; nothing is done."""
    status: int = 0
    """The HTTP status of the answer when it is not 200, such as 500 or 502; nothing is done."""
    retry_after_seconds: int = 0
    """429 with this Retry-After; nothing is done."""
    latency_seconds: float = 0.0


NO_FAULT = Fault()


class Faults:
    """The faults in force; safe to use from any thread."""

    def __init__(self) -> None:
        """Start on a good day."""
        self._lock = threading.Lock()
        self._standing = NO_FAULT
        self._failing: dict[str, str] = {}
        self._limited_until = 0.0
        self._script: deque[Fault] = deque()
        self.deaf_sockets = False
        """Open sockets stay open and nothing sent on them is heard: no pong, no acknowledgement."""
        self.deliver_twice = False
        """Everything sent to the app is sent a second time, with the same ids."""

    def script(self, *faults: Fault) -> None:
        """Each fault befalls the next call of its method, once, in this order."""
        with self._lock:
            self._script.extend(faults)

    def set(
        self,
        *,
        down: bool | None = None,
        drop_answer: bool | None = None,
        latency_seconds: float | None = None,
    ) -> None:
        """What is given stands until it is set anew."""
        given = {"down": down, "drop_answer": drop_answer, "latency_seconds": latency_seconds}
        with self._lock:
            changes: Mapping[str, object] = {name: value for name, value in given.items() if value is not None}
            self._standing = replace(self._standing, **changes)  # type: ignore[arg-type]  # checked by the signature

    def limit_until(self, moment: float) -> None:
        """Until this moment every method answers 429."""
        with self._lock:
            self._limited_until = moment

    def fail(self, method: str, error: str) -> None:
        """A method refuses with this word until it is called again with an empty one."""
        with self._lock:
            self._failing.pop(method, None)
            if error:
                self._failing[method] = error

    def clear(self) -> None:
        """No fault is in force and none is to come."""
        with self._lock:
            self._standing = NO_FAULT
            self._failing.clear()
            self._script.clear()
            self._limited_until = 0.0
        self.deaf_sockets = False
        self.deliver_twice = False

    def next_for(self, method: str, now: float) -> Fault:
        """Return the fault that befalls this call; a scripted one is used up."""
        with self._lock:
            for fault in self._script:
                if fault.method in ("*", method):
                    self._script.remove(fault)
                    return fault
            if now < self._limited_until:
                return Fault(retry_after_seconds=max(1, round(self._limited_until - now)))
            return replace(self._standing, error=self._failing.get(method, ""))

    def describe(self) -> dict[str, object]:
        """Return what is in force, for the page."""
        with self._lock:
            return {
                "down": self._standing.down,
                "drop_answer": self._standing.drop_answer,
                "latency_ms": round(self._standing.latency_seconds * 1000),
                "limited_until": self._limited_until,
                "fail_method": dict(self._failing),
                "scripted": len(self._script),
                "deaf_sockets": self.deaf_sockets,
                "deliver_twice": self.deliver_twice,
            }
