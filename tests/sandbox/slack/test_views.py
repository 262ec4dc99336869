"""Modals and Home: opened in three seconds or never, three deep, refused where Slack refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import View
from bot.sandbox.slack.person import Person
from bot.sandbox.slack.server import SlackServer
from tests.sandbox.slack.bolt_apps import new_app, over_http
from tests.sandbox.slack.conftest import (
    MovableClock,
    StartSlack,
    actions,
    button,
    client_of,
    modal,
    refusal_of,
    refused,
    section,
    text_input,
)

HOME = {"type": "home", "blocks": [section("home")]}


@pytest.fixture
def ada(slack: SlackServer) -> Person:
    """Return Ada at her keyboard."""
    return slack.person(people.ADA)


@pytest.fixture
def app(slack: SlackServer) -> Iterator[App]:
    """Return a connected app that acknowledges every click and close."""
    app = new_app(slack)
    with over_http(slack, app):
        yield app


def trigger(slack: SlackServer, view_id: str = "") -> str:
    return slack.workspace.rights.issue_trigger(people.ADA, view_id).id


def opened(slack: SlackServer, client: WebClient, view: dict[str, Any]) -> View:
    client.views_open(trigger_id=trigger(slack), view=view)
    return slack.person(people.ADA).sees_modal()


def test_a_trigger_opens_one_view_within_three_seconds(start_slack: StartSlack) -> None:
    """Used, old and invented triggers are three refusals."""
    clock = MovableClock()
    slack = start_slack(clock=clock)
    client = client_of(slack)
    first, late = trigger(slack), trigger(slack)

    clock.advance(2.9)
    client.views_open(trigger_id=first, view=modal(section()))
    clock.advance(0.2)

    assert refusal_of(client.views_open, trigger_id=first, view=modal(section())) == "exchanged_trigger_id"
    assert refusal_of(client.views_open, trigger_id=late, view=modal(section())) == "expired_trigger_id"
    assert refusal_of(client.views_open, trigger_id="1.2.3", view=modal(section())) == "invalid_trigger_id"


def test_a_view_slack_does_not_take_is_refused_and_the_trigger_is_kept(slack: SlackServer, client: WebClient) -> None:
    """The answer points at the fault; a corrected view still opens."""
    kept = trigger(slack)
    too_long = modal(section()) | {"title": {"type": "plain_text", "text": "x" * 25}}

    answer = refused(client.views_open, trigger_id=kept, view=too_long)

    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]
    large = modal(*[section("x" * 3000) for _ in range(90)])
    assert refusal_of(client.views_open, trigger_id=kept, view=large) == "view_too_large"
    assert refusal_of(client.views_open, trigger_id=kept, view=HOME) == "invalid_arguments"
    assert client.views_open(trigger_id=kept, view=modal(section()))["ok"]


def test_three_views_may_be_stacked(slack: SlackServer, client: WebClient) -> None:
    """Each knows the one below and the first; the fourth is refused, and so is a push from nowhere."""
    view = opened(slack, client, modal(section()))
    second = client.views_push(trigger_id=trigger(slack, view.id), view=modal(section()))["view"]
    third = client.views_push(trigger_id=trigger(slack, second["id"]), view=modal(section()))["view"]

    fourth = {"trigger_id": trigger(slack, third["id"]), "view": modal(section())}

    assert (third["previous_view_id"], third["root_view_id"]) == (second["id"], view.id)
    assert refusal_of(client.views_push, **fourth) == "push_limit_reached"
    assert refusal_of(client.views_push, trigger_id=trigger(slack), view=modal(section())) == "not_found"


def test_an_update_needs_an_open_view_and_its_hash(slack: SlackServer, client: WebClient, ada: Person) -> None:
    """A stale hash and a closed view are refused; the app's own id finds the view too."""
    view = opened(slack, client, modal(section("one"), external_id="mine"))
    changed = modal(section("two"), external_id="mine")

    client.views_update(view_id=view.id, hash=view.hash, view=changed)

    assert ada.modal is not None and "two" in str(ada.modal.blocks)
    assert refusal_of(client.views_update, view_id=view.id, hash=view.hash, view=changed) == "hash_conflict"
    assert client.views_update(external_id="mine", view=changed)["ok"]
    other = slack.workspace.rights.issue_trigger(people.BEN).id
    assert refusal_of(client.views_open, trigger_id=other, view=changed) == "duplicate_external_id"
    ada.closes(ada.modal)
    assert refusal_of(client.views_update, view_id=view.id, view=changed) == "not_found"


