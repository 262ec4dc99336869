"""The database goes away under a running bot: nothing is done, it is said, and everything comes back."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain import ids
from bot.domain.alerts import fingerprint
from bot.process import Bot
from bot.sandbox.pager import Pager
from bot.sandbox.postgres import PostgresServer
from bot.sandbox.slack.server import SlackServer
from bot.sandbox.target import schema
from bot.store.breaker import BREAKER
from bot.store.db import Database
from bot.store.migrate import migrate
from tests.scenarios.conftest import LIVELY
from tests.support.cards import card, shows_home
from tests.support.requests import STRANGER
from tests.support.running import REPLICAS, running_bot, settings
from tests.support.waiting import eventually


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a new directory of this test alone, which the server's user may enter."""
    made = Path(tempfile.mkdtemp(prefix="dragonfly-away-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)
    BREAKER.reset()


@pytest.fixture
def postgres(place: Path) -> Iterator[PostgresServer]:
    """Give a server of its own, with the target and our tables."""
    server = PostgresServer.start(place, fast=True)
    if not schema.is_there(server.dsn()):
        schema.create(server.dsn(), "deployed")
    database = Database(server.dsn(), size=1).open()
    migrate(database, "dev")
    database.close()
    yield server
    server.stop()


@pytest.fixture
def pager() -> Iterator[Pager]:
    """Give the second path."""
    with Pager() as made:
        yield made


AWAY = replace(LIVELY, workers=(), pager="webhook")


def pages(pager: Pager) -> list[tuple[object, object]]:
    """Return what was paged about the database, in order."""
    return [(page["action"], page["dedup_key"]) for page in pager.pages if page["check"] == "db_reachable"]


def test_28_db_unreachable(postgres: PostgresServer, place: Path, slack: SlackServer, pager: Pager) -> None:
    """Commands say that nothing was done; channel and second path are told without the database; then a row has it all."""
    mark = fingerprint("dev", "db_reachable", {})
    with running_bot(postgres.dsn(), slack, AWAY, dragonfly_pager_url=pager.url) as bot:
        ada = slack.person("U0ADA")
        postgres.stop()

        ada.types("/dragonfly reset-stuck")
        assert "Nothing was done" in ada.is_told("Nothing was done", timeout_seconds=20).text
        ada.types("/dragonfly status")
        away = ada.is_told("Cannot see", timeout_seconds=20)
        ada.presses(away, ids.read_action("oncall"))
        ada.is_told("On call", timeout_seconds=20)
        told = card(slack, "🔴 Cannot reach: database")
        assert "<@U0ADA>" in str(told.blocks)
        ada.opens_home()
        blind = shows_home(slack, ada, "⚪ Cannot see: database")
        assert "not known now" in str(blind.blocks)
        each = [("trigger", mark)] * REPLICAS  # without a database they cannot agree; to a pager one key is one page
        eventually(lambda: pages(pager) == each, 20)
        assert STRANGER.get(f"http://127.0.0.1:{bot.port}/readyz").status_code == 503
        assert STRANGER.get(f"http://127.0.0.1:{bot.port}/livez").text == "ok"

        again = PostgresServer.start(place, fast=True, port=postgres.port)
        try:
            eventually(lambda: "Recovered" in str(slack.workspace.find("C0INCIDENTS", told.ts)), 40)
            eventually(lambda: pages(pager) == [*each, ("resolve", mark)], 20)
            ada.types("/dragonfly alerts")
            assert "0 alerts" in str(ada.is_told("0 alerts", timeout_seconds=20).blocks)
            ada.presses(blind, ids.REFRESH)
            shows_home(slack, ada, "🟢 All well")
            with bot.services.db.read() as tx:
                rows = tx.connection.execute(
                    "SELECT state, fingerprint FROM ops.chatops_alert WHERE check_id = 'db_reachable'"
                )
                assert [tuple(row.values()) for row in rows] == [("resolved", mark)]
            heads = [str(item.blocks[0]) for item in slack.workspace.messages("C0INCIDENTS") if item.blocks]
            assert len([text for text in heads if "database" in text]) == 1
        finally:
            again.stop()


def test_slack_is_away_at_the_start(bot_dsn: str, slack: SlackServer) -> None:
    """Over Socket Mode too a bot starts without Slack, and is there as soon as Slack is."""
    slack.workspace.faults.set(down=True)
    bot = Bot(settings(bot_dsn, slack, LIVELY, "socket"))
    bot.start()
    try:
        slack.workspace.faults.clear()
        slack.wait_connected(timeout_seconds=20)
        ada = slack.person("U0ADA")
        ada.types("/dragonfly oncall")
        assert ada.is_told("On call", timeout_seconds=15)
    finally:
        bot.stop()


def test_a_card_of_an_earlier_process_is_closed(postgres: PostgresServer, place: Path, slack: SlackServer) -> None:
    """After a lockout the bot is started anew: the new process closes the card that the old one could not."""
    with running_bot(postgres.dsn(), slack, AWAY):
        postgres.stop()
        told = card(slack, "🔴 Cannot reach: database")
    again = PostgresServer.start(place, fast=True, port=postgres.port)
    try:
        with running_bot(again.dsn(), slack, AWAY):
            eventually(lambda: "Recovered" in str(slack.workspace.find("C0INCIDENTS", told.ts)), 40)
    finally:
        again.stop()
