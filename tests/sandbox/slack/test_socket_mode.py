"""Socket Mode with the real client: tickets, sharing, refreshes, lost lines, and the clock of acknowledgements."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from slack_bolt import Ack, App
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from bot.sandbox.slack import people
from bot.sandbox.slack.server import SlackServer
from tests.sandbox.slack.bolt_apps import new_app, over_sockets
from tests.sandbox.slack.conftest import MovableClock, StartSlack, client_of
from tests.support.waiting import eventually


def new_address(slack: SlackServer) -> str:
    """Return the address of one new socket."""
    answer = client_of(slack).apps_connections_open(app_token=slack.settings.app_token)
    return str(answer["url"])


@contextmanager
def raw_socket(slack: SlackServer) -> Iterator[ClientConnection]:
    """Open a socket by hand and read its hello."""
    with connect(new_address(slack)) as socket:
        hello = json.loads(socket.recv())
        assert hello["type"] == "hello"
        yield socket


def app_with_command(slack: SlackServer) -> tuple[App, list[str]]:
    """Return an app that answers the command, and the texts it got."""
    app, got = new_app(slack), []

    @app.command("/dragonfly")
    def answer(ack: Ack, command: dict[str, Any]) -> None:
        got.append(command["text"])
        ack(f"got {command['text']}")

    return app, got


def test_a_command_arrives_and_its_answer_is_shown_to_the_asker(slack: SlackServer) -> None:
    """The acknowledgement's text becomes an ephemeral message."""
    app, got = app_with_command(slack)
    ada = slack.person(people.ADA)

    with over_sockets(slack, app):
        result = ada.types("/dragonfly status")

    assert result.ok and got == ["status"]
    assert [m.text for m in ada.private_messages] == ["got status"]
    assert slack.person(people.BEN).private_messages == []
    assert slack.workspace.deliveries[-1].took_seconds < 3


def test_a_ticket_opens_one_socket_once(start_slack: StartSlack) -> None:
    """A used, invented or old ticket opens nothing."""
    clock = MovableClock()
    slack = start_slack(clock=clock)
    used, old = new_address(slack), new_address(slack)
    with connect(used) as socket:
        hello = json.loads(socket.recv())
        assert (hello["num_connections"], hello["connection_info"]["app_id"]) == (1, people.APP_ID)
    clock.advance(31)

    for address in (used, old, used.split("?")[0]):
        with pytest.raises(InvalidStatus) as caught:
            connect(address).close()
        assert caught.value.response.status_code == 403


def test_a_socket_from_another_page_is_refused(slack: SlackServer) -> None:
    """A browser elsewhere cannot take the app's envelopes, even with a ticket."""
    with pytest.raises(InvalidStatus):
        connect(new_address(slack), origin=Origin("http://elsewhere.example")).close()


def test_an_envelope_may_be_acknowledged_on_any_connection(slack: SlackServer) -> None:
    """What came on one socket is acknowledged on the other."""
    ada = slack.person(people.ADA)
    results: list[bool] = []

    with raw_socket(slack) as one, raw_socket(slack) as other:
        typing = threading.Thread(target=lambda: results.append(ada.types("/dragonfly status").ok))
        typing.start()
        here, there = (other, one) if _has_frame(other) else (one, other)
        envelope = json.loads(here.recv())
        there.send(json.dumps({"envelope_id": envelope["envelope_id"]}))
        typing.join()

    assert results == [True]
    assert envelope["type"] == "slash_commands" and envelope["accepts_response_payload"] is True


def _has_frame(socket: ClientConnection) -> bool:
    """Return whether something arrived within a moment; what arrived is kept for the reader."""
    try:
        frame = socket.recv(timeout=0.3)
    except TimeoutError:
        return False
    original = socket.recv

    def again(*args: Any, **kwargs: Any) -> Any:
        socket.recv = original  # type: ignore[method-assign]  # the next read goes to the socket again
        return frame

    socket.recv = again  # type: ignore[method-assign]  # put the frame back
    return True


def test_envelopes_are_shared_among_the_connections(slack: SlackServer) -> None:
    """Two processes each get a part, no one gets all, none is sent twice."""
    (one, got_one), (other, got_other) = app_with_command(slack), app_with_command(slack)
    ada = slack.person(people.ADA)

    with over_sockets(slack, one), over_sockets(slack, other):
        for n in range(6):
            assert ada.types(f"/dragonfly {n}").ok

    assert sorted(got_one + got_other) == [str(n) for n in range(6)]
    assert (len(got_one), len(got_other)) == (3, 3)


def test_an_eleventh_connection_is_sent_away(start_slack: StartSlack) -> None:
    """Ten connections an app; the next is told why."""
    slack = start_slack(rate_limits=False)
    with ExitStack() as open_sockets:
        for _ in range(10):
            open_sockets.enter_context(raw_socket(slack))
        with connect(new_address(slack)) as eleventh:
            frame = json.loads(eleventh.recv())

    assert (frame["type"], frame["reason"]) == ("disconnect", "too_many_websockets")


def test_without_a_connection_the_person_is_told(slack: SlackServer) -> None:
    """The command fails at once; nothing is kept for later."""
    result = slack.person(people.ADA).types("/dragonfly status")

    assert not result.ok
    assert slack.workspace.notices == ["dragonfly did not respond: /dragonfly found the app not connected"]


