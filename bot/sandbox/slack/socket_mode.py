"""Socket Mode: tickets that open one socket each, up to ten sockets, envelopes out, acknowledgements in.

An acknowledgement counts on whichever of the app's connections it arrives: slack_sdk answers an old envelope on the
new connection after a refresh. Everything here runs on the server's event loop.
"""

import asyncio
import itertools
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import Json
from bot.sandbox.slack.workspace import Workspace

MAX_CONNECTIONS = 10
TICKET_SECONDS = 30.0
CONNECTION_SECONDS = 18_060
"""What `hello` promises of the connection's life (docs.slack.dev, using Socket Mode, 2026-11)."""


@dataclass(slots=True, eq=False)
class Connection:
    """One open socket of the app."""

    socket: WebSocket
    number: int
    retiring: bool = field(default=False)
    """It was told to go: nothing new is sent over it."""

    async def send(self, frame: Json) -> bool:
        """Send a frame; False if the socket is gone."""
        try:
            await self.socket.send_text(json.dumps(frame))
        except (WebSocketDisconnect, RuntimeError, OSError):
            return False
        return True

    async def close(self) -> None:
        """The socket is closed with a close frame."""
        try:
            await self.socket.close()
        except (WebSocketDisconnect, RuntimeError, OSError):
            return


class SocketHub:
    """The app's open sockets."""

    def __init__(self, workspace: Workspace, hang_up: Callable[[WebSocket], None]) -> None:
        """Start with no socket; `hang_up` cuts a connection without a word."""
        self._workspace = workspace
        self._hang_up = hang_up
        self._tickets: dict[str, float] = {}
        self._connections: list[Connection] = []
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._numbers = itertools.count(1)
        self._turn = 0

    @property
    def open_count(self) -> int:
        """Return how many sockets can be sent over."""
        return sum(not c.retiring for c in self._connections)

    def issue_ticket(self) -> str:
        """Return a ticket that opens one socket, soon."""
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = self._workspace.now()
        return ticket

    async def handle(self, socket: WebSocket) -> None:
        """Serve one socket until it ends; without a fresh ticket it is refused."""
        issued_at = self._tickets.pop(socket.query_params.get("ticket", ""), None)
        if issued_at is None or self._workspace.now() - issued_at > TICKET_SECONDS:
            await socket.close(1008)
            return
        await socket.accept()
        connection = Connection(socket, next(self._numbers))
        if len(self._connections) >= MAX_CONNECTIONS:
            await connection.send(_disconnect("too_many_websockets"))
            await connection.close()
            return
        self._connections.append(connection)
        try:
            await connection.send(self._hello(connection))
            self._announce()
            await self._listen(connection)
        finally:
            self._connections.remove(connection)
            self._announce()

    async def _listen(self, connection: Connection) -> None:
        while True:
            try:
                frame = json.loads(await connection.socket.receive_text())
            except (WebSocketDisconnect, RuntimeError):
                return
            except ValueError:
                continue
            if isinstance(frame, dict):
                self._acknowledge(frame)

    def _acknowledge(self, frame: Json) -> None:
        waiting = self._waiting.get(str(frame.get("envelope_id", "")))
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    def _announce(self) -> None:
        """Whoever waits for a connection looks again."""
        with self._workspace.changing():
            pass

    def _hello(self, connection: Connection) -> Json:
        debug = {
            "host": f"sandbox-{connection.number}",
            "build_number": 1,
            "approximate_connection_time": CONNECTION_SECONDS,
        }
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "debug_info": debug,
            "connection_info": {"app_id": people.APP_ID},
        }

    async def send(self, envelope: Json, ack_seconds: float, *, twice: bool = False) -> Json | None:
        """Return the app's acknowledgement, or None if none came in time.

        Raises:
            ConnectionError: no socket is open.
        """
        name = str(envelope["envelope_id"])
        waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[name] = waiting
        try:
            for _ in range(2 if twice else 1):
                await self._send_over_one(envelope)
            return await asyncio.wait_for(waiting, ack_seconds)
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(name, None)

    async def _send_over_one(self, envelope: Json) -> None:
        """The next socket in turn carries the envelope; one that is gone is passed over."""
        for _ in range(len(self._connections)):
            usable = [c for c in self._connections if not c.retiring]
            if not usable:
                break
            self._turn += 1
            if await usable[self._turn % len(usable)].send(envelope):
                return
        raise ConnectionError("no socket is open")

    async def disconnect_all(self, reason: str, *, grace_seconds: float) -> None:
        """Every socket is told to go, for this reason, and is closed after the grace."""
        going = list(self._connections)
        for connection in going:
            connection.retiring = reason != "warning"
            await connection.send(_disconnect(reason))
        if reason == "warning":
            return
        await asyncio.sleep(grace_seconds)
        for connection in going:
            await connection.close()

    async def close_all(self) -> None:
        """Every socket is closed with a close frame and no warning."""
        for connection in list(self._connections):
            connection.retiring = True
            await connection.close()

    def cut_all(self) -> None:
        """Every socket's line goes dead: no close frame."""
        for connection in list(self._connections):
            connection.retiring = True
            self._hang_up(connection.socket)


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
