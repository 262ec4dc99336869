"""Nobody but programs on this machine and the page itself may talk to the sandbox (design, section 7).

A page elsewhere could make a browser send here: its `Origin` is not ours. A name elsewhere could be pointed at
127.0.0.1: its `Host` is not ours.
"""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

NAMES = ("127.0.0.1", "localhost")


class Guard:
    """Refuses what does not come from here, on every request and every socket."""

    def __init__(self, app: ASGIApp, port: Callable[[], int]) -> None:
        """Guard the app, which listens on the port."""
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] not in ("http", "websocket") or self.is_ours(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(1008)(scope, receive, send)
        else:
            await PlainTextResponse("not from here", 403)(scope, receive, send)

    def is_ours(self, headers: Headers) -> bool:
        """Return whether host and origin are this server's."""
        hosts = {name for host in NAMES for name in (host, f"{host}:{self._port()}")}
        origins = {f"http://{host}:{self._port()}" for host in NAMES}
        origin = headers.get("origin")
        return headers.get("host", "") in hosts and (origin is None or origin in origins)
