"""Decides whose a stuck job is, and whether it may be reset (specification §12 as amended by the design).

Pure: facts in, disposition and reason out. The SQL that acts pins every fact used here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.configuration import Queue
from bot.domain.durations import typed
from bot.domain.timing import Timing


class Disposition(StrEnum):
    """What a plan does with one stuck job."""

    RESET = "reset"
    """Back to `pending`: the worker is dead and attempts are left."""
    FAIL_EXHAUSTED = "fail_exhausted"
    """Set to `failed`: the worker is dead and all attempts are used up."""
    FAIL_POISON = "fail_poison"
    """Set to `failed`: reset three times already."""
    LEAVE_SLOW = "leave_slow"
    """The worker is alive, and slow."""
    LEAVE_UNKNOWN = "leave_unknown"
    """Whether the worker is alive is not known."""
    LEAVE_UNLISTED = "leave_unlisted"
    """No configured worker serves the job type: never part of a plan."""

    @property
    def acts(self) -> bool:
        """Say whether the plan would touch the job."""
        return self in (Disposition.RESET, Disposition.FAIL_EXHAUSTED, Disposition.FAIL_POISON)


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckJob:
    """A job that has been `processing` for longer than its limit, with what is known of its owner."""

    id: str
    job_type: str
    locked_at: datetime | None
    """None where somebody has half undone a claim by hand."""
    attempts: int
    max_attempts: int
    worker_id: str | None
    owner_seen_at: datetime | None
    """Newest heartbeat of `worker_id`; none if it has no row."""
    owner_status: str = ""
    type_seen_at: datetime | None = None
    """Newest heartbeat of any worker of a type that serves the job type."""
    rescues: int = 0
    """How often it was reset before."""
    since: datetime | None = None
    """When it began to be stuck, where its lock does not say."""
    started_at: datetime | None = None
    next_run_at: datetime | None = None
    """The next try it had: kept for the way back, as its start is."""
    types: tuple[str, ...] = ()
    """Worker types that serve the job type."""

    @property
    def seen_at(self) -> datetime | None:
        """Return the newest heartbeat by which its worker is judged."""
        return self.owner_seen_at if self.worker_id else self.type_seen_at

    def stuck_for(self, now: datetime) -> timedelta:
        """Return how long it has been stuck."""
        return now - (self.since or self.locked_at or now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What holds for all jobs of one look."""

    now: datetime
    database_started: datetime
    in_recovery: bool
    gap_ended: datetime | None
    """When the newest gap in our own looking at heartbeats ended; now, while it lasts."""
    recent_workers: int = 0
    """Workers that beat in the `mass_window` before the newest heartbeat of a dead one."""
    recent_dead: int = 0
    """Of these, silent for longer than `dead_after`."""

    def guard_until(self, timing: Timing) -> datetime | None:
        """Return until when nobody may be judged dead, or None (mass-stall guard, §12.4)."""
        starts = [self.database_started, *([self.gap_ended] if self.gap_ended else [])]
        until = max(starts) + timing.start_guard
        return until if until > self.now else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the plan does with a job, and why."""

    job: StuckJob
    disposition: Disposition
    reason: str


def judge(job: StuckJob, scene: Scene, queue: Queue, timing: Timing, *, listed: bool) -> Verdict:
    """Return what a plan does with one stuck job."""
    if not listed:
        return Verdict(job=job, disposition=Disposition.LEAVE_UNLISTED, reason="no worker serves this type")
    owner, reason = _owner(job, scene, timing)
    if owner is not None:
        return Verdict(job=job, disposition=owner, reason=reason)
    if job.attempts >= job.max_attempts:
        used = f"attempts used up: {job.attempts} of {job.max_attempts}"
        return Verdict(job=job, disposition=Disposition.FAIL_EXHAUSTED, reason=used)
    if job.rescues >= queue.rescue_limit:
        poison = f"reset {job.rescues} times already"
        return Verdict(job=job, disposition=Disposition.FAIL_POISON, reason=poison)
    return Verdict(job=job, disposition=Disposition.RESET, reason=reason)


def _owner(job: StuckJob, scene: Scene, timing: Timing) -> tuple[Disposition | None, str]:
    """Return why a job must be left alone, or None and why its worker counts as dead."""
    if scene.in_recovery:
        return Disposition.LEAVE_UNKNOWN, "the database is in recovery"
    if scene.guard_until(timing) is not None:
        return Disposition.LEAVE_UNKNOWN, "the database or the bot was away"
    if job.worker_id and job.owner_seen_at is not None:
        return _known_owner(job, scene, timing)
    if job.worker_id:
        if scene.now - (job.locked_at or job.since or scene.now) > timing.vanished_after:
            return None, "worker vanished"
        return Disposition.LEAVE_UNKNOWN, "worker never seen"
    if job.type_seen_at is None or scene.now - job.type_seen_at > timing.dead_after:
        return None, "no worker of the type lives"
    return Disposition.LEAVE_UNKNOWN, "no worker id, a worker of the type lives"


def _known_owner(job: StuckJob, scene: Scene, timing: Timing) -> tuple[Disposition | None, str]:
    seen = job.owner_seen_at
    assert seen is not None
    silent = scene.now - seen
    if silent > timing.dead_after:
        return None, "no heartbeat"
    if job.owner_status == "stopped" and silent > timing.stopped_after:
        return None, "worker stopped"
    if silent > timing.offline_after:
        return Disposition.LEAVE_UNKNOWN, f"silent, not yet for {typed(timing.dead_after)}"
    return Disposition.LEAVE_SLOW, "worker alive"


def needs_second_person(acting: int, scene: Scene, queue: Queue) -> str:
    """Return why a second person is needed, or an empty string."""
    if acting > queue.approve_above:
        return f"over {queue.approve_above} jobs"
    if acting > 0 and scene.recent_workers > 1 and scene.recent_dead * 2 > scene.recent_workers:
        return "over half of the workers look dead"
    return ""


def too_much_moved(planned: int, still: int) -> bool:
    """Say whether fewer than half of the plan's targets are left (§8, drift)."""
    return still * 2 < planned


def backoff(attempts: int, timing: Timing) -> timedelta:
    """Return the wait before the next try, without its jitter (§12.5)."""
    doubled: timedelta = timing.backoff_base * 2 ** min(attempts, 20)
    return min(doubled, timing.backoff_most)


def counts(verdicts: Sequence[Verdict]) -> Mapping[Disposition, int]:
    """Return how many jobs have each disposition."""
    return Counter(verdict.disposition for verdict in verdicts)
