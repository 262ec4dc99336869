"""Parameters of steps and reads: declared once, read from Slack's words and from a shell's `name=value`. Pure.

Nothing typed ever becomes SQL, a path, an address or a shell word: a value is one of the types here, or it is refused.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.durations import parse_duration
from bot.domain.ids import COMMAND, parse_alert_key
from bot.errors import InvalidCommand

LEAST, MOST = 5, 500
"""Characters of a text that a person writes."""
_NAME = r"[a-z][a-z0-9_-]{0,62}"
_PATTERNS = {
    "job_type": re.compile(r"[a-z][a-z0-9_]{0,62}"),
    "name": re.compile(_NAME, re.IGNORECASE),
    "version": re.compile(r"[0-9]{4}|[0-9]{8}|[0-9]{14}"),
    "pid": re.compile(r"[1-9][0-9]{0,9}"),
    "integer": re.compile(r"[0-9]{1,9}"),
    "run": re.compile(r"[0-9A-Za-z]{4,8}"),
    "words": re.compile(rf"{_NAME}(?:[, ]+{_NAME}){{0,20}}", re.IGNORECASE),
    "text": re.compile(rf".{{{LEAST},{MOST}}}", re.DOTALL),
}
TYPES = (*_PATTERNS, "duration", "alert", "choice", "flag")
_WHAT = {
    "job_type": "a job type",
    "name": "a name",
    "version": "a version of 4, 8 or 14 digits",
    "pid": "a process id",
    "integer": "a whole number",
    "run": "a plan or run such as 7F3K",
    "words": "names with commas or spaces between them",
    "text": f"{LEAST} to {MOST} characters",
    "alert": "an alert such as A31",
    "flag": "yes or nothing",
}


HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Control, zero-width and direction characters, and what no font has (§17, G1)."""


def normal(text: str) -> str:
    """Return what somebody wrote in one form (NFKC), on one line, and without back-ticks, which are ours."""
    return unicodedata.normalize("NFKC", re.sub(r"[ \t\r\n]+", " ", text)).replace("`", "'")


def plain(text: str) -> str:
    """Return what somebody wrote, in one form and on one line.

    Raises:
        InvalidCommand: it is too long, or holds what cannot be seen.
    """
    made = normal(text) if len(text) <= MOST else text
    if len(made) > MOST:
        raise InvalidCommand(f"more than {MOST} characters", hint="/dragonfly status")
    if any(unicodedata.category(char) in HIDDEN for char in made):
        raise InvalidCommand("control, zero-width or direction characters are not taken", hint="/dragonfly status")
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter."""

    name: str
    type: str
    required: bool = False
    choices: tuple[str, ...] = ()
    example: str = ""
    after: str = ""
    """In Slack it follows this word: `for 2h`; or `--oom`, where the word is its own name."""
    rest: bool = False
    """In Slack it takes all words that are left."""

    @property
    def usage(self) -> str:
        """Return how a person writes it in Slack."""
        shown = "|".join(self.choices) or (self.name.replace("_", "-").upper() if self.required else self.name)
        worded = self.after if self.type == "flag" else f"{self.after} {self.example or shown}" if self.after else shown
        return worded if self.required else f"[{worded}]"

    def takes(self, text: str) -> bool:
        """Say whether a text is a value of this type."""
        if self.type == "duration":
            return _is_duration(text)
        if self.type == "alert":
            return parse_alert_key(text) is not None
        if self.type == "choice":
            return text.lower() in self.choices
        if self.type == "flag":
            return text in ("", "yes", "true")
        return bool(_PATTERNS[self.type].fullmatch(text))

    @property
    def what(self) -> str:
        """Return what it takes, for a refusal."""
        return " or ".join(self.choices) or _WHAT.get(self.type, "a duration such as 10m")

    @property
    def correct(self) -> str:
        """Return a value that it takes, or nothing where none is declared."""
        return self.example or next(iter(self.choices), "")

    @property
    def lacking(self) -> str:
        """Return what is missing without it: by its own name where its type says less."""
        if self.type in ("duration", "integer", "words"):
            return f"{self.name.replace('_', '-')}, {self.what}"
        article = "an" if self.name[0] in "aeiou" else "a"
        return f"{article} {self.name.replace('_', ' ')}" if self.type in ("name", "text") else self.what


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except InvalidCommand:
        return False
    return True


_BLANK = "\u115f\u1160\u2800"
"""Letters of Hangul and a pattern of Braille that show nothing (Unicode 15); others of the kind become these by NFKC."""


def require_reason(reason: str, least: int, question: str) -> None:
    """Return if a reason says enough: what cannot be seen does not count, nor do accents, nor spaces beside spaces.

    Raises:
        InvalidCommand: it has fewer characters.
    """
    seen = [char for char in normal(reason) if char not in _BLANK and not unicodedata.category(char).startswith("M")]
    if len(" ".join("".join(seen).split())) < least:
        raise InvalidCommand(f"a reason has {least} characters or more: {question}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the name that may have been meant, or nothing: the only one that begins so, else the most alike."""
    names = list(known)
    begun = [name for name in names if word and name.startswith(word.lower())]
    found = begun if len(begun) == 1 else difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return found[0] if found else ""


