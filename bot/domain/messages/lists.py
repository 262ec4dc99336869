"""Lists that answer one question each: workers, queue, failures, ingest, migrations, locks, logs, probes, proofs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.domain.locks import Tree
from bot.domain.messages.base import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWorker:
    """One worker."""

    worker_id: str
    worker_type: str
    label: str
    status: str
    online: bool
    silent_for: timedelta | None
    """None where none of an expected type ever beat: a row without a worker."""
    jobs_held: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerList(Message):
    """Every worker that beat lately, by type, with what its type finished."""

    workers: tuple[ListedWorker, ...]
    finished: Mapping[str, int]
    """Jobs finished in 15 min by worker type."""
    no_progress: tuple[str, ...]
    """Types with a fresh heartbeat, jobs to do and nothing finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """Jobs of one type by what keeps them."""

    job_type: str
    counts: Mapping[str, int]
    """`due`, `delayed`, `lock-held`, `paused`, `processing`, `failed`."""
    oldest: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextJob:
    """One job that waits, and why, or that is next."""

    id: str
    job_type: str
    attempts: int
    why: str
    """`due`, `delayed until`, `lock held until`."""
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReport(Message):
    """The queue: what is due, and why the rest is not."""

    states: tuple[QueueState, ...]
    next: tuple[NextJob, ...]
    schedules: bool
    """The queue keeps a next try; without it everything pending is due."""
    paused_by: str = ""

    def total(self, name: str) -> int:
        """Return how many jobs of every type something keeps."""
        return sum(state.counts.get(name, 0) for state in self.states)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failures of one type and class."""

    job_type: str
    error: str
    print: str
    count: int
    newest: timedelta
    exhausted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReport(Message):
    """Failures of a window by class; never a word of their texts."""

    since: timedelta
    total: int
    groups: tuple[FailureGroup, ...]
    cut: bool = False
    """More failed than were looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport(Message):
    """The jobs that a vendor outage stops."""

    job_types: tuple[str, ...]
    ignored: tuple[str, ...]
    """Configured types that this database does not know."""
    counts: tuple[tuple[str, str, int], ...]
    """(job type, status, count); what a pause of ours holds is `paused` on every schema."""
    oldest: timedelta | None
    files: tuple[tuple[str, int], ...] | None
    """Names with their jobs; None = not asked for, they stay in the shell."""
    files_hidden: bool
    """Our role may not read the payloads that name them."""
    paused_by: str = ""
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationLine:
    """One version and how the two lists differ about it."""

    version: str
    name: str
    verdict: str
    """`pending`, `differs`, `unknown` (recorded, no local file) or `applied`."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationList(Message):
    """The recorded versions against the local list, by version, never by time."""

    applied: int
    lines: tuple[MigrationLine, ...]
    total: int
    pending: int | None
    """None = no local list to compare with."""
    differs: int = 0
    unknown: int = 0
    source: str = ""
    mixed_lengths: bool = False
    blocked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTree(Message):
    """Who blocks whom."""

    tree: Tree
    advisory: tuple[tuple[int, int], ...] = ()
    """(pid, locks)."""
    cannot: str = ""
    """Why other sessions cannot be seen, or ended."""
    endable: int = 0
    """The first holder that may be ended, or 0."""

    @property
    def has_findings(self) -> bool:
        """Say whether somebody waits."""
        return self.tree.waiting > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport(Message):
    """What a team's own statement shows: cut values, none of a column that may hold personal data."""

    step: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: bool = False
    """There are rows beyond those that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport(Message):
    """What a service's logs show: classes, counts, times; whole lines only in a shell."""

    service: str
    lines: int
    since: datetime | None = None
    until: datetime | None = None
    deployments: tuple[str, ...] = ()
    """Which deployments the lines came from, with their state."""
    evidence: tuple[tuple[str, int, datetime | None], ...] = ()
    """(pattern class, count, last), the strongest first."""
    dropped: int = 0
    oom_lines: int | None = None
    """How many lines speak of OOM, where only that was looked for; None = every pattern was."""
    raw: tuple[str, ...] = ()
    """Full lines; filled for a shell only."""
    url: str = ""
    why_unknown: str = ""
    local: str = ""

    @property
    def is_failing(self) -> bool:
        """Say whether the service itself is in trouble; single jobs that failed are not that."""
        return any(
            name.startswith(("OOM", "crash", "being restarted", "database trouble")) for name, _, _ in self.evidence
        )

    @property
    def is_oom(self) -> bool:
        """Say whether an out-of-memory kill was seen."""
        return any(name.startswith("OOM") for name, _, _ in self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport(Message):
    """What a vendor says of itself, and what our own question found: both, never one."""

    vendor: str
    title: str
    verdict: str
    """`ok`, `failing` or `unknown`."""
    endpoint: str
    took: timedelta | None
    status_page: str
    good_in_a_row: int | None = 0
    """None: the database is away, and the answer is not recorded."""
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyLine:
    """One thing that must have recovered; its words are in `templates/slack/verify_report.j2`."""

    thing: str
    """`worker`, `jobs`, `locks`, `migrations`, `vendor`, `errors`, `ingest` or `offline`."""
    verdict: str
    """`recovered`, `not yet` or `could not tell`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    """What somebody else said: an error, a vendor's answer, who blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport(Message):
    """Two looks at a scenario."""

    scenario: str
    lines: tuple[VerifyLine, ...]
    wrong_for: timedelta | None = None
    """How long it was wrong, or is; None = no alert said so lately."""
    done_ago: timedelta | None = None
    """How long ago a step last did something about it."""
    next_contact: tuple[str, ...] = ()

    @property
    def is_bad(self) -> bool:
        """Say whether something is seen not to have recovered."""
        return any(line.verdict == "not yet" for line in self.lines)

    @property
    def has_findings(self) -> bool:
        """Say whether something has not recovered."""
        return any(line.verdict != "recovered" for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One check of the release gate."""

    name: str
    passed: bool
    skipped: bool
    message: str
    remediation: str = ""
    details: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport(Message):
    """The answer to "may we release?"."""

    mode: str
    checks: tuple[GateCheck, ...]
    took: timedelta
    commit: str = ""
    key: str = ""
    """`G7`, where it was kept."""
    running: str = ""
    """The check that runs now."""
    waits: tuple[str, ...] = ()
    in_progress: bool = False
    allowed_until: datetime | None = None
    """Two people said yes to its no, until then."""
    allowed_why: str = ""
    stopped_by: str = ""
    """Who stopped it before its end; it then says nothing."""
    outdated_at: datetime | None = None
    """Since when its pass is not true any more."""
    service: str = ""
    """The service of the workers that it missed, as people call it."""

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        """Return the checks that did not pass."""
        return tuple(item for item in self.checks if not item.passed and not item.skipped)

    @property
    def has_findings(self) -> bool:
        """Say whether the gate failed."""
        return bool(self.failed) or bool(self.stopped_by) or not any(item.passed for item in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseCard(Message):
    """The live card of a pause (cards, section 5)."""

    key: str
    thing: str
    state: str
    held: int
    held_later: int
    released: int
    moved: int
    owner: str
    reason: str
    started_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    vendor: str = ""
    """Title of the vendors that are asked; empty where none can be."""
    probes: str = ""
    """Name of the vendor that *Probe* asks; empty where there are several, or none."""
    verdict: str = ""
    asked_ago: timedelta | None = None
    good: int = 0
    asks_every: timedelta = timedelta(seconds=20)
    batch: int = 50
    batch_every: timedelta = timedelta(seconds=30)
    not_ours: int = 0
    why_stopped: str = ""
    contact: str = ""

    @property
    def held_now(self) -> int:
        """Return how many jobs it still holds."""
        return self.held + self.held_later

    @property
    def total(self) -> int:
        """Return how many jobs it ever held."""
        return self.held_now + self.released + self.moved


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseReply(Message):
    """What a pause tells its owner in its thread."""

    card: PauseCard
    event: str
    """`reminder`, `ends_soon`, `ended_failing`, `resuming`, `stopped`, `ended`."""
    mentions: tuple[str, ...] = ()
    paused_for: timedelta = timedelta(0)
    ends_in: timedelta = timedelta(0)
