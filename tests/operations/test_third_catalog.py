"""A catalog that neither reference schema has: integer ids, text with a CHECK, a next try but no worker id, mixed names."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from bot.domain.configuration import DEFAULT_VENDORS
from bot.domain.messages import CannotPlan, PlanCard, PlanFace
from bot.operations import doctor, gate, history, plans, queues, runs, sessions, status
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.store.db import Database
from bot.store.migrate import migrate
from tests.support.databases import TestServer
from tests.support.product import ADA, CONFIG, product

THIRD = """
    CREATE SCHEMA ops;
    CREATE DOMAIN ops.state AS text CHECK (VALUE IN ('pending', 'processing', 'completed', 'failed'));
    CREATE TABLE ops.job_queue (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job_type varchar(40) NOT NULL CHECK (job_type IN ('simplicity_ingest', 'enforcement_strategy')),
        status ops.state NOT NULL DEFAULT 'pending',
        attempts smallint NOT NULL DEFAULT 0,
        locked_at timestamptz,
        next_run_at timestamptz,
        "Odd Column" text
    );
    CREATE TABLE ops.worker_heartbeats (worker_id text, worker_type text, last_seen_at timestamptz);
    CREATE SCHEMA supabase_migrations;
    CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY);
    INSERT INTO supabase_migrations.schema_migrations VALUES ('0001'), ('20260101');
    INSERT INTO ops.worker_heartbeats VALUES
        ('w-1', 'simplicity_ingest_worker', now() - interval '10 minutes'),
        ('w-2', 'ingest_processor', now() - interval '10 minutes'), ('w-3', 'enforcement_engine', now()),
        ('w-4', 'enforcement_engine', now()), ('w-5', 'enforcement_engine', now());
    INSERT INTO ops.job_queue (job_type, status, locked_at, attempts)
        SELECT 'simplicity_ingest', 'processing', now() - interval '20 minutes', 1 FROM generate_series(1, 3);
    INSERT INTO ops.job_queue (job_type) SELECT 'simplicity_ingest' FROM generate_series(1, 4);
"""


@pytest.fixture
def third(server: TestServer) -> Iterator[Services]:
    """Give the product on such a database."""
    with server.database("empty") as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(THIRD)
        database = Database(dsn, size=1).open()
        migrate(database, "dev")
        database.close()
        with product(dsn, replace(CONFIG, vendors=DEFAULT_VENDORS)) as services:
            yield services


def carried_out(services: Services, step: str, params: dict[str, str]) -> PlanCard:
    """Plan, confirm, carry out."""
    made = plans.make(services, step, params, ADA, Place())
    assert isinstance(made, PlanCard), made
    plans.confirm(services, made.key, ADA, secret=made.secret)
    runs.perform_due(services)
    done = plans.card(services, made.key)
    assert isinstance(done, PlanCard)
    return done


def test_every_read_works(third: Services) -> None:
    """Status, workers, queue, failures, ingest, migrations, locks, gate: each answers, or says what it cannot see."""
    assert status.read(third).queue.pending == 4
    for message in (
        queues.workers(third),
        queues.queue(third),
        queues.failed(third),
        queues.ingest(third),
        history.read(third, {}),
        sessions.locks(third),
        gate.read(third, "prod", "api"),
    ):
        assert not isinstance(message, CannotPlan), message


def test_reset_and_its_undo(third: Services) -> None:
    """Judged by type, the next try kept; the way back restores the lock."""
    done = carried_out(third, "reset-stuck", {})
    assert (done.face, done.rows) == (PlanFace.WORKING, 3)
    undone = carried_out(third, "undo", plans.undo_params(third, done.key))
    assert undone.result["put_back"] == 3
    with third.db.read() as tx:
        row = tx.connection.execute("SELECT count(*) AS n FROM ops.job_queue WHERE status = 'processing'").fetchone()
    assert row == {"n": 3}


def test_a_check_without_paused_means_next_run_at(third: Services) -> None:
    """Text is not enough: the CHECK has no `paused`, so the next try is moved instead; undo lets all of it go."""
    done = carried_out(third, "pause", {"reason": "Simplicity API down"})
    assert (done.facts["strategy"], done.result["held"]) == ("next-run-at", 4)
    assert carried_out(third, "undo", plans.undo_params(third, done.key)).result["put_back"] == 4


def test_doctor_says_what_will_not_work(third: Services) -> None:
    """Every step has a line; none that is called ready fails for a missing column."""
    lines = {line.name: line for line in doctor.examine(third).lines}
    assert lines["reset-stuck"].detail.endswith("(because jobs carry no worker id)")
    assert lines["pause"].detail.endswith('(because the status list has no "paused")')
    assert lines["resume"].verdict == "ok"
