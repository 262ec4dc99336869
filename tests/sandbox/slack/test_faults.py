"""Slack's bad days and its rate limits, seen by the client the product uses."""

import http.client
import time
from urllib.error import URLError

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import people
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.rates import CALLS_A_MINUTE, POST_BURST, RateLimiter, Tier
from bot.sandbox.slack.server import SlackServer
from tests.sandbox.slack.conftest import MovableClock, StartSlack, client_of, refusal_of

INCIDENTS = people.INCIDENTS


def texts(slack: SlackServer) -> list[str]:
    return [message.text for message in slack.workspace.messages(INCIDENTS)]


def status_of(client: WebClient, text: str = "x") -> int:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=INCIDENTS, text=text)
    return int(caught.value.response.status_code)


def test_a_slack_that_is_down_does_nothing(slack: SlackServer, client: WebClient) -> None:
    """503 until it is up again; nothing was posted."""
    slack.workspace.faults.set(down=True)
    assert status_of(client) == 503
    slack.workspace.faults.set(down=False)

    client.chat_postMessage(channel=INCIDENTS, text="after")

    assert texts(slack) == ["after"]


def test_a_dropped_answer_is_a_post_that_was_made(slack: SlackServer, client: WebClient) -> None:
    """The client sees a lost connection; the message is there all the same."""
    slack.workspace.faults.script(Fault(method="chat.postMessage", drop_answer=True))

    with pytest.raises((http.client.RemoteDisconnected, URLError, ConnectionResetError)):
        client.chat_postMessage(channel=INCIDENTS, text="once")

    assert texts(slack) == ["once"]
    assert [(call.ok, call.dropped) for call in slack.workspace.calls] == [(True, True)]


def test_a_client_that_repeats_by_itself_posts_twice(slack: SlackServer) -> None:
    """slack_sdk's default retry on a lost connection doubles the message, as it does in Slack."""
    slack.workspace.faults.script(Fault(drop_answer=True))

    WebClient(token=slack.settings.bot_token, base_url=slack.api_url).chat_postMessage(channel=INCIDENTS, text="twice")

    assert texts(slack) == ["twice", "twice"]


def test_a_connection_refused_is_a_post_that_was_not_made(slack: SlackServer, client: WebClient) -> None:
    """To the client it looks the same; nothing was posted."""
    slack.workspace.faults.script(Fault(refuse_connection=True))

    with pytest.raises((http.client.RemoteDisconnected, URLError, ConnectionResetError)):
        client.chat_postMessage(channel=INCIDENTS, text="never")

    assert texts(slack) == []


def test_scripted_faults_come_in_order_to_their_method(slack: SlackServer, client: WebClient) -> None:
    """Each is used up by one call; other methods pass."""
    slack.workspace.faults.script(
        Fault(method="chat.postMessage", status=502),
        Fault(method="chat.postMessage", retry_after_seconds=7),
        Fault(method="chat.postMessage", error="internal_error"),
    )

    assert client.auth_test()["ok"]
    assert status_of(client) == 502
    assert status_of(client) == 429
    assert refusal_of(client.chat_postMessage, channel=INCIDENTS, text="x") == "internal_error"
    assert client.chat_postMessage(channel=INCIDENTS, text="x")["ok"]


def test_a_method_can_be_made_to_fail_and_mended(slack: SlackServer, client: WebClient) -> None:
    """It refuses with the given word until told otherwise."""
    slack.workspace.faults.fail("chat.postMessage", "restricted_action")
    assert refusal_of(client.chat_postMessage, channel=INCIDENTS, text="x") == "restricted_action"
    slack.workspace.faults.clear()

    assert client.chat_postMessage(channel=INCIDENTS, text="x")["ok"]


def test_a_slow_slack_answers_late(slack: SlackServer, client: WebClient) -> None:
    """Every call takes at least the latency."""
    slack.workspace.faults.set(latency_seconds=0.2)
    began = time.monotonic()

    client.auth_test()

    assert time.monotonic() - began >= 0.2


def test_a_limited_slack_says_how_long_to_wait(start_slack: StartSlack) -> None:
    """429 with Retry-After on every method, until the time is over."""
    clock = MovableClock()
    slack = start_slack(clock=clock)
    client = client_of(slack)
    slack.workspace.faults.limit_until(clock() + 30)

    with pytest.raises(SlackApiError) as caught:
        client.auth_test()
    clock.advance(31)

    assert caught.value.response.headers["Retry-After"] == "30"
    assert caught.value.response["error"] == "ratelimited"
    assert client.auth_test()["ok"]


@pytest.mark.parametrize("tier", [tier for tier in Tier if tier is not Tier.POST])
def test_a_tier_allows_its_calls_a_minute(tier: Tier) -> None:
    """The next one waits until the first is a minute old; a refused call counts for nothing."""
    limiter, calls = RateLimiter(), CALLS_A_MINUTE[tier]

    waits = [limiter.wait_seconds("m", tier, "", 100.0) for _ in range(calls)]

    assert set(waits) == {0.0}
    assert limiter.wait_seconds("m", tier, "", 110.0) == 50.0
    assert limiter.wait_seconds("m", tier, "", 160.0) == 0.0
    assert limiter.wait_seconds("other", tier, "", 100.0) == 0.0


def test_posts_go_at_one_a_second_in_each_channel() -> None:
    """A short burst passes and is paid back; another channel is not held up."""
    limiter = RateLimiter()

    def wait(channel: str, now: float) -> float:
        return limiter.wait_seconds("chat.postMessage", Tier.POST, channel, now)

    assert [wait("C1", 100.0) for _ in range(POST_BURST)] == [0.0] * POST_BURST
    assert wait("C1", 100.0) == 1.0
    assert wait("C2", 100.0) == 0.0
    assert [wait("C1", 100.0 + n) for n in range(1, 20)] == [0.0] * 19


def test_the_limits_hold_over_http_and_can_be_left_out(start_slack: StartSlack) -> None:
    """51 updates in a minute are one too many; a Slack without limits takes them."""
    clock = MovableClock()
    strict, lenient = start_slack(clock=clock), start_slack(clock=clock, rate_limits=False)

    for slack, expected in ((strict, 429), (lenient, 200)):
        client = client_of(slack)
        ts = client.chat_postMessage(channel=INCIDENTS, text="x")["ts"]
        for n in range(50):
            client.chat_update(channel=INCIDENTS, ts=ts, text=str(n))
        try:
            status = client.chat_update(channel=INCIDENTS, ts=ts, text="last").status_code
        except SlackApiError as error:
            status = error.response.status_code
            assert error.response.headers["Retry-After"] == "60"
        assert status == expected
