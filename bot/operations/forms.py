"""Forms that a press opens: what is asked, of whom, and what the form keeps for its submission."""

from collections.abc import Mapping

from bot.domain.actor import Actor, Role
from bot.domain.ids import encode_request
from bot.domain.messages import AskForm, CannotPlan, Field, Message, PlanForm, SettleForm, TypedForm
from bot.domain.params import LEAST, MOST, Param
from bot.domain.runbook import Step
from bot.errors import BotError
from bot.operations import authority
from bot.operations.declared import changing_step, stored_step
from bot.operations.kinds.base import Preview
from bot.operations.plan_cards import card_of
from bot.operations.plans import refuse, refuse_undecided, unknown, why_not
from bot.operations.services import Services
from bot.store import plans
from bot.store.db import Tx
from bot.store.plans import Plan


def lacks(step: Step | None, params: Mapping[str, str]) -> bool:
    """Say whether a step cannot be planned before somebody has written more than a button carries."""
    return step is not None and any(item.required and item.name not in params for item in step.typed)


def plan_form(
    services: Services, step_id: str, params: Mapping[str, str], actor: Actor, place: Mapping[str, str]
) -> Message:
    """Return the form in which an operator writes what a step needs; submitted, it makes the plan.

    Args:
        params: what the button carries; the form begins with it.
        place: alert, channel and thread of the card on which it stood, for the plan's card.
    """
    step, _kind = changing_step(services, step_id)
    authority.require(services, actor, Role.OPERATOR, step.title.lower())
    return PlanForm(
        env=services.config.env,
        as_of=services.clock.now(),
        step=step.id,
        title=step.title,
        why=step.why,
        fields=tuple(_field(item, params.get(item.name, "")) for item in step.typed if item.required),
        place=encode_request(step.id, place),
    )


def _field(param: Param, value: str) -> Field:
    text = param.type == "text"
    return Field(
        name=param.name,
        least=LEAST if text else 1,
        most=MOST if text else 100,
        lines=text,
        choices=param.choices,
        value=value,
        example=param.example,
    )


def ask_form(services: Services, plan_id: str, actor: Actor) -> Message:
    """Return the form in which the requester says why a second person is needed."""
    authority.require(services, actor, Role.OPERATOR, f"ask for {plan_id}")
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id)
        if plan is None:
            return unknown(services, tx, plan_id, actor)
        refused = why_not(services, tx, plan, actor)
        if plan.approval != "needed":
            return refuse_undecided(services, tx, plan, actor)
        if refused != "needs-second":
            return refuse(services, tx, plan, actor, refused)
        return AskForm(env=services.config.env, as_of=tx.now, card=card_of(services, tx, plan))


def _still_so(services: Services, tx: Tx, plan: Plan) -> tuple[bool | None, str]:
    """Say whether the session or record of a plan is as it was, and, where that is not told, why it cannot be planned now.

    What could not be planned anew may be run all the same: a run compares what was pinned, and nothing else.
    """
    step, kind = stored_step(services, plan.step, plan.params)
    if not kind.dba:
        return None, ""
    try:
        with tx.looking():
            found = kind.preview(services, tx, step, services.catalog.get(tx), plan.params)
    except BotError:
        return None, ""
    if isinstance(found, Preview):
        return found.digest(plan.step, plan.database) == plan.digest, ""
    return None, found.reasons[0] if isinstance(found, CannotPlan) else ""


def typed_form(services: Services, plan_id: str, actor: Actor, secret: str) -> Message:
    """Return the form in which the requester types the target of an approved plan."""
    authority.require(services, actor, Role.OPERATOR, f"run {plan_id}")
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id)
        if plan is None:
            return unknown(services, tx, plan_id, actor)
        refused = why_not(services, tx, plan, actor, secret=secret)
        if refused != "wrong-typed":
            return refuse(services, tx, plan, actor, refused or "old-card")
        still, now = _still_so(services, tx, plan)
        return TypedForm(env=services.config.env, as_of=tx.now, card=card_of(services, tx, plan), still=still, now=now)


def settle_form(services: Services, run_id: str, *, yes: bool) -> Message:
    """Return the form in which somebody says what they saw of a call without an answer."""
    with services.db.read() as tx:
        plan = plans.find(tx, run_id)
        if plan is None:
            return services.notice(tx, "not-found", plan=run_id)
        return SettleForm(env=services.config.env, as_of=tx.now, card=card_of(services, tx, plan), happened=yes)
