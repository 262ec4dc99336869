"""Faults of the bot's own role: it may not log in any more, or it logs in and sees no row. Both are undone exactly."""

import secrets

import psycopg
from psycopg import sql

LOCK_TIMEOUT = "5s"
TABLES = ("job_queue", "worker_heartbeats")
_POLICIES = """
    SELECT policyname,
           format('CREATE POLICY %%I ON %%I.%%I AS %%s FOR %%s TO %%s%%s%%s', policyname, schemaname, tablename, permissive,
                  cmd, (SELECT string_agg(quote_ident(name), ', ') FROM unnest(roles) AS name),
                  ' USING (' || qual || ')', ' WITH CHECK (' || with_check || ')')
    FROM pg_policies
    WHERE schemaname = 'ops' AND tablename = %(table)s AND roles && ARRAY[%(role)s, 'public']::name[]"""


Statement = sql.SQL | sql.Composed


class Roles:
    """What befalls the bot's role; nothing at the start."""

    def __init__(self, dsn: str, role: str) -> None:
        """Connect to nothing yet; `dsn` is the owner's."""
        self._dsn = dsn
        self._role = sql.Identifier(role)
        self._name = role
        self._password: str | None = None
        self._hidden: list[Statement] = []

    @property
    def is_locked_out(self) -> bool:
        """Say whether the role may not log in."""
        return self._password is not None

    @property
    def sees_nothing(self) -> bool:
        """Say whether the rows are hidden."""
        return bool(self._hidden)

    def lock_out(self) -> str:
        """The role's password is another one, and its sessions have ended."""
        if self._password is None:
            with self._connect() as connection:
                row = connection.execute(
                    "SELECT rolpassword FROM pg_authid WHERE rolname = %s", (self._name,)
                ).fetchone()
                if row is None or row[0] is None:
                    return f"{self._name} has no password to change"
                self._password = str(row[0])
                self._set_password(connection, secrets.token_urlsafe(24))
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (self._name,)
                )
        return "the bot's password is wrong now: every log-in fails"

    def let_in(self) -> None:
        """The role's password is the one of before; safe to repeat."""
        if self._password is not None:
            with self._connect() as connection:
                self._set_password(connection, self._password)
            self._password = None

    def hide(self) -> str:
        """The role reads the queue and the heartbeats without an error, and sees no row."""
        if not self._hidden:
            with self._connect() as connection, connection.transaction():
                ways_back = [each for name in TABLES for each in self._hide(connection, name)]
            self._hidden = ways_back
        return "row security hides the queue and the heartbeats from the bot"

    def show(self) -> None:
        """Row security is as it was; safe to repeat."""
        if self._hidden:
            with self._connect() as connection, connection.transaction():
                for statement in self._hidden:
                    connection.execute(statement)
            self._hidden = []

    def _hide(self, connection: "psycopg.Connection[tuple[object, ...]]", name: str) -> list[Statement]:
        """Hide one table's rows, and return the statements that undo it."""
        ways_back: list[Statement] = []
        table = sql.Identifier("ops", name)
        found = connection.execute(_POLICIES, {"table": name, "role": self._name}).fetchall()
        for policy, definition in found:
            connection.execute(sql.SQL("DROP POLICY {} ON {}").format(sql.Identifier(str(policy)), table))
            ways_back.append(sql.SQL(str(definition)))
        secured = connection.execute(
            "SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(%s)", (f"ops.{name}",)
        ).fetchone()
        if secured == (False,):
            connection.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(table))
            ways_back.append(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(table))
        return ways_back

    def _set_password(self, connection: "psycopg.Connection[tuple[object, ...]]", password: str) -> None:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(self._role, sql.Literal(password)))

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self._dsn, autocommit=True, options=f"-c lock_timeout={LOCK_TIMEOUT}")
