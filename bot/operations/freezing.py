"""The freeze: any operator turns all changes off, another approver turns them on again (§7, as amended by the design)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.domain.actor import Actor, Role
from bot.domain.messages import Message, Notice
from bot.domain.params import LEAST, require_reason
from bot.operations import authority
from bot.operations.services import Services
from bot.store import audit, changes, outbox
from bot.store.changes import FREEZE
from bot.store.db import Tx


def freeze(services: Services, actor: Actor, reason: str) -> Notice:
    """Turn all changes off, for every replica, at once; what runs in batches stops before its next one.

    Raises:
        NotAllowed: the actor is no operator.
        InvalidCommand: the reason says too little.
    """
    authority.require(services, actor, Role.OPERATOR, "freeze")
    require_reason(reason, LEAST, "why is nothing to be changed?")
    with services.db.write() as tx:
        if not changes.turn_off(tx, FREEZE, actor=actor.key, reason=reason):
            off = changes.find(tx, FREEZE)
            return services.notice(tx, "frozen-already", by=off.actor if off else "", reason=off.reason if off else "")
        said = _announce(services, tx, "frozen", by=actor.key, reason=reason)
        audit.append(tx, "freeze.set", actor=actor.key, reason=reason)
    return said


def unfreeze(services: Services, actor: Actor) -> Notice:
    """Turn changes on again; what else keeps them off is not touched.

    Raises:
        NotAllowed: the actor is no approver, or sits at a shell.
    """
    authority.require_slack(actor, "a freeze is ended", "another approver writes unfreeze there")
    authority.require(services, actor, Role.APPROVER, "unfreeze")
    with services.db.write() as tx:
        off = changes.find(tx, FREEZE)
        if off is None:
            return services.notice(tx, "not-frozen")
        if services.config.people.are_same(off.actor, actor.key):
            audit.append_refusal(tx, "request.refused", actor=actor.key, reason="own freeze")
            return services.notice(tx, "own-freeze", by=off.actor)
        changes.turn_on(tx, FREEZE)
        still = changes.why_off(tx)
        facts = {"by": off.actor, "reason": off.reason, "actor": actor.key, "still": still.reason if still else ""}
        said = _announce(services, tx, "unfrozen", **facts)
        audit.append(tx, "freeze.lifted", actor=actor.key, frozen_by=off.actor, since=off.since, reason=off.reason)
    return said


def _announce(services: Services, tx: Tx, kind: str, **facts: object) -> Notice:
    """Tell everyone in the incident channel, and return the same words for whoever asked."""
    at = tx.now.isoformat()
    shown = {"message": "freeze", "kind": kind, "at": at, "facts": facts}
    outbox.enqueue(tx, "post", services.config.alert_channel, f"{kind}:{at}", shown, priority=outbox.CRITICAL)
    return services.notice(tx, kind, at=tx.now, **facts)


def freeze_notice(services: Services, tx: Tx, asked: Mapping[str, Any]) -> Message:
    """Build the announcement an outbox row asks for."""
    return services.notice(tx, asked["kind"], at=datetime.fromisoformat(asked["at"]), **asked["facts"])
