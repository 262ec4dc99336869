"""Our own tables: numbered files, applied in order under a transaction-level advisory lock, with checksums.

Forward only. The marker row says for which environment and on which database the tables were made; another
environment's bot refuses changes there (design, section 7, *Environment marker*).
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files

from bot.errors import ConflictError, MigrationPending
from bot.sqlfile import load
from bot.store import audit
from bot.store.db import Database, Tx
from bot.store.limits import LONG

SQL = load("bot.store", "migrate.sql")
_NAME = re.compile(r"^(?P<version>\d{4})_(?:pre|post)_[a-z_]+\.sql$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of `migrations/`."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Return the digest by which a later edit is noticed."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One migration as the database remembers it."""

    version: int
    name: str
    checksum: str
    applied_at: datetime
    mode: str
    database_identity: str


@cache
def available() -> tuple[Migration, ...]:
    """Return the migrations shipped with this program, in order."""
    found = []
    for item in files("bot.store").joinpath("migrations").iterdir():
        match = _NAME.match(item.name)
        if match:
            text = item.read_text(encoding="utf-8")
            found.append(Migration(version=int(match["version"]), name=item.name, text=text))
    return tuple(sorted(found, key=lambda migration: migration.version))


def applied(tx: Tx) -> tuple[Applied, ...]:
    """Return what the database remembers; nothing when it has no tables of ours."""
    there = tx.record(SQL["has_versions"])
    if there is None or not there["present"]:
        return ()
    return tuple(tx.rows(Applied, SQL["list_versions"]))


def pending(done: tuple[Applied, ...]) -> tuple[Migration, ...]:
    """Return the migrations that are not applied yet.

    Raises:
        ConflictError: an applied file was edited, or the database is newer than this program.
    """
    known = {migration.version: migration for migration in available()}
    for item in done:
        mine = known.get(item.version)
        if mine is None:
            message = f"the database has migration {item.name}, this program does not: it is older than the tables"
            raise ConflictError(message, hint="start the newer version")
        if mine.checksum != item.checksum:
            message = f"migration {item.name} was edited after it was applied"
            raise ConflictError(message, hint="restore the file, put the change into a new migration")
    done_versions = {item.version for item in done}
    return tuple(migration for version, migration in known.items() if version not in done_versions)


def migrate(database: Database, mode: str) -> tuple[Migration, ...]:
    """Apply what is pending in one transaction and return it; safe to repeat and to run twice at once.

    With nothing to apply nothing is locked or made: any role that may look is told so.
    """
    with database.read() as tx:
        done = applied(tx)
    if done and not pending(done):
        return ()
    with database.write(whole=LONG) as tx:
        tx.run(SQL["lock"])
        tx.run(SQL["create_versions"])
        waiting = pending(applied(tx))
        for migration in waiting:
            tx.connection.execute(migration.text)
            tx.run(
                SQL["record_version"],
                version=migration.version,
                name=migration.name,
                checksum=migration.checksum,
                now=tx.now,
                mode=mode,
            )
        if waiting:
            _record(tx, waiting, mode)
    return waiting


def _record(tx: Tx, done: tuple[Migration, ...], mode: str) -> None:
    """Record what was applied; the record itself begins here, and says to which environment and database it belongs."""
    if audit.head(tx).n == 0:
        audit.append(tx, "chain.genesis", actor="dragonfly", env=mode, database=identity(tx))
    audit.append(tx, "db.migrated", actor="dragonfly", env=mode, migrations=[item.name for item in done])


def identity(tx: Tx) -> str:
    """Return what tells this database from every other."""
    row = tx.record(SQL["identity"])
    assert row is not None
    return str(row["identity"])


def require_current(tx: Tx, mode: str) -> None:
    """Return when our tables are as this program needs them, for this environment and this database.

    Raises:
        MigrationPending: tables are missing or old.
        ConflictError: the tables belong to another environment, were copied from another database, or only take reads.
    """
    done, here = applied(tx), tx.record(SQL["identity"])
    assert here is not None
    if here["follows"]:
        message = "this database follows another one and only takes reads"
        raise ConflictError(message, hint="point the address at the primary")
    if pending(done):
        message = "our own tables are missing or older than this program"
        raise MigrationPending(message, hint="run: dragonfly db migrate")
    if any(item.mode != mode for item in done):
        message = f"this database is marked {done[0].mode}, SUPABASE_MODE says {mode}"
        raise ConflictError(message, hint="point SUPABASE_MODE and the database at the same environment")
    if any(item.database_identity != here["identity"] for item in done):
        message = "the tables were made on another database: this is a copy or a restored backup"
        raise ConflictError(message, hint="changes stay off here; a database of its own needs tables of its own")
