"""Socket Mode with Bolt's built-in client, and a watch for a socket that is deaf though it looks alive.

Measured 2026-11 (runtime facts, section 2): with `ping_interval=2` a hung-up server is noticed in 10 s; a socket that
never ponged is not noticed at all; after a `disconnect` the client is deaf for the old socket's 3 s read time-out.
"""

import logging
import time
from http.client import HTTPException
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError

from bot.slack.chat import classify

_LOG = logging.getLogger("dragonfly")
PING_SECONDS = 2
DEAF_AFTER_SECONDS = 3 * PING_SECONDS
_READ_SECONDS = 0.2
CONCURRENCY = 10
"""As many as the database pool holds."""


class Socket:
    """One connection to Slack that is renewed when it goes deaf."""

    def __init__(self, app: App, app_token: str) -> None:
        """Prepare; connect when started."""
        self._handler = SocketModeHandler(app, app_token, ping_interval=PING_SECONDS, concurrency=CONCURRENCY)
        self._handler.client.message_listeners.append(_read_in_short_steps)
        self._since = time.monotonic()

    def start(self) -> None:
        """Connect; a Slack that is away or refuses is tried again at the next look."""
        self._since = time.monotonic()
        try:
            self._handler.connect()  # type: ignore[no-untyped-call]  # slack_bolt has no types here
        except (SlackApiError, OSError, HTTPException) as error:
            _LOG.warning("slack_away error=%s", classify(error).slack_error)
            self._since -= 4 * DEAF_AFTER_SECONDS

    def stop(self) -> None:
        """Close the connection and its threads."""
        self._handler.close()  # type: ignore[no-untyped-call]  # slack_bolt has no types here

    def watch(self) -> bool:
        """Renew a deaf connection; say whether the socket is well."""
        session = self._handler.client.current_session
        pong = getattr(session, "last_ping_pong_time", None) if session else None
        silent = time.time() - pong if pong else time.monotonic() - self._since
        if silent <= DEAF_AFTER_SECONDS * (1 if pong else 3):
            return True
        self._since = time.monotonic()
        self._handler.client.connect_to_new_endpoint(force=True)
        return False


def _read_in_short_steps(client: Any, message: dict[str, Any], _raw: str | None) -> None:  # the SDK's shape
    """Let the receiver notice within 0.2 s that its socket was replaced."""
    session = client.current_session
    if message.get("type") == "hello" and session is not None and session.sock is not None:
        session.sock.settimeout(_READ_SECONDS)
