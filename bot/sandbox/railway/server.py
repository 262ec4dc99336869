"""The simulated Railway as one server in a thread: the GraphQL API of one project, and its webhooks.

It listens on 127.0.0.1 only. The product reaches it at `url` with `settings.project_token` or `.workspace_token`; the
simulated system tells it what its processes do; tests and the panel script `faults`.
"""

import asyncio
import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.sandbox.railway.acts import Acts
from bot.sandbox.railway.api import Api, Call
from bot.sandbox.railway.faults import Faults
from bot.sandbox.railway.platform import Platform
from bot.sandbox.railway.settings import RailwaySettings
from bot.sandbox.railway.state import Service
from bot.sandbox.railway.webhooks import Webhooks
from bot.sandbox.railway.world import World
from bot.sandbox.slack.faults import Faults as SlackFaults
from bot.sandbox.slack.guard import Guard
from bot.sandbox.slack.lines import Lines

__all__ = ["RailwayServer", "RailwaySettings"]

HOST = "127.0.0.1"
PATH = "/graphql/v2"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""The API itself refuses all but POST, so that its headers are on that answer too."""
START_SECONDS = 10.0


class RailwayServer:
    """One simulated project that can be started and stopped."""

    def __init__(self, settings: RailwaySettings, platform: Platform) -> None:
        """Take the port, and ask what runs; nothing answers yet."""
        self.settings = settings
        self.faults = Faults()
        self._listener = socket.create_server((HOST, settings.port))
        self._port: int = self._listener.getsockname()[1]
        self._world = World(settings, platform.services())
        self._webhooks = Webhooks(self._world)
        self._acts = Acts(self._world, platform, self._webhooks)
        self._lines = Lines(SlackFaults())
        self._api = Api(self._world, self._acts, self.faults, self._lines.cut)
        self._server = uvicorn.Server(self._config())
        self._thread: threading.Thread | None = None
        self._started = threading.Event()

    def start(self) -> None:
        """The server answers; it runs in a thread of its own."""
        self._webhooks.start()
        self._thread = threading.Thread(target=self._run, name="simulated-railway", daemon=True)
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise TimeoutError(f"the simulated Railway did not start within {START_SECONDS} s")

    def stop(self) -> None:
        """Nothing answers any more, and nothing is under way; safe to repeat."""
        thread, self._thread = self._thread, None
        if thread is None:
            self._listener.close()
            return
        self._api.close()
        self._server.should_exit = True
        thread.join(START_SECONDS)
        self._acts.close()
        self._webhooks.stop()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    # What the launcher, the panel and tests read and set

    @property
    def port(self) -> int:
        """Return the port, known before the start."""
        return self._port

    @property
    def url(self) -> str:
        """Return the address of the API."""
        return f"http://{HOST}:{self._port}{PATH}"

    @property
    def webhook_url(self) -> str | None:
        """Return where webhooks go; None: nowhere."""
        return self._webhooks.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        """Webhooks go there from now on."""
        self._webhooks.url = url

    @property
    def calls(self) -> list[Call]:
        """Return the newest requests, oldest first."""
        return self._api.calls

    def service(self, name: str) -> Service:
        """Return a service as it is now.

        Raises:
            KeyError: there is none of this name.
        """
        return self._world.named(name)

    def limit(self, *, an_hour: int | None = None, a_second: int | None = None) -> None:
        """What is given is the rate limit of every token from now on."""
        rates = self._api.rates
        rates.an_hour = rates.an_hour if an_hour is None else an_hour
        rates.a_second = rates.a_second if a_second is None else a_second

    def stage(self, patch: Mapping[str, object]) -> None:
        """Somebody has edited this in the dashboard and not deployed it; empty: nobody has."""
        self._world.stage(patch)

    # What the simulated system reports; `instance` is its own id of a process. KeyError: no such service.

    def log(self, service: str, instance: str, message: str, severity: str = "info") -> None:
        """The process has written this; a message of several lines is several lines."""
        self._world.log(self._world.named(service), instance, message, severity)

    def memory(self, service: str, instance: str, gigabytes: float) -> None:
        """The process uses this much memory now."""
        self._world.measure(self._world.named(service), instance, gigabytes)

    def crashed(self, service: str, instance: str, *, oom: bool) -> None:
        """The process is gone by itself; what Railway itself has in hand, or does not know, is no crash."""
        self._acts.crashed(service, instance, oom=oom)

    def recovered(self, service: str, instances: Sequence[str]) -> None:
        """The service runs again, not by Railway's doing, with exactly these processes."""
        self._acts.recovered(service, instances)

    # Inside

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)
        self._started.set()
        await serving

    def _config(self) -> uvicorn.Config:
        app: ASGIApp = Starlette(routes=[Route(PATH, self._api.handle, methods=METHODS)])
        return uvicorn.Config(
            Guard(app, lambda: self._port),
            http=self._lines.http_protocol(),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
