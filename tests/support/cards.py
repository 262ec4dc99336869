"""What people see in the simulated Slack: a card by the words its header begins with, and how it stands now."""

import json

from bot.sandbox.slack.entities import Json, Message, View
from bot.sandbox.slack.person import Person
from bot.sandbox.slack.server import SlackServer

CHANNEL = "C0INCIDENTS"


def typed(**fields: str) -> Json:
    """Return what is written into the text fields of a form."""
    return {name: {f"{name}:v1": {"value": text}} for name, text in fields.items()}


def written(message: Message) -> str:
    """Return everything a message shows, as one text."""
    return json.dumps(message.blocks, ensure_ascii=False)


def value_of(plan: Message, action: str) -> str:
    """Return the value of a card's button, or an empty string."""
    buttons = [item for block in plan.blocks if block["type"] == "actions" for item in block["elements"]]
    return next((str(item["value"]) for item in buttons if item["action_id"] == action), "")


def chosen(message: Message, label: str) -> Json:
    """Return what Slack sends when somebody chooses this in the menu."""
    controls = [item for block in message.blocks if block["type"] == "actions" for item in block["elements"]]
    [menu] = [item for item in controls if item["type"] == "overflow"]
    return {"selected_option": next(item for item in menu["options"] if item["text"]["text"] == label)}


def head(slack: SlackServer, ts: str) -> str:
    """Return the header of a message as it stands now."""
    found = slack.workspace.find(CHANNEL, ts)
    assert found is not None
    return str(found.blocks[0]["text"]["text"]) if found.blocks else ""


def result(slack: SlackServer, ts: str) -> str:
    """Wait until a plan's card tells how its run went; return its header."""

    def told() -> str:
        text = head(slack, ts)
        return "" if text.startswith("🟡 Plan") or ": 0 of " in text else text

    return slack.workspace.wait_for(told, 20) or ""


def card(slack: SlackServer, beginning: str) -> Message:
    """Wait for a message whose header begins with some words."""

    def found() -> Message | None:
        messages = [item for item in slack.workspace.messages(CHANNEL) if item.blocks]
        return next(
            (item for item in messages if str(item.blocks[0].get("text", {}).get("text", "")).startswith(beginning)),
            None,
        )

    message = slack.workspace.wait_for(found, 15)
    assert message is not None
    return message


def shows_home(slack: SlackServer, person: Person, containing: str) -> View:
    """Wait until somebody's Home shows some words."""
    view = slack.workspace.wait_for(
        lambda: person.home if person.home and containing in str(person.home.blocks) else None, 15
    )
    assert view is not None
    return view
