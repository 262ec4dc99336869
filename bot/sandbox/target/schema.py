"""The two target schemas, and jobs in bulk for tests and benchmarks."""

from importlib.resources import files

import psycopg

from bot.sandbox.target import migrations

SCHEMAS = ("playbook", "deployed")
INGEST_TYPE = {"playbook": "ingest", "deployed": "ingest_csv"}
ENFORCEMENT_TYPE = {"playbook": "enforcement_packet", "deployed": "enforcement_generate_packet"}


def create(dsn: str, schema: str, *, offline_seconds: int = 60) -> None:
    """Make the target in an empty database, with its migrations recorded; its own health view gives workers this long."""
    text = files("bot.sandbox.target").joinpath(f"{schema}.sql").read_text(encoding="utf-8")
    text = text.replace("interval '60 seconds'", f"interval '{offline_seconds} seconds'")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(text.encode())
        migrations.record(connection)


def is_there(dsn: str) -> bool:
    """Say whether a database already holds the target."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT to_regclass('ops.job_queue') IS NOT NULL").fetchone()
        return bool(row and row[0])


def load_jobs(dsn: str, schema: str, *, total: int, stuck: int) -> None:
    """Fill the queue: mostly completed, a hundredth pending, `stuck` of them processing under a dead worker."""
    owner = ", worker_id, started_at" if schema == "deployed" else ""
    owned = ", 'ingest_processor-dead0001', now() - interval '20 minutes'" if schema == "deployed" else ""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            f"""INSERT INTO ops.job_queue (job_type, payload, status, attempts, locked_at, created_at)
                SELECT %s, '{{}}', (CASE WHEN n %% 100 = 0 THEN 'pending' ELSE 'completed' END){_cast(schema)}, 1, NULL,
                       now() - make_interval(secs => n)
                FROM generate_series(1, %s) AS n""".encode(),
            (INGEST_TYPE[schema], total - stuck),
        )
        connection.execute(
            f"""INSERT INTO ops.job_queue (job_type, payload, status, attempts, locked_at, created_at{owner})
                SELECT %s, '{{}}', 'processing', 1, now() - interval '20 minutes' - make_interval(secs => n / 100.0),
                       now() - interval '1 hour'{owned}
                FROM generate_series(1, %s) AS n""".encode(),
            (INGEST_TYPE[schema], stuck),
        )
        connection.execute(
            "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, last_seen_at) VALUES "
            "('ingest_processor-dead0001', 'ingest_processor', now() - interval '10 minutes') ON CONFLICT DO NOTHING"
        )
        connection.execute("ANALYZE ops.job_queue")


def _cast(schema: str) -> str:
    return "::ops.job_status_enum" if schema == "deployed" else ""
