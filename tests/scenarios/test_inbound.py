"""What comes in from outside and is not what it says: replayed, malformed, oversized (§6)."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.domain.configuration import Configuration
from bot.http.signature import sign
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from tests.support.requests import command, event, headers, payload, send, stored
from tests.support.running import running_bot
from tests.support.waiting import eventually


@pytest.fixture
def target_schema() -> str:
    """The edge is the same on both schemas."""
    return "deployed"


@pytest.fixture
def transport() -> str:
    """Only what comes over HTTP is signed."""
    return "http"


def answered(slack: SlackServer) -> int:
    """Return how often Ada was answered."""
    return len(slack.workspace.ephemerals("U0ADA"))


def test_14_replayed_signature(bot: Bot, bot_dsn: str, slack: SlackServer, config: Configuration) -> None:
    """A valid request that comes again does nothing, at once or later, here or at another replica; at 301 s it is 401."""
    with running_bot(bot_dsn, slack, config) as other:
        for number, body in enumerate((command(text="oncall"), payload()), 1):
            sent = headers(slack, body)
            with ThreadPoolExecutor(10) as pool:
                tries = [pool.submit(send, at, body, sent) for at in (bot, other) * 5]
                assert [item.result().status_code for item in tries] == [200] * 10
            eventually(lambda: not waiting(bot))
            assert send(other, body, sent).status_code == 200
            assert (stored(bot), waiting(bot), answered(slack)) == (number, 0, number)

    body, old = command(trigger="t-old"), str(int(time.time()) - 301)
    assert send(bot, body, headers(slack, body, stamp=old)).status_code == 401
    assert stored(bot) == 2


def waiting(bot: Bot) -> int:
    """Return how many deliveries are not handled yet."""
    with bot.services.db.read() as tx:
        row = tx.connection.execute("SELECT count(*) AS n FROM ops.chatops_inbox WHERE state = 'pending'").fetchone()
        assert row is not None
        return int(row["n"])


def test_16_duplicate_delivery(bot: Bot, bot_dsn: str, slack: SlackServer, config: Configuration) -> None:
    """The same event three times, each signed anew, at two replicas: it is handled once and answered once."""
    with running_bot(bot_dsn, slack, config) as other:
        body, now = event(), int(time.time())
        for before, at in enumerate((bot, other, bot)):
            assert send(at, body, headers(slack, body, stamp=str(now - before))).status_code == 200
        eventually(lambda: not waiting(bot))
        assert (stored(bot), answered(slack)) == (1, 1)


def test_16_duplicate_delivery_over_sockets(bot_dsn: str, slack: SlackServer, config: Configuration) -> None:
    """Slack sends each envelope twice: a mention and a command are handled once each."""
    ada = slack.person("U0ADA")
    with running_bot(bot_dsn, slack, config, "socket") as bot:
        slack.workspace.faults.deliver_twice = True
        ada.types("/dragonfly oncall")
        ada.says("@dragonfly oncall")
        eventually(lambda: stored(bot) == 2 and not waiting(bot), 20)
        assert (stored(bot), answered(slack)) == (2, 2)


HEADERS: dict[str, dict[str, Any]] = {
    "no timestamp": {"x_slack_request_timestamp": None},
    "an empty timestamp": {"x_slack_request_timestamp": ""},
    "letters": {"x_slack_request_timestamp": "abc"},
    "negative": {"x_slack_request_timestamp": "-123456789"},
    "eleven digits": {"x_slack_request_timestamp": "12345678901"},
    "other digits": {"x_slack_request_timestamp": "%D9%A1%D9%A2%D9%A3%D9%A4"},
    "a point": {"x_slack_request_timestamp": "179500000."},
    "no signature": {"x_slack_signature": None},
    "an empty signature": {"x_slack_signature": ""},
    "neither": {"x_slack_request_timestamp": None, "x_slack_signature": None},
    "another version": {"x_slack_signature": "v1=" + "0" * 64},
    "a forged one": {"x_slack_signature": "v0=" + "0" * 64},
    "a short one": {"x_slack_signature": "v0=" + "0" * 63},
    "capitals": {"x_slack_signature": "v0=" + "A" * 64},
    "no hexadecimals": {"x_slack_signature": "v0=%C3%A9"},
}


@pytest.mark.parametrize("name", HEADERS)
def test_15_malformed_headers(bot: Bot, slack: SlackServer, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """Whatever a header says, it is a 401 and never a 500; nothing is written down, and of the body nothing is logged."""
    caplog.set_level("INFO")
    body = command(text="resolve A1 the otter is asleep")

    assert send(bot, body, headers(slack, body, **HEADERS[name])).status_code == 401

    assert stored(bot) == 0
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("dragonfly"))
    assert "request_rejected" in said
    assert "otter" not in said


def test_15_malformed_body(bot: Bot, slack: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    """70 KiB are a 413, whether they say so or come in pieces; exactly 64 KiB are read."""
    caplog.set_level("INFO")
    large = command(text="otter" * 14 * 1024)
    assert send(bot, large, headers(slack, large)).status_code == 413
    pieces = (large[start : start + 1000] for start in range(0, len(large), 1000))
    assert send(bot, pieces, headers(slack, large)).status_code == 413

    room = 64 * 1024 - len(command(text=""))
    most = command(text="o" * room)
    assert send(bot, most, headers(slack, most)).status_code == 200
    over = most + b"o"
    assert send(bot, over, headers(slack, over)).status_code == 413

    assert stored(bot) == 0
    assert "otter" not in caplog.text


def test_either_secret_while_they_rotate(bot_dsn: str, slack: SlackServer, config: Configuration) -> None:
    """A request signed with the secret before this one is taken too; one signed with nothing never is."""
    with running_bot(
        bot_dsn,
        slack,
        config,
        slack_signing_secret="the-new-one",
        slack_signing_secret_previous=slack.settings.signing_secret,
    ) as bot:
        for number, (secret, code) in enumerate(
            [("the-new-one", 200), (slack.settings.signing_secret, 200), ("", 401), ("another", 401)]
        ):
            body, now = command(trigger=f"t-{number}"), str(int(time.time()))
            sent = headers(slack, body, x_slack_signature=sign(secret, now, body), x_slack_request_timestamp=now)
            assert send(bot, body, sent).status_code == code
