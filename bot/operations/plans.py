"""From a request to a confirmed run: preview, seal, approval, confirm, and the ends without effect (§8, §10).

A plan is made in a read-only snapshot and stored with every target it was shown for. Confirm uses it up in one statement,
together with the run's intent, the record and the card's edit. Nothing here carries anything out: `runs` does.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.domain.actor import Actor, Risk, Role, Surface
from bot.domain.audit import canonical
from bot.domain.ids import decode, new_plan_id
from bot.domain.messages import Message, Notice, PlanCard
from bot.domain.params import checked
from bot.domain.plan import Facts, Press, derive_secret, digest, secret_hash, why_refused
from bot.domain.runbook import Step
from bot.errors import ConflictError, InvalidCommand
from bot.operations import authority, plan_cards
from bot.operations.declared import UNDO_STEP, changing_step
from bot.operations.kinds.base import Kind, Preview
from bot.operations.kinds.undo import cannot_undo
from bot.operations.services import Services
from bot.store import audit, plans, runs
from bot.store.db import Tx
from bot.store.migrate import require_current
from bot.store.plans import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a plan's card goes: a channel, or the thread in which it was asked for."""

    channel: str = ""
    thread_ts: str = ""


def make(
    services: Services,
    step_id: str,
    params: Mapping[str, str],
    actor: Actor,
    place: Place,
    alert_id: int | None = None,
) -> Message:
    """Look, store what was seen as a plan, and queue its card; nothing of the target is touched.

    Returns:
        The plan's card, or why there is nothing to plan (`NothingStuck`, `CannotPlan`).

    Raises:
        InvalidCommand: no such step, or parameters it does not take.
        NotAllowed: the actor is no operator.
    """
    params = undo_params(services, params.get("run", "")) if step_id == UNDO_STEP else params
    step, kind = changing_step(services, step_id, params)
    values = checked(step_id, step.params, params)
    authority.require(services, actor, Role.OPERATOR, step.title.lower())
    seen = kind.outside(services, values)
    with services.db.read(snapshot=True) as tx:
        require_current(tx, services.config.env)
        catalog = services.catalog.get(tx, fresh=True)
        found = cannot_undo(services, tx, step, values) or kind.preview(services, tx, step, catalog, values, **seen)
    if not isinstance(found, Preview):
        return found
    if (step.risk is Risk.DANGER or step.approval) and not found.approval_why:
        found = replace(found, approval_why=f"{step.id} always needs one")
    if found.approval_why and _is_shell(actor):
        place = Place(channel=services.config.alert_channel)
    order = _Order(
        step=step, kind=kind, found=found, actor=actor, place=place, alert_id=alert_id, database=catalog.identity
    )
    with services.db.write() as tx:
        plan_id = _store(services, tx, order)
        card = plan_cards.build(services, tx, plan_id)
    services.wake("delivery")
    return card


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
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
        sealed = dict(self.found.sealed)
        return digest({"step": self.step.id, "params": self.found.params, "facts": sealed, "database": self.database})

    @property
    def resource(self) -> str:
        """Return what at most one unfinished run may hold."""
        return self.found.resource or self.step.resource or self.step.id


def _store(services: Services, tx: Tx, order: _Order) -> str:
    """Store a plan in the place of the requester's earlier one, queue its card, and return its id."""
    plan_id = _free_id(tx)
    key = order.actor.key
    for old in plans.supersede(tx, step=order.step.id, params_digest=order.params_digest, requester=key, by=plan_id):
        plan_cards.announce_edit(tx, old.id, old.channel)
        audit.append(tx, "confirmation.superseded", actor=key, plan=old.id, by=plan_id)
    plans.insert(tx, **_row(services, tx, order, plan_id))
    plans.insert_targets(tx, plan_id, order.found.targets)
    plan_cards.announce(tx, plan_id, order.place.channel, order.place.thread_ts, order.alert_id)
    audit.append(
        tx,
        "preview.made",
        actor=key,
        plan=plan_id,
        step=order.step.id,
        params=dict(order.found.params),
        preview_digest=order.digest,
        target_count=len(order.found.targets),
        acting=order.found.acting,
        alert=order.alert_id,
        channel=order.place.channel or None,
    )
    return plan_id


def _is_shell(actor: Actor) -> bool:
    return actor.surface is Surface.CLI


def _approval(actor: Actor, *, needed: bool) -> str:
    """Return where a plan's approval begins: a shell asks at once, because nobody there can press a button."""
    return "none" if not needed else "asked" if _is_shell(actor) else "needed"


def _free_id(tx: Tx) -> str:
    """Return an id that no plan has had: four characters are few enough to be said aloud, and to meet again."""
    plan_id = new_plan_id()
    while plans.find(tx, plan_id) is not None:
        plan_id = new_plan_id()
    return plan_id


