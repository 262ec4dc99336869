"""The simulated Dragonfly system: workers that can be killed, hung and brought back, a producer, and the faults."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import psycopg

from bot.sandbox.target.schema import ENFORCEMENT_TYPE, INGEST_TYPE
from bot.sandbox.target.seeds import PAYLOAD
from bot.sandbox.target.worker import served

CREW = {"ingest_processor": 2, "enforcement_engine": 3, "simplicity_ingest_worker": 1}
"""Enough of each that killing one type is not "over half at once"."""
BACKLOG = 40
"""The producer stops adding above this many pending jobs."""
BUSY_WITHIN_SECONDS = 5.0
HEARTBEAT_SECONDS = {"fast": 1.0, "playbook": 30.0}
JOB_SECONDS = {"fast": 3.0, "playbook": 20.0}


@dataclass
class Crewman:
    """One worker process."""

    worker_type: str
    worker_id: str
    process: "subprocess.Popen[str]"
    hung: bool = False

    @property
    def alive(self) -> bool:
        """Say whether the process runs."""
        return self.process.poll() is None


@dataclass
class System:
    """The running system on one database."""

    dsn: str
    schema: str
    profile: str = "fast"
    crew: list[Crewman] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "System":
        """Start the workers and the producer; workers that a last run left behind are gone."""
        with self._connect() as connection:
            connection.execute("DELETE FROM ops.worker_heartbeats")
            connection.execute(
                "UPDATE ops.job_queue SET status = 'pending', locked_at = NULL WHERE status = 'processing'"
            )
        for worker_type, count in CREW.items():
            for _ in range(count):
                self._hire(worker_type)
        threading.Thread(target=self._produce, name="producer", daemon=True).start()
        return self

    def stop(self) -> None:
        """End everything."""
        self._stopping.set()
        for man in self.crew:
            if man.process.stdin:
                man.process.stdin.close()
        for man in self.crew:
            man.process.wait(10)

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.dsn, autocommit=True)

    def _hire(self, worker_type: str) -> None:
        command = [sys.executable, "-m", "bot.sandbox.target.worker", worker_type, "--schema", self.schema]
        command += ["--heartbeat", str(HEARTBEAT_SECONDS[self.profile]), "--seconds", str(JOB_SECONDS[self.profile])]
        environment = {"TARGET_DSN": self.dsn, "PATH": os.environ.get("PATH", "")}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        assert process.stdout is not None
        worker_id = process.stdout.readline().strip()
        with self._lock:
            self.crew.append(Crewman(worker_type, worker_id, process))

    def _produce(self) -> None:
        """Keep a modest inflow with a bounded backlog."""
        while not self._stopping.wait(0.5):
            try:
                with self._connect() as connection:
                    row = connection.execute("SELECT count(*) FROM ops.job_queue WHERE status = 'pending'").fetchone()
                    if row and int(str(row[0])) < BACKLOG:
                        self._add(
                            connection, random.choice((INGEST_TYPE, INGEST_TYPE, ENFORCEMENT_TYPE))[self.schema], 2
                        )
            except psycopg.Error:
                continue

    def _add(self, connection: "psycopg.Connection[tuple[object, ...]]", job_type: str, count: int) -> None:
        connection.execute(
            f"INSERT INTO ops.job_queue (job_type, payload) SELECT %s::{self._job_type}, %s::jsonb FROM generate_series(1, %s)".encode(),
            (job_type, json.dumps(PAYLOAD), count),
        )

    @property
    def _job_type(self) -> str:
        return "ops.job_type_enum" if self.schema == "deployed" else "text"

    # Faults

    def kill(self, worker_type: str) -> str:
        """Kill every process of a type, as the platform's OOM killer would."""
        self._keep_busy(worker_type)
        killed = [man for man in self.crew if man.worker_type == worker_type and man.alive]
        for man in killed:
            man.process.kill()
            man.process.wait(5)
        return f"{len(killed)} {worker_type} killed; their jobs stay in processing"

    def _keep_busy(self, worker_type: str) -> None:
        """Give a type's workers something to do and wait until they do it, so that a kill leaves jobs behind."""
        [job_type] = served(worker_type, self.schema)
        until = time.monotonic() + BUSY_WITHIN_SECONDS
        with self._connect() as connection:
            self._add(connection, job_type, 12)
            while time.monotonic() < until:
                row = connection.execute(
                    "SELECT count(*) FROM ops.job_queue WHERE status = 'processing' AND job_type::text = %s "
                    "AND locked_at > now() - interval '1 second'",
                    (job_type,),
                ).fetchone()
                if row and int(str(row[0])) >= 2:
                    return
                time.sleep(0.05)

    def hang(self, worker_type: str = "ingest_processor") -> str:
        """Let one worker make no progress while its heartbeat goes on."""
        man = next((man for man in self.crew if man.worker_type == worker_type and man.alive and not man.hung), None)
        if man is None or man.process.stdin is None:
            return f"no {worker_type} runs"
        man.hung = True
        man.process.stdin.write("hang\n")
        man.process.stdin.flush()
        return f"{man.worker_id} hangs: it beats and makes no progress"

    def bring_back(self) -> str:
        """Start what was killed, under new worker ids, and let hung workers go on."""
        for man in self.crew:
            if man.alive and man.hung and man.process.stdin is not None:
                man.process.stdin.write("go on\n")
                man.process.stdin.flush()
                man.hung = False
        self.crew = [man for man in self.crew if man.alive]
        missing = [name for name, count in CREW.items() for _ in range(count - self._count(name))]
        for worker_type in missing:
            self._hire(worker_type)
        return f"{len(missing)} workers started under new ids"

    def _count(self, worker_type: str) -> int:
        return sum(1 for man in self.crew if man.worker_type == worker_type)

    def stick_jobs(self, count: int = 14) -> str:
        """Leave jobs in processing under workers that are long gone: some exhausted, some slow, some of an unknown owner."""
        alive = next(
            (man.worker_id for man in self.crew if man.alive and man.worker_type == "ingest_processor"), "none"
        )
        gone = "ingest_processor-dead0001"
        with self._connect() as connection:
            connection.execute(
                "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, last_seen_at) "
                "VALUES (%s, 'ingest_processor', now() - interval '20 minutes') ON CONFLICT DO NOTHING",
                (gone,),
            )
            self._stick(connection, count, gone, 1, 400)
            self._stick(connection, 2, gone, 5, 700)
            self._stick(connection, 2, alive, 1, 600)
            self._stick(connection, 1, None, 1, 500)
        return f"{count + 5} jobs stuck: {count} by a dead worker, 2 out of attempts, 2 slow, 1 unknown"

    def _stick(
        self,
        connection: "psycopg.Connection[tuple[object, ...]]",
        count: int,
        owner: str | None,
        attempts: int,
        age: int,
    ) -> None:
        owned = ", worker_id, started_at" if self.schema == "deployed" else ""
        values = ", %(owner)s, now() - make_interval(secs => %(age)s + n)" if self.schema == "deployed" else ""
        connection.execute(
            f"""INSERT INTO ops.job_queue (job_type, payload, status, attempts, locked_at{owned})
                SELECT %(type)s::{self._job_type}, %(payload)s::jsonb, 'processing', %(attempts)s,
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
        with self._connect() as connection:
            self._add(connection, INGEST_TYPE[self.schema], count)
        return f"{count} jobs added"

    def state(self) -> dict[str, object]:
        """Return workers, queue and faults for the panel."""
        with self._connect() as connection:
            seen = connection.execute(
                "SELECT worker_id, extract(epoch FROM clock_timestamp() - last_seen_at)::float8 FROM ops.worker_heartbeats"
            ).fetchall()
            queue = connection.execute("SELECT status::text, count(*) FROM ops.job_queue GROUP BY status").fetchall()
            held = self._held(connection)
        ages = {str(row[0]): float(str(row[1])) for row in seen}
        return {
            "schema": self.schema,
            "profile": self.profile,
            "workers": [
                {
                    "worker_id": man.worker_id,
                    "worker_type": man.worker_type,
                    "alive": man.alive,
                    "hung": man.hung,
                    "last_seen_seconds": ages.get(man.worker_id),
                    "jobs_held": held.get(man.worker_id, 0),
                }
                for man in self.crew
            ],
            "queue": {str(row[0]): int(str(row[1])) for row in queue},
        }

    def _held(self, connection: "psycopg.Connection[tuple[object, ...]]") -> dict[str, int]:
        if self.schema != "deployed":
            return {}
        rows = connection.execute(
            "SELECT worker_id, count(*) FROM ops.job_queue WHERE status = 'processing' AND worker_id IS NOT NULL GROUP BY 1"
        ).fetchall()
        return {str(row[0]): int(str(row[1])) for row in rows}

    def fault(self, name: str) -> str:
        """Carry out a fault by its name.

        Raises:
            KeyError: there is no such fault.
        """
        acts = {
            "kill-ingest": lambda: self.kill("ingest_processor"),
            "kill-enforcement": lambda: self.kill("enforcement_engine"),
            "hang-worker": self.hang,
            "bring-back": self.bring_back,
            "stick-jobs": self.stick_jobs,
            "flood-queue": self.flood,
        }
        return acts[name]()


FAULTS = (
    ("kill-ingest", "Kill ingest worker"),
    ("kill-enforcement", "Kill enforcement worker"),
    ("hang-worker", "Hang worker"),
    ("bring-back", "Bring back"),
    ("stick-jobs", "Stick jobs"),
    ("flood-queue", "Flood the queue"),
)
