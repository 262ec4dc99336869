"""Read the target's live catalog, and remember it for a while."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.catalog import Catalog
from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.targets", "catalog.sql")


def look(tx: Tx) -> Catalog:
    """Return what the catalog offers to our role now."""
    columns = tx.records(SQL["relations"])
    labels = tx.records(SQL["labels"])
    seen = tx.record(SQL["visibility"]) or {}
    rights = tx.record(SQL["rights"]) or {"history_columns": ()}
    queue = [row for row in columns if row["relation"] == "job_queue"]
    beats = [row for row in columns if row["relation"] == "worker_heartbeats"]
    return Catalog(
        queue_columns={row["name"]: row["type"] for row in queue if row["readable"]},
        heartbeat_columns={row["name"]: row["type"] for row in beats if row["readable"]},
        status_labels=_labels(labels, "status"),
        job_types=_labels(labels, "job_type"),
        updatable=frozenset(row["name"] for row in queue if row["updatable"]),
        readable_queue=any(row["readable"] for row in queue),
        readable_heartbeats=any(row["readable"] for row in beats),
        row_security=bool(seen.get("row_security")),
        policies_match=bool(seen.get("policies_match", True)),
        health_view=bool(seen.get("health_view")),
        reapers=tuple(row["signature"] for row in tx.records(SQL["reapers"])),
        identity=str(seen.get("identity", "")),
        role=str(seen.get("role", "")),
        extra=frozenset(name for name, has in rights.items() if has is True),
        history_columns=tuple(rights["history_columns"] or ()),
    )


def _labels(rows: list[dict[str, str]], column: str) -> tuple[str, ...] | None:
    return tuple(row["label"] for row in rows if row["name"] == column) or None


class CatalogCache:
    """The last look, good for `age`; a look that failed is not remembered."""

    def __init__(self, age: timedelta) -> None:
        """Start knowing nothing."""
        self._age = age
        self._lock = threading.Lock()
        self._known: tuple[datetime, Catalog] | None = None

    @property
    def looked_at(self) -> datetime | None:
        """Return when it was looked at last, by the database's clock."""
        return self._known[0] if self._known else None

    def get(self, tx: Tx, *, fresh: bool = False) -> Catalog:
        """Return the catalog, at most `age` old by the database's clock, or as of now when `fresh`."""
        known = self._known
        if known and not fresh and tx.now - known[0] < self._age:
            return known[1]
        catalog = look(tx)
        with self._lock:
            self._known = (tx.now, catalog)
        return catalog

    def visible(self, tx: Tx) -> Catalog:
        """Return the catalog with what row security lets our role see now, at the cost of one statement."""
        seen = tx.record(SQL["visibility"])
        assert seen is not None
        hides, matches, identity = (seen[name] for name in ("row_security", "policies_match", "identity"))
        return replace(self.get(tx), row_security=hides, policies_match=matches, identity=identity)
