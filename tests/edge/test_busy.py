"""Every connection is taken: reads are told so first, and an alert is delivered all the same (§14, S5)."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.errors import StoreUnavailable
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from bot.store.db import POOL_SIZE
from bot.store.limits import READ_WAIT, WRITE_WAIT
from tests.support.cards import card
from tests.support.jobs import Target
from tests.support.waiting import eventually


@pytest.fixture
def refusals(bot: Bot) -> Iterator[list[str]]:
    """Take every connection of the pool for reads, twice over, until the test ends; give what those were told."""
    told: list[str] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                with bot.services.db.read() as tx:
                    tx.connection.execute("SELECT pg_sleep(4)")
            except StoreUnavailable as error:
                told.append(error.message)

    with ThreadPoolExecutor(2 * POOL_SIZE) as pool:
        for _ in range(2 * POOL_SIZE):
            pool.submit(read)
        yield told
        over.set()


@pytest.fixture
def well(target: Target) -> Target:
    """Give a target whose workers beat."""
    target.worker(silent_seconds=-3600)
    return target


def test_an_alert_is_delivered_while_reads_take_every_connection(
    well: Target, slack: SlackServer, refusals: list[str]
) -> None:
    """Checks, escalations and deliveries have connections of their own; nobody is told that the database is away."""
    eventually(lambda: refusals, 60)
    well.worker()

    assert card(slack, "🔴 Offline: ingest worker")

    assert set(refusals) == {"all our connections to the database are taken"}
    assert not [item for item in slack.workspace.messages("C0INCIDENTS") if "Cannot reach" in str(item.blocks)]


def test_reads_give_up_before_changes() -> None:
    """While connections are taken, who only looks waits less long than who is about to change something."""
    assert READ_WAIT < WRITE_WAIT
