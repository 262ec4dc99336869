"""The command language: what somebody typed, as a command, or why it is none (§17, G1). Pure."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.domain.durations import parse_duration
from bot.domain.ids import parse_alert_key
from bot.errors import InvalidCommand
from bot.operations.table import in_slack

MOST_CHARACTERS = 500
_DURATION = re.compile(r"^\d+[a-z]*$", re.IGNORECASE)
Arguments = Callable[[list[str]], Mapping[str, str]]
"""Reads the words after a command's name."""

_TYPE = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its arguments by name."""

    name: str
    args: Mapping[str, str] = field(default_factory=dict)


class NoSuchCommand(InvalidCommand):
    """The first word is no command; the nearest one that is."""

    def __init__(self, word: str, nearest: str) -> None:
        """Keep what was typed and what may have been meant."""
        super().__init__(f"no command {word!r}", hint=f"/dragonfly {nearest or 'help'}")
        self.word = word
        self.nearest = nearest


def parse(text: str) -> Command:
    """Return the command that a text is.

    Raises:
        InvalidCommand: it is none; the hint is one that would be.
    """
    words = _plain(text).split()
    if not words:
        return Command("help")
    name = _name(words[0])
    return Command(name, _ARGUMENTS[name](words[1:]))


def _plain(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        message = f"more than {MOST_CHARACTERS} characters"
        raise InvalidCommand(message, hint="/dragonfly status")
    plain = unicodedata.normalize("NFKC", text)
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") for char in plain):
        message = "control, zero-width or direction characters are not taken"
        raise InvalidCommand(message, hint="/dragonfly status")
    return plain


def _name(word: str) -> str:
    known = {item.name: item.name for item in in_slack()}
    known |= {alias: item.name for item in in_slack() for alias in item.aliases}
    lower = word.lower()
    if lower in known:
        return known[lower]
    near = difflib.get_close_matches(lower, known, n=1, cutoff=0.5)
    raise NoSuchCommand(word, near[0] if near else "")


def _nothing(name: str) -> Arguments:
    def read(words: list[str]) -> Mapping[str, str]:
        if words:
            message = f"{name} takes no words after it"
            raise InvalidCommand(message, hint=f"/dragonfly {name}")
        return {}

    return read


def _stuck(words: list[str]) -> Mapping[str, str]:
    return _type_and_age(words, "stuck")


def _reset(words: list[str]) -> Mapping[str, str]:
    return _type_and_age(words, "reset-stuck")


def _type_and_age(words: list[str], name: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for word in words:
        key = "older_than" if _DURATION.match(word) else "type"
        if key in found:
            message = f"two values for {key.replace('_', '-')}: {found[key]!r} and {word!r}"
            raise InvalidCommand(message, hint=f"/dragonfly {name} ingest 10m")
        if key == "older_than":
            _require_duration(word, name)
        elif not _TYPE.match(word):
            message = f"{word!r} is no job type"
            raise InvalidCommand(message, hint=f"/dragonfly {name} ingest 10m")
        found[key] = word
    return found


def _require_duration(word: str, name: str) -> None:
    try:
        parse_duration(word)
    except InvalidCommand as error:
        raise InvalidCommand(error.message, hint=f"/dragonfly {name} {error.hint}") from None


def _alert(name: str) -> Arguments:
    def read(words: list[str]) -> Mapping[str, str]:
        if len(words) != 1 or parse_alert_key(words[0]) is None:
            message = f"{name} needs one alert"
            raise InvalidCommand(message, hint=f"/dragonfly {name} A31")
        return {"alert": words[0]}

    return read


def _resolve(words: list[str]) -> Mapping[str, str]:
    reason = " ".join(words[1:])
    if not words or parse_alert_key(words[0]) is None or len(reason) < 5:  # noqa: PLR2004  # as the form's field
        message = "resolve needs an alert and a reason of at least 5 characters"
        raise InvalidCommand(message, hint="/dragonfly resolve A31 planned stop")
    return {"alert": words[0], "reason": reason}


def _one_word(key: str) -> Arguments:
    def read(words: list[str]) -> Mapping[str, str]:
        if len(words) > 1:
            message = f"one {key} at a time"
            raise InvalidCommand(message, hint=f"/dragonfly {words[0]}")
        return {key: words[0].lower()} if words else {}

    return read


_ARGUMENTS: Mapping[str, Arguments] = {
    "status": _nothing("status"),
    "stuck": _stuck,
    "reset-stuck": _reset,
    "alerts": _nothing("alerts"),
    "ack": _alert("ack"),
    "resolve": _resolve,
    "timeline": _alert("timeline"),
    "runbook": _one_word("scenario"),
    "oncall": _nothing("oncall"),
    "help": _one_word("word"),
}