def test_a_command_not_acknowledged_in_time_is_given_up(start_slack: StartSlack) -> None:
    """The person is told; the command does not come again."""
    slack = start_slack(ack_seconds=0.2)
    with raw_socket(slack) as socket:
        result = slack.person(people.ADA).types("/dragonfly status")
        socket.recv()
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)

    assert not result.ok
    assert slack.workspace.notices == ["/dragonfly was not acknowledged in 0.2 s (operation_timeout)"]


def test_an_event_not_acknowledged_comes_again_three_times(start_slack: StartSlack) -> None:
    """Four deliveries of one event id, each with its number and the reason; then Slack gives up."""
    slack = start_slack(ack_seconds=0.1, redelivery_delays_seconds=(0.0, 0.1, 0.1))
    with raw_socket(slack) as socket:
        slack.person(people.ADA).says("@dragonfly status")
        frames = [json.loads(socket.recv(timeout=5)) for _ in range(4)]
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.4)

    assert len({frame["payload"]["event_id"] for frame in frames}) == 1
    assert [frame["retry_attempt"] for frame in frames] == [0, 1, 2, 3]
    assert [frame["retry_reason"] for frame in frames] == ["", "http_timeout", "http_timeout", "http_timeout"]
    assert {frame["accepts_response_payload"] for frame in frames} == {False}


def test_an_event_waits_for_an_app_that_comes_back(start_slack: StartSlack) -> None:
    """An event sent while no socket was open arrives with the next try."""
    slack = start_slack(redelivery_delays_seconds=(0.0, 0.3, 0.3, 0.3))
    app, heard = new_app(slack), []

    @app.event("app_mention")
    def listen(event: dict[str, Any], ack: Ack) -> None:
        heard.append(event["text"])
        ack()

    slack.person(people.ADA).says("@dragonfly status")
    with over_sockets(slack, app):
        eventually(lambda: heard)
        slack.workspace.wait_for(lambda: slack.workspace.deliveries[-1].acknowledged)

    assert heard == [f"<@{people.BOT_USER}> status"]


def test_the_client_survives_a_refresh(slack: SlackServer) -> None:
    """Told to reconnect, the real client opens a new socket, and commands go on."""
    app, got = app_with_command(slack)
    with over_sockets(slack, app):
        slack.disconnect_sockets(grace_seconds=0.5)
        slack.wait_connected()
        result = slack.person(people.ADA).types("/dragonfly again")
        slack.workspace.wait_for(lambda: len(slack.workspace.calls_of("apps.connections.open")) == 2)

    assert result.ok and got == ["again"]


def test_the_client_finds_its_way_back_after_a_close(slack: SlackServer) -> None:
    """A closed socket is replaced at the client's next look."""
    app, got = app_with_command(slack)
    with over_sockets(slack, app):
        slack.close_sockets()
        slack.workspace.wait_for(lambda: len(slack.workspace.calls_of("apps.connections.open")) == 2)
        slack.wait_connected()
        assert slack.person(people.ADA).types("/dragonfly again").ok

    assert got == ["again"]


def test_a_cut_line_ends_without_a_close_frame(slack: SlackServer) -> None:
    """The reader finds the connection gone, not closed."""
    with raw_socket(slack) as socket:
        slack.cut_sockets()
        eventually(lambda: slack.open_sockets == 0)
        with pytest.raises(Exception, match="no close frame received"):
            socket.recv(timeout=2)


def test_a_deaf_socket_answers_no_ping(slack: SlackServer) -> None:
    """Pings are answered until the socket goes deaf; it stays open all the same."""
    with raw_socket(slack) as socket:
        assert socket.ping().wait(2)
        slack.workspace.faults.deaf_sockets = True
        assert not socket.ping().wait(0.3)
        assert slack.open_sockets == 1
        slack.workspace.faults.deaf_sockets = False


def test_a_delivery_can_come_twice(slack: SlackServer) -> None:
    """At least once means that the same envelope may arrive again."""
    slack.workspace.faults.deliver_twice = True
    app, got = app_with_command(slack)

    with over_sockets(slack, app):
        slack.person(people.ADA).types("/dragonfly status")
        eventually(lambda: len(got) == 2)

    assert got == ["status", "status"]


def test_the_app_token_opens_sockets_and_nothing_else(slack: SlackServer) -> None:
    """In the body it counts for nothing; over a request it cannot post."""
    url = slack.api_url + "apps.connections.open"
    in_body = httpx.post(url, data={"token": slack.settings.app_token}).json()

    assert in_body["error"] == "not_authed"


def test_an_acknowledged_event_may_come_again(slack: SlackServer) -> None:
    """After some reconnects Slack sends an event once more, with its old id, as if it were the first time."""
    app, heard = new_app(slack), []

    @app.event("app_mention")
    def listen(body: dict[str, Any], ack: Ack) -> None:
        heard.append(body["event_id"])
        ack()

    with over_sockets(slack, app):
        slack.person(people.ADA).says("@dragonfly status")
        slack.workspace.wait_for(lambda: slack.workspace.deliveries)
        again = slack.send_event_again(slack.workspace.deliveries[0].payload)

    assert again.acknowledged and again.retry == 0
    assert len(heard) == 2 and len(set(heard)) == 1


def test_a_warning_leaves_the_socket_open(slack: SlackServer) -> None:
    """Before a refresh Slack may warn; envelopes still come over the socket."""
    with raw_socket(slack) as socket:
        slack.disconnect_sockets("warning")
        frame = json.loads(socket.recv(timeout=2))

        assert (frame["type"], frame["reason"]) == ("disconnect", "warning")
        assert slack.open_sockets == 1
