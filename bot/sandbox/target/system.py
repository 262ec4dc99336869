"""The simulated Dragonfly system: its workers, queue, platform, vendor and migrations as one, and what befalls them."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import psycopg

from bot.sandbox.railway.faults import Fault, FaultKind
from bot.sandbox.railway.server import RailwayServer, RailwaySettings
from bot.sandbox.target.crew import SERVICES, Crew, Crewman
from bot.sandbox.target.jobs import Jobs
from bot.sandbox.target.migrations import LocalFiles, Trouble
from bot.sandbox.target.platform import API, Processes, report_crash
from bot.sandbox.target.roles import Roles
from bot.sandbox.target.vendor import Mood, Vendor
from bot.sandbox.target.worker import served

FAULTS = (
    ("kill-ingest", "Kill ingest worker"),
    ("kill-enforcement", "Kill enforcement worker"),
    ("hang-worker", "Hang worker"),
    ("oom-kill", "OOM kill"),
    ("crash-loop", "Crash loop"),
    ("bring-back", "Bring back"),
    ("stick-jobs", "Stick jobs"),
    ("flood-queue", "Flood the queue"),
    ("vendor-500", "Vendor returns 500"),
    ("vendor-slow", "Vendor slow"),
    ("vendor-ok", "Vendor well"),
    ("block-migrations", "Block migrations"),
    ("half-applied-migration", "Half-applied migration"),
    ("pooler-lockout", "Pooler lockout"),
    ("hide-rows", "Hide rows by RLS"),
    ("railway-down", "Railway down"),
)
INGEST_SERVICE = "ingest-worker"
INGEST, ENFORCEMENT = "ingest_processor", "enforcement_engine"
RAILWAY_RETRY_SECONDS = {"fast": 0.3, "playbook": 5.0}
STOP_SECONDS = 5.0


class System:
    """The running system on one database."""

    def __init__(
        self,
        dsn: str,
        schema: str,
        profile: str = "fast",
        *,
        home: Path,
        bot_role: str,
        let_in: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing runs yet.

        Args:
            dsn: the owner's address of the database.
            schema: which of the two it holds.
            profile: how fast everything goes.
            home: the directory for migrations and rollback scripts.
            bot_role: the role that a lockout shuts out and row security hides rows from.
            let_in: called when a lockout has ended, for the bot tries no more by itself.
        """
        self.dsn = dsn
        self.schema = schema
        self.profile = profile
        self.jobs = Jobs(dsn, schema)
        self.files = LocalFiles(home)
        self.trouble = Trouble(dsn, self.files)
        self.roles = Roles(dsn, bot_role)
        self.vendor = Vendor()
        self.crew = Crew(schema, profile, wrote=self._heard, crashed=self._lost)
        self.platform = Processes(self.crew, self._wrote)
        self.railway: RailwayServer
        self._let_in = let_in
        self._platform_is_up = threading.Event()
        self._stopping = threading.Event()
        self._producer = threading.Thread(
            target=self.jobs.produce, args=(self._stopping,), name="producer", daemon=True
        )

    def start(self) -> Self:
        """Start everything; workers that a last run left behind are gone."""
        self.jobs.forget_the_last_run()
        self.vendor.start()
        variables = {"DATABASE_URL": self.dsn, "SUPABASE_MODE": "prod"}
        self.crew.variables = dict.fromkeys(SERVICES, variables)
        self.crew.variables[INGEST_SERVICE] = variables | {"SIMPLICITY_API_URL": self.vendor.url}
        self.crew.fill()
        settings = RailwaySettings(
            requests_an_hour=10_000, requests_a_second=50, retry_seconds=RAILWAY_RETRY_SECONDS[self.profile]
        )
        self.railway = RailwayServer(settings, self.platform)
        self.railway.start()
        self._producer.start()
        self._platform_is_up.set()
        return self

    def stop(self) -> None:
        """End everything, and undo what was done to the database; safe where nothing was started."""
        self._stopping.set()
        if self._platform_is_up.is_set():
            with contextlib.suppress(psycopg.Error):
                self._mend()
            self._producer.join(STOP_SECONDS)
            self.railway.stop()
        self._platform_is_up.set()
        self.crew.stop()
        self.vendor.stop()

    def _heard(self, man: Crewman, line: str) -> None:
        """Pass a worker's line on to the platform's log, once there is a platform."""
        self._platform_is_up.wait()
        self._wrote(man.service, man.worker_id, line)

    def _wrote(self, service: str, process: str, line: str) -> None:
        if not self._stopping.is_set():
            self.railway.log(service, process, line, "error" if line.startswith("ERROR") else "info")

    def _lost(self, man: Crewman) -> None:
        """Tell the platform of a worker that ended by itself."""
        self._platform_is_up.wait()
        if not self._stopping.is_set():
            report_crash(self.railway, man, self._stopping)

    # Faults

    def fault(self, name: str) -> str:
        """Carry out a fault by its name, and say what was done.

        Raises:
            KeyError: there is no such fault.
        """
        acts: Mapping[str, Callable[[], str]] = {
            "kill-ingest": lambda: self.kill(INGEST),
            "kill-enforcement": lambda: self.kill(ENFORCEMENT),
            "hang-worker": self.hang,
            "oom-kill": lambda: self.kill(INGEST, oom=True),
            "crash-loop": self.crash_loop,
            "bring-back": self.bring_back,
            "stick-jobs": self.stick_jobs,
            "flood-queue": self.jobs.flood,
            "vendor-500": lambda: self.vendor_is(Mood.FAILING),
            "vendor-slow": lambda: self.vendor_is(Mood.SLOW),
            "vendor-ok": lambda: self.vendor_is(Mood.WELL),
            "block-migrations": self.trouble.block,
            "half-applied-migration": self.trouble.half_apply,
            "pooler-lockout": self.roles.lock_out,
            "hide-rows": self.roles.hide,
            "railway-down": self.railway_down,
        }
        return acts[name]()

    def kill(self, worker_type: str, *, oom: bool = False) -> str:
        """Kill every process of a type while it is at work; Railway says of what it died."""
        [job_type] = served(worker_type, self.schema)
        self.jobs.keep_busy(job_type)
        killed = [man for man in self.crew.men if man.worker_type == worker_type and man.alive]
        for man in killed:
            man.oom = oom
            man.kill()
        how = "killed for want of memory" if oom else "killed"
        return f"{len(killed)} {worker_type} {how}; their jobs stay in processing"

    def hang(self, worker_type: str = INGEST) -> str:
        """Let one worker make no progress while its heartbeat goes on."""
        fit = (man for man in self.crew.men if man.worker_type == worker_type and man.alive and not man.hung)
        man = next(fit, None)
        if man is None:
            return f"no {worker_type} runs"
        man.hung = True
        man.tell("hang")
        return f"{man.worker_id} hangs: it beats and makes no progress"

    def crash_loop(self) -> str:
        """Let the ingest service's processes give up as soon as they are started, however often they are."""
        self.crew.crash_looping.add(INGEST_SERVICE)
        self.railway.recovered(INGEST_SERVICE, self.crew.replace(INGEST_SERVICE))
        return f"{INGEST_SERVICE} crashes at each start"

    def stick_jobs(self) -> str:
        """Leave jobs in processing under workers that are long gone, and some others."""
        alive = next((man.worker_id for man in self.crew.men if man.alive and man.worker_type == INGEST), "none")
        return self.jobs.stick(alive)

    def vendor_is(self, mood: Mood) -> str:
        """Let the vendor be well, fail or be slow."""
        self.vendor.mood = mood
        return f"the vendor is {mood}"

    def railway_down(self) -> str:
        """Let Railway drop every connection; what runs there goes on."""
        self.railway.faults.script(Fault(kind=FaultKind.DOWN))
        return "Railway does not answer"

    def bring_back(self) -> str:
        """Undo every fault: what was killed is started under new ids, what hung goes on, and the rest is well again."""
        was_locked_out = self.roles.is_locked_out
        self._mend()
        for man in self.crew.men:
            if man.alive and man.hung:
                man.tell("go on")
                man.hung = False
        hired = self.crew.fill()
        for service in {man.service for man in hired}:
            self.railway.recovered(service, self.crew.ids(service))
        if not self.platform.api:
            self.railway.recovered(API, self.platform.restart(API))
        if was_locked_out:
            self._let_in()
        started = f": {len(hired)} workers started under new ids" if hired else ""
        return f"all is well again{started}"

    def _mend(self) -> None:
        """Everything but the processes is as it was at the start."""
        self.crew.crash_looping.clear()
        self.vendor.mood = Mood.WELL
        self.railway.faults.clear()
        self.trouble.unblock()
        self.trouble.undo_half_applied()
        self.roles.let_in()
        self.roles.show()

    # What the panel shows

    def state(self) -> dict[str, object]:
        """Return workers, queue and what is wrong, for the panel."""
        ages, held = self.jobs.ages(), self.jobs.held()
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
                for man in self.crew.men
            ],
            "queue": self.jobs.by_status(),
            "trouble": self._troubles(),
        }

    def _troubles(self) -> list[str]:
        """Return what was broken and not brought back, beside the workers themselves."""
        broken = {
            f"the vendor is {self.vendor.mood}": self.vendor.mood is not Mood.WELL,
            "Railway is down": bool(self.railway.faults.describe()),
            "ingest crashes at each start": bool(self.crew.crash_looping),
            "migrations are blocked": self.trouble.is_blocked,
            "a migration is half applied": self.trouble.has_half_applied,
            "the bot may not log in": self.roles.is_locked_out,
            "rows are hidden from the bot": self.roles.sees_nothing,
        }
        return [text for text, is_so in broken.items() if is_so]
