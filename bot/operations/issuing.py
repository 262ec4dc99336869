"""Issue a plan: store what was seen with every target, end the requester's earlier one, queue its card (§8)."""

import hashlib
import secrets
from dataclasses import dataclass

from bot.domain.actor import Actor, Risk, Surface
from bot.domain.audit import canonical
from bot.domain.ids import new_plan_id
from bot.domain.plan import derive_secret, secret_hash
from bot.domain.runbook import Step
from bot.operations import plan_cards
from bot.operations.kinds.base import Kind, Preview
from bot.operations.services import Services
from bot.store import audit, plans
from bot.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a plan's card goes: a channel, or the thread in which it was asked for."""

    channel: str = ""
    thread_ts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who asked for what, where, and what was seen."""

    step: Step
    kind: Kind
    found: Preview
    actor: Actor
    place: Place
    alert_id: int | None
    database: str

    @property
    def params_digest(self) -> str:
        """Return the digest of the parameters: one issued plan per requester and parameters."""
        return hashlib.sha256(canonical(dict(self.found.params)).encode()).hexdigest()

    @property
    def digest(self) -> str:
        """Return the digest of all that was previewed."""
        return self.found.digest(self.step.id, self.database)

    @property
    def resource(self) -> str:
        """Return what at most one unfinished run may hold."""
        return self.found.resource or self.step.resource or self.step.id

    @property
    def from_shell(self) -> bool:
        """Say whether it was asked for in a shell, where nobody can press a button."""
        return self.actor.surface is Surface.CLI

    @property
    def approval_why(self) -> str:
        """Return why a second person is needed, or an empty string."""
        always = not self.found.milder and (self.step.risk is Risk.DANGER or self.step.approval)
        return self.found.approval_why or (f"{self.step.id} always needs one" if always else "")

    @property
    def approval(self) -> str:
        """Return where its approval begins: a shell asks at once."""
        return "none" if not self.approval_why else "asked" if self.from_shell else "needed"


def issue(services: Services, tx: Tx, order: Order) -> str:
    """Store a plan in the place of the requester's earlier one, queue its card, and return its id."""
    plan_id, key = _free_id(tx), order.actor.key
    asked = order.from_shell and order.approval_why
    place = Place(channel=services.config.alert_channel) if asked else order.place
    replaced = plans.supersede(tx, step=order.step.id, params_digest=order.params_digest, requester=key, by=plan_id)
    for old in replaced:
        plan_cards.announce_edit(tx, old)
        audit.append(tx, "confirmation.superseded", actor=key, plan=old.id, by=plan_id)
    plans.insert(tx, **_row(services, tx, order, plan_id, place, "".join(old.id for old in replaced)))
    plans.insert_targets(tx, plan_id, order.found.targets)
    plan_cards.announce(tx, plan_id, place.channel, place.thread_ts, order.alert_id)
    audit.append(
        tx,
        "preview.made",
        actor=key,
        plan=plan_id,
        step=order.step.id,
        step_rev=order.step.rev(order.kind.settings(services)),
        params=dict(order.found.params),
        preview_digest=order.digest,
        target_count=len(order.found.targets),
        acting=order.found.acting,
        alert=order.alert_id,
        channel=place.channel or None,
    )
    return plan_id


def _free_id(tx: Tx) -> str:
    """Return an id that no plan has had: four characters are few enough to be said aloud, and to meet again."""
    plan_id = new_plan_id()
    while plans.find(tx, plan_id) is not None:
        plan_id = new_plan_id()
    return plan_id


def _row(services: Services, tx: Tx, order: Order, plan_id: str, place: Place, replaces: str) -> dict[str, object]:
    """Return a plan's row; a plan that needs a second person has no secret until they agree."""
    found, timing = order.found, services.config.timing
    nonce, waits = secrets.token_hex(8), bool(order.approval_why)
    watched = order.kind.proof_for(services, found.facts)
    return {
        "id": plan_id,
        "step": order.step.id,
        "step_rev": order.step.rev(order.kind.settings(services)),
        "params": dict(found.params),
        "params_digest": order.params_digest,
        "requester": order.actor.key,
        "requester_name": order.actor.name,
        "surface": order.actor.surface.value,
        "channel": place.channel,
        "thread_ts": place.thread_ts,
        "alert_id": order.alert_id,
        "secret_hash": None if waits else hash_for(services, plan_id, nonce),
        "nonce": nonce,
        "preview": {
            **found.facts,
            "acting": found.acting,
            "resource": order.resource,
            "replaces": replaces,
            "typed": found.typed or str(found.acting),
            "watch_seconds": watched.total_seconds() if watched else None,
        },
        "digest": order.digest,
        "target_count": len(found.targets),
        "database": order.database,
        "expires_at": tx.now + (timing.approval_life if waits else timing.plan_life),
        "approval": order.approval,
        "ask_reason": "made in a shell" if waits and order.from_shell else "",
        "approval_why": order.approval_why,
    }


def hash_for(services: Services, plan_id: str, nonce: str) -> bytes | None:
    """Return the hash of a plan's secret, or None where no button can be drawn (a shell)."""
    if not services.plan_key:
        return None
    return secret_hash(derive_secret(services.plan_key, plan_id, nonce))
