"""Jobs and workers as tests need them; each builder takes only what matters to the test."""

import json

import psycopg

from bot.sandbox.target.schema import INGEST_TYPE
from bot.sandbox.target.seeds import ERROR, PAYLOAD

DEAD = "ingest_processor-dead0001"
ALIVE = "ingest_processor-beef0002"


class Target:
    """The target's tables, changed as the target's own programs would."""

    def __init__(self, dsn: str, schema: str) -> None:
        """Connect as the owner."""
        self.schema = schema
        self.job_type = INGEST_TYPE[schema]
        self.connection = psycopg.connect(dsn, autocommit=True)

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()

    @property
    def has_worker_id(self) -> bool:
        """Say whether jobs carry their worker."""
        return self.schema == "deployed"

    def worker(
        self,
        worker_id: str = DEAD,
        *,
        silent_seconds: float = 600,
        worker_type: str = "ingest_processor",
        status: str = "running",
    ) -> None:
        """Let a worker have beaten so long ago."""
        self.connection.execute(
            "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, status, last_seen_at) "
            "VALUES (%s, %s, %s, clock_timestamp() - make_interval(secs => %s)) "
            "ON CONFLICT (worker_id) DO UPDATE SET last_seen_at = excluded.last_seen_at, status = excluded.status",
            (worker_id, worker_type, status, silent_seconds),
        )

    def stuck(
        self, count: int = 1, *, owner: str | None = DEAD, minutes: float = 20, attempts: int = 1, job_type: str = ""
    ) -> list[str]:
        """Let jobs have been processing for so long; return their ids, oldest first."""
        extra = ", worker_id, started_at" if self.has_worker_id else ""
        values = ", %(owner)s, clock_timestamp() - make_interval(secs => %(seconds)s + n)" if self.has_worker_id else ""
        rows = self.connection.execute(
            f"""INSERT INTO ops.job_queue (job_type, payload, last_error, status, attempts, locked_at{extra})
                SELECT %(type)s, %(payload)s, %(error)s, 'processing', %(attempts)s,
                       clock_timestamp() - make_interval(secs => %(seconds)s + n){values}
                FROM generate_series(1, %(count)s) AS n
                RETURNING id::text, locked_at""",
            {
                "type": job_type or self.job_type,
                "payload": json.dumps(PAYLOAD),
                "error": ERROR,
                "attempts": attempts,
                "seconds": minutes * 60,
                "owner": owner,
                "count": count,
            },
        ).fetchall()
        return [row[0] for row in sorted(rows, key=lambda row: row[1])]

    def pending(self, count: int = 1, *, job_type: str = "") -> list[str]:
        """Let jobs wait to be claimed; return their ids."""
        rows = self.connection.execute(
            "INSERT INTO ops.job_queue (job_type, payload, last_error) SELECT %s, %s, %s "
            "FROM generate_series(1, %s) RETURNING id::text",
            (job_type or self.job_type, json.dumps(PAYLOAD), ERROR, count),
        ).fetchall()
        return [row[0] for row in rows]

    def claimable(self) -> int:
        """Return how many jobs the claim would take now."""
        due = "AND (next_run_at IS NULL OR next_run_at <= clock_timestamp())" if self.has_worker_id else ""
        row = self.connection.execute(
            f"SELECT count(*) FROM ops.job_queue WHERE status = 'pending' {due}".encode()
        ).fetchone()
        assert row is not None
        return int(row[0])

    def fail(self, job_ids: list[str], error: str) -> None:
        """Let jobs fail with an error."""
        self.connection.execute(
            "UPDATE ops.job_queue SET status = 'failed', last_error = %s, updated_at = clock_timestamp(), attempts = attempts + 1 "
            "WHERE id::text = ANY(%s)",
            (error, job_ids),
        )

    def statuses(self) -> dict[str, int]:
        """Return how many jobs have each status."""
        rows = self.connection.execute("SELECT status::text, count(*) FROM ops.job_queue GROUP BY status").fetchall()
        return dict(rows)

    def job(self, job_id: str) -> dict[str, object]:
        """Return one job's row."""
        row = self.connection.execute(
            "SELECT to_jsonb(j) FROM ops.job_queue AS j WHERE id::text = %s", (job_id,)
        ).fetchone()
        assert row is not None
        found: dict[str, object] = row[0]
        return found

    def pick_up(self) -> None:
        """Let a worker claim everything that is pending, as the claim function does."""
        self.connection.execute(
            "UPDATE ops.job_queue SET status = 'processing', attempts = attempts + 1, locked_at = clock_timestamp() WHERE status = 'pending'"
        )

    def complete(self, job_ids: list[str]) -> None:
        """Let jobs finish by themselves."""
        self.connection.execute(
            "UPDATE ops.job_queue SET status = 'completed', locked_at = NULL WHERE id::text = ANY(%s)", (job_ids,)
        )

    def hide(self, table: str) -> None:
        """Let row security hide every row of a table from our role, as it does when it is switched on and forgotten."""
        for (policy,) in self.connection.execute(
            "SELECT policyname FROM pg_policies WHERE schemaname = 'ops' AND tablename = %s", (table,)
        ).fetchall():
            self.connection.execute(f'DROP POLICY "{policy}" ON ops.{table}')
        self.connection.execute(f"ALTER TABLE ops.{table} ENABLE ROW LEVEL SECURITY")