def not_known(command: str, what: str, word: str, known: Sequence[str]) -> InvalidCommand:
    """Return the refusal of a name that is not here: those that are, and the nearest, in words and as a command."""
    near = nearest(word, known)
    message = f"{command} does not know {what} {word!r}. {what.capitalize()}s here: {', '.join(known) or 'none'}"
    message += f". Nearest: {near}" if near else ""
    hint = " ".join([COMMAND, command, near or next(iter(known), "")]).strip()
    return InvalidCommand(message, hint=hint, nearest=f"{command} {near}" if near else "")


def example(name: str, params: Sequence[Param], faulty: str = "") -> str:
    """Return a correct command, with the parameter that was not."""
    shown = [
        f"{item.after} {item.correct}".strip()
        for item in params
        if item.correct and (item.required or item.after or item.name == faulty)
    ]
    return " ".join([COMMAND, name, *shown])


def from_words(name: str, params: Sequence[Param], words: Sequence[str]) -> dict[str, str]:
    """Return the parameters that a person's words are, in any order where their types tell them apart.

    Raises:
        InvalidCommand: a word fits no parameter, one is missing or given twice; the hint is a correct line.
    """
    found: dict[str, str] = {}
    left = list(words)
    while left:
        worded = next((item for item in params if item.after and item.after == left[0].lower()), None)
        if worded is not None and worded.name not in found and _take_worded(worded, left, found):
            continue
        _take(name, params, left, found)
    return checked(name, params, found)


def _take_worded(param: Param, left: list[str], found: dict[str, str]) -> bool:
    if param.type == "flag":
        found[param.name] = "yes"
        del left[0]
        return True
    taken = len(left) if param.type == "words" else 2
    value = " ".join(left[1:taken])
    if not value or not param.takes(value):
        return False
    found[param.name] = value
    del left[:taken]
    return True


def _take(name: str, params: Sequence[Param], left: list[str], found: dict[str, str]) -> None:
    word = left.pop(0)
    free = [item for item in params if not item.after and (item.name not in found or item.rest)]
    fits = next((item for item in free if not item.rest and item.takes(word)), None)
    rest = next((item for item in free if item.rest), None)
    if fits is not None:
        found[fits.name] = word
    elif rest is not None:
        found[rest.name] = f"{found.get(rest.name, '')} {word}".strip()
    else:
        message, faulty = _why(name, params, word, found)
        raise InvalidCommand(message, hint=example(name, params, faulty))


def _why(name: str, params: Sequence[Param], word: str, found: Mapping[str, str]) -> tuple[str, str]:
    """Return what is wrong with a word, and which parameter it may have been meant for."""
    if not params:
        return f"{name} takes no words after it", ""
    twice = next((item for item in params if item.name in found and not item.after and item.takes(word)), None)
    if twice is not None:
        return f"two values for {twice.name.replace('_', '-')}: {found[twice.name]!r} and {word!r}", twice.name
    open_ones = [item for item in params if item.name not in found]
    duration = next((item for item in open_ones if item.type == "duration"), None)
    if word[:1].isdigit() and duration:
        return f"{word!r} has no unit. Write 5m or 1h", duration.name
    said = f"{word!r} is not {', nor '.join(item.what for item in open_ones) or 'understood here'}"
    return said, open_ones[0].name if open_ones else ""


def checked(name: str, params: Sequence[Param], values: Mapping[str, str]) -> dict[str, str]:
    """Return values by name, each of its declared type and in its plain form.

    Raises:
        InvalidCommand: an unknown name, a missing one, or a value of another type.
    """
    values = {key: plain(text) for key, text in values.items()}
    known = {item.name: item for item in params}
    for key, text in values.items():
        if key not in known:
            message = f"{name} has no option {key!r}; it takes {', '.join(known) or 'none'}"
            raise InvalidCommand(message, hint=example(name, params))
        if text and not known[key].takes(text):
            wrong = "has no unit. Write 5m or 1h" if known[key].type == "duration" else f"is not {known[key].what}"
            message = f"{key.replace('_', '-')} {text!r} {wrong}"
            raise InvalidCommand(message, hint=example(name, params, key))
    missing = [item for item in params if item.required and not values.get(item.name)]
    if missing:
        raise InvalidCommand(f"{name} needs {missing[0].lacking}", hint=example(name, params))
    return {key: text for key, text in values.items() if text}
