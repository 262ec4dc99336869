"""The migration history against the local list: sets compared, by version, never by time (target-system 9, rows 4 to 6, 24)."""

from collections.abc import Mapping

from bot.domain.history import Comparison, compare, migration_features
from bot.domain.messages import Message, MigrationList
from bot.domain.needs import missing
from bot.errors import StatementTimedOut, TargetUnavailable
from bot.operations import sessions
from bot.operations.kinds.base import cannot_see, told
from bot.operations.services import Services
from bot.sqlfile import load
from bot.store.db import Tx
from bot.targets import migrations

SQL = load("bot.targets", "history.sql")
NEWEST, MOST = 20, 5000
_LOCKED = "the migration history is locked by somebody else"


def compared(services: Services, tx: Tx) -> Comparison | None:
    """Return recorded against local versions, or None where our role may not read the history.

    Raises:
        TargetUnavailable: somebody holds the history, or waits to; the transaction goes on.
    """
    catalog = services.catalog.get(tx)
    if "history_readable" not in catalog.features:
        return None
    try:
        with tx.savepoint():
            rows = tx.records(SQL["applied"], migration_features(catalog.history_columns))
    except StatementTimedOut as error:
        raise TargetUnavailable(_LOCKED, hint="dragonfly locks says who") from error
    local = migrations.local(services.config.migrations)
    return compare({row["version"]: row["name"] or "" for row in rows}, local)


def read(services: Services, args: Mapping[str, str]) -> Message:
    """Return pending, differing and unknown versions first, then the newest applied ones."""
    most = int(args.get("most") or MOST)
    with services.db.read() as tx:
        blocked = sessions.migration_wait(services, tx)
        try:
            found = compared(services, tx)
        except TargetUnavailable as error:
            reasons = [error.message, *([f"a migration waits: {blocked}"] if blocked else [])]
            return cannot_see(services, tx, "migrations", reasons, ["dragonfly locks"])
        if found is None:
            return _no_access(services, tx)
        return MigrationList(
            env=services.config.env,
            as_of=tx.now,
            applied=found.applied,
            lines=found.lines[:most],
            total=len(found.lines),
            pending=found.pending,
            differs=found.differs,
            unknown=found.unknown,
            source=services.config.migrations.source,
            mixed_lengths=found.mixed_lengths,
            blocked=blocked,
        )


def _no_access(services: Services, tx: Tx) -> Message:
    """Say that the history cannot be read, with the grant that mends it; nothing is guessed from a view."""
    catalog = services.catalog.get(tx)
    if not catalog.history_columns:
        why = "there is no supabase_migrations.schema_migrations: no migration was ever recorded here"
        return cannot_see(services, tx, "migrations", [why])
    return cannot_see(services, tx, "migrations", *told(missing(["history_readable"], [], role=catalog.role)))
