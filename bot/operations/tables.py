"""Our own tables: made, looked at, and the role that may use them."""

import os
import re
from importlib.resources import files

from bot.errors import InvalidCommand
from bot.operations.services import Services
from bot.store import audit
from bot.store import migrate as migrations
from bot.store.db import Database

_ROLE = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")
BOT_ROLE, DBA_ROLE = "dragonfly_bot", "dragonfly_dba"
OWNER_VARIABLE = "DRAGONFLY_OWNER_DATABASE_URL"


def migrate(services: Services) -> tuple[str, ...]:
    """Apply what is pending as the owner, where one is configured, and return the names."""
    owner = os.environ.get(OWNER_VARIABLE, "")
    database = Database(owner, size=1).open() if owner else services.db
    try:
        done = migrations.migrate(database, services.config.env)
        if done:
            with database.write() as tx:
                names = [migration.name for migration in done]
                audit.append(tx, "db.migrated", actor="dragonfly", env=services.config.env, migrations=names)
    finally:
        if owner:
            database.close()
    return tuple(migration.name for migration in done)


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
