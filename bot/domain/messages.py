"""One frozen value per message that people can get; no words of Slack, no layout.

Three renderings are made of each: Block Kit, terminal text, and `--json` (the value itself). Words are in `templates/`,
layout in `bot.render`. A number that cannot be read is None and renders as `not known`, never as 0.
People are Slack user or user-group ids, `cli:` actors or plain names; a renderer makes mentions of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.workers import SourceVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What every card has: the environment and the time it is true for."""

    env: str
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Somebody who was called, or will be."""

    who: tuple[str, ...]
    label: str
    """`on call`, `team lead`, `everyone`."""
    at: datetime
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A card elsewhere in Slack."""

    key: str
    """`7F3K` or `A31`."""
    url: str = ""


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
    jobs_held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One thing done about an alert: a run, a read with a finding, the proof."""

    title: str
    state: str
    at: datetime | None = None
    by: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCard(Message):
    """One live card per alert, edited in place."""

    key: str
    check: str
    """`worker_heartbeat`, `db_reachable`, `check_blind`, `api_health`."""
    face: AlertFace
    severity: str
    label: str
    """`ingest`, `enforcement`, or the thing a check is about."""
    started_at: datetime
    fired_at: datetime
    reason: str = ""
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
    ack_reminder_at: datetime | None = None
    ack_ends_at: datetime | None = None
    online_since: datetime | None = None
    recovered_if_until: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolved_reason: str = ""
    reopens_until: datetime | None = None
    reopens: int = 0
    first_recovered_at: datetime | None = None
    changes: int = 0
    steps: tuple[StepLine, ...] = ()
    open_plan: Link | None = None
    scenario: str = "worker-death"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReply(Message):
    """A reply in the alert's thread: what happened to the alert (cards, section 1)."""

    key: str
    event: str
    """`escalated`, `recovered`, `reopened`, `resolved_by_hand`, `acknowledged`, `unsteady`, `ack_lapsed`, `ack_reminder`."""
    label: str
    at: datetime
    mentions: tuple[str, ...] = ()
    called: str = ""
    """`team lead`: the label of the level that is called now."""
    earlier: tuple[Call, ...] = ()
    next_calls: tuple[Call, ...] = ()
    down_for: timedelta | None = None
    online: int | None = None
    total: int | None = None
    pending: int | None = None
    reset: int = 0
    picked_up: bool = False
    reason: str = ""
    actor: str = ""
    card: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersLine:
    """One worker type on the status card."""

    label: str
    worker_type: str
    online: int | None
    total: int | None
    newest_heartbeat: datetime | None
    status: str
    """`ok`, `bad` or `unknown`."""
    reason: str
    verdicts: tuple[SourceVerdict, ...] = ()
    expected: bool = True
    jobs_held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """The queue on the status card; None where it cannot be read."""

    pending: int | None
    oldest_pending: timedelta | None
    processing: int | None
    paused: int | None
    failed_24h: int | None
    stuck: int | None
    stuck_dead: int | None
    stuck_slow: int | None
    stuck_unknown: int | None
    counts: tuple[tuple[str, str, int], ...] = ()
    """(job type, status, count) of unfinished jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One open alert on a list."""

    key: str
    title: str
    state: str
    since: datetime
    acked_by: str = ""
    acked_at: datetime | None = None
    detail: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """Something looked at besides the queue: API, database, vendor, migrations."""

    name: str
    verdict: str
    """`ok`, `failing`, `could not tell`."""
    detail: str = ""
    age: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallNow:
    """Who is on call, until when, and who is next."""

    who: str
    until: datetime | None
    then: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCard(Message):
    """Everything on one screen, always in the same order."""

    took: timedelta
    workers: tuple[WorkersLine, ...]
    queue: QueueLine
    elsewhere: tuple[SourceLine, ...]
    alerts: tuple[AlertLine, ...]
    oncall: OnCallNow | None
    gate_verdict: str = ""
    """What the release gate would say of the workers, where it differs."""
    changes_on: bool = True
    changes_why: str = ""
    blind: str = ""
    """`hidden` (row security), `unreachable`, or empty."""
    blind_since: datetime | None = None
    blind_reason: str = ""
    last_seen_at: datetime | None = None
    reset_possible: bool = False
    reset_why_not: str = ""
    shared_by: str = ""
    recorded: bool = True

    @property
    def has_findings(self) -> bool:
        """Say whether something is not well."""
        stuck = bool(self.queue.stuck)
        bad = any(line.expected and line.status != "ok" for line in self.workers)
        return bool(self.blind) or stuck or bad or bool(self.alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One job of a list: only public facts, never payload or error text."""

    id: str
    job_type: str
    locked_for: timedelta
    attempts: int
    max_attempts: int
    worker_id: str
    disposition: str
    reason: str
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckList(Message):
    """`stuck`: jobs that have been processing too long, by what is known of their worker."""

    total: int
    stuck_after: timedelta
    jobs: tuple[JobLine, ...]
    dead: int
    slow: int
    unknown: int
    unlisted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobGroup:
    """Jobs of one type and disposition, as ranges."""

    disposition: str
    reason: str
    job_type: str
    count: int
    locked_least: timedelta
    locked_most: timedelta
    attempts_least: int
    attempts_most: int
    max_attempts: int
    idempotent: str = "unknown"
    """`yes`, `no` or `unknown`."""


class PlanFace(StrEnum):
    """Which of the plan card's faces is shown (cards, section 3)."""

    ISSUED = "issued"
    NEEDS_SECOND = "needs_second"
    ASKED = "asked"
    APPROVED = "approved"
    WAITING = "waiting"
    """Confirmed; runs after a second look."""
    WORKING = "working"
    """Carried out; the proof is watched."""
    RECOVERED = "recovered"
    NO_EFFECT = "no_effect"
    PROOF_UNKNOWN = "proof_unknown"
    NOTHING_TO_DO = "nothing_to_do"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    DENIED = "denied"
    REFUSED = "refused"
    NOT_RUN = "not_run"
    FAILED = "failed"
    STOPPED = "stopped"
    """Some batches done, the rest not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCard(Message):
    """What exactly would be done, to what, what not and why; later, what came of it."""

    key: str
    face: PlanFace
    step: str
    requester: str
    seal: str
    created_at: datetime
    expires_at: datetime
    database: str
    """Host, name and role of the database, and the variable that named it."""
    strategy: str
    resets: int = 0
    fails_exhausted: int = 0
    fails_poison: int = 0
    left_slow: int = 0
    left_unknown: int = 0
    left_unlisted: int = 0
    left_over: int = 0
    """Beyond the cap of one plan: run it again for the rest."""
    groups: tuple[JobGroup, ...] = ()
    dead_for: timedelta | None = None
    """How long the silent workers have been silent, at least."""
    wait: tuple[timedelta, timedelta] | None = None
    """Least and most wait before the next try, where the queue keeps one."""
    proof_limit: timedelta = timedelta(minutes=5)
    approval_why: str = ""
    approve_above: int = 500
    ask_reason: str = ""
    approvers: tuple[str, ...] = ()
    approved_by: str = ""
    approved_at: datetime | None = None
    secret: str = ""
    """The value of the button that acts; empty where there is none."""
    run_before: datetime | None = None
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    runs_at: datetime | None = None
    took: timedelta | None = None
    did_reset: int = 0
    did_fail: int = 0
    moved_on: int = 0
    reason: str = ""
    ended_by: str = ""
    ended_at: datetime | None = None
    superseded_by: str = ""
    record_n: int | None = None
    picked_up: int | None = None
    proof_took: timedelta | None = None
    proof_until: datetime | None = None
    called: tuple[str, ...] = ()
    alert: Link | None = None
    can_confirm: bool = True

    @property
    def acting(self) -> int:
        """Return how many jobs the plan would touch."""
        return self.resets + self.fails_exhausted + self.fails_poison

    @property
    def leaving(self) -> int:
        """Return how many stuck jobs the plan leaves alone."""
        return self.left_slow + self.left_unknown + self.left_unlisted


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReply(Message):
    """Who did what, in the plan's thread; and the proof."""

    key: str
    event: str
    """`confirmed`, `done`, `proved`, `no_effect`, `approved`, `denied`, `cancelled`."""
    actor: str
    at: datetime
    did_reset: int = 0
    did_fail: int = 0
    moved_on: int = 0
    label: str = ""
    took: timedelta | None = None
    still_pending: int = 0
    run_before: datetime | None = None
    seal: str = ""
    called: tuple[str, ...] = ()
    record_n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotPlan(Message):
    """The step is not possible on this database as it stands."""

    step: str
    title: str
    reasons: tuple[str, ...]
    remedy: tuple[str, ...] = ()
    instead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingStuck(Message):
    """A plan was asked for and there is nothing it would touch."""

    stuck: int
    slow: int
    unknown: int
    unlisted: int
    guard_until: datetime | None = None
    jobs: tuple[JobLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDetails(Message):
    """Modal and shell: every target of a plan, the statement and the strategy."""

    key: str
    seal: str
    jobs: tuple[JobLine, ...]
    total: int
    strategy: str
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskForm(Message):
    """Modal: says why a second person is asked."""

    key: str
    title: str
    acting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedForm(Message):
    """Modal: type the target to go on."""

    key: str
    title: str
    target: str
    approved_by: str
    secret: str
    run_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveForm(Message):
    """Modal: says why an alert is resolved by hand."""

    key: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Working(Message):
    """Modal: opened at once, filled within three seconds."""

    title: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookStepLine:
    """One declared step of a runbook, with whether it is ready."""

    number: int
    step: str
    title: str
    why: str
    risk: str
    ready: str
    """`ready`, `will not work: …`, `by hand`, `later`."""
    shell: str = ""
    action: str = ""
    """The action id of its button, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookCard(Message):
    """The declared steps of a scenario."""

    scenario: str
    title: str
    trigger: str
    steps: tuple[RunbookStepLine, ...]
    calls: tuple[Call, ...] = ()
    checked_at: datetime | None = None
    alert: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallCard(Message):
    """Who is on call, and who is called next for each scenario."""

    now: OnCallNow | None
    chains: tuple[tuple[str, tuple[Call, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertList(Message):
    """Open alerts, worst first."""

    alerts: tuple[AlertLine, ...]
    last: AlertLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One event of an alert's life."""

    at: datetime
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Message):
    """Oldest first, a line an event."""

    key: str
    label: str
    summary: str
    entries: tuple[TimelineEntry, ...]
    record_n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Help(Message):
    """Which words there are; `topic` narrows it."""

    topic: str = ""
    found: tuple[tuple[str, str], ...] = ()
    """(usage, sentence)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button of an answer: its action id, label and value."""

    action: str
    label: str
    value: str
    primary: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Message):
    """A short answer for one person: a refusal, an error, a link (cards, 0.8 and 9).

    `kind` names the sentence in `templates/slack/notice.j2`; `facts` fill it.
    """

    kind: str
    facts: Mapping[str, object] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    recorded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One finding of `dragonfly check`."""

    check: str
    label: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport(Message):
    """What every scheduled check says now."""

    lines: tuple[CheckLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorLine:
    """One thing doctor looked at."""

    name: str
    verdict: str
    """`ok`, `bad` or `unknown`."""
    detail: str
    remedy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport(Message):
    """Says whether it will work at night."""

    lines: tuple[DoctorLine, ...]
    took: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One record, for people."""

    n: int
    at: datetime
    event: str
    actor: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditList(Message):
    """Records, newest last."""

    entries: tuple[AuditEntry, ...]
    whole: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict(Message):
    """Whether the record adds up."""

    whole_to: int
    broken_at: int | None
    fault: str
    copied_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Home(Message):
    """App Home, per person."""

    role: str
    oncall: OnCallNow | None
    on_call_self: bool
    waiting: tuple[PlanCard, ...]
    alerts: tuple[AlertLine, ...]
    mine: tuple[StepLine, ...]
    blind: str = ""
