"""Whether changes are on: a freeze, a record that does not add up, and a clock that differs turn them off (§7, §11, §1)."""

from bot.errors import ChangesOff, ConflictError, MigrationPending
from bot.operations.services import Services
from bot.store import changes
from bot.store.changes import Off
from bot.store.db import Tx
from bot.store.migrate import require_current


def why_off(services: Services, tx: Tx) -> Off | None:
    """Return why changes are off, or None; asked when planning, confirming, approving and carrying out."""
    skew = abs(services.clock.now() - tx.now)
    if skew > services.config.timing.clock_limit:
        seconds = int(skew.total_seconds())
        return Off(cause="clock", since=tx.now, actor="dragonfly", reason=f"clocks differ by {seconds} s")
    return changes.why_off(tx)


def why_refused(services: Services, tx: Tx) -> Off | None:
    """Return why a change would be refused now, tables of another environment included, or None; asked for a card."""
    try:
        require_current(tx, services.config.env)
    except (ConflictError, MigrationPending) as error:
        return Off(cause="tables", since=tx.now, actor="dragonfly", reason=f"{error.message}; {error.hint}")
    return why_off(services, tx)


def require_on(services: Services, tx: Tx) -> None:
    """Return when our tables are of this program and environment, and changes are on.

    Raises:
        ChangesOff: they are not; nothing was done.
        MigrationPending, ConflictError: the tables are another program's, or another environment's.
    """
    require_current(tx, services.config.env)
    off = why_off(services, tx)
    if off is not None:
        raise ChangesOff(off.reason, cause=off.cause, since=off.since, actor=off.actor)
