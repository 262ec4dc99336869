"""What the queue holds, by counts only: payloads and error texts are never read."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.catalog import Catalog
from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.targets", "queue.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Unfinished jobs of one type and status."""

    job_type: str
    status: str
    jobs: int
    oldest: datetime | None


def unfinished(tx: Tx, catalog: Catalog) -> list[Count]:
    """Return unfinished jobs by type and status."""
    return tx.rows(Count, SQL["unfinished"], catalog.features)


def failed_lately(tx: Tx, catalog: Catalog) -> int | None:
    """Return how many jobs failed in 24 h, or None where no column says when."""
    if "updated_at" not in catalog.features:
        return None
    row = tx.record(SQL["failed_lately"], now=tx.now)
    return int(row["jobs"]) if row else None
