"""What people type and press, and how it reaches the app."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import Ack, App

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import Message, Refusal
from bot.sandbox.slack.server import SlackServer, SlashCommand
from bot.sandbox.slack.settings import ALL_SCOPES
from tests.sandbox.slack.bolt_apps import new_app, over_http
from tests.sandbox.slack.conftest import StartSlack, actions, button, client_of, section

INCIDENTS = people.INCIDENTS
SELECT = {
    "type": "static_select",
    "action_id": "pick:v1",
    "options": [{"text": {"type": "plain_text", "text": word}, "value": word} for word in ("ingest", "enforcement")],
}


@pytest.fixture
def clicks(slack: SlackServer) -> Iterator[list[dict[str, Any]]]:
    """Return what a connected app gets of every click."""
    app = new_app(slack)
    got: list[dict[str, Any]] = []
    for action_id in ("go:v1", "pick:v1"):

        @app.action(action_id)
        def action(ack: Ack, body: dict[str, Any]) -> None:
            got.append(body)
            ack()

    with over_http(slack, app):
        yield got


def posted(slack: SlackServer, *blocks: dict[str, Any], thread_ts: str | None = None) -> Message:
    client = client_of(slack)
    ts = client.chat_postMessage(channel=INCIDENTS, text="card", blocks=list(blocks), thread_ts=thread_ts)["ts"]
    message = slack.workspace.find(INCIDENTS, ts)
    assert message is not None
    return message


def test_a_click_in_a_message_carries_all_that_slack_sends(slack: SlackServer, clicks: list[dict[str, Any]]) -> None:
    """Who, where, which button with its value, the whole message, its state, a trigger and a response URL."""
    card = posted(slack, section(), actions(button(value="v1", style="primary"), SELECT))

    slack.person(people.BEN).presses(card, "go:v1")

    body = clicks[0]
    action = body["actions"][0]
    assert body["type"] == "block_actions" and body["api_app_id"] == people.APP_ID
    assert body["user"] == {"id": people.BEN, "username": "ben", "name": "ben", "team_id": people.TEAM_ID}
    assert body["team"]["id"] == people.TEAM_ID and body["channel"] == {"id": INCIDENTS, "name": "incidents"}
    assert body["container"] == {
        "type": "message",
        "message_ts": card.ts,
        "channel_id": INCIDENTS,
        "is_ephemeral": False,
    }
    assert (action["value"], action["style"], action["block_id"]) == ("v1", "primary", "buttons")
    assert action["action_ts"] and body["trigger_id"] and body["response_url"].startswith(slack.url)
    assert body["message"]["ts"] == card.ts and body["message"]["bot_id"] == people.BOT_ID
    assert body["state"]["values"] == {"buttons": {"pick:v1": {"type": "static_select", "selected_option": None}}}


def test_a_click_in_an_ephemeral_message_has_no_message(slack: SlackServer, clicks: list[dict[str, Any]]) -> None:
    """Slack keeps no copy of it; only its reader can press."""
    client_of(slack).chat_postEphemeral(channel=INCIDENTS, user=people.ADA, text="psst", blocks=[actions(button())])
    ada = slack.person(people.ADA)
    shown = ada.is_told("psst")

    ada.presses(shown, "go:v1")

    assert "message" not in clicks[0] and clicks[0]["container"]["is_ephemeral"] is True
    with pytest.raises(Refusal):
        slack.person(people.BEN).presses(shown, "go:v1")


def test_a_click_in_a_thread_says_which(slack: SlackServer, clicks: list[dict[str, Any]]) -> None:
    """The container names the thread."""
    parent = posted(slack, section())
    reply = posted(slack, actions(button()), thread_ts=parent.ts)

    slack.person(people.ADA).presses(reply, "go:v1")

    assert clicks[0]["container"]["thread_ts"] == parent.ts == clicks[0]["message"]["thread_ts"]


def test_only_what_is_offered_can_be_chosen(slack: SlackServer, clicks: list[dict[str, Any]]) -> None:
    """An option of the list arrives whole; another one, and a button that is not there, cannot be pressed."""
    card, ada = posted(slack, actions(SELECT)), slack.person(people.ADA)
    options = SELECT["options"]
    assert isinstance(options, list)

    ada.presses(card, "pick:v1", given={"selected_option": options[1]})

    assert clicks[0]["actions"][0]["selected_option"]["value"] == "enforcement"
    with pytest.raises(Refusal, match="no_such_option"):
        ada.presses(card, "pick:v1", given={"selected_option": {"value": "other"}})
    with pytest.raises(Refusal, match="no_such_element"):
        ada.presses(card, "gone:v1")


def test_a_button_already_replaced_can_still_be_pressed(slack: SlackServer, clicks: list[dict[str, Any]]) -> None:
    """A browser that shows yesterday's card sends yesterday's button."""
    card = posted(slack, actions(button(value="old")))
    client_of(slack).chat_update(channel=INCIDENTS, ts=card.ts, text="done", blocks=[section()])

    assert slack.person(people.ADA).presses(card, "go:v1").ok
    assert clicks[0]["actions"][0]["value"] == "old"


def test_a_command_arrives_with_the_fields_slack_sends(start_slack: StartSlack) -> None:
    """With `should_escape`, names become ids and the three characters are escaped."""
    slack = start_slack(commands=(SlashCommand(command="/dragonfly", should_escape=True),))
    app, got = new_app(slack), []

    @app.command("/dragonfly")
    def command(ack: Ack, body: dict[str, Any]) -> None:
        got.append(body)
        ack()

    with over_http(slack, app):
        assert slack.person(people.ADA).types("/dragonfly page @ben in #ops-all <b> & @nobody").ok

    assert got[0]["text"] == "page <@U0BEN|ben> in <#C0OPSALL|ops-all> &lt;b&gt; &amp; @nobody"
    assert {name: got[0][name] for name in ("command", "channel_id", "channel_name", "user_id", "team_id")} == {
        "command": "/dragonfly",
        "channel_id": INCIDENTS,
        "channel_name": "incidents",
        "user_id": people.ADA,
        "team_id": people.TEAM_ID,
    }
    assert got[0]["is_enterprise_install"] == "false" and "thread_ts" not in got[0]


def test_commands_slack_does_not_pass_on(start_slack: StartSlack) -> None:
    """Unknown commands, commands in threads, in channels the person is not in, and without the scope."""
    slack, without = start_slack(), start_slack(scopes=ALL_SCOPES - {"commands"})
    ada = slack.person(people.ADA)

    assert ada.types("/dragonfyl status").error == "/dragonfyl is not a valid command."
    in_thread = ada.types("/dragonfly status", thread_ts="1795000000.000001")
    assert in_thread.error == "/dragonfly is not supported in threads. Sorry!"
    assert not without.person(people.ADA).types("/dragonfly status").ok
    with pytest.raises(Refusal, match="not_in_channel"):
        slack.person(people.GIL).types("/dragonfly status", people.SECURITY)
    assert slack.workspace.deliveries == without.workspace.deliveries == []


def mentions(app: App) -> list[dict[str, Any]]:
    got: list[dict[str, Any]] = []

    @app.event("app_mention")
    def mention(body: dict[str, Any], ack: Ack) -> None:
        got.append(body)
        ack()

    @app.event("message")
    def message(body: dict[str, Any], ack: Ack) -> None:
        got.append(body)
        ack()

    return got


def test_a_mention_is_an_event_in_a_thread_too(slack: SlackServer) -> None:
    """The text holds the bot's id, the thread is named, and the envelope says whose event it is."""
    app = new_app(slack)
    got, card = mentions(app), posted(slack, section())

    with over_http(slack, app):
        slack.person(people.ADA).says("@dragonfly status", thread_ts=card.ts)
        slack.person(people.ADA).says("nobody is meant")
        slack.workspace.wait_for(lambda: slack.workspace.deliveries)

    assert len(got) == 1
    event = got[0]["event"]
    assert (event["text"], event["thread_ts"], event["user"]) == ("<@U0BOT> status", card.ts, people.ADA)
    assert got[0]["authorizations"][0]["user_id"] == people.BOT_USER
    assert got[0]["event_id"] and got[0]["team_id"] == people.TEAM_ID


