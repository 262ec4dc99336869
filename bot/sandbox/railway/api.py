"""`POST /graphql/v2`: the rate limit, what goes wrong on purpose, who asks, and the record of every request."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bot.sandbox.railway import graph
from bot.sandbox.railway.access import viewer_of
from bot.sandbox.railway.acts import Acts
from bot.sandbox.railway.faults import Fault, FaultKind, Faults
from bot.sandbox.railway.graph import Malformed, Posted
from bot.sandbox.railway.rates import Allowance, RateLimiter
from bot.sandbox.railway.reads import Context
from bot.sandbox.railway.refusal import extensions
from bot.sandbox.railway.world import World

KEPT_CALLS = 2_000
LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it was kept."""

    names: tuple[str, ...]
    """The fields at the root, then the operation's own name; empty: it could not be read."""
    variables: Mapping[str, Any]
    status: int
    """Of the answer, sent or not; 0: there was none."""
    fault: FaultKind | None
    authorized: bool
    at: float
    """Seconds since 1970."""


class Api:
    """Railway's API over one world."""

    def __init__(self, world: World, acts: Acts, faults: Faults, hang_up: Callable[[Request], None]) -> None:
        """Start with no request."""
        settings = world.settings
        self._schema: GraphQLSchema = graph.load_schema()
        self._world = world
        self._acts = acts
        self._faults = faults
        self._hang_up = hang_up
        self.rates = RateLimiter(an_hour=settings.requests_an_hour, a_second=settings.requests_a_second)
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._closing = threading.Event()

    @property
    def calls(self) -> list[Call]:
        """Return the newest requests, oldest first."""
        with self._lock:
            return list(self._calls)

    def close(self) -> None:
        """Nothing is waited for any more: what is owed is cut, what is slow is quick."""
        self._closing.set()

    async def handle(self, request: Request) -> Response:
        """Answer one request, and keep it."""
        body = await request.body()
        token = request.headers.get("project-access-token") or request.headers.get("authorization", "")
        allowance = self.rates.take(token, self._world.settings.clock())
        posted = self._read(request, body)
        names = posted.names if isinstance(posted, Posted) else ()
        fault = self._faults.next_for(names)
        if fault is not None and fault.kind is FaultKind.SLOW:
            await self._wait(asyncio.sleep(fault.seconds))
        answer = await self._answer(request, posted, allowance, fault)
        self._keep(request, posted, answer.status_code if answer else 0, fault)
        if fault is not None and fault.kind is FaultKind.NO_ANSWER:
            await self._wait(_gone(request), fault.seconds or None)
            answer = None
        if answer is None:
            self._hang_up(request)
            return Response(status_code=500)
        answer.headers.update(allowance.headers())
        return answer

    def _read(self, request: Request, body: bytes) -> Posted | Response:
        """Return what was posted, or the answer when it is nothing that can be carried out."""
        if request.method != "POST":
            return PlainTextResponse("POST only", 405, {"Allow": "POST"})
        if not request.headers.get("content-type", "").startswith("application/json"):
            return PlainTextResponse("application/json only", 415)
        try:
            return graph.read(self._schema, body)
        except Malformed as malformed:
            return JSONResponse({"errors": malformed.errors}, 400)

    async def _answer(
        self, request: Request, posted: Posted | Response, allowance: Allowance, fault: Fault | None
    ) -> Response | None:
        """Return the answer; None: the connection is dropped and nothing was done."""
        kind = fault.kind if fault else None
        if fault is not None and kind is FaultKind.DOWN:
            return None
        if fault is not None and kind is FaultKind.ERROR:
            return PlainTextResponse(f"upstream connect error: {fault.message}", fault.status)
        if fault is not None and kind is FaultKind.RATE_LIMITED:
            return _too_many(max(1, round(fault.seconds)))
        if allowance.retry_after_seconds:
            return _too_many(allowance.retry_after_seconds)
        if isinstance(posted, Response):
            return posted
        if fault is not None and kind is FaultKind.REFUSED:
            return JSONResponse(graph.refusal(posted, fault.message))
        status, answer = await run_in_threadpool(graph.run, self._schema, posted, self._context(request))
        return JSONResponse(answer, status)

    async def _wait(self, for_what: Coroutine[Any, Any, None], seconds: float | None = None) -> None:
        """Wait for something, at most so long, and no longer than the server runs."""
        task = asyncio.create_task(for_what)
        until = None if seconds is None else asyncio.get_running_loop().time() + seconds
        while not task.done() and not self._closing.is_set():
            if until is not None and asyncio.get_running_loop().time() >= until:
                break
            await asyncio.wait({task}, timeout=LOOK_EVERY_SECONDS)
        task.cancel()

    def _context(self, request: Request) -> Context | None:
        viewer = viewer_of(request.headers, self._world.settings)
        return None if viewer is None else Context(viewer=viewer, world=self._world, acts=self._acts)

    def _keep(self, request: Request, posted: Posted | Response, status: int, fault: Fault | None) -> None:
        readable = posted if isinstance(posted, Posted) else None
        call = Call(
            names=readable.names if readable else (),
            variables=readable.variables if readable else {},
            status=status,
            fault=fault.kind if fault else None,
            authorized=viewer_of(request.headers, self._world.settings) is not None,
            at=self._world.settings.clock(),
        )
        with self._lock:
            self._calls.append(call)


def _too_many(seconds: int) -> Response:
    errors = [{"message": "Too Many Requests", "extensions": extensions("TOO_MANY_REQUESTS")}]
    return JSONResponse({"errors": errors}, 429, {"Retry-After": str(seconds)})


async def _gone(request: Request) -> None:
    """Wait until the client has given up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
