"""Requests as Slack would send them, and as somebody would who only says that they are Slack."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from bot.http.signature import sign
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer

FORM = "application/x-www-form-urlencoded"
STRANGER = httpx.Client(timeout=30, trust_env=False)


def command(trigger: str = "t-1", text: str = "help", **changes: str) -> bytes:
    """Return a slash command's body."""
    fields = {
        "team_id": "T0DRAGON",
        "user_id": "U0ADA",
        "channel_id": "C0INCIDENTS",
        "command": "/dragonfly",
        "text": text,
        "api_app_id": "A0DRAGON",
        "trigger_id": trigger,
        "response_url": "",
    }
    return urlencode({**fields, **changes}).encode()


def headers(slack: SlackServer, body: bytes, *, stamp: str = "", **changes: str | None) -> dict[str, str]:
    """Return the headers Slack would send, with changes; None leaves one out."""
    at = stamp or str(int(time.time()))
    made = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": at,
        "x-slack-signature": sign(slack.settings.signing_secret, at, body),
    }
    changed = made | {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in changed.items() if value is not None}


def send(bot: Bot, body: bytes | Iterable[bytes], sent: Mapping[str, str]) -> httpx.Response:
    """Send one request as a stranger would."""
    return STRANGER.post(f"http://127.0.0.1:{bot.port}/slack/events", content=body, headers=dict(sent))


def stored(bot: Bot) -> int:
    """Return how many deliveries were ever written down."""
    with bot.services.db.read() as tx:
        row = tx.connection.execute("SELECT count(*) AS n FROM ops.chatops_inbox").fetchone()
        assert row is not None
        return int(row["n"])


def payload(**changes: Any) -> bytes:
    """Return the body of a press, or of what else comes as a payload."""
    usual: dict[str, Any] = {
        "type": "block_actions",
        "team": {"id": "T0DRAGON"},
        "user": {"id": "U0ADA", "name": "ada", "team_id": "T0DRAGON"},
        "api_app_id": "A0DRAGON",
        "channel": {"id": "C0INCIDENTS"},
        "container": {"type": "message", "message_ts": "1795000000.000100", "channel_id": "C0INCIDENTS"},
        "trigger_id": "1.2.3",
        "response_url": "",
        "actions": [
            {"type": "button", "action_id": "refresh:v1", "block_id": "act", "value": "status", "action_ts": "1.1"}
        ],
    }
    return urlencode({"payload": json.dumps({**usual, **changes})}).encode()


def event(**changes: Any) -> bytes:
    """Return the body of a mention."""
    inner = {"type": "app_mention", "user": "U0ADA", "channel": "C0INCIDENTS", "text": "<@U0BOT> help", "ts": "1.2"}
    usual = {
        "type": "event_callback",
        "team_id": "T0DRAGON",
        "api_app_id": "A0DRAGON",
        "event_id": "Ev1",
        "event": inner,
    }
    return json.dumps({**usual, **changes}).encode()
