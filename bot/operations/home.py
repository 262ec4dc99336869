"""App Home: what one person needs at a glance, and no button that they may not press (cards, section 11)."""

from dataclasses import replace
from typing import Any

from bot.domain.actor import Actor, Role
from bot.domain.messages import Home, LinkedPlan
from bot.domain.rotation import on_call
from bot.errors import DeliveryError, StoreError
from bot.operations import alerts as alert_operations
from bot.operations import authority, pausing, plan_cards, preflight
from bot.operations.services import Services
from bot.store import alerts, checks, pauses, plans, reviews
from bot.store.db import Tx
from bot.store.reviews import Review

_MOST = 5


def read(services: Services, actor: Actor) -> Home:
    """Return one person's Home; a database that cannot be reached is said, and what it holds is not known."""
    role = _role(services, actor)
    try:
        with services.db.read() as tx:
            known = _known(services, tx, actor, role) if role else {}
            return _home(services, actor, role, as_of=tx.now, **known)
    except StoreError as error:
        return _home(services, actor, role, as_of=services.clock.now(), blind=error.message)


def _role(services: Services, actor: Actor) -> Role | None:
    """Return what somebody may do; None where the directory cannot be asked."""
    try:
        return authority.standing(services, actor, fresh=False).role
    except DeliveryError:
        return None


def _home(services: Services, actor: Actor, role: Role | None, **known: Any) -> Home:
    config = services.config
    return Home(
        env=config.env,
        reader=actor.key,
        role="" if role is None else role.name.lower(),
        oncall=on_call(config.rotation, known["as_of"]),
        ask=next(iter(config.people.operators), ""),
        **known,
    )


def _known(services: Services, tx: Tx, actor: Actor, role: Role) -> dict[str, Any]:
    """Return what the database holds for somebody who may read."""
    pause = pauses.open_one(tx)
    detail, at = checks.last(tx, preflight.CHECK)
    steps = int(detail.get("steps", 0))
    waiting = plans.waiting_for(tx, actor.key, approves=role >= Role.APPROVER, most=_MOST)
    return {
        "waiting": tuple(_linked(services, tx, plan_id) for plan_id in waiting),
        "reviews": tuple(_linked(services, tx, item.run_id) for item in _reviews(services, tx, actor, role)),
        "alerts": tuple(alert_operations.line(services, tx, alert) for alert in alerts.list_open(tx)),
        "held": (pausing.build(services, tx, pause),) if pause else (),
        "mine": tuple(_linked(services, tx, plan_id) for plan_id in plans.ran_by(tx, actor.key, most=_MOST)),
        "checked_ago": tx.now - at if at and steps else None,
        "steps": steps,
        "ready": steps - len(detail.get("bad", ())),
    }


def _reviews(services: Services, tx: Tx, actor: Actor, role: Role) -> list[Review]:
    """Return what somebody else ran alone, for an approver."""
    same = services.config.people.are_same
    return [item for item in reviews.list_open(tx) if role >= Role.APPROVER and not same(item.actor, actor.key)][:_MOST]


def _linked(services: Services, tx: Tx, plan_id: str) -> LinkedPlan:
    """Return a plan with the address of its card; its secret stays where it was asked for."""
    plan = plans.find(tx, plan_id)
    assert plan is not None
    card = replace(plan_cards.card_of(services, tx, plan), secret="")
    return LinkedPlan(card=card, url=services.link(tx, "plan", plan_id))
