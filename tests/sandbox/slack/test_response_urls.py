"""Response URLs: five answers in half an hour, and what each may replace."""

from dataclasses import replace

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import Message
from bot.sandbox.slack.server import SlackServer
from tests.sandbox.slack.conftest import MovableClock, StartSlack, actions, button, section

INCIDENTS = people.INCIDENTS


def url_of(slack: SlackServer, message: Message | None = None) -> WebhookClient:
    """Return slack_sdk's client for the response URL of Ada's command, or of her click in a message."""
    url = slack.workspace.rights.issue_response_url(people.ADA, INCIDENTS, message)
    return WebhookClient(f"{slack.url}/response/{url.token}", retry_handlers=[])


def words(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def test_an_answer_is_for_the_asker_unless_it_says_otherwise(slack: SlackServer) -> None:
    """Ephemeral by default, for all with `in_channel`."""
    url = url_of(slack)

    assert url.send(text="for you").body == "ok"
    url.send(text="for all", response_type="in_channel")

    assert words(slack.person(people.ADA).private_messages) == ["for you"]
    assert words(slack.workspace.messages(INCIDENTS)) == ["for all"]


def test_five_uses_in_half_an_hour(start_slack: StartSlack) -> None:
    """The sixth use, a late one and an unknown address are refused."""
    clock = MovableClock()
    slack = start_slack(clock=clock)
    url, late = url_of(slack), url_of(slack)

    answers = [url.send(text="x") for _ in range(6)]
    clock.advance(30 * 60 + 1)
    too_late = late.send(text="x")

    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert (answers[5].body, too_late.body) == (
        '{"ok": false, "error": "used_url"}',
        '{"ok": false, "error": "expired_url"}',
    )
    assert httpx.post(f"{slack.url}/response/invented", json={"text": "x"}).status_code == 404


def test_a_commands_url_cannot_replace_what_it_posted(slack: SlackServer) -> None:
    """Slack posts a second message instead."""
    url = url_of(slack)
    url.send(text="working")

    url.send(text="done", replace_original=True)

    assert words(slack.person(people.ADA).private_messages) == ["working", "done"]


def test_a_clicks_url_replaces_and_deletes_its_message(slack: SlackServer, client: WebClient) -> None:
    """Of an ephemeral message it is the only way; of a public one it works too."""
    client.chat_postEphemeral(channel=INCIDENTS, user=people.ADA, text="psst", blocks=[actions(button())])
    ada = slack.person(people.ADA)
    url = url_of(slack, ada.is_told("psst"))

    url.send(text="changed", replace_original=True)
    assert words(ada.private_messages) == ["changed"]
    url.send(delete_original=True)
    assert ada.private_messages == []

    ts = client.chat_postMessage(channel=INCIDENTS, text="card")["ts"]
    card = slack.workspace.find(INCIDENTS, ts)
    url_of(slack, card).send(text="settled", replace_original=True)
    assert words(slack.workspace.messages(INCIDENTS)) == ["settled"]


def test_an_answer_to_a_click_in_a_thread_stays_there(slack: SlackServer, client: WebClient) -> None:
    """What is posted anew goes under the same parent."""
    parent = client.chat_postMessage(channel=INCIDENTS, text="card")["ts"]
    reply = client.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=parent)["ts"]

    url_of(slack, slack.workspace.find(INCIDENTS, reply)).send(text="here", response_type="in_channel")

    assert slack.workspace.messages(INCIDENTS)[-1].thread_ts == parent


def test_wrong_answers_are_refused(slack: SlackServer) -> None:
    """Nothing to show, wrong blocks, no JSON: each is a refusal that uses up one use."""
    url = url_of(slack)

    assert url.send(text="").status_code == 400
    assert url.send(text="x", blocks=[{"type": "banner"}]).status_code == 400
    assert httpx.post(url.url, content=b"x").json()["error"] == "invalid_payload"
    assert [call.answer["error"] for call in slack.workspace.calls_of("response_url")] == [
        "no_text",
        "invalid_blocks",
        "invalid_payload",
    ]


def test_long_blocks_pass_here_that_a_post_refuses(slack: SlackServer) -> None:
    """The undocumented limit over a whole message does not hold for response URLs (bolt-js 2867)."""
    answer = url_of(slack).send(text="x", blocks=[section("x" * 2900) for _ in range(5)])

    assert answer.status_code == 200


def test_somebody_elses_message_cannot_be_replaced(slack: SlackServer, client: WebClient) -> None:
    """A message that has gone, or is not the bot's, is not found."""
    ts = client.chat_postMessage(channel=INCIDENTS, text="card")["ts"]
    card = slack.workspace.find(INCIDENTS, ts)
    assert card is not None

    answer = url_of(slack, replace(card, ts="1795000000.000001")).send(text="x", replace_original=True)

    assert answer.body == '{"ok": false, "error": "message_not_found"}'


@pytest.mark.parametrize("method", ["get", "put"])
def test_only_posts_are_taken(slack: SlackServer, method: str) -> None:
    """A response URL is nothing to read."""
    assert httpx.request(method, url_of(slack).url).status_code == 405