def _row(services: Services, tx: Tx, order: _Order, plan_id: str) -> dict[str, object]:
    """Return a plan's row; a plan that needs a second person has no secret until they agree."""
    found, timing = order.found, services.config.timing
    nonce, waits = secrets.token_hex(8), bool(found.approval_why)
    return {
        "id": plan_id,
        "step": order.step.id,
        "step_rev": order.step.rev(order.kind.settings(services)),
        "params": dict(found.params),
        "params_digest": order.params_digest,
        "requester": order.actor.key,
        "requester_name": order.actor.name,
        "surface": order.actor.surface.value,
        "channel": order.place.channel,
        "thread_ts": order.place.thread_ts,
        "alert_id": order.alert_id,
        "secret_hash": None if waits else hash_for(services, plan_id, nonce),
        "nonce": nonce,
        "preview": {
            **found.facts,
            "acting": found.acting,
            "resource": order.resource,
            "typed": found.typed or str(found.acting),
        },
        "digest": order.digest,
        "target_count": len(found.targets),
        "database": order.database,
        "expires_at": tx.now + (timing.approval_life if waits else timing.plan_life),
        "approval": _approval(order.actor, needed=waits),
        "ask_reason": "made in a shell" if waits and _is_shell(order.actor) else "",
        "approval_why": found.approval_why,
    }


def hash_for(services: Services, plan_id: str, nonce: str) -> bytes | None:
    """Return the hash of a plan's secret, or None where no button can be drawn (a shell)."""
    if not services.plan_key:
        return None
    return secret_hash(derive_secret(services.plan_key, plan_id, nonce))


def card(services: Services, plan_id: str) -> Message:
    """Return a plan's card as it stands now, or a notice that there is no such plan."""
    with services.db.read() as tx:
        return plan_cards.build(services, tx, plan_id)


def details(services: Services, plan_id: str) -> Message:
    """Return every target of a plan, the statement and the strategy."""
    with services.db.read() as tx:
        return plan_cards.details(services, tx, plan_id)


def confirm(services: Services, plan_id: str, actor: Actor, *, secret: str | None, typed: str | None = None) -> Message:
    """Use a plan up and commit to its run, in one transaction; then wake the loop that carries it out.

    Args:
        secret: the button's value (`v1.<plan>.<secret>`); None from a shell.
        typed: what the requester typed, where the target must be typed.

    Returns:
        The plan's card, or the notice that says why nothing was done.

    Raises:
        NotAllowed: the actor is no operator.
    """
    authority.require(services, actor, Role.OPERATOR, f"confirm {plan_id}")
    with services.db.write() as tx:
        require_current(tx, services.config.env)
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return notice(services, tx, "not-found", plan=plan_id)
        step, kind = changing_step(services, plan.step, plan.params)
        press = _press(plan, actor, secret, typed, tx.now)
        refused = why_refused(confirmable(services, tx, plan, step, kind), press)
        holder = None if refused else runs.active(tx, plan.preview["resource"])
        if refused or holder:
            return refuse(services, tx, plan, actor, refused or "someone-else", holder)
        _commit_to_run(services, tx, plan, step, kind, actor, press)
    services.crash_hook("K4")
    services.wake("runs")
    services.wake("delivery")
    return card(services, plan_id)


def _press(plan: Plan, actor: Actor, secret: str | None, typed: str | None, now: datetime) -> Press:
    value = decode(secret) if secret else None
    matches = (
        value is not None
        and plan.secret_hash is not None
        and secrets.compare_digest(secret_hash(value.secret), plan.secret_hash)
    )
    return Press(actor=actor.key, from_shell=secret is None, secret_matches=matches, typed=typed, now=now)


def confirmable(services: Services, tx: Tx, plan: Plan, step: Step, kind: Kind) -> Facts:
    """Return what decides whether a plan may be carried out now."""
    return Facts(
        state=plan.state,
        requester=plan.requester,
        ended_by=plan.ended_by,
        expires_at=plan.expires_at,
        approval=plan.approval,
        typed_target=typed_target(plan),
        step_is_same=plan.step_rev == step.rev(kind.settings(services)),
        database_is_same=plan.database == services.catalog.get(tx).identity,
    )


def typed_target(plan: Plan) -> str:
    """Return what the requester must type for a plan that needs a second person: the thing, or how many."""
    return str(plan.preview["typed"])


