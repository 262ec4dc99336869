"""The simulated Slack as one server in a thread: Web API, Socket Mode, response URLs, and the page.

It listens on 127.0.0.1 only. The product reaches it by `SLACK_API_URL=<api_url>`; tests hold `workspace` and `person`.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot.sandbox.slack import people
from bot.sandbox.slack.delivery import Courier
from bot.sandbox.slack.entities import Delivery, Json
from bot.sandbox.slack.guard import Guard
from bot.sandbox.slack.interactions import Interactions
from bot.sandbox.slack.lines import Lines
from bot.sandbox.slack.method import Api
from bot.sandbox.slack.page_api import PageApi
from bot.sandbox.slack.person import Person
from bot.sandbox.slack.response_urls import ResponseUrls
from bot.sandbox.slack.settings import SlackSettings, SlashCommand, new_bot_token
from bot.sandbox.slack.socket_mode import SocketHub
from bot.sandbox.slack.web_api import WebApi
from bot.sandbox.slack.workspace import Workspace

__all__ = ["SlackServer", "SlackSettings", "SlashCommand"]

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
START_SECONDS = 10.0
ACT_SECONDS = 30.0
T = TypeVar("T")


class SlackServer:
    """One simulated workspace that can be started and stopped."""

    def __init__(self, settings: SlackSettings | None = None, *, system_app: ASGIApp | None = None) -> None:
        """Take the port, so that addresses are known before the start; nothing answers yet."""
        self.settings = settings or SlackSettings()
        self.workspace = Workspace(self.settings)
        self._listener = socket.create_server((HOST, self.settings.port))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self.api_url = f"{self.url}/api/"
        self._lines = Lines(self.workspace.faults)
        self._hub = SocketHub(self.workspace, self._lines.cut)
        self._courier = Courier(self.workspace, self._hub)
        self._interactions = Interactions(self.workspace, self._courier, self.url)
        self._server = uvicorn.Server(self._config(self._app(system_app)))
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()

    def start(self) -> None:
        """The server answers; it runs in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="simulated-slack", daemon=True)
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise TimeoutError(f"the simulated Slack did not start within {START_SECONDS} s")

    def stop(self) -> None:
        """Nothing answers any more; safe to repeat."""
        thread, self._thread = self._thread, None
        if thread is None:
            self._listener.close()
            return
        self.run(self._wind_down())
        self._server.should_exit = True
        thread.join(START_SECONDS)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    # What tests and the launcher do

    def person(self, user_id: str) -> Person:
        """Return somebody of the cast, at a keyboard."""
        return Person(user_id, self.workspace, self._interactions, self.run)

    def use_request_url(self, *urls: str) -> None:
        """From now on what people do is sent to this address, or these in turn, signed; none: over the open sockets."""
        self._courier.request_urls = urls

    def renew_token(self) -> None:
        """From now on the app's bot token is refused, and `settings` names another one."""
        self.workspace.revoked.add(self.settings.bot_token)
        self.settings = self.workspace.settings = replace(self.settings, bot_token=new_bot_token())

    def wait_connected(self, sockets: int = 1, *, timeout_seconds: float = 10.0) -> None:
        """Return once the app has this many sockets open."""
        self.workspace.wait_for(lambda: self._hub.open_count >= sockets, timeout_seconds)

    @property
    def open_sockets(self) -> int:
        """Return how many sockets the app has open."""
        return self._hub.open_count

    def disconnect_sockets(self, reason: str = "refresh_requested", *, grace_seconds: float | None = None) -> None:
        """Every open socket is told to go, and is closed after the grace; returns before that."""
        grace = self.settings.socket_grace_seconds if grace_seconds is None else grace_seconds

        async def tell() -> None:
            self._courier.in_background(self._hub.disconnect_all(reason, grace_seconds=grace))

        self.run(tell())

    def close_sockets(self) -> None:
        """Every open socket is closed with a close frame and no warning."""
        self.run(self._hub.close_all())

    def cut_sockets(self) -> None:
        """Every open socket's line goes dead without a close frame."""

        async def cut() -> None:
            self._hub.cut_all()

        self.run(cut())

    def send_event_again(self, payload: Json) -> Delivery:
        """An event is sent once more just as it was, as Slack does after some reconnects."""
        return self.run(self._courier.deliver_event_again(payload))

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns that is run on the server's event loop."""
        loop = self._loop
        if loop is None:
            act.close()
            raise RuntimeError("the simulated Slack is not running")
        return asyncio.run_coroutine_threadsafe(act, loop).result(ACT_SECONDS)

    # Inside

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(self._serve())
        self._loop = None

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)
        self._started.set()
        await serving

    async def _wind_down(self) -> None:
        self.workspace.feed.close()
        await self._courier.close()
        await self._hub.close_all()

    def _config(self, app: ASGIApp) -> uvicorn.Config:
        return uvicorn.Config(
            app,
            http=self._lines.http_protocol(),
            ws=self._lines.socket_protocol(),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )

    def _app(self, system_app: ASGIApp | None) -> ASGIApp:
        web = WebApi(api=self._api(), hang_up=self._lines.cut)
        responses = ResponseUrls(workspace=self.workspace)
        routes: list[BaseRoute] = [
            Route("/", _index),
            Route("/archives/{channel}/{link}", _permalink),
            Route("/api/{method}", web.handle, methods=["GET", "POST"]),
            Route("/response/{token}", responses.handle, methods=["POST"]),
            WebSocketRoute("/link/", self._hub.handle),
            *self._page_routes(),
            Mount("/static", StaticFiles(directory=PAGE, check_dir=False)),
        ]
        if system_app is not None:
            routes.append(Mount("/system", system_app))
        return Guard(Starlette(routes=routes), lambda: self.port)

    def _page_routes(self) -> list[BaseRoute]:
        page = PageApi(workspace=self.workspace, interactions=self._interactions)
        acts = {
            "command": page.command,
            "message": page.message,
            "action": page.action,
            "submit": page.submit,
            "close": page.close,
            "home": page.home,
            "faults": page.faults,
        }
        return [
            Route("/page/state", page.state),
            Route("/page/events", page.events),
            *(Route(f"/page/{name}", act, methods=["POST"]) for name, act in acts.items()),
        ]

    def _api(self) -> Api:
        def issue_ticket() -> str:
            ticket = self._hub.issue_ticket()
            return f"ws://{HOST}:{self.port}/link/?ticket={ticket}&app_id={people.APP_ID}"

        return Api(workspace=self.workspace, issue_ticket=issue_ticket, base_url=self.url)


async def _index(request: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-store"})


async def _permalink(request: Request) -> Response:
    """Lead a permalink to its message on the page."""
    digits = request.path_params["link"].removeprefix("p")
    ts = f"{digits[:-6]}.{digits[-6:]}"
    thread = request.query_params.get("thread_ts", "")
    return RedirectResponse(f"/#/{request.path_params['channel']}/{ts}" + (f"/{thread}" if thread else ""))
