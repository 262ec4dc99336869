"""Durations as people type them (`45s`, `5m`, `1h`, `2d`), and as they are told (`6 m 02 s`)."""

import re
from datetime import timedelta

from bot.errors import InvalidCommand

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def spoken(value: timedelta) -> str:
    """Return a duration in two units at most: `84 ms`, `41 s`, `2 m 10 s`, `1 h 05 m`, `3 d 4 h`."""
    seconds = value.total_seconds()
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86400, whole % 86400 // 3600, whole % 3600 // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes:02d} m"
    return f"{minutes} m {whole % 60:02d} s" if minutes else f"{whole} s"


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
