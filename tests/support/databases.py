"""Real databases for tests: one server a run, a template a target schema, a fresh copy a test."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bot.operations.tables import grants
from bot.sandbox.postgres import MEMORY, PostgresServer
from bot.sandbox.target import schema
from bot.store.db import Database
from bot.store.migrate import migrate
from tests.support.pooler import Pooler

PREFIX = "dragonfly_test_"
_names = itertools.count(1)


class TestServer:
    """The server that `DRAGONFLY_TEST_DATABASE_URL` names, or an embedded one."""

    __test__ = False

    def __init__(self, worker: str) -> None:
        """Start or find the server; `worker` keeps parallel test processes apart."""
        self._worker = worker
        self.role, self.dba_role = f"{PREFIX}bot_{worker}", f"{PREFIX}dba_{worker}"
        self._url = os.environ.get("DRAGONFLY_TEST_DATABASE_URL", "")
        self._embedded = None if self._url else PostgresServer.start(fast=True)
        self._templates: dict[str, str] = {}
        self._pooler: Pooler | None = None
        self._admin_connection: psycopg.Connection[Any] | None = None

    def stop(self) -> None:
        """Drop what was made and stop what was started."""
        if self._pooler:
            self._pooler.stop()
        for name in self._templates.values():
            self._admin("DROP DATABASE {}", name)
        if self._admin_connection:
            self._admin_connection.close()
        if self._embedded:
            self._embedded.stop()

    def dsn(self, name: str) -> str:
        """Return the address of a database of this server."""
        return self._embedded.dsn(name) if self._embedded else make_conninfo(self._url, dbname=name)

    def _admin(self, statement: str, *names: str) -> None:
        if self._admin_connection is None or self._admin_connection.closed:
            address = self._embedded.dsn() if self._embedded else self._url
            self._admin_connection = psycopg.connect(address, autocommit=True)
        self._admin_connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))

    @contextmanager
    def entry(self, dsn: str, *, pooled: bool) -> Iterator[str]:
        """Give the address under which the product reaches a database: itself, or through a pooler."""
        if not pooled:
            yield dsn
            return
        if self._pooler is None:
            self._pooler = Pooler(self.dsn("postgres"), dict.fromkeys((self.role, self.dba_role), "x"))
        with self._pooler.entry(dsn) as address:
            yield address

    def template(self, target: str) -> str:
        """Return the name of a database with a target schema and our own tables, made once."""
        if target not in self._templates:
            name = f"{PREFIX}{self._worker}_{target}"
            self._admin("DROP DATABASE IF EXISTS {}", name)
            self._admin("CREATE DATABASE {}", name)
            if target != "empty":
                schema.create(self.dsn(name), target)
                _migrate(self.dsn(name))
                _grant(self.dsn(name), self.role)
            self._templates[target] = name
        return self._templates[target]

    @contextmanager
    def database(self, target: str) -> Iterator[str]:
        """Give the address of a fresh copy of a template; it is dropped at the end."""
        name = f"{PREFIX}{self._worker}_{next(_names)}"
        self._admin("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, self.template(target))
        with psycopg.connect(self.dsn(name), autocommit=True) as connection:
            if target != "empty":
                connection.execute(
                    "UPDATE ops.chatops_schema_version SET database_identity = "
                    "(SELECT system_identifier::text FROM pg_control_system()) || '/' || current_database()"
                )
                _let_in(connection, self.role)
        try:
            yield self.dsn(name)
        finally:
            self._admin("DROP DATABASE {} WITH (FORCE)", name)


class OwnServer:
    """A server of a test's own that it may restart, with one database as an installation has it."""

    role = f"{PREFIX}bot_own"

    def __init__(self, place: Path) -> None:
        """Start it on a directory that the server's user may enter."""
        self._place = place
        self._server = PostgresServer.start(place, fast=True)
        self.dsn = self._server.dsn()
        schema.create(self.dsn, "deployed")
        _migrate(self.dsn)
        _grant(self.dsn, self.role)
        self.bot_dsn = make_conninfo(self.dsn, user=self.role, password="x")

    def restart(self) -> None:
        """Restart it as an administrator does: every session ends, what was not committed is taken back."""
        self._server.stop()
        self._server = PostgresServer.start(self._place, fast=True, port=self._server.port)

    def stop(self) -> None:
        """Stop it."""
        self._server.stop()


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Give a server of a test's own."""
    place = Path(tempfile.mkdtemp(prefix="dragonfly-own-", dir=MEMORY if MEMORY.is_dir() else None))
    place.chmod(0o755)
    server = OwnServer(place)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


def _grant(dsn: str, role: str) -> None:
    """Give a role what `dragonfly db grants` gives an installation's, and a password."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(grants(role).encode())
        _let_in(connection, role)


def _let_in(connection: psycopg.Connection[Any], role: str) -> None:
    """Give a role what stands in no database and an earlier test may have changed: its password and its membership."""
    connection.execute(f"ALTER ROLE {role} PASSWORD 'x'; GRANT pg_read_all_stats TO {role}".encode())


def _migrate(dsn: str) -> None:
    """Make our own tables."""
    database = Database(dsn).open()
    try:
        migrate(database, "dev")
    finally:
        database.close()
