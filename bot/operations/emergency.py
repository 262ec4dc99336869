"""Run alone: one person, while a matching alert fires, everybody told, a minute to stop it, a review afterwards (§10, V6).

A rule for operators in Slack. The plan is one that waits for a second person; instead of them come the reason, the typed
target and the minute. Everything else is a run like any other: authority, changes, database and guards are looked at again.
"""

from bot.domain.actor import Actor, Role
from bot.domain.messages import AloneForm, Message, ReviewForm
from bot.domain.params import LEAST, require_reason
from bot.domain.plan import LEAST_REASON, MOST_WRONG, is_target
from bot.operations import authority, changes, plan_cards, plans
from bot.operations.declared import changing_step, scenario_of
from bot.operations.plans import refuse, unknown
from bot.operations.services import Services
from bot.store import alerts, audit, outbox, reviews, runs
from bot.store import plans as stored
from bot.store.alerts import Alert
from bot.store.db import Tx
from bot.store.plans import Plan
from bot.store.runs import Outcome, Run


def form(services: Services, plan_id: str, actor: Actor) -> Message:
    """Return the form in which the requester says why nobody else can decide, and types the target."""
    _require(services, plan_id, actor)
    with services.db.write() as tx:
        plan = stored.find(tx, plan_id, lock=True)
        if plan is None:
            return unknown(services, tx, plan_id, actor)
        refused = _why_refused(services, tx, plan, actor, matching(services, tx, plan))
        if refused:
            return refuse(services, tx, plan, actor, refused)
        card, delay = plan_cards.card_of(services, tx, plan), services.config.timing.alone_delay
        return AloneForm(env=services.config.env, as_of=tx.now, card=card, told=_told(services), delay=delay)


def _require(services: Services, plan_id: str, actor: Actor) -> None:
    authority.require_slack(actor, "a step is run alone", f"dragonfly apply {plan_id} --hand-over")
    authority.require(services, actor, Role.OPERATOR, f"run {plan_id} alone")


def _why_refused(services: Services, tx: Tx, plan: Plan, actor: Actor, alert: Alert | None) -> str:
    """Return the kind of notice that answers, or empty for a plan that its requester may run alone now."""
    _step, kind = changing_step(services, plan.step, plan.params)
    refused = plans.why_not(services, tx, plan, actor)
    if plan.requester != actor.key:
        return "not-yours"
    if refused != "needs-second":
        return refused or "no-need"
    if not kind.may_run_alone:
        return "never-alone"
    if plan.approval != "asked":
        return "needs-second"
    return "" if alert else "no-alert"


def matching(services: Services, tx: Tx, plan: Plan) -> Alert | None:
    """Return the alert that fires now and is the plan's own, or of the runbook of its step."""
    scenario = scenario_of(services.runbooks, plan.step, plan.params)
    firing = (alert for alert in alerts.list_open(tx) if alert.state == "firing")
    return next((alert for alert in firing if alert.id == plan.alert_id or alert.scenario == scenario), None)


def run_alone(services: Services, plan_id: str, actor: Actor, *, reason: str, typed: str) -> Message:
    """Use a plan up without a second person: everybody is told now, and it runs in a minute unless somebody stops it.

    Raises:
        NotAllowed, ChangesOff: the actor is no operator, or sits at a shell; nobody may change anything now.
        InvalidCommand: the reason says too little.
    """
    _require(services, plan_id, actor)
    require_reason(reason, LEAST_REASON, "why can nobody else decide?")
    with services.db.write() as tx:
        changes.require_on(services, tx)
        plan = stored.find(tx, plan_id, lock=True)
        if plan is None:
            return unknown(services, tx, plan_id, actor)
        alert = matching(services, tx, plan)
        refused = _why_refused(services, tx, plan, actor, alert)
        if plan.wrong_entries >= MOST_WRONG:
            plans.revoke(tx, plan)
            refused = refused or "wrong-too-often"
        if not refused and not is_target(str(plan.preview["typed"]), typed):
            refused = "wrong-typed"
        if refused or alert is None:
            return refuse(services, tx, plan, actor, refused)
        if not plans.start_run(tx, plan, actor, tx.now + services.config.timing.alone_delay):
            return refuse(services, tx, plan, actor, "someone-else", runs.active(tx, plan.preview["resource"]))
        _use_up(services, tx, plan, actor, reason, alert)
    return plans.card(services, plan_id)


