"""What the page in the browser reads and sends, and who else may."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from slack_bolt import Ack
from slack_sdk import WebClient
from starlette.responses import PlainTextResponse

from bot.sandbox.slack import people
from bot.sandbox.slack.server import SlackServer
from tests.sandbox.slack.bolt_apps import new_app, over_http
from tests.sandbox.slack.conftest import actions, button, modal, text_input

INCIDENTS = people.INCIDENTS


def state(slack: SlackServer, user: str = people.ADA) -> dict[str, Any]:
    answer = httpx.get(f"{slack.url}/page/state", params={"user": user}).json()
    assert isinstance(answer, dict)
    return answer


def post(slack: SlackServer, act: str, **body: Any) -> dict[str, Any]:
    answer = httpx.post(f"{slack.url}/page/{act}", json=body).json()
    assert isinstance(answer, dict)
    return answer


@contextmanager
def watching(slack: SlackServer, user: str = people.ADA) -> Iterator[Iterator[dict[str, Any]]]:
    """Read the person's live changes; the stream is open when the block begins."""
    with httpx.stream("GET", f"{slack.url}/page/events", params={"user": user}, timeout=5) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": beat"
        yield (json.loads(line[6:]) for line in lines if line.startswith("data: "))


def test_the_state_is_what_the_person_can_see(slack: SlackServer, client: WebClient) -> None:
    """Guests see their channels only, ephemeral messages their reader only; replies count on their parent."""
    parent = client.chat_postMessage(channel=INCIDENTS, text="card")["ts"]
    client.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=parent)
    client.chat_postEphemeral(channel=INCIDENTS, user=people.ADA, text="psst")
    client.views_publish(user_id=people.ADA, view={"type": "home", "blocks": []})

    ada, gil = state(slack), state(slack, people.GIL)

    assert (ada["me"], ada["team"]["id"], ada["home"]["blocks"]) == (people.ADA, people.TEAM_ID, [])
    assert [m["text"] for m in ada["messages"][INCIDENTS]] == ["card", "reply", "psst"]
    assert [m["text"] for m in gil["messages"][INCIDENTS]] == ["card", "reply"]
    assert ada["messages"][INCIDENTS][0]["reply_count"] == 1
    assert ada["messages"][INCIDENTS][2]["ephemeral_to"] == people.ADA
    assert [c["name"] for c in ada["channels"]] == ["incidents", "general", "security", "ops-all"]
    assert [c["name"] for c in gil["channels"]] == ["incidents"] and gil["home"] is None
    assert ada["commands"][0]["command"] == "/dragonfly"
    assert {"id", "name", "real_name", "title", "is_bot", "is_restricted", "color"} <= set(ada["users"][0])


def test_changes_arrive_live(slack: SlackServer, client: WebClient) -> None:
    """New, changed and deleted messages, in order."""
    with watching(slack) as events:
        ts = client.chat_postMessage(channel=INCIDENTS, text="one")["ts"]
        client.chat_update(channel=INCIDENTS, ts=ts, text="two")
        client.chat_delete(channel=INCIDENTS, ts=ts)
        seen = [next(events) for _ in range(3)]

    assert [event["type"] for event in seen] == ["message", "message_changed", "message_deleted"]
    assert (seen[0]["message"]["text"], seen[1]["message"]["text"], seen[2]["ts"]) == ("one", "two", ts)


def test_changes_arrive_only_where_they_may(slack: SlackServer, client: WebClient) -> None:
    """Ephemeral messages and views go to one person; a guest sees nothing of other channels."""
    with watching(slack, people.GIL) as events:
        client.chat_postMessage(channel=people.SECURITY, text="hidden")
        client.chat_postEphemeral(channel=INCIDENTS, user=people.ADA, text="hidden")
        client.views_publish(user_id=people.ADA, view={"type": "home", "blocks": []})
        client.chat_postMessage(channel=INCIDENTS, text="seen")
        first = next(events)

    assert first["message"]["text"] == "seen"


