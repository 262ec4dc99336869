"""What the tests of the simulated system share: a running one for each target schema, and questions to its database."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from bot.operations.tables import grants
from bot.sandbox.target.crew import SERVICES
from bot.sandbox.target.system import System
from bot.targets.railway import Railway
from tests.support.databases import TestServer
from tests.support.waiting import eventually

INGEST = "ingest-worker"
BOT_PASSWORD = "the bot's own"


@dataclass
class Running:
    """A running system and those who look at it: its owner, the bot's role, the product's Railway client."""

    system: System
    bot_dsn: str
    railway: Railway
    let_in: list[str] = field(default_factory=list)
    """One word for each time a lockout was ended."""

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the owner reads."""
        with psycopg.connect(self.system.dsn, autocommit=True) as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def do(self, statement: str) -> None:
        """What the owner changes."""
        with psycopg.connect(self.system.dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def lines(self, service: str = INGEST) -> list[str]:
        """The log of a service, oldest line first."""
        state = self.railway.state(service)
        return [line.text for each in state.deployments for line in self.railway.logs(each.id, 1000)]

    def instances(self, service: str = INGEST) -> list[str]:
        """The statuses of the instances that a restart would restart."""
        found = self.railway.state(service).running
        return [status for _, status in found.instances] if found else []

    def recover(self) -> None:
        """Everything is well, as at the start of a test."""
        self.system.bring_back()
        self.let_in.clear()
        eventually(lambda: {status for name in SERVICES for status in self.instances(name)} == {"RUNNING"})


class Systems:
    """A running system for each target schema, started when it is first asked for."""

    def __init__(self, server: TestServer, home: Path, worker: str) -> None:
        """Start none yet."""
        self._server = server
        self._home = home
        self._role = f"dragonfly_test_bot_{worker}"
        self._stack = ExitStack()
        self._running: dict[str, Running] = {}

    def get(self, schema: str) -> Running:
        """The system on this schema, well."""
        if schema not in self._running:
            self._running[schema] = self.start(schema, self._stack)
        self._running[schema].recover()
        return self._running[schema]

    def start(self, schema: str, stack: ExitStack) -> Running:
        """A new system, stopped by the stack."""
        dsn = stack.enter_context(self._server.database(schema))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(grants(self._role).encode())
            connection.execute(
                f"ALTER ROLE {self._role} PASSWORD '{BOT_PASSWORD.replace(chr(39), chr(39) * 2)}'".encode()
            )
        home = self._home / schema
        home.mkdir(exist_ok=True)
        let_in: list[str] = []
        system = System(dsn, schema, home=home, bot_role=self._role, let_in=lambda: let_in.append("let in"))
        stack.callback(system.stop)
        system.start()
        system.railway.limit(an_hour=1_000_000, a_second=10_000)
        railway = Railway(system.railway.url, system.railway.settings.project_token, is_project_token=True)
        stack.enter_context(closing(railway._client))
        bot_dsn = make_conninfo(dsn, user=self._role, password=BOT_PASSWORD)
        return Running(system=system, bot_dsn=bot_dsn, railway=railway, let_in=let_in)

    def stop(self) -> None:
        """Stop what was started."""
        self._stack.close()


def anew(before: Sequence[str], after: Sequence[str]) -> bool:
    """Say whether as many are there as before, and none of those."""
    return len(after) == len(before) and not set(after) & set(before)
