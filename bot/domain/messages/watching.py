"""What the bot says of itself: pages of the second path, a reduced mode, and what happened while it was away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.messages.alerts import AlertLine
from bot.domain.messages.base import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Message):
    """What the second path is told of an alert, in 140 characters (cards, section 13)."""

    action: str
    """`trigger`, `acknowledge` or `resolve`."""
    dedup_key: str
    """The alert's fingerprint: what belongs together on the other side."""
    key: str
    """`A31`; empty for what has no row."""
    check: str
    severity: str
    what: str
    detail: str
    since: datetime
    by: str
    """Who has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Something is reduced at present: the last line of every answer says so (cards, section 13)."""

    kind: str
    """`freeze`, `clock`, `record`, `no_copy` or `slack_slow`; names the sentence in `templates/slack/parts/mode.j2`."""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeNotice(Message):
    """A reduced mode begins, or all is normal again."""

    mode: Mode
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwayCard(Message):
    """Posted once when the bot is back: what came meanwhile, what is late, what ended, what is next."""

    away_from: datetime
    away_to: datetime
    restarted: bool
    """The process was started anew; else it stood still, or the database was away."""
    looking_until: datetime
    """What came meanwhile is known by then."""
    alerts: tuple[AlertLine, ...]
    before: tuple[AlertLine, ...]
    """Open alerts that came before we were away: nobody was called for them meanwhile."""
    missed_looks: int
    late_calls: int
    latest_call: timedelta | None
    ended_plans: tuple[str, ...]
    record_n: int
