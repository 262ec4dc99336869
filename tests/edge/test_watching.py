"""What the outside may ask and hear: liveness, readiness, metrics by a token (§16)."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from bot.domain.configuration import Configuration
from bot.operations import alerts
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from bot.store import changes
from tests.scenarios.conftest import LIVELY
from tests.support.requests import STRANGER, command, headers, send
from tests.support.running import running_bot
from tests.support.waiting import eventually

TOKEN, HOOK = "a-long-random-token-of-the-metrics", "a-long-random-token-of-the-hook"
WITHIN = 30


@pytest.fixture
def config() -> Configuration:
    """Expect no worker."""
    return replace(LIVELY, workers=())


@pytest.fixture
def bot(bot_dsn: str, slack: SlackServer, config: Configuration) -> Iterator[Bot]:
    """Give the running bot with both tokens."""
    tokens = {"dragonfly_metrics_token": TOKEN, "dragonfly_hook_token": HOOK}
    with running_bot(bot_dsn, slack, config, "http", None, **tokens) as running:
        yield running


def ask(bot: Bot, path: str, token: str = "") -> httpx.Response:
    """Ask as a stranger, or with a token."""
    given = {"authorization": f"Bearer {token}"} if token else {}
    return STRANGER.get(f"http://127.0.0.1:{bot.port}{path}", headers=given)


def value(bot: Bot, line: str) -> float:
    """Return the number that stands behind a metric's name and labels, or 0."""
    text = ask(bot, "/metrics", TOKEN).text
    found = [row for row in text.splitlines() if row.startswith(f"dragonfly_{line} ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_metrics_count_what_happened(bot: Bot, slack: SlackServer) -> None:
    """Commands, presses, deliveries and rejections are counted; what rows say is read when it is asked for."""
    ada = slack.person("U0ADA")
    ada.types("/dragonfly status")
    status = slack.workspace.wait_for_message("C0INCIDENTS", timeout_seconds=WITHIN)
    ada.presses(status, "refresh:v1")
    eventually(lambda: value(bot, 'presses_total{verb="refresh"}') == 1, WITHIN)
    body = command()
    assert send(bot, body, headers(slack, body, x_slack_signature="v0=" + "0" * 64)).status_code == 401
    assert value(bot, 'commands_total{command="status"}') == 1
    assert value(bot, 'rejections_total{reason="wrong signature"}') == 1
    assert value(bot, 'deliveries_total{outcome="delivered"}') >= 1
    assert value(bot, "up") == 1
    assert value(bot, "breaker_open") == 0
    eventually(lambda: value(bot, 'check_age_seconds{check="migration_blocked"}') > 0, WITHIN)
    kind = ask(bot, "/metrics", TOKEN).headers["content-type"]
    assert kind.startswith("text/plain; version=")


def test_metrics_need_their_token(bot: Bot, bot_dsn: str, slack: SlackServer, config: Configuration) -> None:
    """Without the token nothing is said, and where none is set there is no route."""
    assert [ask(bot, "/metrics", token).status_code for token in ("", "x", TOKEN[:-1])] == [401] * 3
    assert "dragonfly" not in ask(bot, "/metrics").text
    with running_bot(bot_dsn, slack, config) as other:
        assert [ask(other, "/metrics", token).status_code for token in ("", TOKEN)] == [404] * 2


def test_alertmanager_makes_every_check_due(bot: Bot) -> None:
    """With the hook's token: 200, and all is looked at; with another, or from an unknown caller: 404."""
    base = f"http://127.0.0.1:{bot.port}/hooks"
    with bot.services.db.write() as tx:
        tx.connection.execute("UPDATE ops.chatops_check SET due_at = now() + interval '1 hour', observed_at = NULL")
    assert STRANGER.post(f"{base}/alertmanager/{HOOK}", json={"alerts": [{"status": "firing"}]}).status_code == 200
    assert STRANGER.post(f"{base}/alertmanager/{HOOK}x").status_code == 404
    assert STRANGER.post(f"{base}/somebody/{HOOK}").status_code == 404

    def looked() -> bool:
        with bot.services.db.read() as tx:
            rows = tx.connection.execute(
                "SELECT 1 FROM ops.chatops_check WHERE check_id = 'jobs_stuck' AND observed_at IS NOT NULL"
            )
            return rows.fetchone() is not None

    eventually(looked, WITHIN)
    assert alerts.list_open(bot.services).alerts == ()


def test_ready_for_changes(bot: Bot) -> None:
    """A record that does not add up is a fault; a freeze is somebody's will."""
    eventually(lambda: ask(bot, "/readyz").status_code == 200, WITHIN)
    for cause, status in ((changes.FREEZE, 200), (changes.RECORD, 503)):
        with bot.services.db.write() as tx:
            changes.turn_off(tx, cause, actor="dragonfly", reason="a test")
        assert ask(bot, "/readyz").status_code == status
        with bot.services.db.write() as tx:
            changes.turn_on(tx, cause)
    assert ask(bot, "/livez").text == "ok"
