"""A foreign client at the HTTP edge: forged, stale, replayed, malformed and oversized requests (§6)."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx
import pytest

from bot.http.signature import sign
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from tests.support.waiting import eventually

WORDS = "marlowe quillfeather"


def command(trigger: str = "t-1", text: str = "help", **changes: str) -> bytes:
    """Return a slash command's body."""
    fields = {
        "team_id": "T0DRAGON",
        "user_id": "U0ADA",
        "channel_id": "C0INCIDENTS",
        "command": "/dragonfly",
        "text": text,
        "api_app_id": "A0DRAGON",
        "trigger_id": trigger,
        "response_url": "",
    }
    return urlencode({**fields, **changes}).encode()


def headers(slack: SlackServer, body: bytes, *, stamp: str = "", **changes: str) -> dict[str, str]:
    """Return the headers Slack would send."""
    at = stamp or str(int(time.time()))
    made = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": at,
        "x-slack-signature": sign(slack.settings.signing_secret, at, body),
    }
    return {**made, **{name.replace("_", "-"): value for name, value in changes.items()}}


def send(bot: Bot, body: bytes, sent: Mapping[str, str]) -> httpx.Response:
    """Send one request as a stranger would."""
    return httpx.post(f"http://127.0.0.1:{bot.port}/slack/events", content=body, headers=dict(sent))


def stored(bot: Bot) -> int:
    """Return how many deliveries were ever written down."""
    with bot.services.db.read() as tx:
        row = tx.connection.execute("SELECT count(*) AS n FROM ops.chatops_inbox").fetchone()
        assert row is not None
        return int(row["n"])


def test_a_signed_command_is_acknowledged_and_written_down_once(bot: Bot, slack: SlackServer) -> None:
    """The same signed request twice within five minutes: the second does nothing (scenario 14)."""
    body = command()
    sent = headers(slack, body)
    assert [send(bot, body, sent).status_code for _ in range(2)] == [200, 200]
    assert stored(bot) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"x_slack_signature": "v0=" + "0" * 64},
        {"x_slack_signature": "v1=" + "0" * 64},
        {"x_slack_signature": ""},
        {"x_slack_signature": "v0=%C3%A9"},
        {"x_slack_request_timestamp": "abc"},
        {"x_slack_request_timestamp": "-123456789"},
        {"x_slack_request_timestamp": "12345678901"},
        {"x_slack_request_timestamp": ""},
    ],
)
def test_malformed_headers_are_401_and_nothing_is_written(
    bot: Bot, slack: SlackServer, changes: dict[str, str]
) -> None:
    """Every bad header is a 401, never a 500 (scenario 15)."""
    body = command()
    assert send(bot, body, headers(slack, body, **changes)).status_code == 401
    assert stored(bot) == 0


def test_a_stale_request_is_401(bot: Bot, slack: SlackServer) -> None:
    """At 301 seconds a valid signature is not valid any more."""
    body = command()
    old = str(int(time.time()) - 301)
    assert send(bot, body, headers(slack, body, stamp=old)).status_code == 401


def test_a_changed_body_is_401(bot: Bot, slack: SlackServer) -> None:
    """A signature is good for its body only."""
    sent = headers(slack, command())
    assert send(bot, command(text="status"), sent).status_code == 401


def test_an_oversized_body_is_413(bot: Bot, slack: SlackServer) -> None:
    """70 KiB are not read to their end."""
    body = command(text="x" * 70_000)
    assert send(bot, body, headers(slack, body)).status_code == 413
    assert stored(bot) == 0


@pytest.mark.parametrize("body", [b"\xff\xfe", b"", b"payload=%7B", b"payload=null", b"command=/dragonfly", b"a=b"])
def test_a_signed_body_that_is_no_request_is_never_a_500(bot: Bot, slack: SlackServer, body: bytes) -> None:
    """Signed nonsense gets a client error."""
    assert send(bot, body, headers(slack, body)).status_code < 500


def test_slack_may_verify_the_address(bot: Bot, slack: SlackServer) -> None:
    """When the request URL is entered, Slack's challenge is answered."""
    body = b'{"type": "url_verification", "challenge": "abc123", "token": "t"}'
    made = {**headers(slack, body), "content-type": "application/json"}
    assert "abc123" in send(bot, body, made).text


def test_no_body_is_ever_logged(bot: Bot, slack: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    """What somebody typed stands in no log line, whether the request was taken or not."""
    caplog.set_level("DEBUG")
    body = command(text=f"help {WORDS.split(maxsplit=1)[0]}")
    send(bot, body, headers(slack, body))
    send(bot, body, headers(slack, b"other"))
    assert WORDS.split(maxsplit=1)[0] not in caplog.text.lower().replace("help marlowe`", "")


def test_another_team_is_refused(bot: Bot, slack: SlackServer) -> None:
    """A valid signature does not make another workspace ours."""
    body = command(team_id="T9OTHER")
    answer = send(bot, body, headers(slack, body))
    assert "another workspace" in answer.text
    assert stored(bot) == 0


def test_fifty_at_once_are_all_acknowledged(bot: Bot, slack: SlackServer) -> None:
    """Fifty commands at the same moment are written down and acknowledged."""
    bodies = [command(trigger=f"t-{number}") for number in range(50)]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda body: send(bot, body, headers(slack, body)).status_code, bodies))
    assert answers == [200] * 50
    assert stored(bot) == 50


def test_live_and_ready(bot: Bot) -> None:
    """The process says that it lives and that it is ready, without detail."""
    base = f"http://127.0.0.1:{bot.port}"
    assert httpx.get(f"{base}/livez").text == "ok"
    assert eventually(lambda: httpx.get(f"{base}/readyz").text) == "ready"
