"""The second path's other side: takes pages in either shape, and the pings of the outside monitor; it may be told to fail."""

import threading
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.sandbox.serving import Served

SHOWN = 5


class Pager:
    """What was paged and how often somebody pinged; safe to use from any thread."""

    def __init__(self) -> None:
        """Take everything; nothing answers yet."""
        self.status = 202
        """What is answered; nothing is taken unless it is a success."""
        self.pings = 0
        self._pages: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        routes = [Route("/page", self._page, methods=["POST"]), Route("/ping", self._ping)]
        self._served = Served(Starlette(routes=routes), "simulated-pager")

    @property
    def url(self) -> str:
        """Return the address for pages."""
        return f"{self._served.url}/page"

    @property
    def ping_url(self) -> str:
        """Return the address of the outside monitor."""
        return f"{self._served.url}/ping"

    def start(self) -> Self:
        """The pager answers."""
        self._served.start()
        return self

    def stop(self) -> None:
        """Nothing answers any more; safe to repeat."""
        self._served.stop()

    def __enter__(self) -> Self:
        """The pager answers."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Nothing answers any more."""
        self.stop()

    @property
    def pages(self) -> list[dict[str, Any]]:
        """Return every page that was taken, oldest first."""
        with self._lock:
            return list(self._pages)

    def texts(self) -> list[str]:
        """Return the newest pages as a phone shows them, newest first."""
        said = [str(page.get("text") or page.get("payload", {}).get("summary") or page) for page in self.pages]
        return said[::-1][:SHOWN]

    async def _page(self, request: Request) -> Response:
        body = await request.json()
        if self.status < 300:
            with self._lock:
                self._pages.append(body)
        return PlainTextResponse("", self.status)

    async def _ping(self, _request: Request) -> Response:
        with self._lock:
            self.pings += 1
        return PlainTextResponse("OK")
