"""A message that was queued wakes its delivery when it commits, and never before or without that (design, D3)."""

import pytest

from bot.store import outbox
from bot.store.db import Database, Tx


@pytest.fixture
def target_schema() -> str:
    """The outbox is the same on both schemas."""
    return "playbook"


def queue(tx: Tx, channel: str) -> None:
    """Queue a card."""
    outbox.enqueue_live(tx, "post", "status", "1", channel)


def queue_and_fail(database: Database) -> None:
    """Queue a card and take it back."""
    with database.write() as tx:
        queue(tx, "C0INCIDENTS")
        raise RuntimeError


def test_a_commit_wakes_the_delivery(bot_dsn: str) -> None:
    """Told once it is committed; not where nothing was queued, no channel was named, or all was taken back."""
    told: list[str] = []
    database = Database(bot_dsn, size=1, wake=told.append).open()
    try:
        with database.write() as tx:
            queue(tx, "")
        with pytest.raises(RuntimeError):
            queue_and_fail(database)
        assert told == []
        with database.write() as tx:
            queue(tx, "C0INCIDENTS")
            assert told == []
        assert told == ["delivery"]
    finally:
        database.close()
