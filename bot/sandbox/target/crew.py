"""The worker processes behind the platform's services: hired, told, killed, replaced; what they write is passed on."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

SERVICES: Mapping[str, tuple[str, int]] = {
    "ingest-worker": ("ingest_processor", 2),
    "enforcement-worker": ("enforcement_engine", 3),
    "simplicity-worker": ("simplicity_ingest_worker", 1),
}
"""Worker type and processes of each service; enough of each that killing one type is not "over half at once"."""
HEARTBEAT_SECONDS = {"fast": 1.0, "playbook": 30.0}
JOB_SECONDS = {"fast": 3.0, "playbook": 20.0}
RETRY_SECONDS = {"fast": 2, "playbook": 60}
TERM_SECONDS = 1.0
"""Between the polite signal and the other one."""
STOP_SECONDS = 10.0


@dataclass(eq=False)
class Crewman:
    """One worker process."""

    service: str
    worker_type: str
    worker_id: str
    process: "subprocess.Popen[str]"
    hung: bool = False
    oom: bool = False
    """It is, or was, killed for want of memory."""
    sent_away: bool = False
    """Its end is meant: no crash."""
    reader: threading.Thread = field(default_factory=threading.Thread)

    @property
    def alive(self) -> bool:
        """Say whether the process runs."""
        return self.process.poll() is None

    def tell(self, order: str) -> None:
        """Give an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End it as the platform's OOM killer would."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)


class Crew:
    """Every worker process; safe to use from any thread."""

    def __init__(
        self,
        schema: str,
        profile: str,
        *,
        wrote: Callable[[Crewman, str], None],
        crashed: Callable[[Crewman], None],
    ) -> None:
        """Hire nobody yet.

        Args:
            schema: of the target.
            profile: how fast they beat and work.
            wrote: told of each line that one writes.
            crashed: told of one that ended and was not sent away.
        """
        self.men: Sequence[Crewman] = ()
        self.variables: dict[str, Mapping[str, str]] = {service: {} for service in SERVICES}
        """What the next processes of a service get as their environment."""
        self.crash_looping: set[str] = set()
        """Services whose next processes give up at once."""
        self._schema = schema
        self._profile = profile
        self._wrote = wrote
        self._crashed = crashed
        self._lock = threading.RLock()

    def of(self, service: str) -> list[Crewman]:
        """Return a service's processes, dead ones too."""
        return [man for man in self.men if man.service == service]

    def ids(self, service: str) -> tuple[str, ...]:
        """Return the worker ids of a service's processes that run."""
        return tuple(man.worker_id for man in self.of(service) if man.alive)

    def fill(self) -> list[Crewman]:
        """Start what is missing under new ids, and return it."""
        with self._lock:
            living = [man for man in self.men if man.alive]
            missing = [
                service
                for service, (_, count) in SERVICES.items()
                for _ in range(count - sum(man.service == service for man in living))
            ]
            hired = self._hire(missing)
            self.men = (*living, *hired)
            return hired

    def replace(self, service: str, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Every process of a service gives way to a new one, with these variables or those of before; return the new ids."""
        with self._lock:
            self.dismiss(service)
            if variables is not None:
                self.variables[service] = dict(variables)
            hired = self._hire([service] * SERVICES[service][1])
            self.men = (*self.men, *hired)
            return tuple(man.worker_id for man in hired)

    def dismiss(self, service: str) -> None:
        """No process of a service runs; none of them finishes what it holds."""
        with self._lock:
            going = self.of(service)
            for man in going:
                man.sent_away = True
                man.process.terminate()
            until = time.monotonic() + TERM_SECONDS
            for man in going:
                try:
                    man.process.wait(max(0.0, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    man.kill()
            self.men = tuple(man for man in self.men if man not in going)

    def stop(self) -> None:
        """End everybody, and wait for what they wrote."""
        for man in self.men:
            man.sent_away = True
            if man.process.stdin:
                man.process.stdin.close()
        for man in self.men:
            man.process.wait(STOP_SECONDS)
            man.reader.join(STOP_SECONDS)

    def _hire(self, services: Sequence[str]) -> list[Crewman]:
        """Start one process for each name, all at once, and learn their ids."""
        started = [(service, self._start(service)) for service in services]
        return [self._meet(service, process) for service, process in started]

    def _start(self, service: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "bot.sandbox.target.worker", SERVICES[service][0], "--schema", self._schema]
        command += ["--heartbeat", str(HEARTBEAT_SECONDS[self._profile]), "--seconds", str(JOB_SECONDS[self._profile])]
        command += ["--retry", str(RETRY_SECONDS[self._profile])]
        command += ["--crash"] if service in self.crash_looping else []
        environment = {"PATH": os.environ.get("PATH", ""), **self.variables[service]}
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )

    def _meet(self, service: str, process: "subprocess.Popen[str]") -> Crewman:
        assert process.stdout is not None
        worker_id = process.stdout.readline().strip()
        man = Crewman(service, SERVICES[service][0], worker_id, process)
        man.reader = threading.Thread(target=self._read, args=(man,), name=f"lines of {worker_id}", daemon=True)
        man.reader.start()
        return man

    def _read(self, man: Crewman) -> None:
        """Pass on each line until the process ends, then say so unless it was sent away."""
        assert man.process.stdin is not None
        assert man.process.stdout is not None
        with man.process.stdin, man.process.stdout as lines:
            for line in lines:
                self._wrote(man, line.rstrip("\n"))
            man.process.wait()
        if not man.sent_away:
            self._crashed(man)
