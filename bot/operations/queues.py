"""Reads of the queue: workers, what is due, what failed, what a vendor outage stops."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.domain.actor import Actor
from bot.domain.durations import parse_duration
from bot.domain.failures import EXHAUSTED, classify, fingerprint
from bot.domain.messages import (
    FailureGroup,
    FailureReport,
    IngestReport,
    ListedWorker,
    Message,
    NextJob,
    QueueReport,
    QueueState,
    WorkerList,
)
from bot.operations.kinds.base import blind
from bot.operations.kinds.rescue import require_known
from bot.operations.services import Services
from bot.store import audit, pauses
from bot.store.db import Tx
from bot.targets.heartbeats import SQL as BEATS
from bot.targets.queue import SQL

LOCK_HELD = timedelta(minutes=30)
"""A retry keeps its lock; the claim takes it again only after this (target-system 1.5, 2026-11)."""
_LOOK_AT = 5000
_WORKERS = 500
_LATELY = timedelta(hours=1)
NEXT = 10
"""Waiting jobs shown unless more are asked for."""


def _cannot_see(services: Services, tx: Tx) -> Message | None:
    return blind(services, tx, services.catalog.get(tx), "queue")


def workers(services: Services) -> Message:
    """Return every worker that beat lately or is expected, with the jobs it holds and what its type finished in 15 min."""
    config = services.config
    with services.db.read() as tx:
        unseen = _cannot_see(services, tx)
        if unseen:
            return unseen
        features = services.catalog.get(tx).features
        rows = _of_late(services, tx, features)
        held = {row["worker_id"]: row["held"] for row in tx.records(BEATS["held"])} if "worker_id" in features else None
        finished = _finished(services, tx, features)
        waiting = {
            row["job_type"]
            for row in tx.records(SQL["states"], features, now=tx.now, job_type="")
            if row["state"] == "due"
        }
        listed = tuple(_worker(services, tx.now, row, held) for row in rows)
    serving = {worker.name: any(worker.may_serve(name) for name in waiting) for worker in config.workers}
    online = {item.worker_type for item in listed if item.online}
    stalled = tuple(sorted(name for name in online if serving.get(name) and finished.get(name) == 0))
    return WorkerList(
        env=config.env,
        as_of=tx.now,
        workers=tuple(sorted(listed, key=lambda item: item.online)),
        finished=finished,
        no_progress=stalled,
    )


def _of_late(services: Services, tx: Tx, features: frozenset[str]) -> list[dict[str, Any]]:
    """Return the workers to be shown; an expected type of which none ever beat is a row without a worker."""
    timing, expected = services.config.timing, services.config.expected_types
    recent = max(timing.dead_after, timing.offline_after).total_seconds()
    values = {"now": tx.now, "seconds": _LATELY.total_seconds(), "recent_seconds": recent, "most": _WORKERS}
    rows = tx.records(BEATS["workers"], features, expected=list(expected), **values)
    never = set(expected) - {row["worker_type"] for row in rows}
    absent = {"worker_id": "", "last_seen_at": None, "status": "never seen"}
    return rows + [{**absent, "worker_type": name} for name in sorted(never)]


def _finished(services: Services, tx: Tx, features: frozenset[str]) -> dict[str, int]:
    """Return jobs finished lately by worker type; nothing where no column says when."""
    if "updated_at" not in features:
        return {}
    rows = tx.records(SQL["finished"], now=tx.now, seconds=services.config.timing.progress_window.total_seconds())
    return {
        worker.name: sum(row["jobs"] for row in rows if worker.may_serve(row["job_type"]))
        for worker in services.config.workers
    }


def _worker(services: Services, now: datetime, row: Mapping[str, Any], held: Mapping[str, int] | None) -> ListedWorker:
    silent = now - row["last_seen_at"] if row["last_seen_at"] else None
    return ListedWorker(
        worker_id=row["worker_id"],
        worker_type=row["worker_type"],
        label=services.config.label(row["worker_type"]),
        status=row["status"],
        online=silent is not None and row["status"] == "running" and silent < services.config.timing.offline_after,
        silent_for=max(silent, timedelta(0)) if silent is not None else None,
        jobs_held=None if held is None else held.get(row["worker_id"], 0),
    )


def queue(services: Services, job_type: str = "", most: int = NEXT) -> Message:
    """Return the queue by what keeps its jobs, and the next ones with why the others wait."""
    with services.db.read() as tx:
        unseen = _cannot_see(services, tx)
        if unseen:
            return unseen
        require_known(services.config, services.catalog.get(tx), job_type, "queue")
        features = services.catalog.get(tx).features
        grouped: dict[str, dict[str, int]] = defaultdict(dict)
        oldest: dict[str, datetime] = {}
        for row in tx.records(SQL["states"], features, now=tx.now, job_type=job_type):
            grouped[row["job_type"]][row["state"]] = row["jobs"]
            if row["oldest"] and row["state"] not in ("processing", "failed"):
                oldest[row["job_type"]] = min(row["oldest"], oldest.get(row["job_type"], row["oldest"]))
        following = tx.records(SQL["next_due"], features, now=tx.now, job_type=job_type, most=min(most, 100))
        held = pauses.open_one(tx)
        return QueueReport(
            env=services.config.env,
            as_of=tx.now,
            states=tuple(
                QueueState(job_type=name, counts=counts, oldest=tx.now - oldest[name] if name in oldest else None)
                for name, counts in sorted(grouped.items())
            ),
            next=tuple(_next(row, tx.now, schedules="next_run_at" in features) for row in following),
            schedules="next_run_at" in features,
            paused_by=held.owner if held else "",
        )


def _next(row: Mapping[str, Any], now: datetime, *, schedules: bool) -> NextJob:
    why, until = "due", None
    if row["next_run_at"] is not None and row["next_run_at"] > now:
        why, until = "delayed", row["next_run_at"]
    elif schedules and row["locked_at"] is not None and row["locked_at"] > now - LOCK_HELD:
        why, until = "lock held", row["locked_at"] + LOCK_HELD
    return NextJob(id=row["id"], job_type=row["job_type"], attempts=row["attempts"], why=why, until=until)


def failed(services: Services, since: str = "") -> Message:
    """Return the failures of a window by type and class, those out of attempts apart."""
    window = parse_duration(since) if since else timedelta(hours=24)
    with services.db.read() as tx:
        unseen = _cannot_see(services, tx)
        if unseen:
            return unseen
        rows = _failures(services, tx, window)
        groups: dict[tuple[str, str, str, bool], list[datetime]] = defaultdict(list)
        for row in rows:
            text = row["last_error"]
            key = (row["job_type"], classify(text), fingerprint(text), text.startswith(EXHAUSTED))
            groups[key].append(row["updated_at"])
        found = [
            FailureGroup(
                job_type=name, error=error, print=mark, count=len(times), newest=tx.now - max(times), exhausted=out
            )
            for (name, error, mark, out), times in groups.items()
        ]
        return FailureReport(
            env=services.config.env,
            as_of=tx.now,
            since=window,
            total=len(rows),
            groups=tuple(sorted(found, key=lambda item: (-item.count, item.job_type, item.print))),
            cut=len(rows) >= _LOOK_AT,
        )


def _failures(services: Services, tx: Tx, window: timedelta) -> list[dict[str, Any]]:
    catalog = services.catalog.get(tx)
    if "updated_at" not in catalog.features:
        return []
    seconds = window.total_seconds()
    return tx.records(SQL["failures"], catalog.features, now=tx.now, seconds=seconds, job_types=None, most=_LOOK_AT)


def raw_errors(services: Services, since: str, actor: Actor) -> list[tuple[str, str, str]]:
    """Return (job, type, text) of failures for the terminal of somebody who holds the credential; it is recorded."""
    window = parse_duration(since) if since else timedelta(hours=24)
    with services.db.write() as tx:
        rows = _failures(services, tx, window)
        audit.append(tx, "read.raw-errors", actor=actor.key, jobs=len(rows))
    return [(row["id"], row["job_type"], row["last_error"]) for row in rows]


def ingest(services: Services, *, names: bool = False) -> Message:
    """Return the jobs that a vendor outage stops, by status, with the oldest.

    Args:
        names: the names of their files too, which may be people's; for the terminal of a shell only.
    """
    with services.db.read() as tx:
        unseen = _cannot_see(services, tx)
        if unseen:
            return unseen
        catalog = services.catalog.get(tx)
        wanted = services.config.ingest_types
        known = [name for name in wanted if catalog.job_types is None or name in catalog.job_types]
        rows = tx.records(SQL["by_status"], catalog.features, job_types=known)
        waiting = [row["oldest"] for row in rows if row["oldest"] and row["status"] not in ("completed", "failed")]
        may_read = "payload" in catalog.features
        files = tx.records(SQL["files"], catalog.features, job_types=known) if names and may_read else []
        held = pauses.open_one(tx)
        return IngestReport(
            env=services.config.env,
            as_of=tx.now,
            job_types=tuple(known),
            ignored=tuple(name for name in wanted if name not in known),
            counts=tuple((row["job_type"], row["status"], row["jobs"]) for row in rows),
            oldest=tx.now - min(waiting) if waiting else None,
            files=tuple((row["file"] or "not said", row["jobs"]) for row in files) if names else None,
            files_hidden=not may_read,
            paused_by=held.owner if held else "",
            paused_until=held.ends_at if held else None,
        )
