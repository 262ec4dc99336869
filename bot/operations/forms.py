"""Forms that a press opens: what is asked, of whom, and what the form keeps for its submission."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.actor import Actor, Role
from bot.domain.ids import encode_request
from bot.domain.messages import AskForm, Field, Message, Notice, PlanCard, PlanForm, SettleForm, TypedForm
from bot.domain.params import LEAST, MOST, Param
from bot.domain.runbook import Step
from bot.operations import authority
from bot.operations.declared import changing_step
from bot.operations.plan_cards import card_of
from bot.operations.services import Services
from bot.store import plans
from bot.store.db import Tx


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
    with services.db.read() as tx:
        own = _own_card(services, tx, plan_id, actor, "needed")
        return AskForm(env=own.env, as_of=own.as_of, card=own) if isinstance(own, PlanCard) else own


def _own_card(services: Services, tx: Tx, plan_id: str, actor: Actor, approval: str) -> PlanCard | Notice:
    """Return the card of the actor's own plan, issued and with its approval so far, or why there is none."""
    plan = plans.find(tx, plan_id)
    if plan is None:
        return services.notice(tx, "not-found", plan=plan_id)
    whose = {"requester": plan.requester, "command": f"/dragonfly {plan.step}"}
    if plan.requester != actor.key:
        return services.notice(tx, "not-yours", plan=plan_id, **whose)
    if plan.state != "issued" or plan.approval != approval or plan.expires_at <= tx.now:
        return services.notice(tx, "expired", plan=plan_id, ended_at=plan.expires_at, **whose)
    return card_of(services, tx, plan)


def typed_form(services: Services, plan_id: str, actor: Actor, secret: str) -> Message:
    """Return the form in which the requester types the target of an approved plan."""
    authority.require(services, actor, Role.OPERATOR, f"run {plan_id}")
    with services.db.read() as tx:
        own = _own_card(services, tx, plan_id, actor, "approved")
        if not isinstance(own, PlanCard):
            return own
        return TypedForm(env=own.env, as_of=own.as_of, card=replace(own, secret=secret))


def settle_form(services: Services, run_id: str, *, yes: bool) -> Message:
    """Return the form in which somebody says what they saw of a call without an answer."""
    with services.db.read() as tx:
        plan = plans.find(tx, run_id)
        if plan is None:
            return services.notice(tx, "not-found", plan=run_id)
        return SettleForm(env=services.config.env, as_of=tx.now, card=card_of(services, tx, plan), happened=yes)
