"""The TCP side of the server, where faults happen that HTTP cannot express: a line cut, a socket gone deaf.

Leans on two classes of uvicorn (0.54): its protocols are subclassed to know each connection's transport.
"""

import asyncio

from starlette.requests import HTTPConnection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from bot.sandbox.slack.faults import Faults

Address = tuple[str, int]


class Lines:
    """The open connections of one server, by the client's address."""

    def __init__(self, faults: Faults) -> None:
        """Start with none."""
        self._faults = faults
        self._transports: dict[Address, asyncio.Transport] = {}

    def cut(self, connection: HTTPConnection) -> None:
        """The connection ends at once: no answer, no close frame."""
        client = connection.client
        transport = self._transports.get((client.host, client.port)) if client else None
        if transport is not None:
            transport.abort()

    def keep(self, transport: asyncio.Transport) -> None:
        """The connection can be cut from now on."""
        self._transports[_address(transport)] = transport

    def forget(self, transport: asyncio.Transport) -> None:
        """The connection has ended."""
        self._transports.pop(_address(transport), None)

    def http_protocol(self) -> type[HttpToolsProtocol]:
        """Return uvicorn's HTTP protocol, known to these lines."""
        lines = self

        class Protocol(HttpToolsProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
                lines.keep(transport)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                lines.forget(self.transport)
                super().connection_lost(exc)

        return Protocol

    def socket_protocol(self) -> type[WebSocketsSansIOProtocol]:
        """Return uvicorn's WebSocket protocol, known to these lines; it can be made deaf."""
        lines = self

        class Protocol(WebSocketsSansIOProtocol):
            def data_received(self, data: bytes) -> None:
                if not (self.handshake_complete and lines._faults.deaf_sockets):
                    super().data_received(data)

            def connection_lost(self, exc: Exception | None) -> None:
                lines.forget(self.transport)
                super().connection_lost(exc)

        return Protocol


def _address(transport: asyncio.Transport) -> Address:
    name = transport.get_extra_info("peername")
    return (str(name[0]), int(name[1])) if name else ("", 0)
