"""A second person: asked by the requester, decided in Slack, run by the requester (§10, V1 to V5).

An approval is never given from a shell. The first decision wins; whoever asked cannot decide.
"""

import secrets

from bot.domain.actor import Actor, Role
from bot.domain.messages import Message
from bot.domain.params import require_reason
from bot.domain.plan import LEAST_REASON, secret_hash
from bot.operations import authority, changes, plan_cards
from bot.operations.issuing import hash_for
from bot.operations.plans import card, end, refuse, refuse_undecided, unknown
from bot.operations.services import Services
from bot.store import audit, plans


def ask(services: Services, plan_id: str, actor: Actor, reason: str) -> Message:
    """Ask for a second person in the channel; the plan lives 15 min from now.

    Raises:
        NotAllowed: the actor is no operator.
        InvalidCommand: the reason says too little.
    """
    authority.require(services, actor, Role.OPERATOR, f"ask for {plan_id}")
    require_reason(reason, LEAST_REASON, "why now?")
    with services.db.write() as tx:
        changes.require_on(services, tx)
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return unknown(services, tx, plan_id, actor)
        if plan.requester != actor.key:
            return refuse(services, tx, plan, actor, "not-yours")
        until = tx.now + services.config.timing.approval_life
        if not plans.ask(tx, plan_id, reason=reason, expires_at=until):
            return refuse_undecided(services, tx, plan, actor)
        plan_cards.announce_reply(tx, plan, "asked", actor.key, reason=reason)
        audit.append(tx, "approval.asked", actor=actor.key, **plan.facts)
    return card(services, plan_id)


def approve(services: Services, plan_id: str, actor: Actor) -> Message:
    """Agree as a second person: the requester gets a fresh secret and 120 s to run it.

    Raises:
        NotAllowed: the actor is no approver, or sits at a shell.
    """
    _require_slack(actor)
    with services.db.write() as tx:
        plan = plans.find(tx, plan_id, lock=True)
        if plan is not None and services.config.people.are_same(plan.requester, actor.key):
            return refuse(services, tx, plan, actor, "own-approval")
    authority.require(services, actor, Role.APPROVER, f"approve {plan_id}")
    with services.db.write() as tx:
        changes.require_on(services, tx)
        plan = plans.find(tx, plan_id, lock=True)
        if plan is None:
            return unknown(services, tx, plan_id, actor)
        nonce = secrets.token_hex(8)
        hashed = hash_for(services, plan_id, nonce) or secret_hash(nonce)
        until = tx.now + services.config.timing.run_life
        if not plans.approve(tx, plan_id, actor=actor.key, expires_at=until, secret_hash=hashed, nonce=nonce):
            return refuse_undecided(services, tx, plan, actor)
        plan_cards.announce_reply(tx, plan, "approved", actor.key)
        audit.append(tx, "approval.granted", actor=actor.key, **plan.facts)
    return card(services, plan_id)


def _require_slack(actor: Actor) -> None:
    authority.require_slack(actor, "an approval is given", "the second person presses Approve on the plan's card")


def deny(services: Services, plan_id: str, actor: Actor) -> Message:
    """Say no as a second person; final for this request."""
    _require_slack(actor)
    authority.require(services, actor, Role.APPROVER, f"deny {plan_id}")
    return end(services, plan_id, actor, state="revoked", event="approval.denied", denied=True)
