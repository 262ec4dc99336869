"""From a request to a confirmed run: preview, seal, approval, confirm, and the ends without effect (§8, §10).

A plan is made in a read-only snapshot and stored with every target it was shown for. Confirm uses it up in one statement,
together with the run's intent, the record and the card's edit. Nothing here carries anything out: `runs` does.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.domain.actor import Actor, Role, Surface
from bot.domain.ids import decode
from bot.domain.messages import Link, Message, Notice, PlanCard
from bot.domain.params import checked
from bot.domain.plan import Facts, Press, why_refused, why_undecided
from bot.errors import ConflictError, NotKnown, StatementRefused
from bot.operations import authority, changes, plan_cards
from bot.operations.declared import UNDO_STEP, changing_step
from bot.operations.issuing import Order, Place, hash_for, issue
from bot.operations.kinds.base import Preview
from bot.operations.kinds.undo import cannot_undo
from bot.operations.services import Services
from bot.store import audit, outbox, plans, reviews, runs
from bot.store.db import Tx
from bot.store.plans import Plan


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
        NotAllowed, ChangesOff: the actor is no operator; nobody may change anything now.
    """
    params = undo_params(services, params.get("run", "")) if step_id == UNDO_STEP else params
    step, kind = changing_step(services, step_id, params)
    values = checked(step_id, step.params, params)
    authority.require(services, replace(actor, channel=place.channel), Role.OPERATOR, step.title.lower())
    seen = kind.outside(services, values)
    with services.db.read(snapshot=True) as tx:
        changes.require_on(services, tx)
        catalog = services.catalog.get(tx, fresh=True)
        found = cannot_undo(services, tx, step, values) or kind.preview(services, tx, step, catalog, values, **seen)
    if not isinstance(found, Preview):
        return found
    order = Order(
        step=step, kind=kind, found=found, actor=actor, place=place, alert_id=alert_id, database=catalog.identity
    )
    return _issue(services, order)


def _issue(services: Services, order: Order, tries: int = 5) -> Message:
    """Store a plan; of several for the same in the same moment each replaces the one before."""
    try:
        with services.db.write() as tx:
            return plan_cards.build(services, tx, issue(services, tx, order))
    except StatementRefused as error:
        if error.constraint != "chatops_plan_issued" or not tries:
            raise
    return _issue(services, order, tries - 1)


def card(services: Services, plan_id: str) -> Message:
    """Return a plan's card as it stands now, or a notice that there is no such plan."""
    with services.db.read() as tx:
        return plan_cards.build(services, tx, plan_id)


def take_up(services: Services, plan_id: str, actor: Actor, place: Place) -> Message | None:
    """Post the card of a plan that was made in a shell, for any operator to confirm as their own act (*Shell*).

    Returns:
        The card of a plan that has one elsewhere, or has ended; None: it was posted.
    """
    authority.require(services, actor, Role.OPERATOR, f"take up {plan_id}")
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id.upper(), lock=True)
        if plan is None:
            return unknown(services, tx, plan_id.upper(), actor)
        if plan.channel or plan.state != "issued" or plan.expires_at <= tx.now:
            return plan_cards.card_of(services, tx, plan)
        nonce = secrets.token_hex(8)
        plans.set_card(tx, plan.id, place.channel, nonce=nonce, secret_hash=hash_for(services, plan.id, nonce))
        plan_cards.announce(tx, plan.id, place.channel, place.thread_ts, None)
        audit.append(tx, "preview.taken_up", actor=actor.key, plan=plan.id, preview_digest=plan.digest)
    return None


def refresh(services: Services, plan_id: str) -> Message:
    """Edit a plan's card: what has moved on since is counted anew."""
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id)
        if plan is None:
            return services.notice(tx, "not-found", plan=plan_id[:8])
        plan_cards.announce_edit(tx, plan)
    return card(services, plan_id)


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
    services.crash_hook("K3")
    with services.db.write() as tx:
        changes.require_on(services, tx)
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return unknown(services, tx, plan_id, actor)
        refused = why_not(services, tx, plan, actor, secret=secret, typed=typed)
        if refused == "wrong-too-often":
            revoke(tx, plan)
        if refused:
            return refuse(services, tx, plan, actor, refused)
        _step, kind = changing_step(services, plan.step, plan.params)
        later = kind.not_before(services, plans.targets(tx, plan.id), plan.created_at)
        if not start_run(tx, plan, actor, max(later, tx.now) if later else tx.now):
            return refuse(services, tx, plan, actor, "someone-else", runs.active(tx, plan.preview["resource"]))
        _use_up(services, tx, plan, actor)
        confirmed = plan_cards.build(services, tx, plan_id)
    services.crash_hook("K4")
    services.wake("runs")
    return confirmed


