"""How a value is written in `dragonfly.toml` and in a variable; what is not so written is said with what to write instead.

The configuration's fields name these types. Pydantic, which reads them, is known here and in `bot.settings` only.
"""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bot.domain.durations import parse_duration
from bot.errors import InvalidCommand

_SLACK_ID = re.compile(r"[UWSC][A-Z0-9]{2,}")
_CHANNEL = re.compile(r"([CG][A-Z0-9]{2,})?")


def between(low: float, high: float | None = None) -> Any:  # pydantic's own mark of a field
    """Return the mark of a number that has bounds, both of them allowed."""
    return Field(ge=low, le=high)


def is_slack_id(text: str) -> bool:
    """Say whether a text is the id of a user, a user group or a channel."""
    return _SLACK_ID.fullmatch(text) is not None


def _duration(written: object) -> timedelta:
    try:
        return parse_duration(str(written))
    except InvalidCommand as error:
        raise ValueError(error.message) from error


def _moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time without a zone; write 2026-01-05T08:00:00Z")
    return value


def _slack_id(text: str) -> str:
    if not is_slack_id(text):
        raise ValueError(f"{text!r} is no Slack id; write U…, W… or a user group S…")
    return text


def _channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text):
        raise ValueError(f"{text!r} is no channel's id; write one such as C0123")
    return text


def _address(written: str | SecretStr) -> str | SecretStr:
    text = written if isinstance(written, str) else written.get_secret_value()
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_one = False
    if text and (not is_one or not text.isprintable() or " " in text):
        raise ValueError("no web address; write one that begins with https://")
    return written


def _account(text: str) -> str:
    if not is_slack_id(text) and not re.fullmatch(r"cli:\S+@\S+", text):
        raise ValueError(f"{text!r} is no account; write a Slack user id U… or W…, or cli:name@host")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone; write one such as America/New_York") from error
    return name


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""`45s`, `5m`, `1h`, `2d`."""
Moment = Annotated[datetime, AfterValidator(_moment)]
"""A time with its zone."""
SlackId = Annotated[str, AfterValidator(_slack_id)]
Channel = Annotated[str, AfterValidator(_channel)]
"""A channel's id, or nothing."""
Address = Annotated[str, AfterValidator(_address)]
"""A web address, or nothing."""
SecretAddress = Annotated[SecretStr, AfterValidator(_address)]
"""A web address that holds a key, or nothing."""
Account = Annotated[str, AfterValidator(_account)]
"""Somebody in Slack, or at a shell."""
Zone = Annotated[str, AfterValidator(_zone)]
"""An IANA name."""
Pattern = Annotated[str, AfterValidator(_pattern)]
"""A regular expression."""
