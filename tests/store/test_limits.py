"""No transaction is without a limit, and none leaves one behind (§14)."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.errors import ConflictError, StatementTimedOut
from bot.operations.services import Services
from bot.sandbox.postgres import PostgresServer
from bot.store.db import Database
from bot.store.inbox import SQL
from bot.store.limits import EFFECT_LIMITS, READ_LIMITS
from bot.store.migrate import migrate, require_current

NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")


@pytest.fixture
def target_schema() -> str:
    """Limits are the same on both schemas."""
    return "deployed"


def in_force(connection: psycopg.Connection[dict[str, Any]]) -> dict[str, object]:
    """Return the limits that the server keeps now, where it has them."""
    rows = connection.execute(
        "SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY (%s)", ([*NAMES],)
    )
    return {str(row["name"]): row["value"] for row in rows}


def test_every_transaction_has_its_limits_and_takes_them_with_it(services: Services) -> None:
    """Reads and changes each have theirs, an old server all but the last; the connection has none afterwards."""
    with services.db.read() as tx:
        known = [name for name in NAMES if name in in_force(tx.connection)]
        assert known == [*NAMES[:3], *(NAMES[3:] if tx.connection.info.server_version >= 170_000 else ())]
        before = {name: in_force(tx.connection)[name] for name in known}
    with services.db.write() as tx:
        during = {name: in_force(tx.connection)[name] for name in known}
        connection = tx.connection
    assert [before[name] for name in known] == ["5s", "1s", "10s", "15s"][: len(known)]
    assert [during[name] for name in known] == ["15s", "2s", "15s", "30s"][: len(known)]
    assert set(in_force(connection).values()) == {"0"}


def test_a_transaction_that_goes_on_and_on_is_ended(services: Services) -> None:
    """Many short statements are a long transaction all the same; the next one begins on another connection."""

    def linger() -> None:
        with services.db.read(whole=timedelta(seconds=1)) as tx:
            for _ in range(100):
                tx.connection.execute("SELECT pg_sleep(0.1)")
            if tx.connection.info.server_version < 170_000:
                raise StatementTimedOut("this server has no such limit", sqlstate="25P04")

    with pytest.raises(StatementTimedOut) as ended:
        linger()
    assert ended.value.sqlstate == "25P04"
    with services.db.read() as tx:
        assert tx.connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_what_is_written_down_at_the_edge_waits_for_no_lock(services: Services, target_dsn: str) -> None:
    """Somebody holds the table: the delivery is refused in time to be told, and the next one is kept."""
    kept: dict[str, Any] = {"signature": None, "kind": "command", "envelope": "{}"}
    with closing(psycopg.connect(target_dsn)) as owner:
        owner.execute("LOCK TABLE ops.chatops_inbox")
        began = time.monotonic()
        with pytest.raises(StatementTimedOut):
            services.db.once(SQL["receive"], key="one", **kept)
        assert time.monotonic() - began < 20
    assert services.db.once(SQL["receive"], key="two", **kept) is not None
    assert services.db.once(SQL["receive"], key="two", **kept) is None


@pytest.fixture
def standby() -> Iterator[str]:
    """Give a server that follows another one which is not there: it takes reads only."""
    place = Path(tempfile.mkdtemp(prefix="dragonfly-standby-"))
    place.chmod(0o755)
    server = PostgresServer.start(place, fast=True)
    with closing(Database(server.dsn(), size=1).open()) as database:
        migrate(database, "dev")
    server.stop()
    (place / "data" / "standby.signal").touch()
    following = PostgresServer.start(place, fast=True)
    yield following.dsn()
    following.stop()
    shutil.rmtree(place, ignore_errors=True)


def test_a_standby_is_refused(standby: str) -> None:
    """Our tables may all be there: a database that only takes reads is none to work with."""
    with closing(Database(standby, size=1).open()) as database, database.read() as tx:
        with pytest.raises(ConflictError) as refused:
            require_current(tx, "dev")
        assert "only takes reads" in refused.value.message


def test_limits_for_changes_are_the_wider_ones() -> None:
    """A change may take longer than a read, in every respect."""
    assert all(
        getattr(EFFECT_LIMITS, name) > getattr(READ_LIMITS, name) for name in ("statement", "lock", "idle", "whole")
    )