def revoke(tx: Tx, plan: Plan) -> None:
    """End a request for which something else was typed too often."""
    if plans.end(tx, plan.id, state="revoked", actor="dragonfly"):
        plan_cards.announce_edit(tx, plan)
        audit.append(tx, "approval.ended", actor="dragonfly", plan=plan.id, wrong_entries=plan.wrong_entries)


def why_not(
    services: Services, tx: Tx, plan: Plan, actor: Actor, *, secret: str | None = None, typed: str | None = None
) -> str:
    """Return the kind of notice that answers a press on a plan, or an empty string: it may be carried out now."""
    step, kind = changing_step(services, plan.step, plan.params)
    value, card = decode(secret or ""), outbox.whereabouts(tx, outbox.live_key("plan", plan.id))
    press = Press(
        actor=actor.key,
        channel=actor.channel,
        message=actor.message,
        from_shell=actor.surface is Surface.CLI,
        secret_matches=bool(value and plan.secret_hash and secrets.compare_digest(value.hash, plan.secret_hash)),
        approved_it=services.config.people.are_same(plan.decided_by or "", actor.key),
        typed=typed,
        now=tx.now,
    )
    facts = Facts(
        state=plan.state,
        requester=plan.requester,
        ended_by=plan.ended_by,
        expires_at=plan.expires_at,
        approval=plan.approval,
        channel=card.channel if card else plan.channel,
        message=card.ts if card else "",
        typed_target=str(plan.preview["typed"]),
        step_is_same=plan.step_rev == step.rev(kind.settings(services)),
        database_is_same=plan.database == services.catalog.get(tx).identity,
        wrong_entries=plan.wrong_entries,
    )
    return why_refused(facts, press)


def start_run(tx: Tx, plan: Plan, actor: Actor, not_before: datetime) -> bool:
    """Commit to a plan's run before its effect; False = another run holds its resource, and nothing was written."""
    return runs.insert(
        tx,
        id=plan.id,
        step=plan.step,
        resource=plan.preview["resource"],
        actor=actor.key,
        approver=plan.decided_by if plan.approval == "approved" else None,
        surface=actor.surface.value,
        not_before=not_before,
    )


def _use_up(services: Services, tx: Tx, plan: Plan, actor: Actor) -> None:
    from_shell = actor.surface is Surface.CLI
    hashed = None if from_shell else plan.secret_hash
    database = services.catalog.get(tx).identity
    if not plans.consume(tx, plan, actor=actor.key, secret_hash=hashed, step_rev=plan.step_rev, database=database):
        message = f"plan {plan.id} cannot be used any more; nothing was done"
        raise ConflictError(message, hint=f"dragonfly plan show {plan.id}")
    plan_cards.announce_edit(tx, plan)
    if from_shell:
        plan_cards.announce_from_shell(tx, plan, services.config.alert_channel)
    record_used(tx, plan, actor)


def record_used(tx: Tx, plan: Plan, actor: Actor, **facts: object) -> None:
    """Append to the record that a plan was used up: what was previewed, by whom, and under whose approval."""
    used = {**plan.facts, **facts}
    audit.append(tx, "confirmation.consumed", actor=actor.key, surface=actor.surface.value, **used)


