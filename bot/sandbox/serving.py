"""A small ASGI app on a free port of this machine, in a thread of its own."""

import socket
import threading
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from bot.sandbox.slack.guard import Guard

HOST = "127.0.0.1"
LOOK_EVERY_SECONDS = 0.01
STOP_SECONDS = 10.0


class Served:
    """One app, listening on loopback only."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        """Take a port; nothing answers yet."""
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        guarded = Guard(app, lambda: self.port)
        config = uvicorn.Config(guarded, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, name=name, daemon=True
        )

    @property
    def url(self) -> str:
        """Return the address, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> Self:
        """The app answers."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(LOOK_EVERY_SECONDS)
        return self

    def stop(self) -> None:
        """Nothing answers any more, and the thread has ended; safe to repeat."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        self._listener.close()
