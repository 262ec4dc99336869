"""The least target there is: five columns and three, numbers as ids, no view, no function (design, section 7)."""

from collections.abc import Iterator

import psycopg
import pytest

from bot.domain.messages import PlanCard
from bot.operations import checks, plans, runs, status
from bot.operations.issuing import Place
from bot.store.db import Database
from bot.store.migrate import migrate
from tests.support.databases import TestServer
from tests.support.product import ADA, product

LEAST = """
    CREATE SCHEMA ops;
    CREATE TYPE ops.state AS ENUM ('pending', 'processing', 'completed', 'failed');
    CREATE TABLE ops.job_queue (id bigint PRIMARY KEY, job_type text, status ops.state, locked_at timestamptz, attempts int);
    CREATE TABLE ops.worker_heartbeats (worker_id text, worker_type text, last_seen_at timestamptz);
    CREATE VIEW ops.v_system_health AS SELECT 1 AS something_else;
    INSERT INTO ops.worker_heartbeats VALUES ('w-1', 'ingest_processor', now() - interval '10 minutes'), ('w-2', 'enforcement_engine', now());
    INSERT INTO ops.job_queue SELECT n, 'ingest', 'processing', now() - interval '20 minutes', 1 FROM generate_series(1, 5) AS n;
"""


@pytest.fixture
def least(server: TestServer) -> Iterator[str]:
    """Give a database with the least target and our tables."""
    with server.database("empty") as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(LEAST)
        database = Database(dsn, size=1).open()
        migrate(database, "dev")
        database.close()
        yield dsn


def test_the_least_target_is_enough(least: str) -> None:
    """Status, checks and a reset work; what is not there is a capability that is not used."""
    with product(least) as services:
        assert [line.status for line in checks.run_all(services).lines][:2] == ["bad", "ok"]
        assert status.read(services).queue.stuck == 5
        card = plans.make(services, "reset-stuck", {}, ADA, Place())
        assert isinstance(card, PlanCard)
        plans.confirm(services, card.key, ADA, secret=card.secret)
        runs.perform_due(services)
        assert status.read(services).queue.pending == 5
