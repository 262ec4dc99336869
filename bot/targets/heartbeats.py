"""One look at the heartbeats, and what the target's own health view says of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.configuration import Configuration
from bot.domain.workers import HeartbeatLook, SourceVerdict, TypeCensus, WorkerRow
from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.targets", "heartbeats.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Census:
    worker_type: str
    total: int
    online: int
    newest: datetime
    newest_running: datetime | None
    newest_status: str
    worst: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How full the queue is."""

    pending: int
    processing: int


def look(tx: Tx, catalog: Catalog, config: Configuration) -> HeartbeatLook:
    """Return every worker type that has ever beaten, with the jobs its workers hold."""
    started = tx.record(SQL["started"])
    assert started is not None
    rows = tx.rows(
        _Census,
        SQL["census"],
        catalog.features,
        now=tx.now,
        offline_seconds=config.timing.offline_after.total_seconds(),
        recent_seconds=max(config.timing.dead_after, config.timing.offline_after).total_seconds(),
    )
    held, by_worker = _held(tx, catalog, config, tuple(row.worker_type for row in rows))
    return HeartbeatLook(
        now=tx.now,
        database_started=started["database_started"],
        hidden=catalog.hidden,
        types=tuple(_type(row, held.get(row.worker_type, 0), by_worker) for row in rows),
    )


def _type(row: _Census, held: int, by_worker: Mapping[str, int] | None) -> TypeCensus:
    return TypeCensus(
        worker_type=row.worker_type,
        total=row.total,
        online=row.online,
        newest=row.newest,
        newest_running=row.newest_running,
        newest_status=row.newest_status,
        jobs_held=held,
        worst=tuple(
            WorkerRow(
                worker_id=item["worker_id"],
                status=item["status"],
                last_seen_at=datetime.fromisoformat(item["last_seen_at"]),
                jobs_held=None if by_worker is None else by_worker.get(item["worker_id"], 0),
            )
            for item in row.worst
        ),
    )


def _held(
    tx: Tx, catalog: Catalog, config: Configuration, beating: tuple[str, ...]
) -> tuple[Mapping[str, int], Mapping[str, int] | None]:
    """Return jobs held by worker type and by worker; without worker ids, by the one type that serves the job type alone."""
    held: Counter[str] = Counter()
    if not catalog.readable_queue:
        return held, None
    if "worker_id" in catalog.features:
        by_worker = {row["worker_id"]: row["held"] for row in tx.records(SQL["held"])}
        for row in tx.records(SQL["workers_of"], ids=list(by_worker)):
            held[row["worker_type"]] += by_worker[row["worker_id"]]
        return held, by_worker
    for row in tx.records(SQL["held_by_type"]):
        serving = config.serving_types(row["job_type"], beating)
        if serving:
            held[serving[0]] += row["held"]
    return held, None


def depth(tx: Tx) -> Depth | None:
    """Return how full the queue is."""
    return tx.row(Depth, SQL["depth"])


def view_verdicts(tx: Tx, catalog: Catalog) -> Mapping[str, SourceVerdict]:
    """Return what the health view says by worker type; nothing where there is none."""
    if not catalog.health_view:
        return {}
    row = tx.record(SQL["view"]) or {}
    return {
        name: SourceVerdict(source="view", verdict=verdict if verdict in ("online", "offline") else "unknown")
        for name, verdict in row.items()
    }
