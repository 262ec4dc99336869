"""Refusals of people who may not: recorded, at most one a minute for an actor and a reason."""

from bot.domain.actor import Actor
from bot.errors import ChangesOff, NotAllowed, StoreError
from bot.operations.services import Services
from bot.store import audit


def record(services: Services, actor: Actor, error: NotAllowed | ChangesOff) -> None:
    """Append a refusal to the record; a database that is away costs the record, not the refusal."""
    reason = f"changes are off: {error.cause}" if isinstance(error, ChangesOff) else error.reason
    try:
        with services.db.write() as tx:
            audit.append_refusal(tx, "request.refused", actor=actor.key, reason=reason, said=error.message)
    except StoreError:
        services.log.warning("refusal_not_recorded actor=%s reason=%r", actor.key, reason)
