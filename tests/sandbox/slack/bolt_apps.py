"""A real Bolt app that records what it gets, over Socket Mode and over signed HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.sandbox.slack.server import SlackServer


def new_app(server: SlackServer) -> App:
    """Return a Bolt app as the product builds it: everything happens before the acknowledgement."""
    client = WebClient(token=server.settings.bot_token, base_url=server.api_url, retry_handlers=[])
    return App(client=client, signing_secret=server.settings.signing_secret, process_before_response=True)


@contextmanager
def over_sockets(server: SlackServer, app: App) -> Iterator[SocketModeHandler]:
    """Connect the app by Socket Mode while the block runs."""
    handler: Any = SocketModeHandler(app, server.settings.app_token, ping_interval=1)  # its methods are untyped
    handler.client.message_listeners.append(_read_impatiently)
    sockets = server.open_sockets
    handler.connect()
    server.wait_connected(sockets + 1)
    try:
        yield handler
    finally:
        # Ends the reader's wait of up to 3 s, for which close() would wait.
        line = handler.client.current_session.sock
        if line is not None:
            line.shutdown(socket.SHUT_RDWR)
        handler.close()


def _read_impatiently(client: Any, message: dict[str, Any], raw: str | None = None) -> None:
    """Make slack_sdk's reader look up five times a second: while it sleeps (3 s) nothing is acknowledged."""
    if message.get("type") == "hello" and client.current_session.sock is not None:
        client.current_session.sock.settimeout(0.2)


@contextmanager
def over_http(server: SlackServer, app: App) -> Iterator[list[dict[str, str]]]:
    """Serve the app at a request URL while the block runs; yields the headers of every request."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers: dict[str, Any] = {name.lower(): [value] for name, value in self.headers.items()}
            seen.append({name: values[0] for name, values in headers.items()})
            answer = app.dispatch(BoltRequest(body=body, headers=headers))
            content = answer.body.encode() if isinstance(answer.body, str) else b""
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("content-type", ["text/plain"])[0])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.use_request_url(f"http://127.0.0.1:{listener.server_address[1]}/slack/events")
    try:
        yield seen
    finally:
        server.use_request_url()
        listener.shutdown()
        listener.server_close()
        thread.join()
