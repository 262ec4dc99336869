"""A fresh simulated Slack for each test, a clock that can be moved, and the client the product uses."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack.server import SlackServer, SlackSettings

StartSlack = Callable[..., SlackServer]


class MovableClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        """Begin at a moment in November 2026."""
        self.seconds = 1_795_000_000.0

    def __call__(self) -> float:
        """Return the moment."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Time has passed."""
        self.seconds += seconds


@pytest.fixture
def start_slack() -> Iterator[StartSlack]:
    """Start simulated Slacks with given settings; all are stopped afterwards."""
    running: list[SlackServer] = []

    def start(**settings: Any) -> SlackServer:  # settings of every type
        server = SlackServer(SlackSettings(**settings))
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def slack(start_slack: StartSlack) -> SlackServer:
    """Return a running simulated Slack."""
    return start_slack()


@pytest.fixture
def client(slack: SlackServer) -> WebClient:
    """Return slack_sdk's client with the bot's token, without retries of its own."""
    return client_of(slack)


def client_of(server: SlackServer, token: str | None = None) -> WebClient:
    """Return slack_sdk's client for a server."""
    return WebClient(token=token or server.settings.bot_token, base_url=server.api_url, retry_handlers=[])


def refusal_of(act: Callable[..., object], *args: object, **kwargs: object) -> str:
    """Return the word with which Slack refuses a call."""
    return str(refused(act, *args, **kwargs)["error"])


def refused(act: Callable[..., object], *args: object, **kwargs: object) -> dict[str, Any]:
    """Return the answer with which Slack refuses a call."""
    with pytest.raises(SlackApiError) as caught:
        act(*args, **kwargs)
    data = caught.value.response.data
    assert isinstance(data, dict)
    return data


def section(text: str = "words", **extra: object) -> dict[str, Any]:
    """Return a section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **extra}


def button(action_id: str = "go:v1", **extra: object) -> dict[str, Any]:
    """Return a button."""
    return {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": action_id, **extra}


def actions(*elements: dict[str, Any], block_id: str = "buttons") -> dict[str, Any]:
    """Return an actions block."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def modal(*blocks: dict[str, Any], **extra: object) -> dict[str, Any]:
    """Return a modal with a submit button."""
    return {
        "type": "modal",
        "callback_id": "form",
        "title": {"type": "plain_text", "text": "A form"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": list(blocks),
        **extra,
    }


def text_input(block_id: str = "why", action_id: str = "reason:v1", **extra: object) -> dict[str, Any]:
    """Return an input block with a text field."""
    element = {"type": "plain_text_input", "action_id": action_id, **extra}
    return {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": "Why?"},
        "element": element,
    }
