"""One control: a button, the menu `⋯`; labels from `templates/labels.toml`."""

from collections.abc import Sequence
from typing import Any

from bot import words
from bot.domain import ids
from bot.render import limits

Button = dict[str, Any]

ROW = 39
"""What one row of a phone of 390 pixels holds of `width`, beside the sender's picture: measured in the local Slack."""


def labels() -> dict[str, str]:
    """Return every label by name."""
    return words.load("labels")


def button(action: str, label: str, value: str, *, style: str = "", url: str = "", **facts: object) -> Button:
    """Return one button; the label is looked up by name."""
    text = labels()[label].format(**facts)
    made: Button = {"type": "button", "action_id": action, "text": limits.plain(text, limits.BUTTON), "value": value}
    if style:
        made["style"] = style
    if url:
        made["url"] = url
    return made


def menu(*inside: Button) -> Button:
    """Return `⋯`: several buttons as one control; its value is the id of the one chosen, and that one's value."""
    options = [{"text": item["text"], "value": f"{item['action_id']} {item['value']}"} for item in inside]
    return {"type": "overflow", "action_id": ids.MORE, "options": options}


def width(row: Sequence[Button]) -> int:
    """Return how wide some controls are: the characters of their labels, and three for each."""
    return sum(len(item["text"]["text"] if "text" in item else "⋯") + 3 for item in row)


def packed(controls: Sequence[Button]) -> list[tuple[str, list[Button]]]:
    """Return controls in two rows, in their order: the first as full as a phone shows it."""
    first = next((n for n in range(len(controls), 0, -1) if width(controls[:n]) <= ROW), len(controls))
    return [("act", list(controls[:first])), ("look", list(controls[first:]))]


def asked(read: str, **params: str) -> str:
    """Return the value of a control that asks for a read with its parameters."""
    return ids.encode_request(read, params)
