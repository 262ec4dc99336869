"""The simulated system as the simulated Railway sees it: services whose restarts and variables are real."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from bot.sandbox.railway.platform import Running
from bot.sandbox.railway.server import RailwayServer
from bot.sandbox.railway.state import InstanceStatus
from bot.sandbox.target.crew import SERVICES, Crew, Crewman

API = "dragonfly-api"
"""The service that answers over HTTP; it runs inside the sandbox and has an id of its own."""
REPORT_WITHIN_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.05
OOM_LINES = ("Killed", "exit code 137", "Container ran out of memory: exit code 137 (OOM killed)")


class Processes:
    """The platform's side of the crew, and the API."""

    def __init__(self, crew: Crew, wrote: Callable[[str, str, str], None]) -> None:
        """The API runs.

        Args:
            crew: the workers.
            wrote: told of a service, a process's id, and a line that it writes.
        """
        self._crew = crew
        self._wrote = wrote
        self._api_variables: Mapping[str, str] = {"SUPABASE_MODE": "prod"}
        self.api = _new_id()
        """The id of the API's process; empty: it is stopped."""

    def services(self) -> Mapping[str, Running]:
        """Return what runs now, by the service's name."""
        api = {API: Running(workers=(self.api,), variables=self._api_variables)}
        crew = {name: Running(workers=self._crew.ids(name), variables=self._crew.variables[name]) for name in SERVICES}
        return api | crew

    def restart(self, service: str) -> Sequence[str]:
        """Every process of the service is ended and started anew as it was; return the new ids."""
        return self._start_api() if service == API else self._crew.replace(service)

    def redeploy(self, service: str, variables: Mapping[str, str]) -> Sequence[str]:
        """The service's processes are replaced by new ones with exactly these variables; return the new ids."""
        if service == API:
            self._api_variables = dict(variables)
            return self._start_api()
        return self._crew.replace(service, variables)

    def stop(self, service: str) -> None:
        """No process of the service runs."""
        if service == API:
            self.api = ""
        else:
            self._crew.dismiss(service)

    def _start_api(self) -> Sequence[str]:
        self.api = _new_id()
        self._wrote(API, self.api, "WORKER_BOOT")
        return (self.api,)


def _new_id() -> str:
    return f"{API}-{secrets.token_hex(4)}"


def report_crash(railway: RailwayServer, man: Crewman, stopping: threading.Event) -> None:
    """Tell Railway of a process that is gone, as soon as it takes it: not while it has the service in hand."""
    if man.oom:
        for line in OOM_LINES:
            railway.log(man.service, man.worker_id, line, "error")
    until = time.monotonic() + REPORT_WITHIN_SECONDS
    while time.monotonic() < until and not stopping.is_set():
        railway.crashed(man.service, man.worker_id, oom=man.oom)
        if _shown(railway, man) is InstanceStatus.CRASHED:
            return
        stopping.wait(LOOK_EVERY_SECONDS)


def _shown(railway: RailwayServer, man: Crewman) -> InstanceStatus | None:
    """Return what Railway shows of a process; None: it does not know it, or not yet."""
    live = railway.service(man.service).live
    return next((each.status for each in live.instances if each.worker == man.worker_id), None) if live else None
