"""A line to the database that breaks at the worst moment: while a COMMIT is under way."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_COMMIT = b"COMMIT\0"


class Line:
    """Connections to a server, until one is cut; what is asked for is cut once."""

    def __init__(self, dsn: str, port: int = 0) -> None:
        """Listen on a port of this machine: this one, or a free one."""
        place = conninfo_to_dict(dsn)
        self._server = (str(place["host"]), int(place["port"] or 0))
        self._listener = socket.create_server(("127.0.0.1", port))
        self.dsn = make_conninfo(dsn, port=self._listener.getsockname()[1])
        self._marker, self._lands = b"", False
        self.was_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_commit_of(self, marker: str, *, lands: bool) -> None:
        """Cut the next transaction that sends this text when it commits: before the server hears of it, or after it has."""
        self._marker, self._lands = marker.encode(), lands

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                cut = threading.Event()
                threading.Thread(target=self._ask, args=(client, server, cut), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server, cut), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        """Carry what the client says; its transaction is known by a text it has sent."""
        is_marked = False
        with contextlib.suppress(OSError):
            while said := client.recv(65536):
                is_marked = is_marked or bool(self._marker and self._marker in said)
                if is_marked and _COMMIT in said:
                    self._marker = b""
                    cut.set()
                    if not self._lands:
                        break
                server.sendall(said)
        if not cut.is_set() or not self._lands:
            _hang_up(client, server)
        if cut.is_set():
            self.was_cut.set()

    def _answer(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        """Carry what the server says, except the answer to a commit that is cut."""
        with contextlib.suppress(OSError):
            while said := server.recv(65536):
                if cut.is_set():
                    break
                client.sendall(said)
        _hang_up(client, server)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def line_to(dsn: str) -> Iterator[Line]:
    """Give a line to a database."""
    line = Line(dsn)
    try:
        yield line
    finally:
        line.close()
