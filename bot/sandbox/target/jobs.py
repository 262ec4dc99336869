"""The simulated queue: a producer with a bounded backlog, jobs left stuck, jobs in bulk, and what the panel shows."""

import json
import random
import threading
import time

import psycopg

from bot.sandbox.target.schema import ENFORCEMENT_TYPE, INGEST_TYPE
from bot.sandbox.target.seeds import PAYLOAD

Connection = psycopg.Connection[tuple[object, ...]]
BACKLOG = 40
"""The producer stops adding above this many due jobs."""
MOST = 400
"""And above this many that are not finished, paused ones too."""
PRODUCE_EVERY_SECONDS = 0.5
BUSY_WITHIN_SECONDS = 5.0
GONE = "ingest_processor-dead0001"
"""A worker that is long dead."""


class Jobs:
    """The queue of one target database."""

    def __init__(self, dsn: str, schema: str) -> None:
        """Connect to nothing yet."""
        self.schema = schema
        self._dsn = dsn
        self._enum = "ops.job_type_enum" if schema == "deployed" else "text"

    def connect(self) -> Connection:
        """Return a connection of the target's owner."""
        return psycopg.connect(self._dsn, autocommit=True)

    def forget_the_last_run(self) -> None:
        """Workers of a last run are gone, and nobody holds their jobs."""
        with self.connect() as connection:
            connection.execute("DELETE FROM ops.worker_heartbeats")
            connection.execute(
                "UPDATE ops.job_queue SET status = 'pending', locked_at = NULL WHERE status = 'processing'"
            )

    def produce(self, stopping: threading.Event) -> None:
        """Keep a modest inflow until told to stop."""
        while not stopping.wait(PRODUCE_EVERY_SECONDS):
            try:
                with self.connect() as connection:
                    if self._has_room(connection):
                        kinds = (INGEST_TYPE, INGEST_TYPE, ENFORCEMENT_TYPE)
                        self._add(connection, random.choice(kinds)[self.schema], 2)
            except psycopg.Error:
                continue

    def _has_room(self, connection: Connection) -> bool:
        due = "AND coalesce(next_run_at, now()) <= now()" if self.schema == "deployed" else ""
        row = connection.execute(
            f"""SELECT count(*) FILTER (WHERE status = 'pending' {due}), count(*) FROM ops.job_queue
                WHERE status::text IN ('pending', 'paused')""".encode()
        ).fetchone()
        return row is not None and int(str(row[0])) < BACKLOG and int(str(row[1])) < MOST

    def add(self, job_type: str, count: int) -> None:
        """Put jobs into the queue."""
        with self.connect() as connection:
            self._add(connection, job_type, count)

    def _add(self, connection: Connection, job_type: str, count: int) -> None:
        connection.execute(
            f"INSERT INTO ops.job_queue (job_type, payload) SELECT %s::{self._enum}, %s::jsonb FROM generate_series(1, %s)".encode(),
            (job_type, json.dumps(PAYLOAD), count),
        )

    def keep_busy(self, job_type: str) -> None:
        """Add jobs of a type and wait until some were just claimed, so that a kill leaves jobs behind."""
        self.add(job_type, 12)
        until = time.monotonic() + BUSY_WITHIN_SECONDS
        with self.connect() as connection:
            while time.monotonic() < until:
                row = connection.execute(
                    "SELECT count(*) FROM ops.job_queue WHERE status = 'processing' AND job_type::text = %s "
                    "AND locked_at > now() - interval '1 second'",
                    (job_type,),
                ).fetchone()
                if row and int(str(row[0])) >= 2:
                    return
                time.sleep(0.05)

    def stick(self, alive: str, count: int = 14) -> str:
        """Leave jobs in processing under workers that are long gone: some exhausted, some slow, some of an unknown owner."""
        with self.connect() as connection:
            connection.execute(
                "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, last_seen_at) "
                "VALUES (%s, 'ingest_processor', now() - interval '20 minutes') ON CONFLICT DO NOTHING",
                (GONE,),
            )
            self._stick(connection, count, GONE, 1, 400)
            self._stick(connection, 2, GONE, 5, 700)
            self._stick(connection, 2, alive, 1, 600)
            self._stick(connection, 1, None, 1, 500)
        return f"{count + 5} jobs stuck: {count} by a dead worker, 2 out of attempts, 2 slow, 1 unknown"

    def _stick(self, connection: Connection, count: int, owner: str | None, attempts: int, age: int) -> None:
        owned = ", worker_id, started_at" if self.schema == "deployed" else ""
        values = ", %(owner)s, now() - make_interval(secs => %(age)s + n)" if self.schema == "deployed" else ""
        connection.execute(
            f"""INSERT INTO ops.job_queue (job_type, payload, status, attempts, locked_at{owned})
                SELECT %(type)s::{self._enum}, %(payload)s::jsonb, 'processing', %(attempts)s,
                       now() - make_interval(secs => %(age)s + n){values}
                FROM generate_series(1, %(count)s) AS n""".encode(),
            {
                "type": INGEST_TYPE[self.schema],
                "payload": json.dumps(PAYLOAD),
                "attempts": attempts,
                "age": age,
                "owner": owner,
                "count": count,
            },
        )

    def flood(self, count: int = 2000) -> str:
        """Put many jobs into the queue at once."""
        self.add(INGEST_TYPE[self.schema], count)
        return f"{count} jobs added"

    def ages(self) -> dict[str, float]:
        """Return how many seconds ago each worker beat."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT worker_id, extract(epoch FROM clock_timestamp() - last_seen_at)::float8 FROM ops.worker_heartbeats"
            ).fetchall()
        return {str(row[0]): float(str(row[1])) for row in rows}

    def by_status(self) -> dict[str, int]:
        """Return how many jobs have each status."""
        return self._counts("SELECT status::text, count(*) FROM ops.job_queue GROUP BY status")

    def held(self) -> dict[str, int]:
        """Return how many jobs each worker holds, where jobs carry their worker."""
        if self.schema != "deployed":
            return {}
        return self._counts(
            "SELECT worker_id, count(*) FROM ops.job_queue "
            "WHERE status = 'processing' AND worker_id IS NOT NULL GROUP BY 1"
        )

    def _counts(self, statement: str) -> dict[str, int]:
        with self.connect() as connection:
            return {str(row[0]): int(str(row[1])) for row in connection.execute(statement.encode()).fetchall()}