def refuse(
    services: Services, tx: Tx, plan: Plan, actor: Actor, kind: str, holder: runs.Holder | None = None
) -> Notice:
    """Record a refused press and return the notice that answers it (cards, 0.8)."""
    ran = runs.find(tx, plan.id)
    if ran and ran.state == "handed_over":
        kind = "handed-over"
    elif ran and ran.state == "confirmed" and reviews.find(tx, plan.id):
        kind = "runs-alone"
    audit.append_refusal(tx, "confirmation.refused", actor=actor.key, reason=kind, **plan.facts)
    facts: dict[str, Any] = {
        "requester": plan.requester,
        "ended_at": plan.expires_at if kind == "expired" else plan.ended_at,
        "ended_by": plan.ended_by,
        "decided_by": plan.decided_by,
        "decided_at": plan.decided_at,
        "superseded_by": plan.superseded_by,
        "command": f"/dragonfly {plan.step}",
        "target": plan.preview["typed"],
        "approval_why": plan.approval_why,
        "wrong_entries": plan.wrong_entries,
        "holder": holder.id if holder else "",
        "holder_actor": holder.actor if holder else "",
        "holder_step": holder.step if holder else "",
        "holder_since": holder.confirmed_at if holder else None,
        "card": plan_cards.build(services, tx, plan.id) if ran else None,
    }
    meant = {"replaced": plan.superseded_by, "someone-else": facts["holder"], "old-card": plan.id}.get(kind)
    facts["open_plan"] = Link(key=meant, url=services.link(tx, "plan", meant)) if meant else None
    return services.notice(tx, kind, plan=plan.id, **facts)


def refuse_undecided(services: Services, tx: Tx, plan: Plan, actor: Actor) -> Notice:
    """Refuse a request, a decision or a cancel that a plan does not take, or does not take any more."""
    return refuse(services, tx, plan, actor, why_undecided(plan.state, plan.approval, plan.expires_at, tx.now))


def unknown(services: Services, tx: Tx, plan_id: str, actor: Actor) -> Notice:
    """Record a press about a plan that is not in this database, and return the notice that answers it."""
    audit.append_refusal(tx, "confirmation.refused", actor=actor.key, reason="not-found", plan=plan_id[:8])
    return services.notice(tx, "not-found", plan=plan_id[:8])


def cancel(services: Services, plan_id: str, actor: Actor) -> Message:
    """End an issued plan without effect; its requester may, and any operator."""
    authority.require(services, actor, Role.OPERATOR, f"cancel {plan_id}")
    return end(services, plan_id, actor, state="revoked", event="confirmation.cancelled")


def end(services: Services, plan_id: str, actor: Actor, *, state: str, event: str, denied: bool = False) -> Message:
    """End an issued plan without effect, edit its card, and record who did it."""
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return unknown(services, tx, plan_id, actor)
        if denied and services.config.people.are_same(plan.requester, actor.key):
            return refuse(services, tx, plan, actor, "own-approval")
        if not plans.end(tx, plan_id, state=state, actor=actor.key, denied=denied):
            return refuse_undecided(services, tx, plan, actor)
        plan_cards.announce_edit(tx, plan)
        audit.append(tx, event, actor=actor.key, **plan.facts)
    return card(services, plan_id)


def expire(services: Services) -> int:
    """End every plan whose time is over, edit its card, and return how many there were."""
    with services.db.write() as tx:
        ended = plans.expire_due(tx)
        for plan in ended:
            plan_cards.announce_edit(tx, plan)
        for plan in ended:
            audit.append(tx, "confirmation.expired", actor="dragonfly", plan=plan.id, requester=plan.requester)
    return len(ended)


def request_of(services: Services, plan_id: str) -> tuple[str, Mapping[str, str], int | None] | None:
    """Return the step, parameters and alert of an earlier plan, or None."""
    with services.db.read() as tx:
        plan = plans.find(tx, plan_id)
    return (plan.step, plan.params, plan.alert_id) if plan else None


def undo_params(services: Services, run_id: str) -> dict[str, str]:
    """Return the parameters of an undo: the run, and the step it was of.

    Raises:
        NotKnown: there is no such run.
    """
    with services.db.read() as tx:
        run = runs.find(tx, run_id.upper())
    if run is None:
        raise NotKnown(f"no run {run_id[:8]!r}", hint="dragonfly audit list")
    return {"run": run.id, "step": run.step}


def is_card(message: Message) -> bool:
    """Say whether an answer is a plan's card, which the outbox delivers."""
    return isinstance(message, PlanCard)
