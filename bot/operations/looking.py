"""Looks that are not fooled: by rows hidden a moment ago, or by a worker that came back under a new id."""

from collections import Counter
from collections.abc import Mapping

from bot.domain.catalog import Catalog
from bot.domain.needs import unseen
from bot.domain.rescue import Disposition
from bot.domain.workers import HeartbeatLook
from bot.operations import judging
from bot.operations.declared import changing_step
from bot.operations.services import Services
from bot.store.db import Tx
from bot.targets import heartbeats


def look(services: Services, tx: Tx) -> tuple[Catalog, HeartbeatLook]:
    """Return the catalog and the heartbeats.

    The catalog is of now: row security gives no error, it gives no rows, and that looks like a total outage, or like
    nothing stuck (target-system 1.4).
    """
    catalog = services.catalog.get(tx, fresh=True)
    return catalog, heartbeats.look(tx, catalog, services.config)


def held_by_the_dead(services: Services, tx: Tx) -> Mapping[str, int]:
    """Return the jobs that a reset would act on now, by job type; nothing where they cannot be judged."""
    held: Counter[str] = Counter()
    for (job_type, disposition), jobs in _stuck(services, tx).items():
        held[job_type] += jobs if disposition.acts else 0
    return +held


def _stuck(services: Services, tx: Tx) -> Mapping[tuple[str, Disposition], int]:
    catalog = services.catalog.get(tx)
    step, _kind = changing_step(services, "reset-stuck")
    return {} if unseen(catalog) else judging.count(tx, step, catalog, services.config)


def held_by_the_gone(services: Services, tx: Tx) -> int | None:
    """Return how many jobs are held by workers that do not beat now, whatever their age; None = it cannot be told."""
    catalog, beats = look(services, tx)
    if unseen(catalog) or not beats.types:
        return None
    if "worker_id" not in catalog.features:
        stuck = _stuck(services, tx)
        untold = any(disposition is Disposition.LEAVE_UNKNOWN for _job_type, disposition in stuck)
        return None if untold else judging.acting(stuck)
    limit = services.config.timing.offline_after.total_seconds()
    rows = tx.records(
        heartbeats.SQL["workers"],
        catalog.features,
        now=tx.now,
        seconds=limit,
        recent_seconds=limit,
        expected=[],
        most=5000,
    )
    beating = {row["worker_id"] for row in rows if (tx.now - row["last_seen_at"]).total_seconds() < limit}
    held = [int(row["held"]) for row in tx.records(heartbeats.SQL["held"]) if row["worker_id"] not in beating]
    return sum(held)