def _commit_to_run(services: Services, tx: Tx, plan: Plan, step: Step, kind: Kind, actor: Actor, press: Press) -> None:
    hashed = None if press.from_shell else plan.secret_hash
    database = services.catalog.get(tx).identity
    used = plans.consume(tx, plan, actor=actor.key, secret_hash=hashed, step_rev=plan.step_rev, database=database)
    later = kind.not_before(services, plans.targets(tx, plan.id), plan.created_at)
    committed = used and runs.insert(
        tx,
        run_id=plan.id,
        step=step.id,
        resource=plan.preview["resource"],
        actor=actor.key,
        approver=plan.decided_by if plan.approval == "approved" else None,
        surface=actor.surface.value,
        not_before=max(later, tx.now) if later else tx.now,
    )
    if not committed:
        message = f"plan {plan.id} was used or another run began in the same moment; nothing was done"
        raise ConflictError(message, hint=f"dragonfly plan show {plan.id}")
    plan_cards.announce_edit(tx, plan.id, plan.channel)
    if press.from_shell:
        plan_cards.announce_from_shell(tx, plan, services.config.alert_channel)
    audit.append(
        tx,
        "confirmation.consumed",
        actor=actor.key,
        plan=plan.id,
        step=step.id,
        preview_digest=plan.digest,
        target_count=plan.target_count,
        approver=plan.decided_by,
        surface=actor.surface.value,
    )


def refuse(
    services: Services, tx: Tx, plan: Plan, actor: Actor, kind: str, holder: runs.Holder | None = None
) -> Notice:
    """Record a refused press and return the notice that answers it (cards, 0.8)."""
    ran = runs.find(tx, plan.id)
    kind = "handed-over" if ran and ran.state == "handed_over" else kind
    audit.append_refusal(tx, "confirmation.refused", actor=actor.key, reason=kind, plan=plan.id)
    facts: dict[str, Any] = {
        "requester": plan.requester,
        "ended_at": plan.expires_at if kind == "expired" else plan.ended_at,
        "ended_by": plan.ended_by,
        "superseded_by": plan.superseded_by,
        "command": f"/dragonfly {plan.step}",
        "target": typed_target(plan),
        "approval_why": plan.approval_why,
        "holder": holder.id if holder else "",
        "holder_actor": holder.actor if holder else "",
        "holder_step": holder.step if holder else "",
        "holder_since": holder.confirmed_at if holder else None,
        "card": plan_cards.build(services, tx, plan.id) if ran else None,
    }
    return notice(services, tx, kind, plan=plan.id, **facts)


def notice(services: Services, tx: Tx, kind: str, **facts: object) -> Notice:
    """Return a short answer for one person."""
    return Notice(env=services.config.env, as_of=tx.now, kind=kind, facts=facts)


def cancel(services: Services, plan_id: str, actor: Actor) -> Message:
    """End an issued plan without effect; its requester may, and any operator."""
    authority.require(services, actor, Role.OPERATOR, f"cancel {plan_id}")
    return end(services, plan_id, actor, state="revoked", event="confirmation.cancelled")


def end(services: Services, plan_id: str, actor: Actor, *, state: str, event: str, denied: bool = False) -> Message:
    """End an issued plan without effect, edit its card, and record who did it."""
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return notice(services, tx, "not-found", plan=plan_id)
        if denied and plan.requester == actor.key:
            return refuse(services, tx, plan, actor, "own-approval")
        if not plans.end(tx, plan_id, state=state, actor=actor.key, denied=denied):
            return refuse(services, tx, plan, actor, how_it_ended(plan))
        plan_cards.announce_edit(tx, plan.id, plan.channel)
        audit.append(tx, event, actor=actor.key, plan=plan.id, step=plan.step)
    services.wake("delivery")
    return card(services, plan_id)


def how_it_ended(plan: Plan) -> str:
    """Return the notice for a press on a plan that has ended."""
    return {"consumed": "already-done", "expired": "expired", "superseded": "replaced"}.get(plan.state, "ended")


def expire(services: Services) -> int:
    """End every plan whose time is over, edit its card, and return how many there were."""
    with services.db.write() as tx:
        ended = plans.expire_due(tx)
        for plan in ended:
            plan_cards.announce_edit(tx, plan.id, plan.channel)
        for plan in ended:
            audit.append(tx, "confirmation.expired", actor="dragonfly", plan=plan.id, requester=plan.requester)
    if ended:
        services.wake("delivery")
    return len(ended)


def request_of(services: Services, plan_id: str) -> tuple[str, Mapping[str, str], int | None] | None:
    """Return the step, parameters and alert of an earlier plan, or None."""
    with services.db.read() as tx:
        plan = plans.find(tx, plan_id)
    return (plan.step, plan.params, plan.alert_id) if plan else None


def undo_params(services: Services, run_id: str) -> dict[str, str]:
    """Return the parameters of an undo: the run, and the step it was of.

    Raises:
        InvalidCommand: there is no such run.
    """
    with services.db.read() as tx:
        run = runs.find(tx, run_id.upper())
    if run is None:
        message = f"no run {run_id[:8]!r}"
        raise InvalidCommand(message, hint="dragonfly audit list")
    return {"run": run.id, "step": run.step}


def is_card(message: Message) -> bool:
    """Say whether an answer is a plan's card, which the outbox delivers."""
    return isinstance(message, PlanCard)
