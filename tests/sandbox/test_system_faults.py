"""Each fault of the simulated system does what it says, and bringing back leaves no trace of it."""

from typing import Any

import httpx
import psycopg
import pytest

from bot.domain.configuration import Migrations
from bot.domain.vendor import read_page
from bot.sandbox.target.migrations import PENDING, RECORDED
from bot.sandbox.target.system import FAULTS
from bot.targets.migrations import local
from tests.sandbox.systems import Running
from tests.support.waiting import eventually

RETURNED_500 = "Simplicity API returned 500: Internal Server Error"
RETRIES_EXCEEDED = "HTTPSConnectionPool: Max retries exceeded"


def get(url: str, seconds: float = 5.0) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=seconds) as client:
        return client.get(url)


def page(running: Running) -> str:
    return read_page(get(f"{running.system.vendor.url}/api/v2/summary.json").json()).verdict


def with_error(running: Running, error: str, *, failed: bool) -> list[tuple[Any, ...]]:
    """The attempts of jobs with this error that failed for good, or are to be tried again."""
    return running.ask(
        "SELECT attempts FROM ops.job_queue WHERE last_error = %s AND (status = 'failed') = %s", error, failed
    )


def test_every_fault_is_known_by_its_name(running: Running) -> None:
    """The panel's names are those that are carried out; no other is."""
    names = [name for name, _ in FAULTS]
    assert len(set(names)) == len(names)
    with pytest.raises(KeyError):
        running.system.fault("no-such-fault")


def test_a_vendor_that_fails(running: Running) -> None:
    """Jobs come back with the vendor's error and are tried again, until there are no attempts left."""
    assert page(running) == "ok" and get(f"{running.system.vendor.url}/health").status_code == 200
    running.system.fault("vendor-500")
    assert page(running) == "failing" and get(f"{running.system.vendor.url}/health").status_code == 500
    eventually(lambda: with_error(running, RETURNED_500, failed=False), 20)
    running.system.jobs.flood(20)
    running.do("UPDATE ops.job_queue SET attempts = 4 WHERE status = 'pending' AND job_type::text LIKE 'ingest%'")
    eventually(lambda: with_error(running, f"[DLQ] Max attempts (5) exceeded: {RETURNED_500}", failed=True), 20)
    assert f"ERROR: {RETURNED_500}" in running.lines()

    running.system.fault("vendor-ok")
    assert page(running) == "ok"
    [(now,)] = running.ask("SELECT clock_timestamp()")
    done = (
        "SELECT 1 FROM ops.job_queue WHERE status = 'completed' AND updated_at > %s AND job_type::text LIKE 'ingest%%'"
    )
    eventually(lambda: running.ask(done, now), 20)


def test_a_slow_vendor(running: Running) -> None:
    """Nobody waits so long: workers give up, and its own page says so."""
    running.system.fault("vendor-slow")
    with pytest.raises(httpx.ReadTimeout):
        get(f"{running.system.vendor.url}/health", 0.3)
    assert page(running) == "failing"
    eventually(lambda: with_error(running, RETRIES_EXCEEDED, failed=False), 20)
    assert f"ERROR: {RETRIES_EXCEEDED}" in running.lines()

    running.system.fault("bring-back")
    assert get(f"{running.system.vendor.url}/health").status_code == 200 and page(running) == "ok"


def sessions(running: Running) -> dict[str, tuple[Any, ...]]:
    """State, what it waits for and superuser by application name, of the engineer's sessions."""
    rows = running.ask(
        "SELECT application_name, state, wait_event_type, rolsuper FROM pg_stat_activity JOIN pg_roles ON rolname = usename "
        "WHERE datname = current_database() AND application_name IN ('psql', 'supabase')"
    )
    return {row[0]: row[1:] for row in rows}


def test_a_blocked_migration(running: Running) -> None:
    """One session is idle in its transaction and holds the history, another waits for it; both end, their role too."""
    running.system.fault("block-migrations")
    assert sessions(running) == {
        "psql": ("idle in transaction", "Client", False),
        "supabase": ("active", "Lock", False),
    }
    [(holder, waiter)] = running.ask(
        "SELECT b.pid, w.pid FROM pg_stat_activity AS w JOIN pg_stat_activity AS b ON b.pid = ANY (pg_blocking_pids(w.pid)) "
        "WHERE w.application_name = 'supabase' AND w.datname = current_database()"
    )
    assert holder != waiter

    running.system.fault("bring-back")
    assert sessions(running) == {}
    assert running.ask("SELECT FROM pg_roles WHERE rolname = 'engineer_' || current_database()") == []


def test_ending_the_blocker_lets_the_migration_go_on(running: Running) -> None:
    """And bringing back afterwards finds nothing to end."""
    running.system.fault("block-migrations")
    running.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'psql' AND datname = current_database()"
    )
    eventually(lambda: sessions(running) == {})
    eventually(lambda: running.system.state()["trouble"] == [])

    running.system.fault("bring-back")
    running.system.fault("block-migrations")
    assert set(sessions(running)) == {"psql", "supabase"}


