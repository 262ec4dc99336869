"""A wrong password is tried once, then not again for fifteen minutes (design, section 7)."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import StoreUnavailable
from bot.sandbox.postgres import PostgresServer
from bot.store.db import Database


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """Give a server whose log can be read."""
    place = Path(tempfile.mkdtemp(prefix="dragonfly-breaker-"))
    place.chmod(0o755)  # the server runs as somebody else where we are root
    server = PostgresServer.start(place / "data", fast=True)
    yield server
    server.stop()
    shutil.rmtree(place)


def test_one_log_in_for_six_requests(postgres: PostgresServer) -> None:
    """Six requests with a wrong password cost one log-in, and each says what to do."""
    log = postgres.data_dir / "log"
    before = log.read_text(encoding="utf-8").count("password authentication failed")
    database = Database(postgres.dsn(password="wrong")).open()
    try:
        for _ in range(6):
            with pytest.raises(StoreUnavailable), database.read():
                pass
        with pytest.raises(StoreUnavailable, match="no new one is tried") as refused, database.read():
            pass
    finally:
        database.close()
    assert "credentials" in refused.value.hint
    assert log.read_text(encoding="utf-8").count("password authentication failed") - before == 1