def test_a_whole_round_over_the_page(slack: SlackServer) -> None:
    """Command, button, form: what the page sends reaches the app, and what the app does reaches the page."""
    app = new_app(slack)

    @app.command("/dragonfly")
    def command(ack: Ack) -> None:
        app.client.chat_postMessage(channel=INCIDENTS, text="card", blocks=[actions(button(value="v"))])
        ack("posted")

    @app.action("go:v1")
    def action(ack: Ack, body: dict[str, Any]) -> None:
        app.client.views_open(trigger_id=body["trigger_id"], view=modal(text_input()))
        ack()

    @app.view("form")
    def form(ack: Ack, view: dict[str, Any]) -> None:
        text = view["state"]["values"]["why"]["reason:v1"]["value"]
        if len(text) < 5:
            ack(response_action="errors", errors={"why": "say more"})
            return
        ack()

    me = {"user": people.ADA}
    with over_http(slack, app), watching(slack) as events:
        assert post(slack, "command", **me, channel=INCIDENTS, text="/dragonfly status") == {"ok": True}
        card, told = next(events)["message"], next(events)["message"]
        place = {"channel": card["channel"], "ts": card["ts"]}
        press = {"action_id": "go:v1", "block_id": "buttons", "type": "button", "value": "v"}
        assert post(slack, "action", **me, message=place, action=press, state={}) == {"ok": True}
        view = next(events)["view"]
        form_of = {**me, "view_id": view["id"]}
        empty = post(slack, "submit", **form_of, values={})
        short = post(slack, "submit", **form_of, values={"why": {"reason:v1": {"value": "x"}}})
        shown = [next(events), next(events)]
        assert post(slack, "submit", **form_of, values={"why": {"reason:v1": {"value": "because"}}})["ok"]
        closed = next(events)

    assert told["ephemeral_to"] == people.ADA and told["text"] == "posted"
    assert empty["errors"] == {"why": "Please complete this required field."}
    assert short["errors"] == {"why": "say more"}
    assert [event["type"] for event in shown] == ["view_errors", "view_errors"]
    assert closed == {"type": "view_close", "view_id": view["id"]}


def test_words_without_a_slash_are_a_message(slack: SlackServer) -> None:
    """Both ways of sending post; unknown commands and places answer why not."""
    assert post(slack, "command", user=people.ADA, channel=INCIDENTS, text="hello")["ok"]
    assert post(slack, "message", user=people.BEN, channel=INCIDENTS, text="hi")["ok"]

    unknown = post(slack, "command", user=people.ADA, channel=INCIDENTS, text="/nothing")
    nowhere = post(slack, "message", user=people.ADA, channel="C0NOWHERE", text="hi")

    assert [m.text for m in slack.workspace.messages(INCIDENTS)] == ["hello", "hi"]
    assert unknown == {"ok": False, "error": "/nothing is not a valid command."}
    assert nowhere == {"ok": False, "error": "channel_not_found"}


def test_what_has_gone_cannot_be_pressed_or_submitted(slack: SlackServer) -> None:
    """A stale page gets a refusal, not a crash."""
    gone = {"channel": INCIDENTS, "ts": "1795000000.000001"}

    assert post(slack, "action", user=people.ADA, message=gone, action={})["error"] == "message_not_found"
    assert post(slack, "action", user=people.ADA, view_id="V0", action={})["error"] == "not_found"
    assert post(slack, "submit", user=people.ADA, view_id="V0", values={})["error"] == "not_found"
    assert post(slack, "close", user=people.ADA, view_id="V0")["error"] == "not_found"
    assert httpx.post(f"{slack.url}/page/message", content=b"no json").json()["ok"] is False


def test_the_page_can_break_slack_and_mend_it(slack: SlackServer, client: WebClient) -> None:
    """Each fault named is set; those not named stay."""
    post(slack, "faults", down=True, latency_ms=10)
    after = post(slack, "faults", down=False, fail_method={"method": "chat.update", "error": "fatal_error"})

    assert after["faults"]["down"] is False and after["faults"]["latency_ms"] == 10
    assert after["faults"]["fail_method"] == {"chat.update": "fatal_error"}
    post(slack, "faults", rate_limit_seconds=20)
    assert state(slack)["faults"]["limited_until"] > slack.workspace.now()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "127.0.0.1"}, 200),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Host": "elsewhere.example"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
    ],
)
def test_only_this_machine_and_this_page_may_ask(slack: SlackServer, headers: dict[str, str], status: int) -> None:
    """A foreign host name or a foreign page is turned away, from reads and writes alike."""
    filled = {name: value.format(port=slack.port) for name, value in headers.items()}

    assert httpx.get(f"{slack.url}/page/state", headers=filled).status_code == status
    assert httpx.post(f"{slack.url}/page/message", json={}, headers=filled).status_code == status
    assert httpx.post(f"{slack.api_url}auth.test", headers=filled).status_code == status


def test_the_system_panel_is_there_only_if_given() -> None:
    """What the launcher hands over is mounted at /system."""
    with SlackServer(system_app=PlainTextResponse("system")) as slack:
        assert httpx.get(f"{slack.url}/system/state").text == "system"
    with SlackServer() as slack:
        assert httpx.get(f"{slack.url}/system/state").status_code == 404


def test_it_listens_on_this_machine_only_and_can_be_stopped_twice() -> None:
    """The address is the loopback; after stopping, nothing answers."""
    slack = SlackServer()
    slack.start()
    assert slack.url.startswith("http://127.0.0.1:")
    slack.stop()
    slack.stop()

    with pytest.raises(httpx.ConnectError):
        httpx.get(slack.url)


def test_an_open_page_does_not_hold_up_the_end() -> None:
    """The live stream ends when the server stops."""
    slack = SlackServer()
    slack.start()
    with watching(slack) as events:
        slack.stop()
        assert list(events) == []