def test_home_is_published_for_each_person(start_slack: StartSlack, slack: SlackServer, client: WebClient) -> None:
    """Unknown people, stale hashes, and a Home that is off in the manifest are refused."""
    first = client.views_publish(user_id=people.ADA, view=HOME)["view"]
    client.views_publish(user_id=people.ADA, view=HOME, hash=first["hash"])

    assert slack.person(people.ADA).home is not None and slack.person(people.BEN).home is None
    stale = {"user_id": people.ADA, "view": HOME, "hash": first["hash"]}
    assert refusal_of(client.views_publish, **stale) == "hash_conflict"
    assert refusal_of(client.views_publish, user_id="U0NOBODY", view=HOME) == "invalid_arguments"
    without = client_of(start_slack(home_tab_enabled=False))
    assert refusal_of(without.views_publish, user_id=people.ADA, view=HOME) == "not_enabled"


def test_an_opened_home_is_an_event_with_the_view_once_there_is_one(slack: SlackServer, app: App) -> None:
    """The first event has no view, the second has."""
    seen: list[dict[str, Any]] = []

    @app.event("app_home_opened")
    def opened_home(event: dict[str, Any], ack: Ack) -> None:
        seen.append(event)
        ack()

    ada = slack.person(people.ADA)
    ada.opens_home()
    slack.workspace.wait_for(lambda: len(seen) == 1)
    app.client.views_publish(user_id=people.ADA, view=HOME)
    ada.opens_home()
    slack.workspace.wait_for(lambda: len(seen) == 2)

    assert ["view" in event for event in seen] == [False, True]
    assert [event["tab"] for event in seen] == ["home", "home"]


@pytest.mark.parametrize(
    ("element", "entered", "fault"),
    [
        ({}, None, "Please complete this required field."),
        ({"min_length": 5}, "why", "Please enter at least 5 characters."),
        ({"max_length": 2}, "why", "Please enter at most 2 characters."),
    ],
)
def test_slacks_own_client_checks_a_form_before_the_app_sees_it(
    slack: SlackServer,
    client: WebClient,
    ada: Person,
    element: dict[str, Any],
    entered: str | None,
    fault: str,
) -> None:
    """An empty or ill-sized input stays with the person."""
    view = opened(slack, client, modal(text_input(**element)))

    result = ada.submits(view, {"why": {"reason:v1": {"value": entered}}})

    assert result.errors == {"why": fault}
    assert slack.workspace.deliveries == []


def test_a_submission_holds_what_was_entered_and_what_was_there(
    slack: SlackServer, client: WebClient, ada: Person, app: App
) -> None:
    """State has every input; those not touched hold their initial value."""
    submitted: list[dict[str, Any]] = []

    @app.view("form")
    def form(ack: Ack, body: dict[str, Any]) -> None:
        submitted.append(body)
        ack()

    blocks = text_input("a", initial_value="as it was"), text_input("b") | {"optional": True}, text_input("c")
    view = opened(slack, client, modal(*blocks, private_metadata="17"))
    ada.submits(view, {"c": {"reason:v1": {"value": "new"}}})

    values = submitted[0]["view"]["state"]["values"]
    assert [values[name]["reason:v1"]["value"] for name in "abc"] == ["as it was", None, "new"]
    assert submitted[0]["view"]["private_metadata"] == "17" and submitted[0]["view"]["hash"] == view.hash
    assert submitted[0]["trigger_id"] and submitted[0]["response_urls"] == []
    assert ada.modal is None


def answering(app: App, **answer: Any) -> None:
    @app.view("form")
    def form(ack: Ack) -> None:
        ack(**answer)


