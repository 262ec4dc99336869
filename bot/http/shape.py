"""A signed body reduced to the fields we need, each of its type; what is no request is refused before a listener sees it. Pure.

Slack adds fields without notice: they are dropped. Bolt is given what is made here, for its own reading fails on odd
fields, believes the content type, and loses a command that says `payload` (slack-bolt 1.30.0, tried 2026-11).
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]

_EVERY = "*"
"""Any name."""
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What Postgres and UTF-8 do not take."""
_NAMED = dict.fromkeys(("id", "team_id", "name", "username"), str)
_COMMAND = dict.fromkeys(
    ("command", "text", "team_id", "user_id", "user_name", "channel_id", "trigger_id", "response_url", "api_app_id"),
    str,
)
_INTERACTION = {
    "type": str,
    "team": _NAMED,
    "user": _NAMED,
    "channel": _NAMED,
    "api_app_id": str,
    "trigger_id": str,
    "response_url": str,
    "container": {**dict.fromkeys(("message_ts", "channel_id", "thread_ts", "view_id"), str), "is_ephemeral": bool},
    "message": {"thread_ts": str},
}
_CHOICE = {"value": str, "selected_option": {"value": str}}
_SHAPES: dict[str, Json] = {
    "block_actions": {
        **_INTERACTION,
        "actions": [{**_CHOICE, **dict.fromkeys(("type", "block_id", "action_id", "action_ts"), str)}],
    },
    "view_submission": {
        **_INTERACTION,
        "view": {
            **dict.fromkeys(("id", "type", "hash", "callback_id", "private_metadata"), str),
            "state": {"values": {_EVERY: {_EVERY: _CHOICE}}},
        },
    },
    "event_callback": {
        **dict.fromkeys(("type", "team_id", "api_app_id", "event_id"), str),
        "event": dict.fromkeys(
            ("type", "user", "user_team", "team", "bot_id", "channel", "text", "ts", "thread_ts"), str
        ),
    },
    "url_verification": {"type": str, "challenge": str},
}
_NEEDED: Mapping[str, Callable[[Json], object]] = {
    "block_actions": lambda made: made["user"]["id"] and made["actions"][0]["action_id"],
    "view_submission": lambda made: made["user"]["id"] and made["view"]["id"] and made["view"]["type"],
    "event_callback": lambda made: made["event_id"] and made["event"]["type"],
    "url_verification": lambda made: made["challenge"],
}
"""Without these there is nothing to do, and nobody to do it for."""


def read(body: bytes) -> Json | None:
    """Return a slash command, a press, a submitted form or an event as Bolt takes it; None = it is none of them."""
    try:
        text = body.decode()
        if text.lstrip().startswith("{"):
            return _reduced(json.loads(text))
        fields = dict(parse_qsl(text, keep_blank_values=True))
        if "payload" in fields:
            return _reduced(json.loads(fields["payload"]))
        if fields.get("ssl_check") == "1":
            return {"ssl_check": "1"}
        made: Json = _fit(fields, _COMMAND)
        return made if all(made[name] for name in ("command", "team_id", "user_id", "trigger_id")) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _reduced(body: Any) -> Json | None:  # JSON from outside
    made: Json = _fit(body, _SHAPES[body["type"]])
    return made if _NEEDED[body["type"]](made) else None


def _fit(value: Any, shape: Any) -> Any:  # JSON from outside
    """Return a value without what its shape does not name.

    Raises:
        ValueError: something is of another type, or text that cannot be kept.
    """
    if isinstance(shape, dict) and isinstance(value, dict):
        named = {_fit(name, str): shape[_EVERY] for name in value} if _EVERY in shape else shape
        return {name: _fit(value[name], inner) for name, inner in named.items() if value.get(name) is not None}
    if isinstance(shape, list) and isinstance(value, list):
        return [_fit(item, shape[0]) for item in value]
    if not isinstance(shape, type) or not isinstance(value, shape) or _NO_TEXT.search(str(value)):
        raise ValueError("no field of Slack's")
    return value
