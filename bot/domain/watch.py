"""Who watches the bot: what is wrong with itself, judged from what its processes say and how its rows stand (§16). Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.ids import alert_key
from bot.domain.timing import Timing

SLACK_FAILS = 3
"""Sign-ins that fail in a row before that is an alert (§2)."""
FORGED = 20
"""Wrong signatures within the window that are an alert (§6, N6)."""
_INTERVALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a process says of itself at each pulse."""

    late_tick: str = ""
    late_seconds: float = 0.0
    slack_fails: int = 0
    slack_error: str = ""
    forged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Process(Said):
    """One process that was seen of late."""

    id: str
    version: str
    started_at: datetime
    seen_at: datetime
    skew_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How messages and calls stand."""

    oldest_critical: datetime | None
    oldest_due: datetime | None
    """Of the messages that might go now."""
    waiting: int
    gate_until: datetime | None
    """Slack lets us send again then."""
    dead: int
    rerouted: list[str]
    """Channels that took no message of late."""
    copied_n: int
    """The newest record of which a copy went outside."""
    uncopied_since: datetime | None
    """When the first record after it was written."""
    forgotten: list[int]
    """Alerts that nobody has acknowledged and nobody will be called for, though their chain is not exhausted."""
    exhausted: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAge:
    """When a check was looked at last."""

    check_id: str
    observed_at: datetime | None
    unknown_streak: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One number now, with its labels' values in their order."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One of our own checks: whether it is bad, and what its sentence says."""

    check: str
    bad: bool
    facts: Mapping[str, object]
    severity: str = "critical"


def findings(
    processes: Sequence[Process], figures: Figures, up_since: datetime, now: datetime, timing: Timing
) -> tuple[Finding, ...]:
    """Return every check of the bot itself; a warning is told in the channel and calls nobody by pager.

    What waited while nobody was there, before `up_since`, is not late yet: the card of the return says it.
    """
    late = max(processes, key=lambda item: item.late_seconds)
    slack = max(processes, key=lambda item: item.slack_fails)
    skew = max(item.skew_seconds for item in processes)
    forged = sum(item.forged for item in processes)
    waits = _waits(max(figures.oldest_critical, up_since) if figures.oldest_critical else None, now)
    off = skew > timing.clock_limit.total_seconds()
    return (
        Finding(check="outbox_lag", bad=waits >= timing.outbox_late, facts={"seconds": int(waits.total_seconds())}),
        Finding(check="outbox_dead", bad=bool(figures.dead), facts={"count": figures.dead}),
        Finding(
            check="scheduler_lag",
            bad=late.late_seconds >= timing.scheduler_late.total_seconds(),
            facts={"tick": late.late_tick, "seconds": int(late.late_seconds)},
        ),
        Finding(check="bot_clock_skew", bad=off, facts={"seconds": int(skew)}),
        Finding(
            check="clock_skew",
            bad=not off and skew > timing.clock_skew.total_seconds(),
            facts={"seconds": int(skew)},
            severity="warning",
        ),
        Finding(check="slack_auth", bad=slack.slack_fails >= SLACK_FAILS, facts={"error": slack.slack_error}),
        Finding(check="escalation_gap", bad=bool(figures.forgotten), facts={"alerts": _keys(figures.forgotten)}),
        Finding(check="escalation_exhausted", bad=bool(figures.exhausted), facts={"alerts": _keys(figures.exhausted)}),
        Finding(
            check="routing_degraded",
            bad=bool(figures.rerouted),
            facts={"channels": ", ".join(figures.rerouted)},
            severity="warning",
        ),
        Finding(check="inbound_abuse", bad=forged >= FORGED, facts={"count": forged}, severity="warning"),
    )


def _waits(since: datetime | None, now: datetime) -> timedelta:
    return now - since if since else timedelta(0)


def _keys(numbers: Collection[int]) -> str:
    return ", ".join(alert_key(number) for number in numbers)


def overdue(
    ages: Sequence[CheckAge], intervals: Mapping[str, timedelta], up_since: datetime, now: datetime, timing: Timing
) -> dict[str, timedelta]:
    """Return the checks that nobody looked at for too long, and for how long; who just started gives them time (O2)."""
    seen = {item.check_id: item.observed_at for item in ages}
    waits = {name: now - max(seen.get(name) or up_since, up_since) for name in intervals}
    return {
        name: waited
        for name, waited in waits.items()
        if waited > max(intervals[name] * _INTERVALS, timing.overdue_least)
    }


PING_NEEDS = ("outbox_lag", "scheduler_lag", "slack_auth")


def is_well(found: Collection[Finding], late: Collection[str]) -> bool:
    """Say whether the outside monitor may hear that all is well (§16, W1)."""
    return not late and not any(item.bad for item in found if item.check in PING_NEEDS)


def slack_late(figures: Figures, now: datetime, timing: Timing) -> timedelta:
    """Return how late messages come, where that is worth saying; else nothing (cards, section 13)."""
    waits = max(_waits(figures.oldest_due, now), (figures.gate_until or now) - now)
    return waits if waits >= timing.slack_slow else timedelta(0)


def uncopied(figures: Figures, now: datetime, timing: Timing) -> timedelta:
    """Return for how long the record has had no copy outside, where that is too long; else nothing."""
    waits = _waits(figures.uncopied_since, now)
    return waits if waits >= timing.anchor_log + timing.silent_after else timedelta(0)
