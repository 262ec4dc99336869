"""How numbers, durations, times, ids and people are written (cards, 0.4 and 0.6). Pure functions."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.durations import spoken
from bot.domain.params import HIDDEN

NOT_KNOWN = "not known"
ID_WIDTH = 26
_MILLION = 1_000_000
_MINUTE = 60
_READS = "status|workers|queue|failed|stuck|ingest|migrations|locks|logs|probe|verify|gate|alerts|timeline|oncall|doctor|help"
_COMMAND = re.compile(rf"(?<![/\w.-])dragonfly ({_READS})\b( --mode)?")
_PLANNED = re.compile(r"^dragonfly plan (?!show\b)([a-z-]+)$")
_BETWEEN = " -_./"
"""What stands between the words of a name."""


def count(value: int | None) -> str:
    """Return a count: `7`, `12,408`, `1.2 M`; unknown is a word, never 0."""
    if value is None:
        return NOT_KNOWN
    return f"{value / _MILLION:.1f} M" if value >= _MILLION else f"{value:,}"


def plural(value: int | None, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 job`, `2 jobs`."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def duration(value: timedelta | None) -> str:
    """Return a duration in two units at most: `84 ms`, `41 s`, `2 m 10 s`, `1 h 05 m`, `3 d 4 h`."""
    if value is None:
        return NOT_KNOWN
    return spoken(value)


def limit(value: timedelta) -> str:
    """Return a limit as people say it: `60 s`, `5 min`; one that is no whole minute like any duration."""
    seconds = value.total_seconds()
    if 0 < seconds <= _MINUTE:
        return duration(value) if seconds < _MINUTE else f"{_MINUTE} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds % _MINUTE == 0 and seconds < 60 * _MINUTE else duration(value)


def span(seconds: float | None) -> str:
    """Return a duration that is kept as seconds."""
    return duration(None if seconds is None else timedelta(seconds=seconds))


def grown(seconds: float | None, at: datetime, now: datetime) -> str:
    """Return an age that was seen at one moment as it is at a later one, if nothing has changed since."""
    return span(None if seconds is None else seconds + max(0, round((now - at).total_seconds())))


def since(moment: str, now: datetime) -> str:
    """Return how long ago a moment was that is kept as ISO text."""
    return age(now - datetime.fromisoformat(moment))


def capitalize(text: str) -> str:
    """Return text with its first letter large; the rest as it is (names keep their letters)."""
    return text[:1].upper() + text[1:]


def age(value: timedelta | None) -> str:
    """Return how long ago something was, in whole seconds at least."""
    return NOT_KNOWN if value is None else duration(timedelta(seconds=max(1, round(value.total_seconds()))))


def clock(value: datetime | None, zone: str = "UTC", *, day: bool = False, seconds: bool = True) -> str:
    """Return a clock time, or a day with its time, that each reader of Slack sees in their own zone."""
    if value is None:
        return NOT_KNOWN
    shown = "{date_short_pretty} {time}" if day else "{time_secs}" if seconds else "{time}"
    return f"<!date^{int(value.timestamp())}^{shown}|{local_time(value, zone, day=day, seconds=seconds)}>"


def local_time(value: datetime | None, zone: str = "UTC", *, day: bool = False, seconds: bool = True) -> str:
    """Return a clock time, or a day with its time, in one zone, for a terminal."""
    written = "%Y-%m-%d %H:%M" if day else "%H:%M:%S" if seconds else "%H:%M"
    return value.astimezone(ZoneInfo(zone)).strftime(written) if value else NOT_KNOWN


def is_another_day(value: datetime, now: datetime, zone: str = "UTC") -> bool:
    """Say whether a moment needs its day to be understood: not today, or half a day away (other zones)."""
    here = ZoneInfo(zone)
    return value.astimezone(here).date() != now.astimezone(here).date() or abs(now - value) > timedelta(hours=12)


def escaped(text: str) -> str:
    """Return text in which nothing means anything to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def visible(text: str) -> str:
    """Return text without control, zero-width and bidirectional characters."""
    return "".join(char for char in text if char == "\n" or unicodedata.category(char) not in HIDDEN)


def clean(text: str) -> str:
    """Return text that can be seen, on one line."""
    return visible("".join(" " if char in "\r\n\t" else char for char in text))


def middle(text: str, width: int = ID_WIDTH) -> str:
    """Return an id cut in the middle; its end stays."""
    if len(text) <= width:
        return text
    tail = text[-9:]
    return f"{text[: width - len(tail) - 1]}…{tail}"


def cut(text: str, width: int) -> str:
    """Return text of at most `width` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def cut_name(text: str, width: int) -> str:
    """Return a name of at most `width` characters for a header, cut where one of its words ends if it has several."""
    if len(text) <= width:
        return text
    kept = cut(text, width)[:-1]
    end = max((at for at, char in enumerate(text[:width]) if char in _BETWEEN and at > 1), default=len(kept))
    return f"{text[:end]}…"


def code(text: str, width: int = 120) -> str:
    """Return untrusted text as a code span."""
    inner = cut(clean(str(text)).replace("`", "'"), width)
    return f"`{inner or ' '}`"


def slashed(text: str) -> str:
    """Return a text whose commands are those of Slack: `/dragonfly locks`; what only a shell has stays as it is."""
    return _PLANNED.sub(r"/dragonfly \1", _COMMAND.sub(r"/dragonfly \1", str(text)))


def person(key: str, names: Mapping[str, str] | None = None) -> str:
    """Return somebody's name for plain text: the given name where it is known, else the id."""
    bare = key.rpartition("/")[2] if key.startswith("slack:") else key.removeprefix("cli:")
    return (names or {}).get(bare, bare) if bare != "dragonfly" else "Dragonfly"


def mention(key: str) -> str:
    """Return a mention by id: a person, a group or a channel; anything else is a name."""
    bare = key.rpartition("/")[2] if key.startswith("slack:") else key.removeprefix("cli:")
    if key.startswith("cli:"):
        return f"{escaped(clean(bare))} (shell)"
    if not bare.isalnum() or not bare.isupper():
        return "Dragonfly" if bare == "dragonfly" else escaped(clean(bare))
    if bare[0] in "UW":
        return f"<@{bare}>"
    return f"<!subteam^{bare}>" if bare[0] == "S" else f"<#{bare}>" if bare[0] in "CG" else bare
