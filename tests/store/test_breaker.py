"""A wrong password is tried once, then not again for fifteen minutes (design, section 7)."""

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import StoreUnavailable
from bot.sandbox.postgres import PostgresServer
from bot.store.breaker import BREAKER
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


def refuse(listener: socket.socket, words: str) -> None:
    """Refuse every log-in with these words, as a pooler does."""
    fields = b"".join(mark + text.encode() + b"\0" for mark, text in ((b"S", "FATAL"), (b"C", "XX000"), (b"M", words)))
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            client.recv(8192)
            client.sendall(b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0")
            client.close()


@pytest.mark.parametrize(
    ("words", "opens"),
    [
        ("(EWRONGPASSWORD) password is wrong", True),
        ("(ENOTFOUND) tenant/user postgres.abc not found", True),
        ("Tenant or user not found", True),
        ("(ECIRCUITBREAKER) too many authentication failures", True),
        ("server login has been failing, try again later (server_login_retry)", True),
        ('no pg_hba.conf entry for host "10.0.0.1"', True),
        ("(EMAXCONN) max client connections reached, limit: 200", False),
        ("(ECHECKOUTTIMEOUT) unable to check out connection from the pool", False),
        ("the database system is starting up", False),
    ],
)
def test_what_refuses_the_log_in_opens_it_and_nothing_else(words: str, opens: bool) -> None:
    """The words are PostgreSQL's, Supavisor's and PgBouncer's; a pool that is full is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=refuse, args=(listener, words), daemon=True).start()
        address = f"postgresql://bot:x@127.0.0.1:{listener.getsockname()[1]}/db?sslmode=disable"
        wait = timedelta(seconds=0.3)
        with closing(Database(address).open()) as database, pytest.raises(StoreUnavailable), database.read(wait=wait):
            pass
    assert BREAKER.is_open == opens