def test_a_mention_where_messages_are_heard_too_arrives_twice(start_slack: StartSlack) -> None:
    """Two events with two ids tell of one message; direct messages are told once."""
    slack = start_slack(bot_events=frozenset({"app_mention", "message.channels", "message.im"}))
    app = new_app(slack)
    got = mentions(app)

    with over_http(slack, app):
        slack.person(people.ADA).says("@dragonfly status")
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 2)
        slack.workspace.direct_channel(people.ADA)
        slack.person(people.ADA).says("status", "D0ADA")
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 3)

    assert sorted(body["event"]["type"] for body in got[:2]) == ["app_mention", "message"]
    assert len({body["event_id"] for body in got[:2]}) == 2 and len({body["event"]["ts"] for body in got[:2]}) == 1
    assert got[2]["event"]["channel_type"] == "im"


def test_a_persons_words_cannot_ping_by_accident(slack: SlackServer) -> None:
    """The three characters are escaped; only mentions Slack knows stay mentions."""
    message = slack.person(people.ADA).says("<!channel> a & b <@U0BEN> @cleo").message

    assert message is not None
    assert message.text == "&lt;!channel&gt; a &amp; b <@U0BEN> <@U0CLEO>"


def test_an_answer_slack_cannot_show_is_told_to_the_person(slack: SlackServer) -> None:
    """Wrong blocks in an acknowledged command are a notice, not a message."""
    app = new_app(slack)

    @app.command("/dragonfly")
    def command(ack: Ack) -> None:
        ack(text="x", blocks=[{"type": "banner"}])

    ada = slack.person(people.ADA)
    with over_http(slack, app):
        ada.types("/dragonfly status")

    assert ada.private_messages == []
    assert slack.workspace.notices == ["/dragonfly failed with the error “invalid_blocks”"]
