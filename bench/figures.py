"""One measured figure, as `bench/out/latest.json` holds it."""

from typing import TypedDict


class Figure(TypedDict):
    """A figure: its value, the floor of the same run, their ratio, and the limit."""

    name: str
    value: float
    floor: float
    ratio: float | None
    limit: float
    ok: bool


def against(name: str, value: float, floor: float, limit: float) -> Figure:
    """Return a figure judged by its ratio to the floor."""
    ratio = value / floor
    return Figure(name=name, value=value, floor=floor, ratio=ratio, limit=limit, ok=ratio <= limit)


def plain(name: str, value: float, limit: float) -> Figure:
    """Return a figure judged by itself."""
    return Figure(name=name, value=value, floor=0.0, ratio=None, limit=limit, ok=value <= limit)
