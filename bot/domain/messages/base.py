"""What every message has, and the short answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What every card has: the environment and the time it is true for."""

    env: str
    as_of: datetime
    next_page: tuple[str, str] | None = None
    """(read, button value) of the next page, where a list goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Somebody who was called, or will be."""

    who: tuple[str, ...]
    label: str
    """`on call`, `team lead`, `everyone`."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A card elsewhere in Slack."""

    key: str
    """`7F3K` or `A31`."""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Message):
    """A short answer for one person: a refusal, an error, a link (cards, 0.8 and 9).

    `kind` names the sentence in `templates/slack/notice.j2`; `facts` fill it and its buttons.
    """

    kind: str
    facts: Mapping[str, object] = field(default_factory=dict)
    recorded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Working(Message):
    """Modal: opened at once, filled within three seconds."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a form; its words are in `templates/slack/forms.j2`."""

    name: str = ""
    least: int = 1
    """Characters."""
    most: int = 500
    lines: bool = False
    """Several lines may be written."""
    choices: tuple[str, ...] = ()
    """One of these is chosen, where there are some."""
    value: str = ""
    """What it begins with."""
    example: str = ""
