"""The kind of step that puts a dead worker's jobs back (specification §12).

Preview and effect share their selection: the preview pins ids with the facts it judged by, and the effect touches only
rows for which every one of these facts still holds. It never touches a row that was not shown.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.catalog import Catalog
from bot.domain.configuration import Configuration
from bot.domain.rescue import Disposition, Scene, StuckJob, Verdict, backoff, judge, too_much_moved
from bot.domain.runbook import Step
from bot.store.db import Tx
from bot.store.plans import Target

LOOK_AT_MOST = 20_000
"""Stuck jobs read by one look; more are counted by the next."""
_FIRST_JITTER, _JITTER = 0.9, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What may narrow a rescue."""

    job_type: str = ""
    older_than: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Every stuck job with its verdict, and the scene in which it was judged."""

    scene: Scene
    verdicts: tuple[Verdict, ...]
    since: Mapping[str, datetime]
    """When each job began to be stuck, by id."""
    type_seen: Mapping[str, datetime]
    """The newest heartbeat of each worker type."""
    next_run: Mapping[str, datetime] = field(default_factory=dict)
    """The next try each job had, by id: kept for the way back."""
    started: Mapping[str, datetime] = field(default_factory=dict)
    """When each job was started, by id, where the queue says so: kept for the way back."""


@dataclass(frozen=True, slots=True)
class _Beat:
    worker_type: str
    newest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stuck:
    id: str
    job_type: str
    locked_at: datetime | None
    since: datetime
    started_at: datetime | None
    attempts: int
    max_attempts: int
    next_run_at: datetime | None
    worker_id: str | None
    owner_seen_at: datetime | None
    owner_status: str
    rescues: int


def look(tx: Tx, step: Step, catalog: Catalog, config: Configuration, params: Params) -> Look:
    """Return every stuck job with what a plan would do with it, oldest first."""
    features, timing, queue = catalog.features, config.timing, config.queue
    scene = _scene(tx, step, config)
    beats = {beat.worker_type: beat.newest for beat in tx.rows(_Beat, step.statements["type_beats"])}
    rows = tx.rows(
        _Stuck,
        step.statements["find_stuck"],
        features,
        now=tx.now,
        job_type=params.job_type,
        stuck_seconds=timing.stuck_after.total_seconds(),
        older_seconds=params.older_than.total_seconds(),
        limits=json.dumps({name: limit.total_seconds() for name, limit in queue.stuck_limits.items()}),
        max_attempts=queue.max_attempts,
        most=LOOK_AT_MOST,
    )
    verdicts = []
    for row in rows:
        job = _job(row, beats, config)
        listed = config.is_listed_job(row.job_type)
        verdicts.append(judge(job, scene, queue, timing, listed=listed))
    return Look(
        scene=scene,
        verdicts=tuple(verdicts),
        since={row.id: row.since for row in rows},
        type_seen=beats,
        next_run={row.id: row.next_run_at for row in rows if row.next_run_at},
        started={row.id: row.started_at for row in rows if row.started_at},
    )


def _scene(tx: Tx, step: Step, config: Configuration) -> Scene:
    timing = config.timing
    row = tx.record(
        step.statements["scene"],
        now=tx.now,
        dead_seconds=timing.dead_after.total_seconds(),
        mass_seconds=timing.mass_window.total_seconds(),
    )
    assert row is not None
    return Scene(now=tx.now, **row)


def _job(row: _Stuck, beats: Mapping[str, datetime], config: Configuration) -> StuckJob:
    types = config.serving_types(row.job_type, tuple(beats))
    return StuckJob(
        id=row.id,
        job_type=row.job_type,
        locked_at=row.locked_at,
        since=row.since,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        worker_id=row.worker_id,
        owner_seen_at=row.owner_seen_at,
        owner_status=row.owner_status,
        type_seen_at=max((beats[name] for name in types if name in beats), default=None),
        rescues=row.rescues,
    )


def capped(found: Look, cap: int) -> tuple[Look, int]:
    """Return a look with at most `cap` jobs to act on, the oldest, and how many were left over."""
    kept: list[Verdict] = []
    acting = 0
    for verdict in found.verdicts:
        if verdict.disposition.acts:
            acting += 1
            if acting > cap:
                continue
        kept.append(verdict)
    return replace(found, verdicts=tuple(kept)), max(0, acting - cap)


def pin(found: Look, catalog: Catalog, config: Configuration) -> list[Target]:
    """Return the plan's targets: each job with every fact it was judged by."""
    ordered = sorted(found.verdicts, key=lambda verdict: not verdict.disposition.acts)
    return [
        Target(
            ordinal=ordinal,
            target_id=verdict.job.id,
            disposition=verdict.disposition.value,
            reason=verdict.reason,
            guard=_guard(verdict, found, catalog, config),
        )
        for ordinal, verdict in enumerate(ordered, start=1)
    ]


