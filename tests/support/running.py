"""The real bot in this process, or several of it on one database, against the simulated Slack over a real connection."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bot.clock import Clock
from bot.domain.configuration import Configuration
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from bot.settings import Environment, Settings

TRANSPORTS = ("http", "socket")
REPLICAS = int(os.environ.get("DRAGONFLY_TEST_REPLICAS") or 1)
"""How many bots each test runs that runs one; they take what Slack sends in turn (`make test-replicas`)."""


def settings(dsn: str, slack: SlackServer, config: Configuration, transport: str, **more: str) -> Settings:
    """Return what the environment would say."""
    said = {
        "dragonfly_database_url": dsn,
        "slack_bot_token": slack.settings.bot_token,
        "slack_signing_secret": slack.settings.signing_secret,
        "slack_api_url": slack.api_url,
        **({"slack_app_token": slack.settings.app_token} if transport == "socket" else {"port": "0"}),
        **more,
    }
    named = replace(config, database_variable="DRAGONFLY_DATABASE_URL")
    return Settings(config=named, env=Environment.model_validate(said))


@contextmanager
def running_bot(
    dsn: str,
    slack: SlackServer,
    config: Configuration,
    transport: str = "http",
    clock: Clock | None = None,
    **more: str,
) -> Iterator[Bot]:
    """Run a bot, with its replicas, until the block ends; `more` are variables of its environment."""
    bots = [Bot(settings(dsn, slack, config, transport, **more), clock=clock) for _ in range(REPLICAS)]
    for bot in bots:
        bot.start()
    if transport == "http":
        slack.use_request_url(*(f"http://127.0.0.1:{bot.port}/slack/events" for bot in bots))
    else:
        slack.wait_connected(REPLICAS)
    try:
        yield bots[0]
    finally:
        for bot in bots:
            bot.stop()
