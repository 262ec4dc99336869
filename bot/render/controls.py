"""One control: a button, the menu `⋯`; labels from `templates/labels.toml`."""

from typing import Any

from bot import words
from bot.domain import ids
from bot.render import limits

Button = dict[str, Any]


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


def asked(read: str, **params: str) -> str:
    """Return the value of a control that asks for a read with its parameters."""
    return ids.encode_request(read, params)
