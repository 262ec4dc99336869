"""Presses and commands that Slack signed and no client of ours made: other people, other teams, other channels."""

import itertools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from tests.support import requests
from tests.support.product import INCIDENTS, TEAM

_numbers = itertools.count(1)


def send(bot: Bot, slack: SlackServer, fields: Mapping[str, object], kind: str = "form") -> httpx.Response:
    """Send one request to a bot, signed as Slack signs it."""
    body = json.dumps(fields).encode() if kind == "json" else urlencode(dict(fields)).encode()
    return requests.send(bot, body, requests.headers(slack, body))


def press(
    bot: Bot,
    slack: SlackServer,
    action: str,
    value: str,
    *,
    message: str = "",
    **of: str,
) -> httpx.Response:
    """Press a button, on the message that carries it unless another one is named; each press is one of its own."""
    on = message or next((item.ts for item in slack.workspace.messages(INCIDENTS) if value in repr(item.blocks)), "1.2")
    return send(bot, slack, pressed(action, value, message=on, **of))


def pressed(
    action: str,
    value: str,
    *,
    user: str = "U0ADA",
    channel: str = INCIDENTS,
    team: str = TEAM,
    user_team: str = "",
    message: str = "1.2",
) -> Mapping[str, object]:
    """Return what Slack sends of one press."""
    button = {"type": "button", "action_id": action, "block_id": "act", "value": value}
    payload: dict[str, Any] = {
        "type": "block_actions",
        "team": {"id": team},
        "user": {"id": user, "name": user.lower(), "team_id": user_team or team},
        "api_app_id": "A0DRAGON",
        "trigger_id": f"t-{next(_numbers)}",
        "container": {"type": "message", "message_ts": message, "channel_id": channel},
        "channel": {"id": channel, "name": "somewhere"},
        "actions": [{**button, "action_ts": f"{next(_numbers)}.000001"}],
    }
    return {"payload": json.dumps(payload)}


def command(
    bot: Bot, slack: SlackServer, text: str, *, user: str = "U0ADA", channel: str = INCIDENTS, team: str = TEAM
) -> httpx.Response:
    """Type a slash command."""
    return send(bot, slack, typed(text, user=user, channel=channel, team=team))


def typed(text: str, *, user: str = "U0ADA", channel: str = INCIDENTS, team: str = TEAM) -> Mapping[str, object]:
    """Return what Slack sends of one command."""
    return {
        "team_id": team,
        "user_id": user,
        "channel_id": channel,
        "command": "/dragonfly",
        "text": text,
        "api_app_id": "A0DRAGON",
        "trigger_id": f"t-{next(_numbers)}",
        "response_url": "",
    }


def mention(bot: Bot, slack: SlackServer, text: str, **event: str) -> httpx.Response:
    """Mention the bot in the incident channel, as the event Slack sends."""
    return send(bot, slack, mentioned(text, **event), kind="json")


def mentioned(text: str, **event: str) -> Mapping[str, object]:
    """Return what Slack sends of one mention."""
    inner = {"type": "app_mention", "text": f"<@U0BOT> {text}", "channel": INCIDENTS, "ts": "1.2", **event}
    outer = {"type": "event_callback", "team_id": TEAM, "api_app_id": "A0DRAGON", "event_id": f"Ev{next(_numbers)}"}
    return {**outer, "event": inner}
