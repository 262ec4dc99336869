"""HTTP mode with a real Bolt app: signed as Slack signs, retried as Slack retries."""

from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App, BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.sandbox.slack import people
from bot.sandbox.slack.delivery import sign
from bot.sandbox.slack.server import SlackServer
from tests.sandbox.slack.bolt_apps import new_app, over_http
from tests.sandbox.slack.conftest import StartSlack, actions, button, client_of, modal, text_input
from tests.support.waiting import eventually


def test_the_signature_is_slacks_own() -> None:
    """slack_sdk's verifier takes it, and does not when a byte of the body changed."""
    verifier = SignatureVerifier("secret")
    headers = {"X-Slack-Request-Timestamp": str(int(verifier.clock.now()))}
    headers["X-Slack-Signature"] = sign("secret", headers["X-Slack-Request-Timestamp"], b"body")

    assert verifier.is_valid_request(b"body", headers)
    assert not verifier.is_valid_request(b"bodi", headers)


def test_commands_clicks_and_forms_arrive_signed(slack: SlackServer) -> None:
    """All three kinds pass Bolt's own signature check, and their answers come back."""
    app = new_app(slack)
    got: list[Any] = []

    @app.command("/dragonfly")
    def command(ack: Ack, command: dict[str, Any]) -> None:
        got.append(command["text"])
        ack(text="for all", response_type="in_channel")

    @app.action("go:v1")
    def action(ack: Ack, body: dict[str, Any]) -> None:
        got.append(body["actions"][0]["value"])
        app.client.views_open(trigger_id=body["trigger_id"], view=modal(text_input()))
        ack()

    @app.view("form")
    def form(ack: Ack, view: dict[str, Any]) -> None:
        got.append(view["state"]["values"]["why"]["reason:v1"]["value"])
        ack()

    ada = slack.person(people.ADA)
    with over_http(slack, app) as requests:
        assert ada.types("/dragonfly status").ok
        ts = client_of(slack).chat_postMessage(
            channel=people.INCIDENTS, text="card", blocks=[actions(button(value="v1.7F3K"))]
        )["ts"]
        card = slack.workspace.find(people.INCIDENTS, ts)
        assert card is not None
        assert ada.presses(card, "go:v1").ok
        assert ada.submits(ada.sees_modal(), {"why": {"reason:v1": {"value": "because"}}}).ok

    assert got == ["status", "v1.7F3K", "because"]
    assert ada.modal is None
    assert slack.workspace.messages(people.INCIDENTS)[0].text == "for all"
    assert all(request["x-slack-signature"].startswith("v0=") for request in requests)


def test_a_wrong_signing_secret_is_an_unanswered_command(start_slack: StartSlack) -> None:
    """Bolt answers 401; the person is told that the app did not respond."""
    slack = start_slack(signing_secret="one")
    client = client_of(slack)
    app = App(client=client, signing_secret="another", process_before_response=True)

    with over_http(slack, app):
        assert not slack.person(people.ADA).types("/dragonfly status").ok

    assert slack.workspace.notices == ["dragonfly did not respond: /dragonfly failed (http_error)"]


def test_an_event_refused_comes_again_with_its_number(start_slack: StartSlack) -> None:
    """The first retry carries what Bolt's middleware reads, and the acknowledgement ends it."""
    slack = start_slack(redelivery_delays_seconds=(0.0, 0.1, 0.1))
    app = new_app(slack)
    heard: list[str] = []

    @app.middleware
    def refuse_the_first(body: dict[str, Any], next: Callable[[], BoltResponse]) -> BoltResponse:
        heard.append(body["event_id"])
        return next() if len(heard) > 1 else BoltResponse(status=503)

    @app.event("app_mention")
    def listen(ack: Ack) -> None:
        ack()

    with over_http(slack, app) as requests:
        slack.person(people.ADA).says("@dragonfly status")
        slack.workspace.wait_for(lambda: slack.workspace.deliveries and slack.workspace.deliveries[-1].acknowledged)

    assert len(set(heard)) == 1 and len(requests) == 2
    assert "x-slack-retry-num" not in requests[0]
    assert (requests[1]["x-slack-retry-num"], requests[1]["x-slack-retry-reason"]) == ("1", "http_error")


def test_an_app_that_is_not_there_is_a_notice(slack: SlackServer) -> None:
    """Nobody listens at the request URL: the person is told at once."""
    slack.use_request_url("http://127.0.0.1:9/slack/events")

    assert not slack.person(people.ADA).types("/dragonfly status").ok
    eventually(lambda: slack.workspace.notices)
    assert slack.workspace.notices == ["dragonfly did not respond: /dragonfly failed (connection_failed)"]
