"""Look at the stuck jobs with what is known of their workers, and judge them: each one, or in groups where numbers do."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.configuration import Configuration
from bot.domain.rescue import Disposition, Scene, StuckJob, Verdict, judge
from bot.domain.runbook import Step
from bot.store.db import Tx

_LOOK_AT_MOST = 20_000
"""Stuck jobs read by one look; more are counted by the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Every stuck job with its verdict, and the scene in which it was judged."""

    scene: Scene
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class _Beat:
    worker_type: str
    newest: datetime


def look(
    tx: Tx,
    step: Step,
    catalog: Catalog,
    config: Configuration,
    job_type: str = "",
    older_than: timedelta = timedelta(0),
) -> Look:
    """Return every stuck job with what a plan would do with it, oldest first."""
    seen = scene(tx, step, config)
    judged = _judged(tx, step, catalog.features, config, seen, job_type, older_than)
    return Look(scene=seen, verdicts=tuple(verdict for verdict, _jobs in judged))


def count(
    tx: Tx,
    step: Step,
    catalog: Catalog,
    config: Configuration,
    job_type: str = "",
    *,
    whatever_age: bool = False,
) -> Mapping[tuple[str, Disposition], int]:
    """Return how many stuck jobs of each type have each disposition; those that are judged alike are judged once.

    `whatever_age`: of all jobs that are processing, stuck already or not.
    """
    found: Counter[tuple[str, Disposition]] = Counter()
    seen, features = scene(tx, step, config), catalog.features | {"counted"}
    for verdict, jobs in _judged(tx, step, features, config, seen, job_type, whatever_age=whatever_age):
        found[verdict.job.job_type, verdict.disposition] += jobs
    return found


def soon(tx: Tx, step: Step, catalog: Catalog, config: Configuration, job_type: str) -> tuple[int, datetime]:
    """Return how many more jobs dead workers hold that are not stuck yet, and by when they will be."""
    held = acting(count(tx, step, catalog, config, job_type, whatever_age=True))
    longest = max(config.timing.stuck_after, *config.queue.stuck_limits.values(), timedelta(0))
    return held - acting(count(tx, step, catalog, config, job_type)), tx.now + longest


def acting(counted: Mapping[tuple[str, Disposition], int]) -> int:
    """Return how many of the jobs counted a plan would touch."""
    return sum(jobs for (_job_type, disposition), jobs in counted.items() if disposition.acts)


def _judged(
    tx: Tx,
    step: Step,
    features: Collection[str],
    config: Configuration,
    seen: Scene,
    job_type: str = "",
    older_than: timedelta = timedelta(0),
    *,
    whatever_age: bool = False,
) -> Iterator[tuple[Verdict, int]]:
    timing, queue = config.timing, config.queue
    beats = {beat.worker_type: beat.newest for beat in tx.rows(_Beat, step.statements["type_beats"])}
    rows = tx.records(
        step.statements["find_stuck"],
        features,
        now=tx.now,
        job_type=job_type,
        stuck_seconds=0 if whatever_age else timing.stuck_after.total_seconds(),
        older_seconds=older_than.total_seconds(),
        vanished_seconds=timing.vanished_after.total_seconds(),
        limits={} if whatever_age else {name: limit.total_seconds() for name, limit in queue.stuck_limits.items()},
        max_attempts=queue.max_attempts,
        most=_LOOK_AT_MOST,
    )
    of_type = {name: _Served.of(name, beats, config) for name in {row["job_type"] for row in rows}}
    for row in rows:
        jobs = row.pop("jobs", 1)
        yield of_type[row["job_type"]].judged(row, seen, config), jobs


def scene(tx: Tx, step: Step, config: Configuration) -> Scene:
    """Return what holds for all jobs now."""
    dead, mass = config.timing.dead_after.total_seconds(), config.timing.mass_window.total_seconds()
    row = tx.record(step.statements["scene"], now=tx.now, dead_seconds=dead, mass_seconds=mass)
    assert row is not None
    return Scene(now=tx.now, **row)


@dataclass(frozen=True, slots=True)
class _Served:
    """Who serves a job type, asked once a look: there may be ten thousand jobs, and there are few types."""

    types: tuple[str, ...]
    seen_at: datetime | None
    listed: bool

    @classmethod
    def of(cls, job_type: str, beats: Mapping[str, datetime], config: Configuration) -> "_Served":
        types = config.serving_types(job_type, tuple(beats))
        seen = max((beats[name] for name in types if name in beats), default=None)
        return cls(types, seen, config.is_listed_job(job_type))

    def judged(self, row: Mapping[str, Any], scene: Scene, config: Configuration) -> Verdict:
        job = StuckJob(**row, types=self.types, type_seen_at=self.seen_at)
        return judge(job, scene, config.queue, config.timing, listed=self.listed)
