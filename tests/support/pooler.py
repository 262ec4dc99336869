"""A transaction-mode PgBouncer in front of the tests' server, and what the product left behind on its sessions (§14, S6)."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bot.sandbox import guardian
from bot.sandbox.postgres import NOBODY, free_port
from bot.store.db import Tx
from tests.support.waiting import eventually

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SERVERS = 3
"""Sessions that take turns from the start: two transactions in a row meet two of them."""
MOST = 20
"""PgBouncer's own default for one database and user."""
_SETTINGS = """\
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {place}/users
pool_mode = transaction
server_round_robin = 1
"""
_ITS_OWN = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "standard_conforming_strings",
]
"""What PgBouncer itself sets for each client (its documentation, `track_extra_parameters`, 2026-11)."""
_LEFT = """
SELECT 'setting ' || name || ' = ' || setting AS what FROM pg_settings
WHERE source = 'session' AND setting IS DISTINCT FROM reset_val AND name <> ALL (%s)
UNION ALL SELECT 'role ' || current_user WHERE current_user <> session_user
UNION ALL SELECT 'prepared statement ' || name FROM pg_prepared_statements
UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable
UNION ALL SELECT 'channel ' || name FROM pg_listening_channels() AS name
UNION ALL SELECT 'advisory lock' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
UNION ALL SELECT 'temporary ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'S', 'v')
"""


class Pooler:
    """One PgBouncer with its own defaults, for any database of a server."""

    def __init__(self, server: str, users: dict[str, str]) -> None:
        """Start it; `users` may log in, with their passwords. It ends when this process does."""
        assert PROGRAM, "no PgBouncer: apt-get install --no-install-recommends pgbouncer"
        place = Path(tempfile.mkdtemp(prefix="dragonfly-pooler-"))
        at, self.port = conninfo_to_dict(server), free_port()
        written = _SETTINGS.format(host=at["host"], server_port=at["port"], port=self.port, place=place)
        (place / "settings").write_text(written, encoding="utf-8")
        (place / "users").write_text("".join(f'"{name}" "{word}"\n' for name, word in users.items()), encoding="utf-8")
        is_root = os.geteuid() == 0
        if is_root:
            for path in (place, *place.iterdir()):
                os.chown(path, NOBODY, NOBODY)
        command = [sys.executable, guardian.__file__, "--log", str(place / "log"), "--remove", str(place)]
        command += ["--uid", str(NOBODY if is_root else -1), "--signal", str(int(signal.SIGTERM)), "--"]
        self._guardian = subprocess.Popen([*command, PROGRAM, str(place / "settings")], stdin=subprocess.PIPE)
        eventually(self._listens, 30)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self) -> None:
        """Stop it."""
        assert self._guardian.stdin is not None
        self._guardian.stdin.close()
        self._guardian.wait(timeout=30)

    @contextmanager
    def entry(self, dsn: str) -> Iterator[str]:
        """Give the way through the pooler to a database; what the product left on a session there fails the test."""
        address = make_conninfo(dsn, host="127.0.0.1", port=self.port)
        sessions(address, SERVERS)
        yield address
        left = left_behind(address)
        assert not left, left


def sessions(address: str, count: int) -> list[tuple[int, list[str]]]:
    """Open so many transactions at once, and return of each session its process and what stands in it."""
    with ExitStack() as together:
        found = []
        for _ in range(count):
            connection = together.enter_context(psycopg.connect(address, prepare_threshold=None))
            what = [str(row[0]) for row in connection.execute(_LEFT, (_ITS_OWN,))]
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            found.append((int(row[0]), what))
        return found


def left_behind(address: str) -> list[str]:
    """Return what stands in the sessions that the pooler keeps for a database and its user."""
    with psycopg.connect(address, prepare_threshold=None) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = session_user"
        ).fetchone()
    assert row is not None
    return [thing for _pid, what in sessions(address, min(row[0], MOST)) for thing in what]


def session_of(tx: Tx) -> int:
    """Return the session that a transaction meets; what a pooler says at the log-in names none."""
    return int(tx.connection.execute("SELECT pg_backend_pid() AS pid").fetchall()[0]["pid"])
