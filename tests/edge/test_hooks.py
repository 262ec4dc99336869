"""Railway's hook: a token in the path, a body that nobody believes, and a look at the deployments (design, *Hooks*)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from bot.domain.configuration import DEFAULT_SERVICES
from bot.operations import alerts
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from tests.scenarios.conftest import LIVELY
from tests.support.jobs import Target
from tests.support.railway import INGEST, Cloud, cloud
from tests.support.requests import STRANGER
from tests.support.running import settings
from tests.support.waiting import eventually

TOKEN = "a-long-random-token-of-the-hook"
BODY = {"type": "Deployment.failed", "details": {"status": "FAILED"}, "severity": "CRITICAL"}


@pytest.fixture
def railway(target: Target) -> Iterator[Cloud]:
    """Give a simulated Railway on which all is well."""
    with cloud(target) as found:
        yield found


@contextmanager
def listening(dsn: str, slack: SlackServer, railway: Cloud, token: str) -> Iterator[Bot]:
    """Run a bot that would look at the deployments once an hour."""
    config = replace(
        LIVELY,
        railway=True,
        services=DEFAULT_SERVICES,
        timing=replace(LIVELY.timing, platform_interval=timedelta(hours=1)),
    )
    said = {
        "dragonfly_hook_token": token,
        "railway_token": railway.server.settings.project_token,
        "railway_api_url": railway.server.url,
    }
    bot = Bot(settings(dsn, slack, config, "http", **said))
    bot.start()
    try:
        yield bot
    finally:
        bot.stop()


def tell(bot: Bot, token: str, body: bytes | None = None) -> httpx.Response:
    """Post what Railway would."""
    content = json.dumps(BODY).encode() if body is None else body
    return STRANGER.post(f"http://127.0.0.1:{bot.port}/hooks/railway/{token}", content=content)


def looks(railway: Cloud) -> int:
    """Return how often the deployments were looked at."""
    return len(
        [sent for sent in railway.sent("ServiceState") if sent["serviceId"] == railway.server.service(INGEST).id]
    )


def test_the_right_token_has_the_deployments_looked_at(bot_dsn: str, slack: SlackServer, railway: Cloud) -> None:
    """At once, not in an hour; what the body says is not believed; it is answered at once, however often it comes."""
    with listening(bot_dsn, slack, railway, TOKEN) as bot:
        eventually(lambda: looks(railway) >= 1)
        before = looks(railway)
        assert [tell(bot, TOKEN).status_code for _ in range(3)] == [200, 200, 200]
        eventually(lambda: looks(railway) > before)
        assert tell(bot, TOKEN, b"\xff not JSON").status_code == 200
        assert [line.title for line in alerts.list_open(bot.services).alerts if "deploy" in line.title] == []


def test_a_wrong_token_is_404_and_an_oversized_body_413(
    bot_dsn: str, slack: SlackServer, railway: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    """Compared in constant time, before the body is read; no token stands in a log line."""
    caplog.set_level("INFO", logger="dragonfly")
    with listening(bot_dsn, slack, railway, TOKEN) as bot:
        eventually(lambda: looks(railway) >= 1)
        before = looks(railway)
        for token in ("x", TOKEN[:-1], f"{TOKEN}x", "%C3%A9"):
            assert tell(bot, token).status_code == 404
        assert tell(bot, TOKEN, b"x" * 70_000).status_code == 413
        assert STRANGER.get(f"http://127.0.0.1:{bot.port}/hooks/railway/{TOKEN}").status_code == 405
        assert looks(railway) == before
    assert TOKEN not in "\n".join(item.getMessage() for item in caplog.records if item.name.startswith("dragonfly"))


def test_without_a_token_there_is_no_route(bot_dsn: str, slack: SlackServer, railway: Cloud) -> None:
    """Not even an empty one is compared."""
    with listening(bot_dsn, slack, railway, "") as bot:
        for token in ("", "x", TOKEN):
            assert tell(bot, token).status_code == 404
