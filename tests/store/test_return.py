"""The database comes back: it is used again at once, however long it was away."""

import socket
import time
from contextlib import closing
from datetime import timedelta

import pytest
from psycopg.conninfo import make_conninfo

from bot.errors import StoreUnavailable
from bot.store.db import Database
from tests.support.cutting import Line

AWAY_SECONDS = 4


@pytest.fixture
def target_schema() -> str:
    """What is in the tables does not matter."""
    return "deployed"


def test_no_long_pause_between_attempts(bot_dsn: str) -> None:
    """While the address refused, attempts did not grow rare: the first request after it takes connections is served."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with closing(Database(make_conninfo(bot_dsn, port=port)).open()) as database:
        until = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < until:
            with pytest.raises(StoreUnavailable), database.read(wait=timedelta(seconds=0.5)):
                pass
        with closing(Line(bot_dsn, port)), database.read(wait=timedelta(seconds=2)) as tx:
            assert tx.connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}
