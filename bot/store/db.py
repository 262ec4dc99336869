"""Postgres as the product uses it: short transactions with limits, through any pooler, errors in our own words.

No session state is ever left behind (no `SET`, `LISTEN`, prepared statements or session locks), so a transaction-mode
pooler may stand in between. psycopg's errors stop here: only SQLSTATE, constraint and table pass (§17, G4).
"""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, LiteralString, Self, TypeVar

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import JsonbDumper
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from bot.domain.redaction import Redactor
from bot.errors import OutcomeLost, StatementRefused, StoreUnavailable
from bot.sqlfile import Statement
from bot.store.address import place
from bot.store.breaker import BREAKER, GuardedConnection
from bot.store.failures import away, translate, translated
from bot.store.limits import EFFECT_LIMITS, ONCE_LIMITS, READ_LIMITS, READ_WAIT, WRITE_WAIT, Limits

Row = TypeVar("Row")
psycopg.adapters.register_dumper(dict, JsonbDumper)  # a mapping is written as jsonb, everywhere

CONNECT_TIMEOUT_SECONDS = 5
RECONNECT_SECONDS = 1.0
"""The pool's own attempts end so soon, and the next request begins anew: they double their pauses for five minutes
otherwise, and a database that is back is not seen (psycopg_pool 3, `reconnect_timeout`, 2026-11)."""
POOL_SIZE = 10
"""As many as the HTTP edge lets in at once (design, D1)."""
APPLICATION_NAME = "chatops_bot"
"""Not `dragonfly…`: an incident runbook of the target ends sessions by that prefix (target-system, 6.3)."""

READ_ONLY: LiteralString = "BEGIN READ ONLY"
SNAPSHOT: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITE: LiteralString = "BEGIN"
_FORGET: LiteralString = (
    "CLOSE ALL; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; DEALLOCATE ALL; UNLISTEN *; "
    "SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
)
"""`DISCARD ALL`, which a transaction does not take, by its parts (PostgreSQL's documentation of it, 2026-11)."""

