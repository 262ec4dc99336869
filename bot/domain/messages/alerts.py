"""Alerts as people see them: the live card, its thread, the list, the timeline, who is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.domain.messages.base import Call, Link, Message
from bot.domain.workers import SourceVerdict, next_steps


class AlertFace(StrEnum):
    """Which of the alert card's faces is shown (cards, section 1)."""

    FIRING = "firing"
    ACKED = "acked"
    ESCALATED = "escalated"
    RECOVERING = "recovering"
    RECOVERED = "recovered"
    REOPENED = "reopened"
    UNSTEADY = "unsteady"
    BY_HAND = "by_hand"
    HIDDEN = "hidden"
    """The check cannot see at the moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLine:
    """One of the worst workers of an alert."""

    worker_id: str
    silent_for: timedelta
    jobs_held: int | None
    """None: the queue does not say whose jobs are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One thing done about an alert: a run, a read with a finding, the proof."""

    title: str
    state: str
    at: datetime | None = None
    by: str = ""
    key: str = ""
    step: str = ""
    reset: int = 0
    """Jobs that it reset."""
    proved: bool = False
    took: timedelta | None = None
    """From its end to its proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCard(Message):
    """One live card per alert, edited in place."""

    key: str
    check: str
    """`worker_heartbeat`, `db_reachable`, `check_blind`, `api_health`, `jobs_stuck`, `migration_blocked`, `vendor_errors`."""
    face: AlertFace
    severity: str
    label: str
    """`ingest`, `enforcement`, or the thing a check is about."""
    started_at: datetime
    fired_at: datetime
    reason: str = ""
    word: str = "offline"
    """What is wrong, in a word."""
    counted: Mapping[str, Any] | None = None
    """What a check counted: `count` of stuck jobs; `waits`, `holder`, `idle` and `others` of a blocked migration."""
    seen_at: datetime | None = None
    """When it was last seen, where it cannot be seen now."""
    unseen: str = ""
    """Why it cannot be seen now."""
    online: int | None = None
    total: int | None = None
    newest_heartbeat: datetime | None = None
    newest_status: str = ""
    verdicts: tuple[SourceVerdict, ...] = ()
    pending: int | None = None
    processing: int | None = None
    jobs_held: int | None = None
    """Jobs `processing` whose worker is of this type."""
    worst: tuple[WorkerLine, ...] = ()
    worst_total: int = 0
    calls: tuple[Call, ...] = ()
    next_calls: tuple[Call, ...] = ()
    acked_by: str = ""
    acked_at: datetime | None = None
    ack_ends_at: datetime | None = None
    online_since: datetime | None = None
    recovered_if_until: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolved_reason: str = ""
    reopens_until: datetime | None = None
    reopens: int = 0
    recovered_at: datetime | None = None
    """When it had recovered before it opened again."""
    ack_gone: bool = False
    """Somebody had acknowledged it before it opened again."""
    lapsed_by: str = ""
    """Whose acknowledgement ended by itself."""
    lapsed_at: datetime | None = None
    in_logs: tuple[tuple[str, int], ...] | None = None
    """What was found in the logs, and how often; None = nobody looked."""
    changes: int = 0
    late: bool = False
    """It was over before this card arrived: the only message of it."""
    steps: tuple[StepLine, ...] = ()
    open_plan: Link | None = None
    """Its newest plan that is not over."""
    open_step: str = ""
    """What that one plans."""
    scenario: str = "worker-death"
    vendor: str = ""
    """The name of the vendor that fails, by which it is asked."""
    sources: Mapping[str, Any] | None = None
    """What speaks for a vendor's failing: jobs, log lines, our own call, its page."""
    pause: str = ""
    """How the pause of a failing vendor's jobs stands: `active`, `stopped` or `resuming`; empty = there is none."""
    accepted: Mapping[str, Any] | None = None
    """Who accepted the record as it stands since it was found broken, from which number on, and why."""
    service: str = ""
    """The service that runs this worker type, as people call it."""

    @property
    def next_steps(self) -> tuple[str, ...]:
        """Return what comes next for workers that are offline, as the status card says it too."""
        restarts = [step for step in self.steps if step.step == "restart" and step.at and step.at >= self.started_at]
        taken = [*(["logs"] if self.in_logs is not None else []), *(["restart"] if restarts else [])]
        return next_steps(service=self.service, taken=taken, held=self.jobs_held != 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReply(Message):
    """A reply in the alert's thread: what happened to the alert (cards, section 1)."""

    key: str
    event: str
    """`escalated`, `exhausted`, `recovered`, `reopened`, `resolved_by_hand`, `acknowledged`, `unsteady`, `ack_lapsed`, `ack_reminder`."""
    label: str
    at: datetime
    word: str = "offline"
    """What is wrong, in a word."""
    mentions: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    """Whoever must be called and is not in Slack."""
    called: str = ""
    """`team lead`: the label of the level that is called now."""
    earlier: tuple[Call, ...] = ()
    next_calls: tuple[Call, ...] = ()
    down_for: timedelta | None = None
    online: int | None = None
    total: int | None = None
    pending: int | None = None
    reset: int = 0
    failed: int = 0
    """Jobs that were set to failed: they do not run again by themselves."""
    put_back: int = 0
    """Jobs of resets that were undone since: they are as they were."""
    picked_up: bool = False
    left: int = 0
    """Jobs that dead workers still hold."""
    paused: int = 0
    """Jobs that a pause still holds."""
    changes: int = 0
    """How often it fired and recovered of late."""
    ack_gone: bool = False
    """Somebody had acknowledged it before it opened again."""
    reason: str = ""
    actor: str = ""
    card: Link | None = None
    accepted: Mapping[str, Any] | None = None
    """Who accepted the record as it stands since it was found broken, from which number on, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveForm(Message):
    """Modal: says why an alert is resolved by hand."""

    key: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One open alert on a list."""

    key: str
    title: str
    state: str
    since: datetime
    acked_by: str = ""
    acked_at: datetime | None = None
    online: int | None = None
    total: int | None = None
    """Workers of the type the alert is about; None where it is about none."""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertList(Message):
    """Open alerts, worst first."""

    alerts: tuple[AlertLine, ...]
    last: AlertLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One event of an alert's life; its words are in `templates/slack/timeline.j2`."""

    at: datetime
    event: str
    """`began`, `run`, or what happened to the alert."""
    actor: str = "dragonfly"
    reason: str = ""
    who: tuple[str, ...] = ()
    """Who was called, or is asked."""
    label: str = ""
    took: timedelta | None = None
    step: StepLine | None = None
    found: tuple[tuple[str, int], ...] = ()
    """What was found in the logs, and how often."""
    record_n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Message):
    """Oldest first, a line an event."""

    key: str
    label: str
    word: str
    """What is wrong, in a word."""
    state: str
    """`firing`, `resolving`, `resolved` or `by_hand`."""
    wrong_for: timedelta
    entries: tuple[TimelineEntry, ...]
    record_n: int | None = None
    """To which number the record was last seen to add up."""
    record_at: datetime | None = None
    copied_n: int = 0
    copied_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallNow:
    """Who is on call, until when, and who is next."""

    who: str
    until: datetime | None
    then: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallCard(Message):
    """Who is on call, and who is called next for each scenario."""

    now: OnCallNow | None
    chains: tuple[tuple[str, tuple[Call, ...]], ...]
