"""Everything that is only looked at."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.messages.alerts import AlertLine, OnCallNow
from bot.domain.messages.base import Call, Link, Message
from bot.domain.messages.lists import PauseCard
from bot.domain.messages.plans import JobLine, PlanCard
from bot.domain.workers import SourceVerdict


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
class SourceLine:
    """Something looked at besides the queue: API, database, vendor, migrations."""

    name: str
    verdict: str
    """`ok`, `failing`, `could not tell`."""
    detail: str = ""
    age: timedelta | None = timedelta(0)
    """How long ago it was looked at; 0 = for this card, None = never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """What this process saw at its last look at heartbeats, for a card that cannot be read now."""

    at: datetime
    workers: tuple[tuple[str, int, int], ...]
    """(what people call the type, online, total)."""
    pending: int | None
    processing: int | None


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
    changes_by: str = ""
    """Who turned them off, and since when; empty where it was no person."""
    changes_since: datetime | None = None
    blind: str = ""
    """`hidden` (row security), `unreachable`, or empty."""
    blind_reason: str = ""
    refused_hint: str = ""
    """What to do about a database that refused to be read; empty where it did not answer, which is another thing."""
    last: LastSeen | None = None
    """What was seen before it was unreachable."""
    logs: str = ""
    """The service whose logs may be looked at meanwhile, as people call it."""
    reset_possible: bool = False
    reset_why_not: str = ""
    restart: str = ""
    """The service whose workers are offline, as people call it, where it may be restarted."""
    down: str = ""
    """The alert of these workers, `A31`, if there is one."""
    next_steps: tuple[str, ...] = ()
    """What comes next for them, as their alert says it too: `logs`, `restart`, `reset`."""
    shared_by: str = ""
    recorded: bool = True

    @property
    def has_findings(self) -> bool:
        """Say whether something is not well."""
        stuck = bool(self.queue.stuck)
        bad = any(line.expected and line.status != "ok" for line in self.workers)
        return bool(self.blind) or stuck or bad or bool(self.alerts)


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
    soon: int = 0
    """Jobs of dead workers that are not stuck yet, and when the last of them will be."""
    stuck_by: datetime | None = None


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
    needs_reason: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookCard(Message):
    """The declared steps of a scenario."""

    scenario: str
    title: str
    trigger: str
    steps: tuple[RunbookStepLine, ...]
    calls: tuple[Call, ...] = ()
    alert: Link | None = None
    vendor: str = ""
    """The name of the vendor that the alert is about."""
    checked_ago: timedelta | None = None
    """How long ago the database was asked which steps are ready; None = no step asks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Help(Message):
    """Which words there are; `topic` narrows it."""

    topic: str = ""
    found: tuple[tuple[str, str], ...] = ()
    """(usage, sentence)."""


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

    @property
    def has_findings(self) -> bool:
        """Say whether something is not well."""
        return any(line.status != "ok" for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorLine:
    """One thing doctor looked at."""

    name: str
    verdict: str
    """`ok`, `bad`, `unknown`, or `off`: not set up, which is no fault."""
    detail: str
    remedy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport(Message):
    """Says whether it will work at night."""

    lines: tuple[DoctorLine, ...]
    took: timedelta

    @property
    def has_findings(self) -> bool:
        """Say whether something will not work, or could not be told."""
        return any(line.verdict in ("bad", "unknown") for line in self.lines)


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
    """Whether the record adds up, and with which copies of its end it was compared."""

    whole_to: int
    broken_at: int | None
    fault: str
    name: str = ""
    """The break's name, such as `content 1712`."""
    copied_to: int = 0
    """As the record itself says; no proof."""
    anchored_to: int | None = None
    """The newest number of the copies that were given."""
    copies: int = 0
    """Copies that prove something: with a key, those that are signed."""
    older: int = 0
    """Copies from before an acceptance."""
    differ: int = 0
    """Of those, the ones that the record contradicts."""
    unsigned: int = 0
    has_key: bool = False
    accepted_at: int | None = None
    """A person accepted what stands before this number; the chain counts from here."""
    accepted_by: str = ""
    accepted_why: str = ""
    accepted_signed: bool = False
    """With the key: nobody without it can have made it up."""

    @property
    def contradicts(self) -> bool:
        """Say whether copies from before contradict an acceptance that anybody may have made up."""
        return bool(self.differ) and not self.accepted_signed

    @property
    def proves_nothing(self) -> bool:
        """Say whether copies were given and none of them proves anything."""
        return self.has_key and bool(self.unsigned) and not self.copies

    @property
    def has_findings(self) -> bool:
        """Say whether it does not add up, or that cannot be said."""
        return self.broken_at is not None or self.contradicts or self.proves_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorNote(Message):
    """A copy of the end of the record, kept in Slack."""

    n: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedPlan:
    """A plan as it stands, and where its card is."""

    card: PlanCard
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home(Message):
    """App Home, per person."""

    reader: str
    """Whose Home it is."""
    role: str
    """`approver`, `operator`, `viewer`, `nobody`, or empty: the directory cannot be asked."""
    oncall: OnCallNow | None
    ask: str = ""
    """Whom to ask for a change, where the reader may make none."""
    waiting: tuple[LinkedPlan, ...] = ()
    """The reader's own plans that are issued, and those that wait for their approval."""
    reviews: tuple[LinkedPlan, ...] = ()
    """What somebody else ran alone and the reader may look at."""
    alerts: tuple[AlertLine, ...] = ()
    held: tuple[PauseCard, ...] = ()
    mine: tuple[LinkedPlan, ...] = ()
    """What the reader carried out last."""
    checked_ago: timedelta | None = None
    """How long ago every step was looked at; None = never."""
    steps: int = 0
    ready: int = 0
    blind: str = ""
    """Why the database cannot be seen, or empty."""

    @property
    def on_call_self(self) -> bool:
        """Say whether the reader is on call."""
        return self.oncall is not None and self.oncall.who == self.reader.rpartition("/")[2]
