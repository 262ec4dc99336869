"""Durations as people type them: `45s`, `5m`, `1h`, `2d`."""

import re
from datetime import timedelta

from bot.errors import InvalidCommand

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def typed(value: timedelta) -> str:
    """Return a duration as people type it, in the largest of hours, minutes and seconds that keeps it whole."""
    seconds = int(value.total_seconds())
    size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0)
    return f"{seconds // size}{unit}"


def parse_duration(text: str) -> timedelta:
    """Return a typed duration.

    Raises:
        InvalidCommand: no number with a unit, such as `5` or `soon`.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip().lower())
    if found is None:
        raise InvalidCommand(f"{text!r} has no unit. Write 5m or 1h", hint="5m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
