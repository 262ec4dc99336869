"""One worker of the simulated system: claims with SKIP LOCKED, beats from a thread, finishes and fails jobs.

    python -m bot.sandbox.target.worker TYPE --schema deployed --heartbeat 1 --seconds 3 --retry 2

Its first line of output is its id, the others are its log. It takes one line on its input for an order (`hang`,
`go on`) and ends when its input ends: nothing outlives its parent. The environment says where the database is
(`DATABASE_URL`, so that it shows in no process list), where the vendor is, and whether to do without it.
"""

import argparse
import contextlib
import os
import random
import secrets
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from types import FrameType
from urllib.parse import urlsplit

import psycopg

from bot.sandbox.target.schema import ENFORCEMENT_TYPE, INGEST_TYPE
from bot.sandbox.target.seeds import ERROR

SLOTS = 4
"""Jobs at once, so that a killed worker always leaves some behind."""
FAILS_ONE_IN = 40
MAX_ATTEMPTS = 5
PROGRESS_EVERY = 10
VENDOR_SECONDS = 1.5
CRASH_SECONDS = 1.0
"""How long a crash loop lasts before the process gives up."""
TERMINATED = 143
VENDOR_FAILS = "Simplicity API returned 500: Internal Server Error"
VENDOR_SLOW = "HTTPSConnectionPool: Max retries exceeded"

_CLAIM = {
    "deployed": "SELECT job_id::text, attempts FROM ops.claim_pending_job(%(types)s, %(lock_minutes)s, %(worker)s)",
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

Connection = psycopg.Connection[tuple[object, ...]]


def served(worker_type: str, schema: str) -> list[str]:
    """Return the job types that a worker type claims."""
    if worker_type == "enforcement_engine":
        return [ENFORCEMENT_TYPE[schema]]
    return ["simplicity_ingest"] if worker_type == "simplicity_ingest_worker" else [INGEST_TYPE[schema]]


def vendor_to_ask(worker_type: str) -> str:
    """Return the vendor's address for a worker that needs it; empty: this one does without."""
    offline = os.environ.get("SIMPLICITY_OFFLINE_MODE", "").lower() == "true"
    return "" if offline or worker_type != "ingest_processor" else os.environ.get("SIMPLICITY_API_URL", "")


def asked(url: str) -> str | None:
    """Ask the vendor once, and return what is wrong; None: nothing."""
    place = urlsplit(url)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=VENDOR_SECONDS)
    try:
        connection.request("GET", "/v1/leads")
        return VENDOR_FAILS if connection.getresponse().status >= 500 else None
    except (OSError, HTTPException):
        return VENDOR_SLOW
    finally:
        connection.close()


def say(text: str) -> None:
    """Write one line; a parent that is gone reads none."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


@dataclass
class Worker:
    """One process; each slot has a connection of its own."""

    worker_type: str
    schema: str
    dsn: str
    heartbeat_seconds: float
    job_seconds: float
    retry_seconds: int
    vendor: str = ""
    worker_id: str = ""
    hung: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until the input ends."""
        self._boot()
        for work in (self._beat, *[self._slot] * SLOTS):
            threading.Thread(target=self._keep, args=(work,), daemon=True).start()
        for line in sys.stdin:
            (self.hung.set if line.strip() == "hang" else self.hung.clear)()
        os._exit(0)

    def crash(self) -> None:
        """Come up, fail again and again, and give up."""
        self._boot()
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.dsn, autocommit=True) as connection:
            self._beat_once(connection, "error")
        say("WORKER_CRASH RuntimeError: cannot import name 'parse_feed'")
        time.sleep(CRASH_SECONDS)
        say("Crash loop detected")
        os._exit(1)

    def _boot(self) -> None:
        self.worker_id = f"{self.worker_type}-{secrets.token_hex(4)}"
        signal.signal(signal.SIGTERM, _shut_down)
        say(self.worker_id)
        say("WORKER_BOOT")
        say(f"{self.worker_id} serves {', '.join(served(self.worker_type, self.schema))}")

    def _keep(self, work: "object") -> None:
        """Go on with a loop over lost connections."""
        while True:
            try:
                with psycopg.connect(self.dsn, autocommit=True, connect_timeout=3) as connection:
                    work(connection)  # type: ignore[operator]  # one of the two loops below
            except psycopg.Error:
                time.sleep(0.5)

    def _beat(self, connection: Connection) -> None:
        while True:
            self._beat_once(connection, "running")
            time.sleep(self.heartbeat_seconds)

    def _beat_once(self, connection: Connection, status: str) -> None:
        connection.execute(_BEAT, {"worker": self.worker_id, "type": self.worker_type, "status": status})

    def _slot(self, connection: Connection) -> None:
        types = served(self.worker_type, self.schema)
        lock_minutes = 0 if self.retry_seconds < 60 else 30
        claim = {"types": types, "worker": self.worker_id, "lock_minutes": lock_minutes}
        done = 0
        while True:
            row = connection.execute(_CLAIM[self.schema].encode(), claim).fetchone()
            if row is None:
                time.sleep(0.3)
                continue
            time.sleep(self.job_seconds * random.uniform(0.6, 1.4))
            while self.hung.is_set():
                time.sleep(0.1)
            self._finish(connection, str(row[0]), int(str(row[1])), types[0])
            done += 1
            if done % PROGRESS_EVERY == 0:
                say(f"{done} jobs done in this slot")

    def _finish(self, connection: Connection, job: str, attempts: int, job_type: str) -> None:
        trouble = asked(self.vendor) if self.vendor else None
        error = trouble or (None if random.randrange(FAILS_ONE_IN) else ERROR)
        status, text, wait = "completed", error, None
        if error is not None:
            say(f"ERROR: {error}")
            say(f"Job {job} ({job_type}) failed (attempt {attempts})")
            status, text, wait = self._failure(error, attempts, by_vendor=bool(trouble))
        values = {"job": job, "status": status, "error": text, "wait": wait}
        connection.execute(_FINISH[self.schema].encode(), values)

    def _failure(self, error: str, attempts: int, *, by_vendor: bool) -> tuple[str, str, int | None]:
        """Return what becomes of the job: its status, its error, and the seconds until it is due again."""
        if attempts >= MAX_ATTEMPTS:
            return "failed", f"[DLQ] Max attempts ({MAX_ATTEMPTS}) exceeded: {error}", None
        if by_vendor:
            return "pending", error, self.retry_seconds * attempts
        return "failed", f"Retry scheduled (attempt {attempts}/{MAX_ATTEMPTS}): {error}", None


def _shut_down(_number: int, _frame: FrameType | None) -> None:
    """End at once, as a platform without draining time makes a worker do: its jobs stay in processing."""
    with contextlib.suppress(OSError):
        os.write(1, b"WORKER_SHUTDOWN\n")
    os._exit(TERMINATED)


def main() -> None:
    """Run one worker."""
    parser = argparse.ArgumentParser()
    parser.add_argument("worker_type")
    parser.add_argument("--schema", required=True)
    parser.add_argument("--heartbeat", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--retry", type=int, required=True)
    parser.add_argument("--crash", action="store_true")
    args = parser.parse_args()
    worker = Worker(
        worker_type=args.worker_type,
        schema=args.schema,
        dsn=os.environ["DATABASE_URL"],
        heartbeat_seconds=args.heartbeat,
        job_seconds=args.seconds,
        retry_seconds=args.retry,
        vendor=vendor_to_ask(args.worker_type),
    )
    (worker.crash if args.crash else worker.run)()


if __name__ == "__main__":
    main()
