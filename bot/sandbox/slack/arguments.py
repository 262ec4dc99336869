"""The arguments of one Web API call, as slack_sdk sends them: a form whose structures are JSON text, or JSON."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from bot.sandbox.slack.entities import Json, Refusal

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def parse_body(content_type: str, body: bytes, query: Mapping[str, str], *, takes_json: bool) -> Json:
    """Return the arguments of a call; a read method ignores a JSON body, as Slack does.

    Raises:
        Refusal: the body is not what its content type says, or of no type Slack takes.
    """
    kind = content_type.partition(";")[0].strip().lower()
    given: Json = dict(query)
    if not body or kind == "":
        return given
    if kind == JSON:
        return given | (_json_object(body) if takes_json else {})
    if kind == FORM:
        return given | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    raise Refusal("invalid_post_type")


def _json_object(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except ValueError:
        raise Refusal("invalid_json") from None
    if not isinstance(value, dict):
        raise Refusal("json_not_object")
    return value


class Args:
    """Typed access to the arguments of a call."""

    def __init__(self, values: Json) -> None:
        """Keep what was sent; null is the same as not sent."""
        self._values = {name: value for name, value in values.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        """Return whether the argument was sent."""
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """Return a string argument; numbers are taken as Slack takes them, as text."""
        value = self._values.get(name, default)
        if isinstance(value, bool | dict | list):
            raise invalid_arguments(f"must be a string [json-pointer:/{name}]")
        return str(value)

    def required(self, name: str) -> str:
        """Return a string argument that must be there."""
        value = self.text(name)
        if not value:
            raise invalid_arguments(f"missing required field: {name}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean argument, in any of the ways it is written in a form."""
        value = self._values.get(name, default)
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "t", "yes")

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number within bounds."""
        text = self.text(name, str(default))
        if not text.isdigit() or not low <= int(text) <= high:
            raise Refusal("invalid_limit" if name == "limit" else "invalid_arguments")
        return int(text)

    def structure(self, name: str, error: str = "invalid_arguments") -> object:
        """Return an argument that is JSON, sent as text in a form or as it is in JSON; None if it was not sent."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        if value == "":
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise Refusal(error) from None


def invalid_arguments(*messages: str) -> Refusal:
    """Return Slack's refusal of arguments, with its reasons."""
    return Refusal("invalid_arguments", response_metadata={"messages": [f"[ERROR] {message}" for message in messages]})
