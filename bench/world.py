"""What a measurement stands on: a durable Postgres with a target, and the local Slack."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bot.sandbox.postgres import PostgresServer
from bot.sandbox.slack.server import SlackServer, SlackSettings
from bot.sandbox.target import schema
from bot.store.db import Database
from bot.store.migrate import migrate


@contextmanager
def world(target: str) -> Iterator[tuple[str, SlackServer]]:
    """Give a database with fsync on, and a workspace without rate limits."""
    postgres = PostgresServer.start()
    try:
        schema.create(postgres.dsn(), target)
        database = Database(postgres.dsn(), size=1).open()
        migrate(database, "dev")
        database.close()
        with SlackServer(SlackSettings(rate_limits=False)) as slack:
            yield postgres.dsn(), slack
    finally:
        postgres.stop()


def prepared(dsn: str, target: str, *, total: int, stuck: int) -> None:
    """Fill the queue, and let other workers live, so that only the owner of the stuck jobs is dead."""
    schema.load_jobs(dsn, target, total=total, stuck=stuck)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, last_seen_at) "
            "SELECT 'enforcement_engine-' || n, 'enforcement_engine', now() + interval '1 hour' FROM generate_series(1, 3) AS n"
        )
