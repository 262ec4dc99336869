"""A running bot for the edge's tests: signed HTTP, one target schema."""

from collections.abc import Iterator

import pytest

from bot.domain.configuration import Configuration
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer, SlackSettings
from tests.scenarios.conftest import LIVELY
from tests.support.running import running_bot


@pytest.fixture
def target_schema() -> str:
    """The edge is the same on both schemas."""
    return "deployed"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """Give a workspace of its own."""
    with SlackServer(SlackSettings(rate_limits=False)) as server:
        yield server


@pytest.fixture
def config() -> Configuration:
    """Give the configuration of the running bot."""
    return LIVELY


@pytest.fixture
def bot(bot_dsn: str, slack: SlackServer, config: Configuration) -> Iterator[Bot]:
    """Give the running bot over signed HTTP."""
    with running_bot(bot_dsn, slack, config, "http") as running:
        yield running
