"""What the live catalog of the target offers; every step names what it needs of it (design, D5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

QUEUE = "ops.job_queue"
HEARTBEATS = "ops.worker_heartbeats"

QUEUE_LEAST = ("id", "job_type", "status", "locked_at", "attempts")
HEARTBEATS_LEAST = ("worker_id", "worker_type", "last_seen_at")

_QUEUE_EXTRA = (
    "worker_id",
    "started_at",
    "next_run_at",
    "max_attempts",
    "last_error",
    "updated_at",
    "created_at",
    "reap_count",
    "dead_letter_at",
    "payload",
)
_ID_TYPES = {"uuid": "id_uuid", "bigint": "id_bigint", "integer": "id_integer", "text": "id_text"}
_WORKER_ID_TYPES = {"uuid": "worker_id_uuid", "text": "worker_id_text", "character varying": "worker_id_text"}
FEATURES = frozenset(
    {
        *_QUEUE_EXTRA,
        *_ID_TYPES.values(),
        *("id_other", "heartbeat_status", "owner_status", "health_view", "label_paused"),
        *("signal", "sees_sessions", "history_readable", "history_writable"),
        *(f"can_set_{name}" for name in _QUEUE_EXTRA),
        *("worker_id_text", "worker_id_uuid"),
    }
)
"""Every name that a line of SQL may be kept for (`-- if worker_id`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """One look at the target's catalog under our own role."""

    queue_columns: Mapping[str, str] = field(default_factory=dict)
    """Name to type, as Postgres prints it."""
    heartbeat_columns: Mapping[str, str] = field(default_factory=dict)
    status_labels: tuple[str, ...] | None = None
    """Labels of the status enum; None where status is text."""
    job_types: tuple[str, ...] | None = None
    updatable: frozenset[str] = frozenset()
    """Queue columns our role may update."""
    readable_queue: bool = False
    readable_heartbeats: bool = False
    row_security: bool = False
    """Row security applies to our role on the queue or the heartbeats."""
    policies_match: bool = True
    """A policy other than a constantly false one names our role."""
    health_view: bool = False
    reapers: tuple[str, ...] = ()
    """Signatures of `ops.reap_stuck_jobs`: shown when found, never called."""
    identity: str = ""
    role: str = ""
    extra: frozenset[str] = frozenset()
    """Rights beyond the queue: `signal`, `sees_sessions`, `history_readable`, `history_writable`."""
    history_columns: tuple[str, ...] = ()
    """Columns of `supabase_migrations.schema_migrations` that there are, readable or not."""

    @property
    def hidden(self) -> bool:
        """Say whether rows may be hidden from us, so that an empty table means nothing."""
        return not self.readable_heartbeats or (self.row_security and not self.policies_match)

    @property
    def features(self) -> frozenset[str]:
        """Return the names by which SQL files ask for a capability (`-- if worker_id`)."""
        found = {name for name in _QUEUE_EXTRA if name in self.queue_columns}
        found.add(_ID_TYPES.get(self.queue_columns.get("id", ""), "id_other"))
        if "status" in self.heartbeat_columns:
            found.add("heartbeat_status")
        if found >= {"heartbeat_status", "worker_id"}:
            found.add("owner_status")
        if self.health_view:
            found.add("health_view")
        if self.status_labels is None or "paused" in self.status_labels:
            found.add("label_paused")
        found |= {f"updatable:{name}" for name in self.updatable} | {f"can_set_{name}" for name in self.updatable}
        found.add(_WORKER_ID_TYPES.get(self.queue_columns.get("worker_id", ""), "worker_id_other"))
        return frozenset(found | self.extra)

    def missing_least(self) -> tuple[str, ...]:
        """Return what the least target must have and this one has not, as `table.column`."""
        queue = [f"{QUEUE}.{name}" for name in QUEUE_LEAST if name not in self.queue_columns]
        beats = [f"{HEARTBEATS}.{name}" for name in HEARTBEATS_LEAST if name not in self.heartbeat_columns]
        return (*queue, *beats)
