"""Whether a signed body is one of the shapes Slack sends; anything else is refused before a listener sees it. Pure."""

import json
from urllib.parse import parse_qs

_COMMAND = ("command", "team_id", "user_id", "trigger_id")


def is_request(text: str) -> bool:
    """Say whether a body is a slash command, an interaction or an event with the fields its listener needs."""
    if text.lstrip().startswith("{"):
        return _is_event(_object(text))
    fields = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
    if "payload" in fields:
        return _is_interaction(_object(fields["payload"]))
    if fields.get("ssl_check") == "1":
        return True
    return all(fields.get(name) for name in _COMMAND)


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _is_event(body: dict[str, object]) -> bool:
    if body.get("type") == "url_verification":
        return isinstance(body.get("challenge"), str)
    event = body.get("event")
    return isinstance(event, dict) and isinstance(event.get("type"), str) and bool(body.get("event_id"))


def _is_interaction(body: dict[str, object]) -> bool:
    user, actions, view = body.get("user"), body.get("actions"), body.get("view")
    if not isinstance(user, dict) or not user.get("id"):
        return False
    if body.get("type") == "block_actions":
        return (
            isinstance(actions, list) and bool(actions) and isinstance(actions[0], dict) and "action_id" in actions[0]
        )
    return body.get("type") in ("view_submission", "view_closed") and isinstance(view, dict) and bool(view.get("id"))
