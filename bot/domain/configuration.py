"""What an installation decides: who is on call, which workers are expected, where messages go.

Plain values, validated by `bot.settings`; every name of a person, service or threshold lives here and nowhere in code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase

from bot.domain.timing import PLAYBOOK, Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerType:
    """One kind of worker: what it is called on a card and which job types it serves."""

    name: str
    label: str
    serves: tuple[str, ...]
    """Job types; a trailing `*` matches the rest of a name."""
    expected: bool = True
    """Its absence is an alert."""

    def may_serve(self, job_type: str) -> bool:
        """Say whether this type serves a job type."""
        return any(fnmatchcase(job_type, pattern) for pattern in self.serves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Somebody takes a shift that is not theirs."""

    who: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A static weekly rotation: the order of people, and the hour at which the next takes over."""

    people: tuple[str, ...]
    """Slack user or user-group ids, in order."""
    starts: datetime
    """When the first person's first week began (aware)."""
    zone: str = "UTC"
    """IANA name of the zone in which the hand-over hour is meant."""
    handover: time = time(8, 0)
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One step of an escalation: after how long, and who is called."""

    after: timedelta
    label: str
    """What the card says: `on call`, `team lead`, `everyone`."""
    call: tuple[str, ...]
    """`oncall`, Slack user, user-group or channel ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who may do what, as Slack user or user-group ids."""

    operators: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """Given names by id, for plain text where the directory cannot be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """How the job queue is to be treated."""

    max_attempts: int = 5
    """Used where no column says it."""
    approve_above: int = 500
    """More jobs than this need a second person."""
    plan_cap: int = 5000
    batch: int = 500
    rescue_limit: int = 3
    """Reset this often already: the job is set to failed instead."""
    stuck_limits: Mapping[str, timedelta] = field(default_factory=dict)
    """A longer limit for one job type."""
    idempotent: Mapping[str, bool] = field(default_factory=dict)
    """Whether a job type's handler is safe to repeat; absent = unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that is not a secret."""

    env: str
    """`dev` or `prod`."""
    alert_channel: str = ""
    """Slack channel id of the incident channel."""
    channels: tuple[str, ...] = ()
    """Channels in which commands are answered; the alert channel is always one of them."""
    fallback_channel: str = ""
    people: People = field(default_factory=People)
    rotation: Rotation | None = None
    contacts: Mapping[str, tuple[Level, ...]] = field(default_factory=dict)
    """Escalation levels by scenario (`worker-death`); missing ones use `default`."""
    workers: Sequence[WorkerType] = ()
    queue: Queue = field(default_factory=Queue)
    timing: Timing = PLAYBOOK
    api_url: str = ""
    database_variable: str = ""
    """The name of the variable that named the database, for the first line of every plan."""

    @property
    def expected_types(self) -> tuple[str, ...]:
        """Return the worker types whose absence is an alert, in their order."""
        return tuple(worker.name for worker in self.workers if worker.expected)

    def is_listed(self, channel: str) -> bool:
        """Say whether commands are answered in a channel."""
        return channel != "" and channel in (self.alert_channel, *self.channels)

    def label(self, worker_type: str) -> str:
        """Return a worker type's name as a card says it (`ingest`)."""
        return next((worker.label for worker in self.workers if worker.name == worker_type), worker_type)

    def serving_types(self, job_type: str, beating: Sequence[str]) -> tuple[str, ...]:
        """Return the worker types able to run a job type.

        A type that beats and stands in no list counts as able to serve every job type (design, section 2).
        """
        listed = {worker.name for worker in self.workers}
        serving = [worker.name for worker in self.workers if worker.may_serve(job_type)]
        return (*serving, *(name for name in beating if name not in listed))

    def is_listed_job(self, job_type: str) -> bool:
        """Say whether any worker is configured to serve a job type; others are never part of a plan."""
        return any(worker.may_serve(job_type) for worker in self.workers)


DEFAULT_WORKERS = (
    WorkerType(name="ingest_processor", label="ingest", serves=("ingest", "ingest_csv", "simplicity_ingest")),
    WorkerType(name="enforcement_engine", label="enforcement", serves=("enforcement_*",)),
    WorkerType(name="simplicity_ingest_worker", label="simplicity", serves=("simplicity_ingest",), expected=False),
)
"""The playbook's workers, used where no file names others (design, section 2)."""
