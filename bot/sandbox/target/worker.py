"""One worker of the simulated system: claims with SKIP LOCKED, beats from a thread, finishes and fails jobs.

    python -m bot.sandbox.target.worker TYPE --schema deployed --heartbeat 1 --seconds 3

It takes one line on its input for an order (`hang`, `go on`) and ends when its input ends: nothing outlives its parent.
"""

import argparse
import os
import random
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field

import psycopg

from bot.sandbox.target.schema import ENFORCEMENT_TYPE, INGEST_TYPE
from bot.sandbox.target.seeds import ERROR

SLOTS = 4
"""Jobs at once, so that a killed worker always leaves some behind."""
FAILS_ONE_IN = 40

_CLAIM = {
    "deployed": "SELECT job_id::text, attempts FROM ops.claim_pending_job(%(types)s, 30, %(worker)s)",
    "playbook": """
        UPDATE ops.job_queue SET status = 'processing', locked_at = now(), attempts = attempts + 1, updated_at = now()
        WHERE id = (SELECT id FROM ops.job_queue WHERE status = 'pending' AND job_type = ANY (%(types)s)
                    ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id::text, attempts""",
}
_FINISH = {
    "deployed": "SELECT ops.update_job_status(%(job)s::uuid, %(status)s, %(error)s, %(wait)s)",
    "playbook": """
        UPDATE ops.job_queue SET status = %(status)s, last_error = %(error)s, locked_at = NULL, updated_at = now()
        WHERE id = %(job)s::uuid AND %(wait)s::integer IS NOT DISTINCT FROM %(wait)s::integer""",
}
_BEAT = """
    INSERT INTO ops.worker_heartbeats (worker_id, worker_type, status, last_seen_at)
    VALUES (%(worker)s, %(type)s, %(status)s, clock_timestamp())
    ON CONFLICT (worker_id) DO UPDATE SET last_seen_at = excluded.last_seen_at, status = excluded.status"""


def served(worker_type: str, schema: str) -> list[str]:
    """Return the job types that a worker type claims."""
    if worker_type == "enforcement_engine":
        return [ENFORCEMENT_TYPE[schema]]
    return ["simplicity_ingest"] if worker_type == "simplicity_ingest_worker" else [INGEST_TYPE[schema]]


@dataclass
class Worker:
    """One process; each slot has a connection of its own."""

    worker_type: str
    schema: str
    dsn: str
    heartbeat_seconds: float
    job_seconds: float
    worker_id: str = ""
    hung: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until the input ends."""
        self.worker_id = f"{self.worker_type}-{secrets.token_hex(4)}"
        sys.stdout.write(f"{self.worker_id}\n")
        sys.stdout.flush()
        for work in (self._beat, *[self._slot] * SLOTS):
            threading.Thread(target=self._keep, args=(work,), daemon=True).start()
        for line in sys.stdin:
            (self.hung.set if line.strip() == "hang" else self.hung.clear)()
        os._exit(0)

    def _keep(self, work: "object") -> None:
        """Go on with a loop over lost connections."""
        while True:
            try:
                with psycopg.connect(self.dsn, autocommit=True, connect_timeout=3) as connection:
                    work(connection)  # type: ignore[operator]  # one of the two loops below
            except psycopg.Error:
                time.sleep(0.5)

    def _beat(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        while True:
            connection.execute(_BEAT, {"worker": self.worker_id, "type": self.worker_type, "status": "running"})
            time.sleep(self.heartbeat_seconds)

    def _slot(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        types = served(self.worker_type, self.schema)
        while True:
            row = connection.execute(
                _CLAIM[self.schema].encode(), {"types": types, "worker": self.worker_id}
            ).fetchone()
            if row is None:
                time.sleep(0.3)
                continue
            time.sleep(self.job_seconds * random.uniform(0.6, 1.4))
            while self.hung.is_set():
                time.sleep(0.1)
            self._finish(connection, str(row[0]), int(str(row[1])))

    def _finish(self, connection: "psycopg.Connection[tuple[object, ...]]", job: str, attempts: int) -> None:
        if random.randrange(FAILS_ONE_IN):
            values = {"job": job, "status": "completed", "error": None, "wait": None}
        elif attempts >= 5:
            values = {
                "job": job,
                "status": "failed",
                "error": f"[DLQ] Max attempts (5) exceeded: {ERROR}",
                "wait": None,
            }
        else:
            said = f"Retry scheduled (attempt {attempts}/5): {ERROR}"
            values = {"job": job, "status": "failed", "error": said, "wait": None}
        connection.execute(_FINISH[self.schema].encode(), values)


def main() -> None:
    """Run one worker; the database's address comes in the environment, so that it shows in no process list."""
    parser = argparse.ArgumentParser()
    parser.add_argument("worker_type")
    parser.add_argument("--schema", required=True)
    parser.add_argument("--heartbeat", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    Worker(args.worker_type, args.schema, os.environ["TARGET_DSN"], args.heartbeat, args.seconds).run()


if __name__ == "__main__":
    main()
