"""The record in the database: what it says of itself, who wrote it, and what stands in its way."""

import json
from dataclasses import replace

import psycopg
import pytest

from bot.domain.audit import GENESIS, canonical, stored_text
from bot.errors import RecordUnavailable
from bot.operations.services import Services
from bot.store import audit, migrate
from bot.store.db import Database
from tests.support.databases import TestServer
from tests.support.jobs import Target
from tests.support.product import CONFIG


@pytest.fixture
def target_schema() -> str:
    """The record is the same on both schemas."""
    return "playbook"


def append(services: Services, **facts: object) -> int:
    """Append a record and return its number."""
    with services.db.write() as tx:
        return audit.append(tx, "test.event", actor="dragonfly", **facts)


def test_it_begins_with_its_genesis(services: Services) -> None:
    """The first record says to which environment and database the chain belongs; what was migrated comes next."""
    with services.db.read() as tx:
        first, second, *_ = audit.walk(tx)
    assert (first.n, first.record["event"], first.record["env"], first.prev) == (1, "chain.genesis", "dev", GENESIS)
    assert second.record["event"] == "db.migrated"


def test_every_record_says_who_wrote_it(services: Services, bot_dsn: str) -> None:
    """Environment, program, configuration, process and database role are in each, and an absent fact in none."""
    append(services, plan="7F3K", nothing=None)
    other = replace(CONFIG, fallback_channel="C0OTHER")
    with services.db.read() as tx:
        [newest] = audit.newest(tx, 1)
    assert set(newest.record) == {
        "event", "actor", "plan", "env", "bot_version", "config_rev", "replica", "session_user",
    }  # fmt: skip
    assert newest.record["config_rev"] == CONFIG.rev != other.rev
    assert str(newest.record["session_user"]) in bot_dsn


def test_what_is_stored_is_what_was_hashed(services: Services) -> None:
    """Whatever text a fact holds, the stored record stands for exactly the text that was hashed."""
    facts = {
        "note": 'é☃ e\u0301 \U0001f409 "\\\n\x01\x7f',
        "big": 2**70,
        "list": [1, {"b": 2, "a": "\u2028"}],
        "no": False,
    }
    append(services, **facts)
    with services.db.read() as tx:
        [newest] = audit.newest(tx, 1)
        assert audit.check(tx).is_whole
    assert stored_text(newest) == canonical(newest.record)
    assert json.loads(stored_text(newest))["big"] == 2**70


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"actor":"a","event":"x"}', "names who is logged in"),
        ('{"actor":"a","event":"x","session_user":"postgres"}', "names who is logged in"),
        ('{"actor":"a", "event":"x","session_user":"ME"}', "is canonical"),
        ('{"event":"x","actor":"a","session_user":"ME"}', "is canonical"),
        ('{"actor":"a","event":"x","event":"x","session_user":"ME"}', "is canonical"),
        ('{"actor":"a","event":"x","n":1.50,"session_user":"ME"}', "is canonical"),
        ('{"actor":"a","event":"x","n":{"b":1,"a":1},"session_user":"ME"}', "is canonical"),
        ('{"actor":"a","event":"\\u0078","session_user":"ME"}', "is canonical"),
        ("nothing of the kind", "invalid input syntax for type json"),
    ],
)
def test_the_database_takes_no_strange_text(services: Services, bot_dsn: str, text: str, error: str) -> None:
    """Whoever holds the bot's role appends under its name alone, and only what the verifier can rebuild."""
    with psycopg.connect(bot_dsn, autocommit=True) as connection:
        made = text.replace("ME", connection.info.user)
        with pytest.raises(psycopg.Error, match=error):
            connection.execute("SELECT ops.chatops_audit_append(%s)", (made,))
    with services.db.read() as tx:
        assert audit.check(tx).is_whole


def test_an_older_chain_is_linked_anew(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record from before the links has them after the migration, and goes on without a genesis of its own."""
    with server.database("empty") as dsn:
        older = tuple(item for item in migrate.available() if item.version < 10)
        with monkeypatch.context() as before:
            before.setattr(migrate, "available", lambda: older)
            before.setattr(migrate, "_record", lambda *_: None)
            migrate.migrate(Database(dsn).open(), "dev")
        database = Database(dsn).open()
        with database.write() as tx:
            numbers = [audit.append(tx, "test.event", actor="dragonfly", n=n) for n in range(3)]
        done = migrate.migrate(database, "dev")
        with database.read() as tx:
            rows, found = list(audit.walk(tx)), audit.check(tx)
        database.close()
    assert (numbers, done[0].version, found.is_whole) == ([1, 2, 3], 10, True)
    assert [row.record["event"] for row in rows] == ["test.event"] * 3 + ["db.migrated"]


def test_it_says_why_it_cannot_be_written(services: Services, target: Target) -> None:
    """A missing grant and a locked record are errors of the record's own, with SQLSTATE; nothing else is committed."""
    with target.connection.transaction():
        target.connection.execute("SELECT FROM ops.chatops_audit_head FOR UPDATE")
        with pytest.raises(RecordUnavailable, match="55P03"):
            append(services)
    with services.db.read() as tx:
        role = tx.stamp["session_user"]
    target.connection.execute(f"REVOKE EXECUTE ON FUNCTION ops.chatops_audit_append(text) FROM {role}".encode())
    with pytest.raises(RecordUnavailable, match="42501"):
        append(services)
    with services.db.write() as tx:
        audit.append_or_go_on(tx, "test.event", actor="dragonfly")
        assert tx.record(audit.SQL["head"]) is not None, "the transaction goes on"
