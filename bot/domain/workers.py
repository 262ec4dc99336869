"""What heartbeats say about workers: one verdict a type, with the evidence that goes on the card."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.timing import Timing


class Status(StrEnum):
    """The answer of a check: cannot tell is neither well nor bad (§2, O1)."""

    OK = "ok"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """One of the worst workers of a type, as the database holds it."""

    worker_id: str
    status: str
    last_seen_at: datetime
    jobs_held: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCensus:
    """The heartbeats of one worker type, counted by the database."""

    worker_type: str
    total: int
    """Workers that beat within `dead_after` before the type's newest heartbeat."""
    online: int
    """Of these, `running` and seen within `offline_after`."""
    newest: datetime | None
    """Newest heartbeat with any status."""
    newest_running: datetime | None
    newest_status: str = ""
    jobs_held: int = 0
    """Jobs `processing` whose worker is of this type."""
    worst: tuple[WorkerRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatLook:
    """One look at the heartbeat table, with what is needed to judge it."""

    now: datetime
    database_started: datetime
    hidden: bool
    """Row security may hide rows from our role."""
    types: tuple[TypeCensus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVerdict:
    """What one source says of a worker type: `online`, `offline` or `unknown`."""

    source: str
    """`heartbeats`, `view` or `api`."""
    verdict: str
    detail: str = ""
    answered: bool = True
    """Whether it said anything, be it that it cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on one worker type, and why."""

    worker_type: str
    status: Status
    reason: str
    """`online`, `no heartbeat`, `alive but unwell`, `never seen`, `cannot see`, `database just started`."""
    census: TypeCensus | None = None


def judge(look: HeartbeatLook, expected: Sequence[str], timing: Timing) -> tuple[Judgement, ...]:
    """Return one judgement for each expected worker type, in its order."""
    census = {item.worker_type: item for item in look.types}
    return tuple(_judge_type(name, census.get(name), look, timing) for name in expected)


def _judge_type(name: str, census: TypeCensus | None, look: HeartbeatLook, timing: Timing) -> Judgement:
    status, reason = _verdict(census, look, timing)
    return Judgement(worker_type=name, status=status, reason=reason, census=census)


def _verdict(census: TypeCensus | None, look: HeartbeatLook, timing: Timing) -> tuple[Status, str]:
    if look.hidden and not look.types:
        return Status.UNKNOWN, "cannot see"
    if census is None or census.newest is None:
        return Status.BAD, "never seen"
    if census.online > 0:
        return Status.OK, "online"
    just_started = look.now - look.database_started < timing.unknown_after_start
    if just_started and census.newest < look.database_started:
        return Status.UNKNOWN, "database just started"
    if look.now - census.newest < timing.offline_after:
        return Status.BAD, "alive but unwell"
    return Status.BAD, "no heartbeat"


def next_steps(*, service: str, taken: Collection[str], held: bool) -> tuple[str, ...]:
    """Return what comes next while a type's workers are offline, in the playbook's order, without what was done already.

    Args:
        service: what runs them, if it can be restarted; empty = its logs and its restart are nobody's here.
        taken: `logs` where somebody looked at them, `restart` where it was restarted, since it broke.
        held: its workers may hold jobs.
    """
    steps = [name for name in ("logs", "restart") if service and name not in taken]
    return (*steps, *(["reset"] if held else []))