_OF_ROWS = re.compile(r"(?:[ \t\n\r\f\v]|--[^\n\r]*+)*+(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
"""A comment is never given back, so that no word in it counts; block comments are not taken, for the server nests them."""


class Tx:
    """One open transaction; `now` was read from the database at its start and is the only time it knows."""

    def __init__(
        self,
        connection: psycopg.Connection[dict[str, Any]],
        now: datetime,
        stamp: Mapping[str, str],
        redact: Redactor,
        limits: Limits,
    ) -> None:
        """Wrap a connection on which a transaction has begun; `stamp` and `redact` are for the records written in it."""
        self.connection = connection
        self.now = now
        self._limits = limits
        self._until = time.monotonic() + limits.whole.total_seconds()
        self.stamp = stamp
        self.redact = redact
        self.is_last = False
        """Nothing is begun on its connection after it."""
        self.wakes: set[str] = set()
        """Loops of this process for which there is work once this has committed."""
        self.last: list[Callable[[], object]] = []
        """What is done right before this commits."""

    def rows(
        self, row: type[Row], statement: Statement, features: Collection[str] = (), /, **params: object
    ) -> list[Row]:
        """Return every row of a named statement as `row`, matched by column name."""
        with self.connection.cursor(row_factory=class_row(row)) as cursor:
            return cursor.execute(statement.text(features), params or None).fetchall()

    def row(
        self, row: type[Row], statement: Statement, features: Collection[str] = (), /, **params: object
    ) -> Row | None:
        """Return the first row of a named statement, or None."""
        with self.connection.cursor(row_factory=class_row(row)) as cursor:
            return cursor.execute(statement.text(features), params or None).fetchone()

    def records(
        self, statement: Statement, features: Collection[str] = (), /, **params: object
    ) -> list[dict[str, Any]]:
        """Return every row of a named statement as a mapping."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.text(features), params or None).fetchall()

    def record(
        self, statement: Statement, features: Collection[str] = (), /, **params: object
    ) -> dict[str, Any] | None:
        """Return the first row of a named statement as a mapping, or None."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.text(features), params or None).fetchone()

    def guarded(self, text: str, begin: str = "", role: str = "", /, **params: object) -> list[dict[str, Any]]:
        """Return the rows of a statement that was written by a team, or what `begin` makes of it (`EXPLAIN `).

        Sent by the extended protocol, unnamed: the server itself refuses several statements in one text (42601). A text
        that is a COMMIT and nothing else would pass there, so the first word is looked at here (tried, PostgreSQL 15,
        17 and 18, 2026-11). Nothing of it stays in the session; of a refused one nothing stays at all. Under `role` it
        is refused where it ends as another one: that takes back its changes, not what it saw meanwhile.

        Raises:
            StatementRefused: it is no statement that reads or changes rows, it returns none, it left its role, or the
                server refused it.
        """
        if not _OF_ROWS.match(text):
            raise StatementRefused("a team's statement begins with SELECT, WITH, INSERT, UPDATE or DELETE", sqlstate="")
        with translated(), self._leaving_nothing(), self.connection.pipeline():
            if role:
                self.connection.execute("SELECT set_config('role', %s, true)", [role])
            try:
                sent = self.connection.execute(f"{begin}{text}".encode(), params or None)
                ended = self.connection.execute("SELECT current_user AS role")
                rows = sent.fetchall()
            except (psycopg.ProgrammingError, psycopg.DataError) as error:
                if error.sqlstate:
                    raise
                message = "a team's statement has a stray percent sign, returns nothing, or a value that cannot be read"
                raise StatementRefused(message, sqlstate="") from None
            if role and ended.fetchone() != {"role": role}:
                raise StatementRefused(f"a team's statement left its role {role}", sqlstate="")
            return rows

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Let nothing be changed or left behind by what is sent inside; the transaction goes on as it was.

        Raises:
            StatementRefused: the server refused a statement inside.
        """
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute("SET LOCAL transaction_read_only = on")
                yield
        except psycopg.Error as error:
            raise translate(error) from None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what is inside without waiting for each answer; the first answer that is read waits for all before it."""
        with self.connection.pipeline():
            yield

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Take back what is done inside, if it raises; the transaction goes on.

        Raises:
            StatementRefused: the server refused a statement inside.
        """
        try:
            with self.connection.transaction():
                yield
        except psycopg.Error as error:
            raise translate(error) from None

    def shown(self, statement: Statement, features: Collection[str] = (), /, **params: object) -> str:
        """Return a named statement with its values in place, for a person to read and run."""
        return psycopg.ClientCursor(self.connection).mogrify(statement.text(features), params)

    def script(self, text: str) -> None:
        """Run a reviewed script inside this transaction; the server refuses transaction control in it.

        A `DO` block runs it through `EXECUTE`: `COMMIT` and `ROLLBACK` are not allowed there (tried, PostgreSQL 15, 2026-11).
        """
        block = f"BEGIN EXECUTE {psycopg.sql.Literal(text).as_string(self.connection)}; END"
        with self._leaving_nothing():
            self.connection.execute(psycopg.sql.SQL("DO {}").format(psycopg.sql.Literal(block)))

    @contextmanager
    def _leaving_nothing(self) -> Iterator[None]:
        """Let nothing of what is sent inside stay in the session, however it ends, and take it back if it raises.

        A `SET` would outlive it, a session lock even its failure, and behind a pooler the session goes to the next
        client when we close our end. We close it all the same: what resets the session resets the name that the pooler
        gives it for us.
        """
        self.is_last = True
        try:
            with self.connection.transaction():
                yield
        finally:
            if not self.connection.closed:
                self.connection.execute(_FORGET)
                _set(self.connection, self._limits_left())

    def _limits_left(self) -> Limits:
        """Return the limits with what is left of the whole: the server counts it anew each time that it is set."""
        left = self._until - time.monotonic()
        return replace(self._limits, whole=timedelta(seconds=max(left, 0.001)))

    def run(self, statement: Statement, features: Collection[str] = (), /, **params: object) -> int:
        """Send a named statement that returns nothing, and return how many rows it touched."""
        with self.connection.cursor() as cursor:
            return cursor.execute(statement.text(features), params or None).rowcount


class Database:
    """One database behind a lazy pool."""

    def __init__(
        self,
        conninfo: str,
        *,
        size: int = POOL_SIZE,
        now: Callable[[], datetime] | None = None,
        wake: Callable[[str], None] = lambda _loop: None,
        stamp: Mapping[str, str] | None = None,
        redact: Redactor | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            now: replaces the database's clock in tests that move time.
            wake: is told what a commit made to do.
            stamp: which process this is, for the record: every record written through it says so.
            redact: takes out of a record what must not be kept.
        """
        self._now = now
        self._redact = redact or Redactor()
        self._wake = wake
        self.stamp = dict(stamp or {})
        self._conninfo = conninfo
        self._pool: ConnectionPool[GuardedConnection] = ConnectionPool(
            conninfo,
            connection_class=GuardedConnection,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "application_name": APPLICATION_NAME,
                "row_factory": dict_row,
            },
            min_size=0,
            max_size=size,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            name="dragonfly",
        )

    def open(self) -> Self:
        """Start the pool; no connection is made before the first is needed."""
        self._pool.open()
        return self

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def read(
        self,
        *,
        snapshot: bool = False,
        wait: timedelta | None = None,
        whole: timedelta = READ_LIMITS.whole,
    ) -> Iterator[Tx]:
        """Give a read-only transaction under the limits for reads; `snapshot` = all of it sees one moment, for a preview."""
        begin, patience = (SNAPSHOT, WRITE_WAIT) if snapshot else (READ_ONLY, READ_WAIT)
        with self._transaction(begin, replace(READ_LIMITS, whole=whole), wait or patience) as tx:
            yield tx

    @contextmanager
    def write(self, *, wait: timedelta = WRITE_WAIT, whole: timedelta = EFFECT_LIMITS.whole) -> Iterator[Tx]:
        """Give a transaction that commits at the end of the block, under the limits for effects.

        Raises:
            OutcomeLost: whether it landed is to be read under the lock of its rows (§9).
        """
        with self._transaction(WRITE, replace(EFFECT_LIMITS, whole=whole), wait) as tx:
            yield tx
        for loop in tx.wakes:
            self._wake(loop)

    def once(
        self, statement: Statement, *, wait: timedelta = timedelta(seconds=2), **params: object
    ) -> dict[str, Any] | None:
        """Send one statement as its own transaction, in one round trip, and return its first row.

        Sent again if the connection was stale.
        """
        with translated():
            for _ in _tries(wait):
                with self._connection(wait) as connection:
                    try:
                        with connection.answering_within(wait + ONCE_LIMITS.statement):
                            return _once(connection, statement.text(), params)
                    except psycopg.Error:
                        if not connection.closed:
                            connection.rollback()
                            raise
        raise away()

    @contextmanager
    def _transaction(self, begin: LiteralString, limits: Limits, wait: timedelta) -> Iterator[Tx]:
        with translated(), self._begun(begin, limits, wait) as tx:
            try:
                yield tx
                for act in tx.last:
                    act()
                _commit(tx.connection)
            except BaseException:
                with suppress(psycopg.Error):
                    tx.connection.rollback()
                raise
            finally:
                if tx.is_last:
                    tx.connection.close()

    @contextmanager
    def _begun(self, begin: LiteralString, limits: Limits, wait: timedelta) -> Iterator[Tx]:
        """Begin on the first connection of the pool that still lives."""
        for _ in _tries(wait):
            with self._connection(wait) as connection:
                try:
                    with connection.answering_within(wait):
                        now, role = _begin(connection, begin, limits)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
                    continue
                stamp = {**self.stamp, "session_user": role}
                yield Tx(connection, self._now() if self._now else now, stamp, self._redact, limits)
                return
        raise away()

    @contextmanager
    def _connection(self, wait: timedelta) -> Iterator[GuardedConnection]:
        BREAKER.check()
        with ExitStack() as given_back:
            try:
                connection = given_back.enter_context(self._pool.connection(timeout=wait.total_seconds()))
            except (PoolTimeout, PoolClosed) as error:
                BREAKER.check()
                if self._pool.get_stats()["pool_size"] < self._pool.max_size:
                    raise away() from error
                message = "all our connections to the database are taken"
                raise StoreUnavailable(message, hint="try again in a moment") from error
            yield connection

    @property
    def place(self) -> str:
        """Return host, database and user of the connection, without its password."""
        return place(self._conninfo)


