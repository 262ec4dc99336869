"""What Slack sends over HTTP is verified, written down and acknowledged (§6)."""

from concurrent.futures import ThreadPoolExecutor

from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from tests.support.requests import STRANGER, command, headers, send, stored
from tests.support.waiting import eventually


def test_a_changed_body_is_401(bot: Bot, slack: SlackServer) -> None:
    """A signature is good for its body only."""
    sent = headers(slack, command())
    assert send(bot, command(text="status"), sent).status_code == 401


def test_slack_may_verify_the_address(bot: Bot, slack: SlackServer) -> None:
    """When the request URL is entered, Slack's challenge is answered."""
    body = b'{"type": "url_verification", "challenge": "abc123", "token": "t"}'
    made = {**headers(slack, body), "content-type": "application/json"}
    assert "abc123" in send(bot, body, made).text


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
    assert STRANGER.get(f"{base}/livez").text == "ok"
    assert eventually(lambda: STRANGER.get(f"{base}/readyz").text) == "ready"
