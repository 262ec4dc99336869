"""Railway's bad days: each befalls the next requests, or every one until it is lifted."""

import threading
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong with one request."""

    DOWN = "down"
    """The connection is dropped before anything is done."""
    ERROR = "error"
    """A page instead of JSON, with a status such as 500 or 502; nothing is done."""
    REFUSED = "refused"
    """HTTP 200 with `errors` and a message; nothing is done."""
    NO_ANSWER = "no_answer"
    """The request is carried out; the answer never comes."""
    RATE_LIMITED = "rate_limited"
    """429 with Retry-After; nothing is done."""
    SLOW = "slow"
    """The request is carried out and answered, later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    kind: FaultKind
    operation: str = "*"
    """A field at the root such as `deploymentRestart`, or the operation's own name; `*` is any."""
    requests: int | None = None
    """How many requests it befalls; None: every one until it is cleared."""
    status: int = 500
    """For ERROR."""
    message: str = "Problem processing request"
    """For REFUSED, and for the page of ERROR."""
    seconds: float = 0.0
    """SLOW: how much later. RATE_LIMITED: Retry-After, at least 1. NO_ANSWER: cut after this; 0: the client's patience."""


class Faults:
    """The faults in force, oldest first; safe to use from any thread."""

    def __init__(self) -> None:
        """Start on a good day."""
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, int | None]] = []

    def script(self, *faults: Fault) -> None:
        """Each fault is in force until its requests are used up or it is cleared; a request meets the oldest."""
        with self._lock:
            self._faults += [(fault, fault.requests) for fault in faults]

    def clear(self, kind: FaultKind | None = None) -> None:
        """No fault of this kind is in force, or none at all."""
        with self._lock:
            self._faults = [] if kind is None else [pair for pair in self._faults if pair[0].kind is not kind]

    def next_for(self, operations: Collection[str]) -> Fault | None:
        """Return the fault that befalls a request with these operations, and use it up by one."""
        with self._lock:
            for place, (fault, left) in enumerate(self._faults):
                if fault.operation == "*" or fault.operation in operations:
                    if left is not None and left <= 1:
                        del self._faults[place]
                    elif left is not None:
                        self._faults[place] = (fault, left - 1)
                    return fault
            return None

    def describe(self) -> list[dict[str, object]]:
        """Return what is in force, for the panel: kind, operation, and requests left (None: until cleared)."""
        with self._lock:
            return [
                {"kind": str(fault.kind), "operation": fault.operation, "requests_left": left}
                for fault, left in self._faults
            ]
