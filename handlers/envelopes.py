"""Slack's payloads, reduced to what handlers need (slack-platform facts, section 10). Pure."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from bot.domain import ids
from bot.domain.params import normal
from bot.ports import Envelope

_MENTION = re.compile(r"<@[UW][A-Z0-9]+(\|[^>]*)?>")


def command(body: Mapping[str, Any]) -> Envelope:
    """Return the envelope of a slash command."""
    return Envelope(
        key=_key("command", str(body["trigger_id"])),
        kind="command",
        team_id=str(body.get("team_id", "")),
        user_id=str(body["user_id"]),
        user_name=str(body.get("user_name", "")),
        channel_id=str(body.get("channel_id", "")),
        text=_typed(str(body.get("text", ""))),
        trigger_id=str(body["trigger_id"]),
        response_url=str(body.get("response_url", "")),
    )


def action(body: Mapping[str, Any]) -> Envelope:
    """Return the envelope of a press."""
    pressed = body["actions"][0]
    place = body.get("container") or {}
    action, value = _pressed(pressed)
    channel = str((body.get("channel") or {}).get("id") or place.get("channel_id") or "")
    stamp = str(place.get("message_ts") or place.get("view_id") or "")
    team = str((body.get("team") or {}).get("id", ""))
    user = str(body["user"]["id"])
    return Envelope(
        key=_key("action", team, user, channel, stamp, action, value, pressed.get("action_ts", "")),
        kind="action",
        team_id=team,
        user_id=user,
        user_team=str(body["user"].get("team_id") or ""),
        user_name=str(body["user"].get("name") or body["user"].get("username") or ""),
        channel_id=channel,
        action_id=action,
        value=value,
        message_ts=str(place.get("message_ts") or ""),
        thread_ts=str(place.get("thread_ts") or (body.get("message") or {}).get("thread_ts") or ""),
        is_ephemeral=bool(place.get("is_ephemeral")),
        trigger_id=str(body.get("trigger_id", "")),
        response_url=str(body.get("response_url", "")),
    )


def _pressed(pressed: Mapping[str, Any]) -> tuple[str, str]:
    """Return the id and value of a press; what is chosen in a menu names the button whose place it takes."""
    value = _entered(pressed)
    if pressed["action_id"] != ids.MORE:
        return str(pressed["action_id"]), value
    action, _, rest = value.partition(" ")
    return action, rest


def submission(body: Mapping[str, Any]) -> Envelope:
    """Return the envelope of a submitted form."""
    view = body["view"]
    fields = (view.get("state") or {}).get("values") or {}
    inputs = {name: normal(_entered(field)) for block in fields.values() for name, field in block.items()}
    return Envelope(
        key=_key("view", str(view["id"]), str(view.get("hash", ""))),
        kind="submission",
        team_id=str((body.get("team") or {}).get("id", "")),
        user_id=str(body["user"]["id"]),
        user_team=str(body["user"].get("team_id") or ""),
        user_name=str(body["user"].get("name") or ""),
        view_id=str(view["id"]),
        callback_id=str(view.get("callback_id", "")),
        private_metadata=str(view.get("private_metadata", "")),
        trigger_id=str(body.get("trigger_id", "")),
        inputs=inputs,
    )


def _typed(text: str) -> str:
    """Return what a person typed: Slack escapes three characters in commands and messages, and not in forms."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _entered(field: Mapping[str, Any]) -> str:
    """Return what an input or a button holds: what was typed, or chosen."""
    return str(field.get("value") or (field.get("selected_option") or {}).get("value") or "")


def event(body: Mapping[str, Any]) -> Envelope:
    """Return the envelope of an event; a bot stands in the place of its user, and Home is in no channel."""
    inner = body["event"]
    at_home = inner["type"] == "app_home_opened"
    return Envelope(
        key=_key("event", str(body["event_id"])),
        kind="event",
        team_id=str(body.get("team_id", "")),
        user_id=str(inner.get("bot_id") or inner.get("user", "")),
        user_team=str(inner.get("user_team") or inner.get("team") or ""),
        channel_id="" if at_home else str(inner.get("channel", "")),
        text=_typed(_MENTION.sub("", str(inner.get("text", ""))).strip()),
        message_ts=str(inner.get("ts", "")),
        thread_ts=str(inner.get("thread_ts") or inner.get("ts") or ""),
        event_type=str(inner["type"]),
    )


def _key(*parts: str) -> str:
    """Return the natural key of a delivery (§6, N3): the same for each copy of it, over either transport, and short."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
