"""Slack is away and a `danger` step cannot wait: its statement is printed for a DBA to run (design, section 7, *Shell*).

Nothing is run here. The statement is pinned to what the plan saw and guarded by it, so that it does nothing later on
where the world has moved; that it was handed over is a run of its own state, and stands in the record.
"""

import hashlib

from bot.domain.actor import Actor, Role, Surface
from bot.domain.messages import Message, PlanCard
from bot.errors import InvalidCommand, NotAllowed
from bot.operations import authority, plan_cards
from bot.operations.declared import changing_step
from bot.operations.plans import refuse, why_not
from bot.operations.services import Services
from bot.store import audit, plans, runs
from bot.store.db import Tx
from bot.store.plans import Plan


def hand_over(services: Services, plan_id: str, actor: Actor) -> Message:
    """Use up a plan that waits for a second person, and return its card; `statement` is what a DBA may run.

    Raises:
        NotAllowed: the actor is not at a shell, where the database's credential is the authority.
        InvalidCommand: the plan is no such step, or needs nobody any more.
    """
    if actor.surface is not Surface.CLI:
        raise NotAllowed("a statement is handed over in a shell only", hint=f"dragonfly apply {plan_id} --hand-over")
    authority.require(services, actor, Role.OPERATOR, f"hand over {plan_id}")
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return services.notice(tx, "not-found", plan=plan_id)
        refused = _why_refused(services, tx, plan, actor)
        if refused:
            return refuse(services, tx, plan, actor, refused)
        _record(services, tx, plan, actor)
    with services.db.read() as tx:
        return plan_cards.build(services, tx, plan_id)


def statement(card: PlanCard) -> str:
    """Return what a DBA may run in our place."""
    return str(card.facts.get("hand_over") or card.facts["statement"]).rstrip()


def _why_refused(services: Services, tx: Tx, plan: Plan, actor: Actor) -> str:
    """Return the kind of notice that answers, or empty for a plan that waits for a second person."""
    _step, kind = changing_step(services, plan.step, plan.params)
    refused = why_not(services, tx, plan, actor)
    if refused not in ("", "wrong-typed", "needs-second"):
        return refused
    if refused != "needs-second" or not kind.dba:
        why = "has been approved" if plan.approval == "approved" else "is nothing that only a DBA may run"
        raise InvalidCommand(f"plan {plan.id} {why}; nothing was handed over", hint=f"dragonfly apply {plan.id}")
    return ""


def _record(services: Services, tx: Tx, plan: Plan, actor: Actor) -> None:
    plans.use_up_waiting(tx, plan.id, actor=actor.key)
    values = {"id": plan.id, "step": plan.step, "resource": plan.preview["resource"]}
    runs.insert_handed_over(tx, **values, actor=actor.key, surface=actor.surface.value)
    plan_cards.announce_edit(tx, plan)
    plan_cards.announce_from_shell(tx, plan, services.config.alert_channel)
    text = str(plan.preview.get("hand_over") or plan.preview["statement"])
    digest = hashlib.sha256(text.encode()).hexdigest()
    n = audit.append(tx, "step.handed_over", actor=actor.key, statement_digest=digest, **plan.facts)
    runs.set_record(tx, plan.id, n)
