"""Other people's sessions on the target: somebody holds a lock, somebody waits for it; all of them real."""

import contextlib
import threading
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.waiting import eventually

HISTORY = "supabase_migrations.schema_migrations"
LOCK_HISTORY = f"LOCK TABLE {HISTORY} IN SHARE ROW EXCLUSIVE MODE"
ALTER_HISTORY = f"LOCK TABLE {HISTORY} IN ACCESS EXCLUSIVE MODE"

Connection = psycopg.Connection[tuple[Any, ...]]


class Waiter:
    """A session that waits for a lock in a thread of its own."""

    def __init__(self, connection: Connection, statement: str) -> None:
        """Begin to wait."""
        self.connection = connection
        self.pid = connection.info.backend_pid
        self.went_on = False
        self._thread = threading.Thread(target=self._wait, args=(statement,), daemon=True)
        self._thread.start()

    def _wait(self, statement: str) -> None:
        with contextlib.suppress(psycopg.Error):
            self.connection.execute(statement.encode())
            self.went_on = True

    def close(self) -> None:
        """Wait no longer, and disconnect."""
        if self._thread.is_alive():
            with contextlib.suppress(psycopg.Error):
                self.connection.cancel_safe()
            self._thread.join(5)
        self.connection.close()


class People:
    """Sessions of an engineer's role, which is no superuser."""

    def __init__(self, dsn: str, role: str) -> None:
        """Make the role; `dsn` is the owner's."""
        self._dsn = dsn
        self.role = role
        self.owner = psycopg.connect(dsn, autocommit=True)
        self._open: list[Connection] = []
        self._waiters: list[Waiter] = []
        self.make_role(role)
        self.grant(f"GRANT USAGE ON SCHEMA supabase_migrations TO {role}")
        self.grant(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {HISTORY} TO {role}")

    def make_role(self, role: str, options: str = "") -> str:
        """Make a role that may log in, and return its address."""
        found = self.owner.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        verb = "ALTER" if found is not None else "CREATE"
        self.grant(f"{verb} ROLE {role} LOGIN PASSWORD 'x' {options}")
        return make_conninfo(self._dsn, user=role, password="x")

    def grant(self, statement: str) -> None:
        """Carry a statement out as the owner."""
        self.owner.execute(statement.encode())

    def connect(self, name: str = "psql", role: str = "", **changes: str) -> Connection:
        """Open a session with an application name, as the engineer or another role; `changes` are of its address."""
        user = {"user": role or self.role, "password": "x"} if role != "owner" else {}
        made = psycopg.connect(make_conninfo(self._dsn, application_name=name, **user, **changes))
        self._open.append(made)
        return made

    def hold(self, statement: str = LOCK_HISTORY, name: str = "psql", role: str = "") -> Connection:
        """Leave a transaction open that has done something."""
        made = self.connect(name, role)
        made.execute(statement.encode())
        return made

    def wait(self, statement: str = ALTER_HISTORY, name: str = "supabase", first: str = "") -> Waiter:
        """Let a session wait for a lock, perhaps after it took another one."""
        made = self.connect(name)
        if first:
            made.execute(first.encode())
        return self.go_on(made, statement)

    def go_on(self, made: Connection, statement: str) -> Waiter:
        """Let a session that is there wait for a lock."""
        waiter = Waiter(made, statement)
        self._waiters.append(waiter)
        eventually(lambda: self.blockers(waiter.pid))
        return waiter

    def blockers(self, pid: int) -> list[int]:
        """Return whom a session waits for."""
        row = self.owner.execute("SELECT pg_blocking_pids(%s)", (pid,)).fetchone()
        return list(row[0]) if row else []

    def waiters(self, pid: int) -> list[int]:
        """Return who waits for a session."""
        found = self.owner.execute("SELECT pid FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))", (pid,))
        return [row[0] for row in found.fetchall()]

    def is_there(self, pid: int) -> bool:
        """Say whether a session still is."""
        return self.owner.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is not None

    def record(self, version: str, name: str | None = None, statements: list[str] | None = None) -> None:
        """Record a migration, as the tool does."""
        self.owner.execute(
            sql.SQL("INSERT INTO {} (version, name, statements) VALUES (%s, %s, %s)").format(
                sql.Identifier(*HISTORY.split("."))
            ),
            (version, name, statements),
        )

    def row(self, version: str) -> tuple[Any, ...] | None:
        """Return a version's record: its version, name and statements."""
        found = self.owner.execute(
            sql.SQL("SELECT version, name, statements FROM {} WHERE version = %s").format(
                sql.Identifier(*HISTORY.split("."))
            ),
            (version,),
        )
        return found.fetchone()

    def has(self, relation: str) -> bool:
        """Say whether a table or view is there."""
        return self.owner.execute("SELECT to_regclass(%s) IS NOT NULL", (relation,)).fetchone() == (True,)

    def close(self) -> None:
        """End every session."""
        for waiter in self._waiters:
            waiter.close()
        for made in self._open:
            made.close()
        self.owner.close()