def _guard(verdict: Verdict, found: Look, catalog: Catalog, config: Configuration) -> dict[str, object]:
    job = verdict.job
    guard: dict[str, object] = {
        "job_type": job.job_type,
        "locked_at": job.locked_at.isoformat() if job.locked_at else None,
        "since": found.since[job.id].isoformat(),
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
    }
    if job.worker_id:
        guard["worker_id"] = job.worker_id
    else:
        guard["types"] = list(config.serving_types(job.job_type, tuple(found.type_seen)))
    if job.id in found.next_run:
        guard["next_run_at"] = found.next_run[job.id].isoformat()
    if job.id in found.started:
        guard["started_at"] = found.started[job.id].isoformat()
    seen = job.owner_seen_at if job.worker_id else job.type_seen_at
    if seen is not None:
        guard["seen_at"] = seen.isoformat()
    if "next_run_at" in catalog.features and verdict.disposition is Disposition.RESET:
        wait = backoff(job.attempts, config.timing).total_seconds()
        guard["wait_seconds"] = round(wait * (_FIRST_JITTER + _JITTER * random.random()), 3)  # jitter, no secret
    return guard


def needs_second_look(targets: Sequence[Target]) -> bool:
    """Say whether a target's worker never wrote a heartbeat, so that we must look twice."""
    return any("worker_id" in item.guard and "seen_at" not in item.guard and _acts(item) for item in targets)


def _acts(target: Target) -> bool:
    return Disposition(target.disposition).acts


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one batch came to."""

    reset: int
    failed: int
    moved: list[int]
    """The ordinals of the targets that had changed since the preview."""

    @property
    def done(self) -> int:
        """Return how many rows were changed."""
        return self.reset + self.failed

    @property
    def too_much_moved(self) -> bool:
        """Say whether fewer than half of the batch's targets were left."""
        return too_much_moved(self.done + len(self.moved), self.done)


def act(tx: Tx, step: Step, catalog: Catalog, *, plan_id: str, after: int, upto: int) -> Counts:
    """Carry out the plan's targets with `after` < ordinal <= `upto` and mark them, in the caller's transaction."""
    counts = tx.row(
        Counts,
        step.statements["reset_batch"],
        catalog.features,
        plan=plan_id,
        after=after,
        upto=upto,
        now=tx.now,
    )
    assert counts is not None
    return counts


def waiting(tx: Tx, step: Step, catalog: Catalog, plan_id: str) -> tuple[int, int]:
    """Return how many jobs the run reset, and how many of these nobody has picked up yet."""
    row = tx.record(step.statements["count_waiting"], catalog.features, plan=plan_id)
    assert row is not None
    return int(row["total"]), int(row["waiting"])


def can_put_back(tx: Tx, step: Step, catalog: Catalog, run_id: str) -> tuple[int, int]:
    """Return how many jobs a run changed, and how many of these nobody has touched since."""
    row = tx.record(step.statements["can_put_back"], catalog.features, run=run_id)
    assert row is not None
    return int(row["total"]), int(row["can"])


def put_back(tx: Tx, step: Step, catalog: Catalog, run_id: str) -> int:
    """Put back as they were those jobs of a run that nobody has touched since, and return how many."""
    return len(tx.records(step.statements["put_back"], catalog.features, run=run_id, now=tx.now))


def guarded_until(tx: Tx, step: Step, config: Configuration) -> datetime | None:
    """Return until when nobody may be judged dead, or None."""
    return _scene(tx, step, config).guard_until(config.timing)
