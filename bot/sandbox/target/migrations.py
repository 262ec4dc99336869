"""The target's migrations: what is recorded, what lies in the local directory, what was reviewed, and two faults.

Versions have 4, 8 and 14 digits, as in the system that is simulated (target-system facts, 3.1).
"""

import contextlib
import secrets
import shutil
import threading
import time
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

RECORDED = (
    ("0001", "initial"),
    ("0002", "judgments"),
    ("20251201000000", "job_queue"),
    ("20251204090000", "worker_heartbeats"),
    ("20251220100000", "reaper"),
    ("20251227120503", "queue_guards"),
    ("20260107120000", "system_health_view"),
    ("20261001", "ops_hardening"),
    ("20261002", "worker_grants"),
    ("20261102", "queue_idempotency"),
    ("20261104", "dead_letters"),
    ("20261105", "live_feed_events"),
)
"""Version and name of each migration that is recorded as applied."""
FEED = "CREATE VIEW public.v_live_feed_events AS SELECT 'queue'::text AS feed, now() AS seen_at;\n"
"""What the newest recorded migration made, in full."""
PENDING = {
    "20261110090000_dispute_notes.sql": "CREATE TABLE public.dispute_notes (id bigint PRIMARY KEY, body text);\n",
    "20261112_queue_retention.sql": "CREATE INDEX job_queue_retention ON ops.job_queue (updated_at);\n",
}
"""Local migrations that are neither recorded nor run."""
ROLLBACKS = {
    "20261105.sql": "-- Reviewed by Ben and Cleo. Takes back 20261105_live_feed_events.\nDROP VIEW public.v_live_feed_events;\n"
}
HALF_APPLIED = "20261108120000_settlement_offers.sql"
_HALF_APPLIED_SQL = """\
CREATE TABLE public.settlement_offers (id bigint PRIMARY KEY, amount numeric);
CREATE VIEW public.v_open_offers AS SELECT id FROM public.settlement_offers;
"""
_DROP_HALF_APPLIED = """\
DROP VIEW IF EXISTS public.v_open_offers;
DROP TABLE IF EXISTS public.settlement_offers;
"""
_FORGET_HALF_APPLIED = "DELETE FROM supabase_migrations.schema_migrations WHERE version = '20261108120000'"
WAITS_WITHIN_SECONDS = 5.0
LOCK_TIMEOUT = "5s"
"""Whatever the bot or a person holds, a fault that cannot be carried out says so."""
LOOK_EVERY_SECONDS = 0.02

Connection = psycopg.Connection[tuple[object, ...]]


def record(connection: Connection) -> None:
    """The recorded migrations are recorded, with no statement as a baseline leaves them, and the newest one's view exists."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO supabase_migrations.schema_migrations (version, statements, name) VALUES (%s, '{}', %s)",
            RECORDED,
        )
    connection.execute(FEED)


class LocalFiles:
    """The checkout that the migrations come from, and the directory of reviewed rollback scripts."""

    def __init__(self, home: Path) -> None:
        """Write both anew below a directory."""
        self.source = home / "migrations"
        self.rollbacks = home / "rollbacks"
        recorded = {f"{version}_{name}.sql": "-- Applied long ago.\n" for version, name in RECORDED}
        recorded["20261105_live_feed_events.sql"] = FEED
        _write(self.source, recorded | PENDING)
        _write(self.rollbacks, ROLLBACKS)

    def add(self, name: str, text: str) -> None:
        """One more migration lies there."""
        _put(self.source / name, text)

    def remove(self, name: str) -> None:
        """The migration does not lie there; safe to repeat."""
        (self.source / name).unlink(missing_ok=True)


def _write(directory: Path, files: dict[str, str]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    for name, text in files.items():
        _put(directory / name, text)


def _put(path: Path, text: str) -> None:
    """Write a file that nobody else may change, whatever the mask."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


