"""What people are told when they type or press what they may not, cannot, or did wrong."""

from datetime import timedelta

import pytest

from bot.operations import audit
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from bot.store import outbox
from tests.support.waiting import eventually


def posted(bot: Bot) -> bool:
    """Say whether the bot knows where its status card stands."""
    with bot.services.db.read() as tx:
        return outbox.latest_status(tx, "C0INCIDENTS", timedelta(minutes=1)) is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/dragonfly rest-stuck", "Nearest: `reset-stuck`"),
        ("/dragonfly stuck 5", "no unit"),
        ("/dragonfly ack", "ack needs an alert"),
        ("/dragonfly " + "x" * 501, "500 characters"),
        ("/dragonfly status \u202e", "direction characters"),
        ("/dragonfly ack A999", "I know no"),
    ],
)
def test_bad_input_is_answered_to_its_sender_alone(bot: Bot, slack: SlackServer, text: str, said: str) -> None:
    """A refusal says what is wrong and shows a correct example, ephemerally."""
    ada = slack.person("U0ADA")
    ada.types(text)
    assert said in str(ada.is_told(said).blocks)
    assert not slack.workspace.messages("C0INCIDENTS")


def test_a_guest_may_not_even_read(bot: Bot, slack: SlackServer) -> None:
    """A guest's command is refused and recorded."""
    gil = slack.person("U0GIL")
    gil.types("/dragonfly alerts")
    assert "a guest may not" in gil.is_told("Nothing was done").text
    assert "request.refused" in [entry.event for entry in audit.list_newest(bot.services, 5).entries]


def test_an_unlisted_channel_is_refused(bot: Bot, slack: SlackServer) -> None:
    """Commands are answered where they are configured, and nowhere else."""
    ada = slack.person("U0ADA")
    ada.types("/dragonfly status", "C0GENERAL")
    assert "not in this channel" in ada.is_told("Nothing was done").text


def test_status_is_posted_for_everyone_and_linked_to_the_second_asker(bot: Bot, slack: SlackServer) -> None:
    """Within a minute a second asker gets a link to the first card."""
    slack.person("U0ADA").types("/dragonfly status")
    eventually(lambda: posted(bot), 30)
    ben = slack.person("U0BEN")
    ben.types("/dragonfly status")
    assert "A status was posted" in str(ben.is_told("A status was posted", timeout_seconds=20).blocks)