def test_a_submission_may_be_answered_with_errors(slack: SlackServer, client: WebClient, ada: Person, app: App) -> None:
    """They stand under the inputs they name, and the form stays open."""
    answering(app, response_action="errors", errors={"why": "say more"})
    view = opened(slack, client, modal(text_input(initial_value="x")))

    assert ada.submits(view).errors == {"why": "say more"}
    assert ada.modal is not None


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "errors", "errors": {"no such block": "x"}},
        {"response_action": "update", "view": {"type": "modal"}},
        {"response_action": "explode"},
    ],
)
def test_an_answer_slack_cannot_use_is_trouble_for_the_person(
    slack: SlackServer, client: WebClient, ada: Person, app: App, answer: dict[str, Any]
) -> None:
    """Errors for what is no input, and views Slack does not take, leave the form open with a notice."""
    answering(app, **answer)
    view = opened(slack, client, modal(text_input(initial_value="x")))

    assert not ada.submits(view).ok
    assert slack.workspace.notices[-1].startswith("We had some trouble connecting.")
    assert ada.modal is not None


def test_an_answer_may_update_push_or_clear(slack: SlackServer, client: WebClient, ada: Person, app: App) -> None:
    """Each response action does to the stack what it says."""
    answers: list[dict[str, Any]] = [
        {"response_action": "update", "view": modal(text_input(initial_value="x"), section("two"))},
        {"response_action": "push", "view": modal(text_input(initial_value="x"), section("three"))},
        {"response_action": "clear"},
    ]
    depths: list[int] = []

    @app.view("form")
    def form(ack: Ack) -> None:
        ack(**answers[len(depths)])

    opened(slack, client, modal(text_input(initial_value="x")))
    while ada.modal is not None:
        assert ada.submits(ada.modal).ok
        depths.append(len(slack.workspace.views.stack(people.ADA)))

    assert depths == [1, 2, 0]


def test_an_empty_answer_closes_only_the_view_on_top(
    slack: SlackServer, client: WebClient, ada: Person, app: App
) -> None:
    """The view below is visible again."""
    answering(app)
    first = opened(slack, client, modal(section("below")))
    client.views_push(trigger_id=trigger(slack, first.id), view=modal(text_input(initial_value="x")))

    assert ada.modal is not None and ada.submits(ada.modal).ok

    assert ada.modal == first


def test_a_closed_view_is_told_only_if_it_asked(slack: SlackServer, client: WebClient, ada: Person, app: App) -> None:
    """`notify_on_close` sends `view_closed`, without a trigger; the X clears the whole stack."""
    closed: list[dict[str, Any]] = []

    @app.view_closed("form")
    def form(ack: Ack, body: dict[str, Any]) -> None:
        closed.append(body)
        ack()

    ada.closes(opened(slack, client, modal(section())))
    first = opened(slack, client, modal(section(), notify_on_close=True))
    client.views_push(trigger_id=trigger(slack, first.id), view=modal(section()))
    ada.closes(first, whole_stack=True)

    assert [body["is_cleared"] for body in closed] == [True]
    assert "trigger_id" not in closed[0] and ada.modal is None


def test_a_click_in_a_view_has_no_channel_and_no_response_url(
    slack: SlackServer, client: WebClient, ada: Person, app: App
) -> None:
    """It has the view, its state, and a trigger that can push."""
    clicks: list[dict[str, Any]] = []

    @app.action("go:v1")
    def action(ack: Ack, body: dict[str, Any]) -> None:
        clicks.append(body)
        client.views_push(trigger_id=body["trigger_id"], view=modal(section("pushed")))
        ack()

    view = opened(slack, client, modal(text_input(initial_value="x"), actions(button())))
    assert ada.presses(view, "go:v1").ok

    assert not {"channel", "message", "response_url"} & set(clicks[0])
    assert clicks[0]["container"] == {"type": "view", "view_id": view.id}
    assert clicks[0]["view"]["state"]["values"]["why"]["reason:v1"]["value"] == "x"
    assert ada.modal is not None and "pushed" in str(ada.modal.blocks)
