"""The alert state machine of the specification (§3): one pure decision per observation.

States are pending, firing, resolving, resolved; no row = inactive. Acknowledged and unsteady are facts, not states.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.audit import canonical
from bot.domain.timing import Timing
from bot.domain.workers import Status

_UNSTEADY_CHANGES = 4


class Change(StrEnum):
    """What an observation does to an alert."""

    NOTHING = "nothing"
    BEGIN = "begin"
    """A new row, pending."""
    FORGET = "forget"
    """Pending and well again: the row goes, nobody was told."""
    FIRE = "fire"
    FIRE_AT_ONCE = "fire_at_once"
    """A new row that fires without waiting."""
    KEEP = "keep"
    """Still bad: fresh evidence, no message of its own."""
    RECOVER = "recover"
    """Well again, not yet counted as recovered."""
    RELAPSE = "relapse"
    RESOLVE = "resolve"
    WAIT_TO_REOPEN = "wait_to_reopen"
    """Resolved lately and bad again: wait out `for` on the same row."""
    CALM = "calm"
    """Resolved, was bad for less than `for`."""
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the machine needs to know of a stored alert."""

    state: str
    pending_since: datetime | None = None
    resolving_since: datetime | None = None
    resolved_at: datetime | None = None
    by_hand: bool = False
    changes: tuple[datetime, ...] = ()
    unsteady: bool = False


def decide(alert: State | None, status: Status, now: datetime, timing: Timing) -> tuple[Change, str]:
    """Return what an observation does to an alert, and why; `unknown` does nothing (O2)."""
    if status is Status.UNKNOWN:
        return Change.NOTHING, "could not tell"
    bad = status is Status.BAD
    if alert is None or (alert.state == "resolved" and not _may_reopen(alert, now, timing)):
        return _from_inactive(bad, timing)
    match alert.state:
        case "pending":
            return _from_pending(alert, bad, now, timing)
        case "firing":
            return (Change.KEEP, "still bad") if bad else (Change.RECOVER, "well again")
        case "resolving":
            return _from_resolving(alert, bad, now, timing)
        case "resolved":
            return _from_resolved(alert, bad, now, timing)
    raise ValueError(f"no such alert state: {alert.state}")


def _from_inactive(bad: bool, timing: Timing) -> tuple[Change, str]:
    if not bad:
        return Change.NOTHING, "well"
    if timing.pending_for <= timedelta(0):
        return Change.FIRE_AT_ONCE, "bad, no wait"
    return Change.BEGIN, "bad, waiting"


def _waited(since: datetime | None, now: datetime, timing: Timing) -> bool:
    """Say whether `for` is over, with half an interval of tolerance so that a late tick costs no whole one."""
    return since is not None and now - since >= timing.pending_for - timing.check_interval / 2


def _from_pending(alert: State, bad: bool, now: datetime, timing: Timing) -> tuple[Change, str]:
    if not bad:
        return Change.FORGET, "well before it fired"
    if _waited(alert.pending_since, now, timing):
        return Change.FIRE, "bad for long enough"
    return Change.KEEP, "bad, waiting"


def _from_resolving(alert: State, bad: bool, now: datetime, timing: Timing) -> tuple[Change, str]:
    if bad:
        return Change.RELAPSE, "a dip is not a recovery"
    since = alert.resolving_since or now
    needed = timing.flap_quiet if alert.unsteady else timing.keep_firing_for
    if now - since >= needed:
        return Change.RESOLVE, "well for long enough"
    return Change.NOTHING, "well, waiting"


def _may_reopen(alert: State, now: datetime, timing: Timing) -> bool:
    """Say whether a resolved row is still the place for a new badness."""
    if alert.resolved_at is None:
        return False
    if alert.by_hand:
        return now - alert.resolved_at < timing.refire_after_manual
    return alert.pending_since is not None or now - alert.resolved_at < timing.reopen_window


def _from_resolved(alert: State, bad: bool, now: datetime, timing: Timing) -> tuple[Change, str]:
    if alert.by_hand:
        return Change.NOTHING, "resolved by hand, not asked again yet"
    if not bad:
        return (Change.CALM, "well again") if alert.pending_since else (Change.NOTHING, "well")
    if alert.pending_since is None:
        return Change.WAIT_TO_REOPEN, "bad again, waiting"
    if _waited(alert.pending_since, now, timing):
        return Change.REOPEN, "bad again for long enough"
    return Change.NOTHING, "bad again, waiting"


def changes_lately(changes: Sequence[datetime], now: datetime, timing: Timing) -> int:
    """Return how often firing and resolved followed each other of late."""
    return sum(1 for moment in changes if now - moment <= timing.flap_window)


def is_unsteady(changes: Sequence[datetime], now: datetime, timing: Timing) -> bool:
    """Say whether that was too often."""
    return changes_lately(changes, now, timing) >= _UNSTEADY_CHANGES


def fingerprint(env: str, check: str, labels: Mapping[str, str]) -> str:
    """Return the identity of an alert across its episodes (F1): environment, check and declared labels only."""
    text = canonical({"v": 1, "env": env, "check": check, "labels": dict(labels)})
    return hashlib.sha256(text.encode()).hexdigest()