def known(running: Running) -> dict[str, str]:
    """The local migrations as the product reads them."""
    found = local(Migrations(source=str(running.system.files.source)))
    assert found is not None
    return found


def recorded(running: Running) -> dict[str, str]:
    return dict(running.ask("SELECT version, name FROM supabase_migrations.schema_migrations"))


def test_the_local_migrations_are_those_recorded_and_two_more(running: Running) -> None:
    """A dozen with their names, of all three lengths; the two wait; nobody else may write there."""
    names, done = known(running), recorded(running)
    assert done == dict(RECORDED) and len(done) == 12
    assert {len(version) for version in done} == {4, 8, 14}
    pending = {f"{version}_{name}.sql" for version, name in names.items() if version not in done}
    assert pending == set(PENDING) and len(pending) == 2
    files = running.system.files
    assert {path.stat().st_mode & 0o022 for path in (*files.source.rglob("*"), *files.rollbacks.rglob("*"))} == {0}


def test_the_pending_migrations_and_the_reviewed_rollback_run(running: Running) -> None:
    """Each is valid on this schema."""
    [script] = running.system.files.rollbacks.iterdir()
    assert script.stem in recorded(running)
    with psycopg.connect(running.system.dsn) as connection:
        for text in (*PENDING.values(), script.read_text(encoding="utf-8")):
            connection.execute(text.encode())
        connection.rollback()


def test_a_half_applied_migration(running: Running) -> None:
    """Its objects are there and its record is not; afterwards no trace is left, even of a repair."""
    running.system.fault("half-applied-migration")
    version = "20261108120000"
    assert version in known(running) and version not in recorded(running)
    assert running.ask("SELECT to_regclass('public.settlement_offers') IS NOT NULL") == [(True,)]
    running.do(f"INSERT INTO supabase_migrations.schema_migrations (version) VALUES ('{version}')")

    running.system.fault("bring-back")
    assert version not in known(running) and version not in recorded(running)
    assert running.ask("SELECT to_regclass('public.settlement_offers') IS NULL") == [(True,)]


def test_a_lockout(running: Running) -> None:
    """The role's sessions end, and no log-in succeeds until it is brought back with its old password."""
    with psycopg.connect(running.bot_dsn, autocommit=True) as connection:
        running.system.fault("pooler-lockout")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.bot_dsn)
    assert running.let_in == []

    running.system.fault("bring-back")
    psycopg.connect(running.bot_dsn).close()
    assert running.let_in == ["let in"]


def security(running: Running) -> list[tuple[Any, ...]]:
    """Row security of the two tables, whole."""
    return running.ask(
        "SELECT relname, relrowsecurity, relforcerowsecurity, (SELECT array_agg(to_jsonb(p) ORDER BY p.policyname) "
        "FROM pg_policies AS p WHERE p.schemaname = 'ops' AND p.tablename = relname) "
        "FROM pg_class WHERE oid IN ('ops.job_queue'::regclass, 'ops.worker_heartbeats'::regclass) ORDER BY relname"
    )


def seen(running: Running) -> list[int]:
    """How many jobs and heartbeats the bot's role counts."""
    with psycopg.connect(running.bot_dsn) as connection:
        found = [
            connection.execute(f"SELECT count(*) FROM ops.{table}".encode()).fetchone()
            for table in ("job_queue", "worker_heartbeats")
        ]
    return [int(row[0]) for row in found if row]


def test_hidden_rows(running: Running) -> None:
    """The bot's role reads without an error and sees nothing; afterwards row security is exactly as it was."""
    before = security(running)
    eventually(lambda: min(seen(running)) > 0)
    running.system.fault("hide-rows")
    assert seen(running) == [0, 0] and security(running) != before
    assert len(running.system.crew.ids("ingest-worker")) == 2

    running.system.fault("bring-back")
    assert security(running) == before and min(seen(running)) > 0


def test_the_panel_names_what_is_wrong(running: Running) -> None:
    """Each trouble while it lasts, none afterwards."""
    assert running.system.state()["trouble"] == []
    for name in ("vendor-500", "block-migrations", "half-applied-migration", "hide-rows", "railway-down"):
        running.system.fault(name)
    assert running.system.state()["trouble"] == [
        "the vendor is failing",
        "Railway is down",
        "migrations are blocked",
        "a migration is half applied",
        "rows are hidden from the bot",
    ]

    running.system.fault("bring-back")
    assert running.system.state()["trouble"] == []


def test_paused_jobs_do_not_stop_the_producer(running: Running) -> None:
    """Work goes on coming in while many jobs wait for a far date, or are paused."""
    held = {
        "deployed": "UPDATE ops.job_queue SET next_run_at = now() + interval '1 year' WHERE status = 'pending'",
        "playbook": "UPDATE ops.job_queue SET status = 'paused' WHERE status = 'pending'",
    }[running.system.schema]
    running.system.jobs.flood(60)
    running.do(held)
    newest = "SELECT max(created_at) FROM ops.job_queue"
    [(before,)] = running.ask(newest)
    try:
        eventually(lambda: running.ask(newest) > [(before,)], 10)
    finally:
        running.do("DELETE FROM ops.job_queue WHERE status::text IN ('paused', 'pending')")
