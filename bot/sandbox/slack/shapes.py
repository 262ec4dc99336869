"""The small language in which the table of Block Kit (`block_kit.py`) is written.

A shape checks one JSON value and adds a `Problem` for each thing Slack would refuse. Shapes know nothing of Slack's
blocks; they never raise on bad input.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing Slack refuses, and where it stands in the payload."""

    pointer: str
    message: str

    def __str__(self) -> str:
        """Return the problem as Slack words it in `response_metadata.messages`."""
        return f"[ERROR] {self.message} [json-pointer:{self.pointer}]"


class Shape(Protocol):
    """What one JSON value must look like."""

    def check(self, value: object, pointer: str, found: list[Problem]) -> None:
        """Add a problem to `found` for everything wrong with `value`."""
        ...


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON: a part Slack keeps for itself or that we have no rules for."""

    def check(self, value: object, pointer: str, found: list[Problem]) -> None:
        """Accept the value."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""

    def check(self, value: object, pointer: str, found: list[Problem]) -> None:
        """Refuse all but true and false."""
        if not isinstance(value, bool):
            found.append(Problem(pointer, "must be a boolean"))


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number within bounds."""

    low: int
    high: int

    def check(self, value: object, pointer: str, found: list[Problem]) -> None:
        """Refuse what is not a whole number from low to high."""
        if isinstance(value, bool) or not isinstance(value, int):
            found.append(Problem(pointer, "must be an integer"))
        elif not self.low <= value <= self.high:
            found.append(Problem(pointer, f"must be between {self.low} and {self.high}"))


@dataclass(frozen=True, slots=True)
class Str:
    """A string of bounded length, perhaps of a pattern or from a list."""

    high: int
    low: int = 1
    pattern: str = ""
    choices: frozenset[str] = frozenset()

    def check(self, value: object, pointer: str, found: list[Problem]) -> None:
        """Refuse what is not such a string."""
        if not isinstance(value, str):
            found.append(Problem(pointer, "must be a string"))
        elif len(value) < self.low:
            found.append(Problem(pointer, f"must be more than {self.low - 1} characters"))
        elif len(value) > self.high:
            found.append(Problem(pointer, f"must be less than {self.high + 1} characters"))
        elif self.choices and value not in self.choices:
            found.append(Problem(pointer, f"must be one of {', '.join(sorted(self.choices))}"))
        elif self.pattern and not re.fullmatch(self.pattern, value):
            found.append(Problem(pointer, "is not of the expected form"))


@dataclass(frozen=True, slots=True)
class Many:
    """A list of bounded length."""

    of: Shape
    high: int
    low: int = 1

    def check(self, value: object, pointer: str, found: list[Problem]) -> None:
        """Refuse what is not such a list, and check each item."""
        if not isinstance(value, list):
            found.append(Problem(pointer, "must be an array"))
            return
        if len(value) < self.low:
            found.append(Problem(pointer, f"no fewer than {self.low} items required"))
        if len(value) > self.high:
            found.append(Problem(pointer, f"no more than {self.high} items allowed"))
        for index, item in enumerate(value):
            self.of.check(item, f"{pointer}/{index}", found)


@dataclass(frozen=True, slots=True)
class Obj:
    """An object with these fields and no others."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)
    one_of: frozenset[str] = frozenset()
    """Exactly one of these must be there."""
    some_of: frozenset[str] = frozenset()
    """At least one of these must be there."""

    def check(self, value: object, pointer: str, found: list[Problem]) -> None:
        """Refuse missing, unknown and wrong fields; a `type` field is the caller's business."""
        if not isinstance(value, dict):
            found.append(Problem(pointer, "must be an object"))
            return
        missing = [name for name in self.required if value.get(name) is None]
        found += [Problem(pointer, f"missing required field: {name}") for name in missing]
        for name, item in value.items():
            shape = self.required.get(name) or self.optional.get(name)
            if shape is not None and item is not None:
                shape.check(item, f"{pointer}/{name}", found)
            elif shape is None and name != "type":
                found.append(Problem(pointer, f"invalid additional property: {name}"))
        self._check_alternatives(value, pointer, found)

    def _check_alternatives(self, value: Mapping[str, object], pointer: str, found: list[Problem]) -> None:
        if self.one_of and sum(value.get(name) is not None for name in self.one_of) != 1:
            found.append(Problem(pointer, f"exactly one of {', '.join(sorted(self.one_of))} is required"))
        if self.some_of and not any(value.get(name) is not None for name in self.some_of):
            found.append(Problem(pointer, f"at least one of {', '.join(sorted(self.some_of))} is required"))


@dataclass(frozen=True, slots=True)
class Typed:
    """An object whose `type` says which of these shapes it has."""

    shapes: Mapping[str, Shape]

    def check(self, value: object, pointer: str, found: list[Problem]) -> None:
        """Refuse unknown types and check the rest against its shape."""
        if not isinstance(value, dict):
            found.append(Problem(pointer, "must be an object"))
            return
        kind = value.get("type")
        shape = self.shapes.get(kind) if isinstance(kind, str) else None
        if shape is None:
            found.append(Problem(f"{pointer}/type", f"unsupported type: {kind}"))
        else:
            shape.check(value, pointer, found)
