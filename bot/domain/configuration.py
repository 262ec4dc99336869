"""What an installation decides: who is on call, which workers are expected, where messages go.

Plain values; most are tables of `dragonfly.toml` as they stand there, so each setting, its type, its bounds and its default
are written here alone (decision 0022). `bot.settings` reads them. No name of a person, service or threshold lives elsewhere.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Annotated

from bot.domain.timing import PLAYBOOK, Timing
from bot.domain.written import Account, Address, Duration, Moment, Pattern, SlackId, Zone, between

ON_CALL, PAGER = "oncall", "pager"
"""Whom a level calls by these names: whoever is on call, and the second path."""


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
    start: Moment
    end: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A static weekly rotation: the order of people, and the hour at which the next takes over."""

    people: tuple[SlackId, ...] = ()
    """Slack user or user-group ids, in order."""
    starts: Moment = datetime(2026, 1, 5, 8, tzinfo=UTC)
    """When the first person's first week began (aware)."""
    zone: Zone = "UTC"
    """IANA name of the zone in which the hand-over hour is meant."""
    handover: time = time(8, 0)
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One step of an escalation: after how long, and who is called."""

    after: Duration = timedelta(0)
    label: str
    """What the card says: `on call`, `team lead`, `everyone`."""
    call: tuple[str, ...]
    """`oncall`, `pager`, Slack user, user-group or channel ids; or a contact that is not in Slack, as it is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who may do what, as Slack user or user-group ids."""

    operators: tuple[SlackId, ...] = ()
    approvers: tuple[SlackId, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """Given names by id, for plain text where the directory cannot be asked."""
    same: tuple[tuple[Account, ...], ...] = ()
    """Accounts of one person, each a user id or `cli:name@host`: none approves what another one asked for."""

    def are_same(self, one: str, other: str) -> bool:
        """Say whether two actors are one person."""
        accounts = {one.rpartition("/")[2], other.rpartition("/")[2]}
        return len(accounts) == 1 or any(accounts <= set(group) for group in self.same)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """How the job queue is to be treated."""

    max_attempts: Annotated[int, between(1, 100)] = 5
    """Used where no column says it."""
    approve_above: Annotated[int, between(1, 5000)] = 500
    """More jobs than this need a second person."""
    plan_cap: Annotated[int, between(1, 5000)] = 5000
    batch: Annotated[int, between(1, 500)] = 500
    rescue_limit: Annotated[int, between(1, 20)] = 3
    """Reset this often already: the job is set to failed instead."""
    resume_batch: Annotated[int, between(1, 500)] = 50
    """How many paused jobs are let go at a time."""
    stuck_limits: Mapping[str, Duration] = field(default_factory=dict)
    """A longer limit for one job type."""
    idempotent: Mapping[str, bool] = field(default_factory=dict)
    """Whether a job type's handler is safe to repeat; absent = unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service on the platform: its real name, how people call it, and which workers it runs."""

    name: str
    aliases: tuple[str, ...] = ()
    worker_types: tuple[str, ...] = ()
    """Worker types whose processes it runs; none for the API."""
    service_id: str = ""
    """The platform's id; looked up by exact name where it is empty."""
    local: str = ""
    """The command that starts it by hand in dev, shown and never run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Somebody else's system that jobs depend on."""

    name: str
    title: str
    endpoint: Address = ""
    """Asked for a sign of life; any answer below 500 counts as one."""
    status_page: Address = ""
    """Statuspage- or Instatus-shaped JSON."""
    job_types: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    """Regular expressions over `last_error` and log lines; a match is "consistent with", never proof."""
    least: Annotated[int, between(1)] = 5
    """Fewer failures than this in the window say nothing."""
    services: tuple[str, ...] = ()
    """Services whose logs are searched and whose variable is set."""
    variable: str = ""
    contact: str = ""
    """`vendor support +1 555 0100`: shown, never called by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """Where the local list of migrations and the reviewed rollback scripts are."""

    source: str = ""
    """A directory of `<version>_<name>.sql`, or a file with one such name a line."""
    rollbacks: str = ""
    """A directory of `<version>.sql`, reviewed by people."""
    application_names: tuple[str, ...] = ()
    """`application_name` of a migration tool, to know its session by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the release gate looks at."""

    checkout: str = ""
    """Where the dev checks run their commands; unset = they cannot run here."""
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Argument lists by check name; never through a shell."""
    evaluator_result: str = ""
    """A JSON file with `score`, no older than `evaluator_age`."""
    evaluator_age: Duration = timedelta(hours=24)
    evaluator_least: Annotated[float, between(0, 1)] = 0.95
    tables: tuple[str, ...] = ("ops.job_queue", "ops.worker_heartbeats")
    service_name: str = ""
    """What the API calls itself on `/`; checked where it is set."""
    worker_window: Duration = timedelta(seconds=300)
    deadline: Duration = timedelta(seconds=60)
    """For each check."""


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
    zone: Zone = "UTC"
    """Of clock times in plain text; in Slack every reader sees their own."""
    security_channel: str = ""
    """Also told of what one person runs alone; as listed as the others."""
    people: People = field(default_factory=People)
    rotation: Rotation | None = None
    contacts: Mapping[str, tuple[Level, ...]] = field(default_factory=dict)
    """Escalation levels by scenario (`worker-death`); missing ones use `default`."""
    workers: Sequence[WorkerType] = ()
    queue: Queue = field(default_factory=Queue)
    timing: Timing = PLAYBOOK
    services: Sequence[Service] = ()
    vendors: Sequence[Vendor] = ()
    migrations: Migrations = field(default_factory=Migrations)
    gate: Gate = field(default_factory=Gate)
    railway: bool = False
    """A token for the platform is there."""
    pager: str = ""
    """The shape in which the second path is told, `webhook` or `pagerduty`; empty = there is no second path."""
    monitored: bool = False
    """An outside monitor is pinged while all is well."""
    team_runbooks: str = ""
    """A directory of a team's own runbooks."""
    team_role: str = ""
    """The database role under which their SQL runs; ours, where it is empty."""
    api_url: str = ""
    database_variable: str = ""
    """The name of the variable that named the database, for the first line of every plan."""

    @property
    def rev(self) -> str:
        """Return the digest of everything that was configured, by which two processes are told apart (§18)."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, default=str).encode()).hexdigest()

    @property
    def features(self) -> frozenset[str]:
        """Return what the configuration offers to steps that need it."""
        offered = {
            "railway": self.railway,
            "vendor": bool(self.vendors),
            "offline_services": any(vendor.services and vendor.variable for vendor in self.vendors),
            "rollbacks": bool(self.migrations.rollbacks),
            "migrations_source": bool(self.migrations.source),
        }
        return frozenset(name for name, has in offered.items() if has)

    @property
    def ingest_types(self) -> tuple[str, ...]:
        """Return the job types that a pause of ingest holds: those of the vendors."""
        return tuple(dict.fromkeys(name for vendor in self.vendors for name in vendor.job_types))

    @property
    def contact_texts(self) -> tuple[str, ...]:
        """Return what is shown of contacts that are not in Slack: telephones and addresses that are meant to be seen."""
        called = [who for levels in self.contacts.values() for level in levels for who in level.call]
        return (*called, *(vendor.contact for vendor in self.vendors))

    def service(self, word: str) -> Service | None:
        """Return a service by its name or alias."""
        wanted = word.strip().lower()
        return next((item for item in self.services if wanted in (item.name, *item.aliases)), None)

    def vendor(self, word: str) -> Vendor | None:
        """Return a vendor by name; the only one, where none is named."""
        wanted = word.strip().lower() or (self.vendors[0].name if self.vendors else "")
        return next((item for item in self.vendors if item.name == wanted), None)

    def service_of(self, worker_type: str) -> str:
        """Return what people call the service that runs a worker type, or an empty string."""
        found = [item for item in self.services if worker_type in item.worker_types]
        return (*found[0].aliases, found[0].name)[0] if found else ""

    @property
    def expected_types(self) -> tuple[str, ...]:
        """Return the worker types whose absence is an alert, in their order."""
        return tuple(worker.name for worker in self.workers if worker.expected)

    def is_listed(self, channel: str) -> bool:
        """Say whether commands are answered in a channel."""
        return channel in self.listed

    @property
    def listed(self) -> tuple[str, ...]:
        """Return the channels in which commands are answered."""
        found = (self.alert_channel, self.security_channel, *self.channels)
        return tuple(dict.fromkeys(channel for channel in found if channel))

    def label(self, worker_type: str) -> str:
        """Return a worker type's name as a card says it (`ingest`); one that we do not know has no format of its own."""
        known = next((worker.label for worker in self.workers if worker.name == worker_type), worker_type)
        return known.replace("`", "'")

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

DEFAULT_SERVICES = (
    Service(name="dragonfly-api", aliases=("api",), local="uvicorn backend.main:app"),
    Service(
        name="ingest-worker",
        aliases=("ingest", "dragonfly-worker-ingest"),
        worker_types=("ingest_processor",),
        local="python -m backend.workers.ingest_processor",
    ),
    Service(
        name="enforcement-worker",
        aliases=("enforcement", "dragonfly-worker-enforcement"),
        worker_types=("enforcement_engine",),
        local="python -m backend.workers.enforcement_engine",
    ),
)
"""The playbook's services (design, section 2)."""

DEFAULT_VENDORS = (
    Vendor(
        name="simplicity",
        title="Simplicity API",
        job_types=("ingest", "ingest_csv", "simplicity_ingest"),
        patterns=(
            r"Simplicity API returned 5\d\d",
            r"Max retries exceeded",
            r"CSV does not match Simplicity format",
            r"storage download",
        ),
        services=("ingest-worker",),
        variable="SIMPLICITY_OFFLINE_MODE",
    ),
)
"""The playbook's vendor; its patterns and those of the deployed system (target-system 7.2, 2026-11)."""
