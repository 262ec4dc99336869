"""A foreign client at the HTTP edge: what nobody's library would send, and what a signature alone does not make right (§6)."""

import gzip
import json
import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_bolt import BoltRequest

from bot.http.shape import read
from bot.operations import audit
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from handlers import envelopes
from tests.support.requests import STRANGER, command, event, headers, payload, send, stored
from tests.support.running import settings as settings_of
from tests.support.waiting import eventually

HEAD = b"POST /slack/events HTTP/1.1\r\nHost: dragonfly.example\r\n"
FORM = {
    "type": "view_submission",
    "view": {
        "id": "V1",
        "type": "modal",
        "callback_id": "resolve:v1",
        "private_metadata": "A1",
        "state": {"values": {"reason": {"reason:v1": {"type": "plain_text_input", "value": "it is well again"}}}},
    },
}


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[logging.Handler]:
    """Fail where anything was logged as an error: a stranger cannot make us complain of ourselves."""
    caplog.set_level("INFO")
    yield caplog.handler
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def said(bot: Bot, *pieces: bytes, seconds: float = 30) -> bytes:
    """Return what a connection gets for its bytes until it is closed; empty = it was dropped."""
    with closing(socket.create_connection(("127.0.0.1", bot.port), timeout=seconds)) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
            line.shutdown(socket.SHUT_WR)
            found = b""
            while more := line.recv(65536):
                found += more
        except ConnectionError:
            return b""
    return found


NO_REQUESTS = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two lengths": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length below nothing": HEAD + b"Content-Length: -1\r\n\r\n",
    "another method": b"GET /slack/events HTTP/1.1\r\nHost: x\r\n\r\n",
    "another path": b"POST /slack/events/ HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n",
    "a path that climbs": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "another host's address": b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path that is no text": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "an upgrade": b"GET /livez HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "headers that are no text": HEAD + b"X-Slack-Signature: v0=\xff\xfe\r\nContent-Length: 0\r\n\r\n",
    "a body that breaks off": HEAD + b"Content-Length: 1000\r\n\r\nabc",
    "a length it does not keep": HEAD + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_REQUESTS)
@pytest.mark.usefixtures("errors")
def test_what_is_no_request_of_slacks(bot: Bot, name: str) -> None:
    """It is refused or dropped, leads nowhere else, and the next client is served."""
    answer = said(bot, NO_REQUESTS[name])
    assert b" 500 " not in answer and b"evil.example" not in answer
    assert not answer.startswith(b"HTTP/1.1 3")
    assert STRANGER.get(f"http://127.0.0.1:{bot.port}/livez").text == "ok"


@pytest.mark.parametrize("length", [300_000, 20_000_000])
@pytest.mark.usefixtures("errors")
def test_headers_without_an_end_are_dropped(bot: Bot, length: int) -> None:
    """Not even kept in memory."""
    assert said(bot, HEAD + b"X: ", b"a" * length, b"\r\nContent-Length: 0\r\n\r\n") == b""


@pytest.mark.parametrize("first", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["at once", "after a request"])
@pytest.mark.usefixtures("errors")
def test_headers_that_trickle_are_dropped(bot: Bot, first: bytes) -> None:
    """A byte now and then holds a connection for a few seconds, whether it is its first request or not."""
    began = time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", bot.port), timeout=60)) as line:
        line.sendall(first + HEAD)
        with pytest.raises(ConnectionError):  # noqa: PT012  # it is the client that goes on
            for _ in range(600):
                line.sendall(b"x")
                time.sleep(0.1)
    assert time.monotonic() - began < 50


@pytest.mark.usefixtures("errors")
def test_bodies_that_trickle_hold_up_nobody(bot: Bot, slack: SlackServer) -> None:
    """Fifty slow clients are told that they are too slow; a request that comes meanwhile is acknowledged."""
    lines = [socket.create_connection(("127.0.0.1", bot.port), timeout=60) for _ in range(50)]
    for line in lines:
        line.sendall(HEAD + b"Content-Length: 100\r\n\r\na")

    body = command()
    assert send(bot, body, headers(slack, body)).status_code == 200

    assert {line.recv(100)[:12] for line in lines} == {b"HTTP/1.1 408"}
    for line in lines:
        line.close()


