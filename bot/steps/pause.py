"""The kind of step that holds jobs and lets them go (§12): leased, sticky, with the prior state of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.catalog import Catalog
from bot.domain.platform import matches
from bot.domain.runbook import Step
from bot.store.db import Tx
from bot.store.pauses import Pause

BY_LABEL, BY_NEXT_RUN = "label", "next-run-at"
MOST = 5000
"""Jobs held or let go by one transaction; the next follows at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What became of the jobs that were let go since a moment."""

    completed: int
    failed: int
    """With an error of the vendor's kind."""


def _features(catalog: Catalog, strategy: str) -> frozenset[str]:
    return catalog.features | ({"by_next_run_at"} if strategy == BY_NEXT_RUN else set())


def hold(tx: Tx, step: Step, catalog: Catalog, pause: Pause, most: int = MOST) -> int:
    """Hold what is pending and not held yet, and return how many jobs that were."""
    rows = tx.records(
        step.statements["hold"],
        _features(catalog, pause.strategy),
        pause=pause.id,
        job_types=pause.job_types,
        held_until=pause.held_until,
        most=most,
        now=tx.now,
    )
    return len(rows)


def release(tx: Tx, step: Step, catalog: Catalog, pause: Pause, most: int) -> Counter[str]:
    """Let the oldest of a pause's own jobs go, and return how many were `released` and how many had `moved on`."""
    rows = tx.records(
        step.statements["release"],
        _features(catalog, pause.strategy),
        pause=pause.id,
        held_until=pause.held_until,
        most=most,
        now=tx.now,
    )
    return Counter(row["outcome"] for row in rows)


def since_release(
    tx: Tx, step: Step, catalog: Catalog, pause: Pause, since: datetime, patterns: Sequence[str]
) -> Since:
    """Return what became of the jobs that were let go since a moment."""
    rows = tx.records(step.statements["since_release"], catalog.features, pause=pause.id, since=since)
    completed = sum(row["jobs"] for row in rows if row["status"] == "completed")
    tried = [row for row in rows if row["status"] in ("pending", "failed")]
    failed = sum(row["jobs"] for row in tried if matches(patterns, [row["last_error"]]))
    return Since(completed=completed, failed=failed)


def foreign(tx: Tx, step: Step, job_types: Sequence[str]) -> int:
    """Return how many jobs somebody else paused."""
    row = tx.record(step.statements["foreign"], job_types=list(job_types))
    return int(row["jobs"]) if row else 0
