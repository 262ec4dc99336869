"""The HTTP edge: one async function reads a body under a cap and a deadline, a thread does the rest (design, D1).

uvicorn has neither limits nor deadlines of its own (runtime facts, section 1); they stand here. A connection whose
headers do not come, or do not end, is dropped by `Bounded`.
"""

import asyncio
import hashlib
import hmac
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio.to_thread
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from slack_bolt import App, BoltRequest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bot.clock import Clock
from bot.http.shape import read
from bot.http.signature import why_rejected

MOST_BYTES = 64 * 1024
BODY_SECONDS = 3.0
HEADER_SECONDS = 5.0
THREADS = 10
"""As many as the database pool holds."""
_SIGNED = ("x-slack-signature", "x-slack-request-timestamp")


class Bounded(HttpToolsProtocol):
    """Drops a connection when the headers of a request, the first or a later one, are too long or too slow."""

    def connection_made(self, transport: Any) -> None:  # uvicorn's own signature
        """Start the clock."""
        super().connection_made(transport)
        self._due: asyncio.TimerHandle | None = None
        self._await_headers()

    def _await_headers(self) -> None:
        self._header_bytes = 0
        self._due = self._due or self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the headers are complete."""
        super().data_received(data)
        self._header_bytes += len(data)
        if self._due is not None and self._header_bytes > MOST_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Start the clock."""
        super().on_message_begin()
        self._await_headers()

    def _stop_clock(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def on_headers_complete(self) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)


class Edge:
    """Slack's requests, and whether we live and are ready."""

    def __init__(
        self,
        app: App,
        *,
        secrets: Sequence[str],
        clock: Clock,
        ready: Callable[[], bool],
        rejected: Callable[[str], None],
        hooks: Mapping[str, Callable[[], None]] | None = None,
        hook_token: str = "",
        metrics: Callable[[], bytes] | None = None,
        metrics_token: str = "",
    ) -> None:
        """Keep what the routes need; a route whose token is not set does not exist.

        Args:
            app: takes what is Slack's.
            secrets: with which Slack signs.
            clock: says whether a signature is fresh.
            ready: says whether work can be done.
            rejected: counts what was not from Slack, by its reason.
            hooks: by who calls: told that something was told.
            hook_token: the last part of a hook's address.
            metrics: returns Prometheus' text.
            metrics_token: the bearer of that question.
        """
        self._app = app
        self._secrets = tuple(secrets)
        self._clock = clock
        self._ready = ready
        self._hooks = hooks or {}
        self._hook_token = hook_token
        self._metrics = metrics
        self._metrics_token = metrics_token
        self._rejected = rejected
        self._limit: anyio.CapacityLimiter | None = None
        self._ready_limit: anyio.CapacityLimiter | None = None
        self._log = logging.getLogger("dragonfly.http")

    def routes(self) -> Starlette:
        """Return the application."""
        optional = [Route("/hooks/{caller}/{token}", self.hook, methods=["POST"])] if self._hook_token else []
        if self._metrics is not None and self._metrics_token:
            optional.append(Route("/metrics", self.metrics))
        made = Starlette(
            routes=[
                Route("/slack/events", self.slack, methods=["POST"]),
                Route("/livez", self.livez),
                Route("/readyz", self.readyz),
                *optional,
            ]
        )
        made.router.redirect_slashes = False  # it would lead to whatever host a stranger names
        return made

    async def hook(self, request: Request) -> Response:
        """Take a hint: what it says is not read, because it is not signed; what it is about is looked at instead."""
        told = self._hooks.get(request.path_params["caller"])
        if not _same(request.path_params["token"], self._hook_token) or told is None:
            return self._reject("another token", 404)
        body = await _body(request)
        if isinstance(body, int):
            return self._reject("hook", body)
        await anyio.to_thread.run_sync(told)
        return PlainTextResponse("ok")

    async def metrics(self, request: Request) -> Response:
        """Answer whoever bears the token with Prometheus' text."""
        assert self._metrics is not None
        if not _same(request.headers.get("authorization", ""), f"Bearer {self._metrics_token}"):
            return self._reject("another token", 401)
        return Response(await anyio.to_thread.run_sync(self._metrics), media_type=CONTENT_TYPE_LATEST)

    async def livez(self, _request: Request) -> Response:
        """Say that the process runs; never waits for a listener."""
        return PlainTextResponse("ok")

    async def readyz(self, _request: Request) -> Response:
        """Say whether work can be done, without detail for strangers; their asking takes one connection at most."""
        self._ready_limit = self._ready_limit or anyio.CapacityLimiter(1)
        well = await anyio.to_thread.run_sync(self._ready, limiter=self._ready_limit)
        return PlainTextResponse("ready" if well else "not ready", status_code=200 if well else 503)

    async def slack(self, request: Request) -> Response:
        """Verify, hand to the listeners, answer what they acknowledged."""
        arrived = self._clock.monotonic()
        body = await _body(request)
        if isinstance(body, int):
            return self._reject({408: "too slow", 413: "too large"}.get(body, "broken off"), body)
        headers = {name: request.headers.get(name, "") for name in _SIGNED}
        reason = why_rejected(headers, body, self._secrets, self._clock.now().timestamp())
        if reason:
            return self._reject(reason, 401, body)
        self._limit = self._limit or anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(self._dispatch, body, headers[_SIGNED[0]], arrived, limiter=self._limit)

    def _reject(self, reason: str, status: int, body: bytes = b"") -> Response:
        """Count a rejection and log it: enough to tell two apart, nothing of what was sent (N5)."""
        self._rejected(reason)
        mark = hashlib.sha256(body).hexdigest()[:8] if body else "-"
        self._log.warning("request_rejected reason=%r status=%s length=%s hash=%s", reason, status, len(body), mark)
        return PlainTextResponse(reason, status_code=status)

    def _dispatch(self, body: bytes, signature: str, arrived: float) -> Response:
        made = read(body)
        if made is None:
            return self._reject("no request of Slack's", 400, body)
        request = BoltRequest(body=made, mode="socket_mode")  # Bolt's mode for a body that is read already
        request.context["arrived"] = arrived
        request.context["signature"] = signature
        answer = self._app.dispatch(request)
        return Response(answer.body, status_code=answer.status, headers=answer.first_headers_without_set_cookie())


def _same(given: str, token: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), token.encode())


async def _body(request: Request) -> bytes | int:
    """Return the body, or the status that refuses it."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return 413
    except TimeoutError:
        return 408
    except ClientDisconnect:
        return 400
    return bytes(body)


class HttpServer:
    """uvicorn in a thread of its own."""

    def __init__(self, app: Starlette, port: int, *, host: str = "0.0.0.0") -> None:  # noqa: S104  # a platform's router is in front
        """Prepare; listen when started."""
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=Bounded,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Listen; returns when requests are taken.

        Raises:
            OSError: the port is taken.
        """
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            if not self._thread.is_alive():
                raise OSError(f"port {self._server.config.port} cannot be listened on")

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Answer what is in flight, then stop."""
        self._server.should_exit = True
        self._thread.join(15)