SIGNED = {
    "JSON where a form is due": (event(), "application/x-www-form-urlencoded", 200),
    "a form where JSON is due": (command(), "application/json", 200),
    "no content type": (command(), "", 200),
    "another content type": (command(), "multipart/form-data; boundary=x", 200),
    "a command that says payload": (command(text="help payload"), "application/x-www-form-urlencoded", 200),
    "compressed": (gzip.compress(command()), "application/x-www-form-urlencoded", 400),
    "no text": (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
    "nothing": (b"", "", 400),
    "deep lists": (b'{"event":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "application/json", 400),
    "a deep payload": (b"payload=" + b"[" * 60_000, "", 400),
    "half a payload": (b"payload=%7B", "", 400),
    "a number without an end": (b'{"type": "event_callback", "event_id": ' + b"1" * 5000 + b"}", "", 400),
    "a zero character": (command(text="help \x00"), "", 400),
    "half a character": (payload(user={"id": "U\ud800"}), "", 400),
    "a list for a team": (payload(team=["T0DRAGON"]), "", 400),
    "no team": (payload(team=None), "", 200),
    "a number for an action": (payload(actions=[{"action_id": 5}]), "", 400),
    "no action": (payload(actions=[]), "", 400),
    "a form without a view": (payload(type="view_submission"), "", 400),
    "a form without fields": (
        payload(**{**FORM, "view": {"id": "V1", "type": "modal", "callback_id": "plan:v1"}}),
        "",
        200,
    ),
    "what we do not know": (payload(type="shortcut"), "", 400),
    "an event we do not hear": (event(event={"type": "message", "text": "otter"}), "", 404),
    "a command that is not ours": (command(command="/other"), "", 404),
    "a key of sixty thousand": (command(trigger="t" * 60_000), "", 200),
    "a check of the certificate": (b"ssl_check=1&token=x", "", 200),
}


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.usefixtures("errors")
def test_a_signature_alone_does_not_make_it_right(bot: Bot, slack: SlackServer, name: str) -> None:
    """Signed nonsense is a client's error; what is a request is one, whatever its headers say of it."""
    body, kind, code = SIGNED[name]
    assert send(bot, body, {**headers(slack, body), "content-type": kind}).status_code == code
    assert stored(bot) <= 1


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("\x00") | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ASKED: dict[str, tuple[dict[str, Any], Any]] = {
    "action": (json.loads(dict(httpx.QueryParams(payload().decode()))["payload"]), envelopes.action),
    "submission": ({**FORM, "user": {"id": "U0ADA"}, "team": {"id": "T0DRAGON"}}, envelopes.submission),
    "event": (json.loads(event()), envelopes.event),
}


def places(value: Any) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield (name,)
        yield from ((name, *rest) for rest in places(item))


def changed(value: Any, way: tuple[str | int, ...], new: Any) -> Any:
    """Return a JSON value with one thing in it replaced."""
    if not way:
        return new
    made: Any = dict(value) if isinstance(value, dict) else list(value)
    made[way[0]] = changed(value[way[0]], way[1:], new)
    return made


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(ASKED)), st.integers(0, 1000), ANYTHING)
def test_a_body_is_refused_or_understood(kind: str, place: int, new: Any) -> None:
    """With anything in the place of anything, a body is no request, or Bolt and we can read it without a fault."""
    whole, understand = ASKED[kind]
    ways = list(places(whole))
    body = urlencode({"payload": json.dumps(changed(whole, ways[place % len(ways)], new))}).encode()

    made = read(body)

    if made is not None:
        understand(BoltRequest(body=made, mode="socket_mode").body)


def test_another_app_is_refused(bot: Bot, slack: SlackServer) -> None:
    """A valid signature of our workspace does not make another app's button ours: counted, recorded, not written down."""
    eventually(lambda: bot.chat.app_id == "A0DRAGON")
    for body in (command(api_app_id="A9OTHER"), payload(api_app_id="A9OTHER"), event(api_app_id="A9OTHER")):
        assert send(bot, body, headers(slack, body)).status_code == 200
    assert stored(bot) == 0
    eventually(lambda: "another app" in str(audit.list_newest(bot.services, 9).entries))


def test_slack_may_be_away_at_the_first_request(bot_dsn: str, slack: SlackServer, config: Any) -> None:
    """Nothing is asked of Slack before a request is written down and acknowledged."""
    slack.workspace.faults.set(down=True)
    bot = Bot(settings_of(bot_dsn, slack, config, "http"))
    bot.start()
    try:
        body = command()
        assert send(bot, body, headers(slack, body)).status_code == 200
        assert stored(bot) == 1
    finally:
        slack.workspace.faults.set(down=False)
        bot.stop()


def test_an_address_that_is_not_slacks_is_not_answered_to(bot: Bot, slack: SlackServer) -> None:
    """An address to answer to is followed to Slack only; the answer comes to the channel."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.setblocking(False)
        body = command(text="oncall", response_url=f"http://127.0.0.1:{stranger.getsockname()[1]}/commands/T1/1/abc")
        assert send(bot, body, headers(slack, body)).status_code == 200
        eventually(lambda: slack.workspace.ephemerals("U0ADA"))
        with pytest.raises(BlockingIOError):
            stranger.accept()


def test_asking_whether_we_are_ready_takes_one_connection(bot: Bot, slack: SlackServer) -> None:
    """A hundred strangers at once cost one connection to the database; a command is acknowledged meanwhile."""
    with ThreadPoolExecutor(100) as pool:
        asked = [pool.submit(STRANGER.get, f"http://127.0.0.1:{bot.port}/readyz", timeout=60) for _ in range(100)]
        body = command()
        assert send(bot, body, headers(slack, body)).status_code == 200
        assert {item.result().status_code for item in asked} <= {200, 503}
