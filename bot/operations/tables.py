"""Our own tables: made, looked at, and the role that may use them."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from bot.errors import InvalidCommand
from bot.operations.services import Services
from bot.store import migrate as migrations
from bot.store.address import require
from bot.store.db import Database

_ROLE = re.compile(r"^[a-z_][a-z0-9_]{0,55}$")  # room for `_record`, the name of the append function's owner
BOT_ROLE, DBA_ROLE = "dragonfly_bot", "dragonfly_dba"
OWNER_VARIABLE = "DRAGONFLY_OWNER_DATABASE_URL"


@contextmanager
def as_owner(services: Services) -> Iterator[Database]:
    """Give the connection of our tables' owner where one is configured, else the usual one."""
    owner = os.environ.get(OWNER_VARIABLE, "")
    if not owner:
        yield services.db
        return
    database = Database(require(owner, OWNER_VARIABLE), size=1, stamp=services.db.stamp).open()
    try:
        yield database
    finally:
        database.close()


def migrate(services: Services) -> tuple[str, ...]:
    """Apply what is pending as the owner and return the names."""
    with as_owner(services) as database:
        return tuple(migration.name for migration in migrations.migrate(database, services.config.env))


def status(services: Services) -> tuple[int, tuple[str, ...]]:
    """Return how many migrations wait, and a line for each."""
    with services.db.read() as tx:
        done = migrations.applied(tx)
    waiting = migrations.pending(done)
    lines = [f"applied {item.name} at {item.applied_at:%Y-%m-%d %H:%M:%S} for {item.mode}" for item in done]
    return len(waiting), (*lines, *(f"pending {item.name}" for item in waiting))


def grants(role: str = "", *, dba: bool = False) -> str:
    """Return the SQL that makes the least-privilege role, for a DBA to read and run.

    Raises:
        InvalidCommand: the role's name is not a plain identifier.
    """
    usual = DBA_ROLE if dba else BOT_ROLE
    if role and not _ROLE.match(role):
        raise InvalidCommand(f"{role!r} is no role name", hint="dragonfly db grants --role dragonfly_bot")
    text = files("bot.store").joinpath("grants_dba.sql" if dba else "grants.sql").read_text(encoding="utf-8")
    return text.replace(usual, role or usual)
