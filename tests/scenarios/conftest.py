"""The bot, running, on both target schemas and over both transports."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg.conninfo import conninfo_to_dict

from bot.domain.configuration import Configuration
from bot.domain.timing import FAST
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from tests.operations.conftest import at_once, dba, files, people, repairing  # noqa: F401  # fixtures of scenario 2
from tests.support.books import Books
from tests.support.product import CONFIG
from tests.support.running import TRANSPORTS, running_bot

LIVELY = replace(
    CONFIG,
    timing=replace(
        FAST,
        start_guard=timedelta(0),
        unknown_after_start=timedelta(0),
        edit_gap=timedelta(seconds=0),
        pending_for=timedelta(seconds=1),
    ),
)
"""The sandbox's fast profile, without the guard after a database start and without a gap between edits."""


@pytest.fixture
def config() -> Configuration:
    """Give the configuration of the running bot."""
    return LIVELY


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """Give a workspace of its own."""
    with SlackServer() as server:
        yield server


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Run the test over signed HTTP and over Socket Mode."""
    return str(request.param)


@pytest.fixture
def bot(bot_dsn: str, slack: SlackServer, config: Configuration, transport: str) -> Iterator[Bot]:
    """Give the running bot."""
    with running_bot(bot_dsn, slack, config, transport) as running:
        yield running


@pytest.fixture
def books(target_dsn: str, bot_dsn: str) -> Iterator[Books]:
    """Give the books of the database."""
    made = Books(target_dsn, str(conninfo_to_dict(bot_dsn)["user"]))
    yield made
    made.close()