def _tries(wait: timedelta) -> Iterator[None]:
    """Yield for every connection of the pool, each of which may be stale, while there is patience."""
    until = time.monotonic() + wait.total_seconds()
    for _ in range(POOL_SIZE + 1):
        yield
        if time.monotonic() >= until:
            return


def _begin(connection: GuardedConnection, begin: LiteralString, limits: Limits) -> tuple[datetime, str]:
    """Begin and set the limits in one round trip; return the database's time and who is logged in."""
    with connection.pipeline():
        row = _send_begin(connection, begin, limits).fetchone()
    assert row is not None
    return row["now"], row["role"]


def _send_begin(connection: GuardedConnection, begin: LiteralString, limits: Limits) -> psycopg.Cursor[dict[str, Any]]:
    connection.execute(begin)
    return _set(connection, limits)


def _set(connection: psycopg.Connection[dict[str, Any]], limits: Limits) -> psycopg.Cursor[dict[str, Any]]:
    return connection.execute(*limits.statement_for(connection.info.server_version))


def _once(connection: GuardedConnection, text: LiteralString, params: dict[str, object]) -> dict[str, Any] | None:
    with connection.pipeline():
        _send_begin(connection, WRITE, ONCE_LIMITS)
        answer = connection.execute(text, params or None)
        connection.execute("COMMIT")
    return answer.fetchone()


def _commit(connection: psycopg.Connection[dict[str, Any]]) -> None:
    try:
        connection.commit()
    except psycopg.OperationalError:
        if not connection.closed:
            raise
        message = "the connection to the database broke during a commit; whether it was done is not known"
        raise OutcomeLost(message, hint="look again when it is back: dragonfly audit list") from None
