"""From a request to a confirmed run: preview, seal, approval, confirm, and the ends without effect (§8, §10).

A plan is made in a read-only snapshot and stored with every target it was shown for. Confirm uses it up in one statement,
together with the run's intent, the record and the card's edit. Nothing here carries anything out: `runs` does.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.domain.actor import Actor, Role
from bot.domain.ids import decode
from bot.domain.messages import Message, Notice, PlanCard
from bot.domain.params import checked
from bot.domain.plan import Facts, Press, secret_hash, why_refused
from bot.domain.runbook import Step
from bot.errors import ConflictError, InvalidCommand
from bot.operations import authority, changes, plan_cards
from bot.operations.declared import UNDO_STEP, changing_step
from bot.operations.issuing import Order, Place, issue
from bot.operations.kinds.base import Kind, Preview
from bot.operations.kinds.undo import cannot_undo
from bot.operations.services import Services
from bot.store import audit, plans, runs
from bot.store.db import Tx
from bot.store.migrate import require_current
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
    authority.require(services, actor, Role.OPERATOR, step.title.lower())
    seen = kind.outside(services, values)
    with services.db.read(snapshot=True) as tx:
        _require_changes(services, tx)
        catalog = services.catalog.get(tx, fresh=True)
        found = cannot_undo(services, tx, step, values) or kind.preview(services, tx, step, catalog, values, **seen)
    if not isinstance(found, Preview):
        return found
    order = Order(
        step=step, kind=kind, found=found, actor=actor, place=place, alert_id=alert_id, database=catalog.identity
    )
    with services.db.write() as tx:
        plan_id = issue(services, tx, order)
        return plan_cards.build(services, tx, plan_id)


def _require_changes(services: Services, tx: Tx) -> None:
    """Return when our tables are of this program and environment, and changes are on."""
    require_current(tx, services.config.env)
    changes.require_on(services, tx)


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
        _require_changes(services, tx)
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return services.notice(tx, "not-found", plan=plan_id)
        step, kind = changing_step(services, plan.step, plan.params)
        press = _press(plan, actor, secret, typed, tx.now)
        refused = why_refused(confirmable(services, tx, plan, step, kind), press)
        holder = None if refused else runs.active(tx, plan.preview["resource"])
        if refused == "wrong-too-often":
            _revoke(tx, plan)
        if refused or holder:
            return refuse(services, tx, plan, actor, refused or "someone-else", holder)
        _commit_to_run(services, tx, plan, step, kind, actor, press)
    services.crash_hook("K4")
    services.wake("runs")
    return card(services, plan_id)


def _revoke(tx: Tx, plan: Plan) -> None:
    """End a request for which something else was typed too often."""
    if plans.end(tx, plan.id, state="revoked", actor="dragonfly"):
        plan_cards.announce_edit(tx, plan)
        audit.append(tx, "approval.ended", actor="dragonfly", plan=plan.id, wrong_entries=plan.wrong_entries)


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
        wrong_entries=plan.wrong_entries,
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
        id=plan.id,
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
    plan_cards.announce_edit(tx, plan)
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
        "wrong_entries": plan.wrong_entries,
        "holder": holder.id if holder else "",
        "holder_actor": holder.actor if holder else "",
        "holder_step": holder.step if holder else "",
        "holder_since": holder.confirmed_at if holder else None,
        "card": plan_cards.build(services, tx, plan.id) if ran else None,
    }
    return services.notice(tx, kind, plan=plan.id, **facts)


def cancel(services: Services, plan_id: str, actor: Actor) -> Message:
    """End an issued plan without effect; its requester may, and any operator."""
    authority.require(services, actor, Role.OPERATOR, f"cancel {plan_id}")
    return end(services, plan_id, actor, state="revoked", event="confirmation.cancelled")


def end(services: Services, plan_id: str, actor: Actor, *, state: str, event: str, denied: bool = False) -> Message:
    """End an issued plan without effect, edit its card, and record who did it."""
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return services.notice(tx, "not-found", plan=plan_id)
        if denied and plan.requester == actor.key:
            return refuse(services, tx, plan, actor, "own-approval")
        if not plans.end(tx, plan_id, state=state, actor=actor.key, denied=denied):
            return refuse(services, tx, plan, actor, how_it_ended(plan))
        plan_cards.announce_edit(tx, plan)
        audit.append(tx, event, actor=actor.key, plan=plan.id, step=plan.step)
    return card(services, plan_id)


def how_it_ended(plan: Plan) -> str:
    """Return the notice for a press on a plan that has ended."""
    return {"consumed": "already-done", "expired": "expired", "superseded": "replaced"}.get(plan.state, "ended")


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
        InvalidCommand: there is no such run.
    """
    with services.db.read() as tx:
        run = runs.find(tx, run_id.upper())
    if run is None:
        raise InvalidCommand(f"no run {run_id[:8]!r}", hint="dragonfly audit list")
    return {"run": run.id, "step": run.step}


def is_card(message: Message) -> bool:
    """Say whether an answer is a plan's card, which the outbox delivers."""
    return isinstance(message, PlanCard)