def _use_up(services: Services, tx: Tx, plan: Plan, actor: Actor, reason: str, alert: Alert) -> None:
    told = _told(services)
    stored.use_up_waiting(tx, plan.id, actor=actor.key)
    plan_cards.announce_alone(tx, plan, told)
    reviews.start(tx, plan.id, actor=actor.key, reason=reason, alert_id=alert.id, told=list(told))
    plans.record_used(tx, plan, actor, break_glass=True, reason=reason, alert=alert.id)


def _told(services: Services) -> tuple[str, ...]:
    """Return the channels that are told by a message of its own: the incident channel, and the one for security."""
    both = (services.config.alert_channel, services.config.security_channel)
    return tuple(dict.fromkeys(channel for channel in both if channel))


def why_over(services: Services, tx: Tx, plan: Plan) -> str:
    """Return why a run alone must not begin now, or empty; asked in the transaction that carries it out."""
    review = reviews.find(tx, plan.id)
    if review is None:
        return ""
    if matching(services, tx, plan) is None:
        return "no matching alert fires any more"
    reached = any(outbox.whereabouts(tx, plan_cards.copy_key(plan.id, channel)) for channel in review.told)
    return "" if reached else "nobody could be told of it"


def stop(services: Services, plan_id: str, actor: Actor) -> Message:
    """Stop a run alone before it begins; anybody may."""
    authority.require(services, actor, Role.VIEWER, "stop")
    with services.db.write() as tx:
        run, plan = runs.find(tx, plan_id, lock=True), stored.find(tx, plan_id)
        if run is None or plan is None or run.state != "confirmed" or reviews.find(tx, plan_id) is None:
            return services.notice(tx, "too-late", plan=plan_id)
        reviews.stop(tx, plan_id, actor.key)
        _end(tx, run, plan, actor)
        return services.notice(tx, "alone-stopped", plan=plan_id)


def _end(tx: Tx, run: Run, plan: Plan, actor: Actor) -> None:
    runs.finish(tx, run.id, Outcome(state="aborted", result={}, reason="stopped before it ran"))
    plan_cards.announce_reply(tx, plan, "stopped", actor.key)
    facts = {"step": plan.step, "break_glass": True, "reason": "stopped before it ran"}
    runs.set_record(tx, run.id, audit.append(tx, "step.aborted", actor=actor.key, plan=run.id, **facts))


def review_form(services: Services, run_id: str, actor: Actor) -> Message:
    """Return the form in which another approver closes the review of a run alone."""
    _require_reviewer(services, run_id, actor)
    with services.db.write() as tx:
        refused = _why_not_closed(services, tx, run_id, actor)
        plan = stored.find(tx, run_id)
        if refused or plan is None:
            return services.notice(tx, refused or "not-found", plan=run_id)
        card = plan_cards.card_of(services, tx, plan)
        return ReviewForm(env=services.config.env, as_of=tx.now, card=card)


def close_review(services: Services, run_id: str, actor: Actor, found: str) -> Message | None:
    """Close the review of a run alone, with what was found; None: its cards say so.

    Raises:
        NotAllowed: the actor is no approver, or sits at a shell.
        InvalidCommand: what was found says too little.
    """
    _require_reviewer(services, run_id, actor)
    require_reason(found, LEAST, "what did you find?")
    with services.db.write() as tx:
        refused = _why_not_closed(services, tx, run_id, actor)
        plan = stored.find(tx, run_id)
        if refused or plan is None:
            return services.notice(tx, refused or "not-found", plan=run_id)
        reviews.close(tx, run_id, actor.key)
        plan_cards.announce_reply(tx, plan, "reviewed", actor.key, found=found)
        audit.append(tx, "review.closed", actor=actor.key, plan=run_id, break_glass=True, found=found)
    return None


def _require_reviewer(services: Services, run_id: str, actor: Actor) -> None:
    authority.require_slack(actor, "a review is closed", "another approver presses Close review… on the card")
    authority.require(services, actor, Role.APPROVER, f"close the review of {run_id}")


def _why_not_closed(services: Services, tx: Tx, run_id: str, actor: Actor) -> str:
    review = reviews.find(tx, run_id)
    if review is None or not review.is_open:
        return "no-review"
    if services.config.people.are_same(review.actor, actor.key):
        audit.append_refusal(tx, "request.refused", actor=actor.key, reason="own review", plan=run_id)
        return "own-review"
    return ""


def remind_due(services: Services) -> int:
    """Say once a day of every open review that it is; return how many there were."""
    with services.db.write() as tx:
        due = reviews.take_due(tx, services.config.timing.review_reminder)
        for run_id in due:
            plan, review = stored.find(tx, run_id), reviews.find(tx, run_id)
            assert plan is not None
            assert review is not None
            plan_cards.announce_review(tx, plan, review)
    return len(due)