class Trouble:
    """What goes wrong with migrations: one half applied, one that waits for somebody's open transaction."""

    def __init__(self, dsn: str, files: LocalFiles) -> None:
        """Start without any; `dsn` is the owner's."""
        self._dsn = dsn
        self._files = files
        self._engineer = f"engineer_{conninfo_to_dict(dsn)['dbname']}"
        self._holder: Connection | None = None
        self._waiter: Connection | None = None
        self._waiting: threading.Thread | None = None
        self.has_half_applied = False

    @property
    def is_blocked(self) -> bool:
        """Say whether a migration still waits: whoever ends the session it waits for has ended this too."""
        return self._waiting is not None and self._waiting.is_alive()

    def half_apply(self) -> str:
        """A local migration's objects exist, and nothing records it."""
        self._files.add(HALF_APPLIED, _HALF_APPLIED_SQL)
        with self._connect() as connection:
            connection.execute(_DROP_HALF_APPLIED)
            connection.execute(_HALF_APPLIED_SQL)
        self.has_half_applied = True
        return f"{HALF_APPLIED} has run and is not recorded"

    def undo_half_applied(self) -> None:
        """No trace of it is left; safe to repeat."""
        with self._connect() as connection:
            connection.execute(_DROP_HALF_APPLIED)
            connection.execute(_FORGET_HALF_APPLIED)
        self._files.remove(HALF_APPLIED)
        self.has_half_applied = False

    def block(self) -> str:
        """Somebody's psql left a transaction open on the migration history, and a migration waits for it."""
        self.unblock()
        address = self._hire_engineer()
        self._holder = psycopg.connect(address, application_name="psql")
        self._holder.execute("LOCK TABLE supabase_migrations.schema_migrations IN SHARE ROW EXCLUSIVE MODE")
        self._waiter = psycopg.connect(address, application_name="supabase")
        self._waiting = threading.Thread(target=_wait_for_history, args=(self._waiter,), name="migration", daemon=True)
        self._waiting.start()
        self._await_lock(self._waiter.info.backend_pid)
        return f"session {self._holder.info.backend_pid} is idle in a transaction; a migration waits for it"

    def unblock(self) -> None:
        """Both sessions have ended, and their role is gone; safe to repeat."""
        if self._waiter and self._waiting and self._waiting.is_alive():
            with contextlib.suppress(psycopg.Error):
                self._waiter.cancel_safe()
            self._waiting.join(WAITS_WITHIN_SECONDS)
        if self._holder is not None:
            self._holder.close()
            self._dismiss_engineer()
        self._holder = self._waiter = self._waiting = None

    def _await_lock(self, pid: int) -> None:
        until = time.monotonic() + WAITS_WITHIN_SECONDS
        with self._connect() as connection:
            while time.monotonic() < until:
                row = connection.execute("SELECT cardinality(pg_blocking_pids(%s))", (pid,)).fetchone()
                if row and row[0]:
                    return
                time.sleep(LOOK_EVERY_SECONDS)

    def _hire_engineer(self) -> str:
        """Make a person's role, which is no superuser, and return its address."""
        password = secrets.token_urlsafe(24)
        role = sql.Identifier(self._engineer)
        statement = sql.SQL(
            "CREATE ROLE {role} LOGIN PASSWORD {password}; GRANT USAGE ON SCHEMA supabase_migrations TO {role};"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON supabase_migrations.schema_migrations TO {role}"
        )
        self._dismiss_engineer()
        with self._connect() as connection:
            connection.execute(statement.format(role=role, password=sql.Literal(password)))
        return make_conninfo(self._dsn, user=self._engineer, password=password)

    def _dismiss_engineer(self) -> None:
        role = sql.Identifier(self._engineer)
        with self._connect() as connection:
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (self._engineer,)).fetchone() is not None:
                connection.execute(sql.SQL("DROP OWNED BY {role}; DROP ROLE {role}").format(role=role))

    def _connect(self) -> Connection:
        return psycopg.connect(self._dsn, autocommit=True, options=f"-c lock_timeout={LOCK_TIMEOUT}")


def _wait_for_history(connection: Connection) -> None:
    """Want the history for oneself, as a migration tool does before it starts; end when it is given, or it is told to."""
    with contextlib.suppress(psycopg.Error):
        connection.execute("LOCK TABLE supabase_migrations.schema_migrations IN ACCESS EXCLUSIVE MODE")
    connection.close()
