"""The product behind a transaction-mode pooler, where no session is its own (§14, S6)."""

import time
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bot.domain import ids
from bot.errors import StatementRefused, StoreUnavailable
from bot.operations import audit
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from bot.store import inbox
from bot.store.db import Database
from tests.support.cards import card
from tests.support.databases import TestServer
from tests.support.jobs import Target
from tests.support.pooler import MOST, left_behind, session_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.pooler
TRAIL = """\
SET work_mem = '99MB';
PREPARE kept AS SELECT 1;
LISTEN kept;
CREATE TEMPORARY TABLE kept (n integer);
SELECT pg_advisory_lock(4711);
"""
HELD = "DECLARE kept CURSOR WITH HOLD FOR SELECT 1;"
LEFT = [
    "advisory lock",
    "channel kept",
    "cursor kept",
    "prepared statement kept",
    "setting work_mem = 101376",
    "temporary kept",
]


@pytest.fixture
def target_schema() -> str:
    """A pooler does not know what is in the tables."""
    return "deployed"


@pytest.fixture
def transport() -> str:
    """Nor where the questions come from."""
    return "http"


@pytest.fixture
def pooled() -> bool:
    """Always, where there is a PgBouncer."""
    return True


def session(database: Database) -> int:
    """Return the session that a transaction meets."""
    with database.read() as tx:
        return session_of(tx)


def test_48_transaction_pooler(bot: Bot, bot_dsn: str, slack: SlackServer, target: Target) -> None:
    """Transactions in a row meet other sessions; a plan is made, confirmed and carried out, and nothing stays in any.

    The whole suite goes this way too, and is asked the same after each test: `make test-pooler`.
    """
    database, ada = bot.services.db, slack.person("U0ADA")
    first = session(database)
    eventually(lambda: session(database) != first, 20)
    target.worker()
    target.stuck(3)

    ada.types("/dragonfly reset-stuck")
    ada.presses(card(slack, "🟡 Plan: reset 3"), ids.CONFIRM)
    eventually(lambda: target.statuses() == {"pending": 3}, 20)

    assert audit.verify(bot.services).broken_at is None
    assert left_behind(bot_dsn) == []


@pytest.mark.parametrize("end", ["SELECT 1;", "SELECT 1/0;"])
def test_48_nothing_of_a_script_stays(bot_dsn: str, end: str) -> None:
    """A reviewed script that sets, locks, prepares and listens leaves nothing for the next client, done or taken back."""
    with closing(Database(bot_dsn).open()) as database:
        with suppress(StatementRefused), database.write() as tx:
            tx.script(TRAIL + end)
        assert left_behind(bot_dsn) == []
        with database.read() as tx:
            assert tx.connection.execute("SHOW application_name").fetchone() == {"application_name": "chatops_bot"}


@pytest.mark.parametrize("by", [1, 0])
def test_48_nothing_of_a_teams_statement_stays(bot_dsn: str, by: int) -> None:
    """A team's statement that sets and locks leaves nothing for the next client, done, taken back or only looking."""
    sent = "SELECT set_config('work_mem', '99MB', false), pg_advisory_lock(4711)::text, 1 / (%(by)s::integer * pg_backend_pid())"
    with closing(Database(bot_dsn).open()) as database:
        with suppress(StatementRefused), database.write() as tx:
            tx.guarded(sent, by=by)
        with suppress(StatementRefused), database.read() as tx, tx.looking():
            tx.guarded(sent, by=by)
        assert left_behind(bot_dsn) == []
        with database.read() as tx:
            assert tx.connection.execute("SHOW application_name").fetchone() == {"application_name": "chatops_bot"}


def leave_everything(server: TestServer, dsn: str) -> None:
    """Leave a session of the pooler as no client should."""
    plain = make_conninfo(dsn, user=server.role, password="x")
    with server.entry(plain, pooled=True) as address, psycopg.connect(address) as connection:
        connection.execute((TRAIL + HELD).encode())


def test_what_stays_is_found(server: TestServer, target_dsn: str) -> None:
    """Each kind of state that a session keeps fails the test that left it."""
    with pytest.raises(AssertionError) as found:
        leave_everything(server, target_dsn)
    assert sorted(found.value.args[0]) == LEFT


def test_a_wrong_password_is_tried_once(bot_dsn: str) -> None:
    """A pooler refuses it in words of its own, and the breaker knows them too."""
    with closing(Database(make_conninfo(bot_dsn, password="wrong")).open()) as database:
        with pytest.raises(StoreUnavailable), database.read():
            pass
        with pytest.raises(StoreUnavailable, match="no new one is tried"), database.read():
            pass


def test_a_pooler_without_a_session_to_give(bot_dsn: str) -> None:
    """All its sessions taken, or its server away: whoever asks hears so in our own time, and goes on when there is one."""
    kept: dict[str, Any] = {"key": "t-1", "signature": None, "kind": "command", "envelope": "{}"}
    soon, began = timedelta(seconds=0.2), time.monotonic()
    with closing(Database(bot_dsn).open()) as database:
        with ExitStack() as others:
            for _ in range(MOST):
                others.enter_context(psycopg.connect(bot_dsn)).execute("SELECT 1")
            with pytest.raises(StoreUnavailable), database.read(wait=soon):
                pass
            with pytest.raises(StoreUnavailable):
                database.once(inbox.SQL["receive"], wait=soon, **kept)
        assert time.monotonic() - began < 100, "PgBouncer itself gives up after 120 s"
        assert database.once(inbox.SQL["receive"], **kept)
