"""Waiting for a condition with a deadline: the only way a test waits."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LOOK_EVERY_SECONDS = 0.01


def eventually(condition: Callable[[], T], within_seconds: float = 5.0) -> T:
    """Return the condition's answer as soon as it is true; fails the test if it is not within the time."""
    deadline = time.monotonic() + within_seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_seconds} s: {condition} last answered {found!r}")
        time.sleep(LOOK_EVERY_SECONDS)
