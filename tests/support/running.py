"""The real bot in this process, against the simulated Slack over a real connection."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from bot.domain.configuration import Configuration
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from bot.settings import Settings

TRANSPORTS = ("http", "socket")


def settings(dsn: str, slack: SlackServer, config: Configuration, transport: str) -> Settings:
    """Return what the environment would say."""
    token = slack.settings.app_token if transport == "socket" else ""
    return Settings(
        config=config,
        database_url=SecretStr(dsn),
        bot_token=SecretStr(slack.settings.bot_token),
        signing_secrets=(SecretStr(slack.settings.signing_secret),),
        app_token=SecretStr(token),
        api_key=SecretStr(""),
        slack_api_url=slack.api_url,
        port=None if transport == "socket" else 0,
        zone="UTC",
    )


@contextmanager
def running_bot(dsn: str, slack: SlackServer, config: Configuration, transport: str = "http") -> Iterator[Bot]:
    """Run a bot until the block ends."""
    bot = Bot(settings(dsn, slack, config, transport))
    bot.start()
    if transport == "http":
        slack.use_request_url(f"http://127.0.0.1:{bot.port}/slack/events")
    else:
        slack.wait_connected()
    try:
        yield bot
    finally:
        bot.stop()
