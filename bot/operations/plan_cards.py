"""A plan's card, built from what is stored at the moment it is shown; and the outbox rows that show it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.ids import SecretValue, alert_key
from bot.domain.messages import Alone, Link, Message, PlanCard, PlanDetails, PlanFace, PlanReply, TargetLine
from bot.domain.needs import unseen
from bot.domain.plan import derive_secret
from bot.domain.rescue import too_much_moved
from bot.domain.runbook import Step
from bot.errors import BotError
from bot.operations.alert_cards import title
from bot.operations.declared import UNDO_STEP, shown_step, stored_step
from bot.operations.kinds import KINDS
from bot.operations.kinds.base import Preview
from bot.operations.services import Services
from bot.store import alerts, outbox, plans, reviews, runs
from bot.store.db import Tx
from bot.store.plans import Ended, Plan, Target
from bot.store.reviews import Review
from bot.store.runs import Run

_DETAILS = 5000


def announce(tx: Tx, plan_id: str, channel: str, thread_ts: str, alert_id: int | None) -> None:
    """Queue a plan's card, under its alert's card if it has one; the alert's button becomes a link to it."""
    thread = outbox.live_key("alert", alert_id) if alert_id else ""
    outbox.enqueue_live(
        tx, "post", "plan", plan_id, channel, priority=outbox.RESULT, thread_key=thread, thread_ts=thread_ts
    )
    _edit_alert(tx, alert_id, channel)


def _edit_alert(tx: Tx, alert_id: int | None, channel: str) -> None:
    if alert_id:
        outbox.enqueue_live(tx, "update", "alert", alert_id, channel)


def announce_edit(tx: Tx, plan: Plan | Ended) -> None:
    """Queue an edit of a plan's card and of its alert's, whose steps grow."""
    outbox.enqueue_live(tx, "update", "plan", plan.id, plan.channel, priority=outbox.RESULT)
    review = reviews.find(tx, plan.id)
    for channel in review.told if review else ():
        _copy(tx, "update", plan.id, channel)
    _edit_alert(tx, plan.alert_id, plan.channel)


def copy_key(plan_id: str, channel: str) -> str:
    """Return the key of the card that tells a channel of a plan run alone, beside the plan's own."""
    return f"{outbox.live_key('plan', plan_id)}:{channel}"


def _copy(tx: Tx, kind: str, plan_id: str, channel: str) -> None:
    facts = {"message": "plan", "id": plan_id}
    outbox.enqueue(tx, kind, channel, copy_key(plan_id, channel), facts, priority=outbox.CRITICAL)


def announce_alone(tx: Tx, plan: Plan, told: Sequence[str]) -> None:
    """Queue an edit of a plan's card, and the same card anew in each channel that is told at once."""
    announce_edit(tx, plan)
    for channel in told:
        _copy(tx, "post", plan.id, channel)


def announce_review(tx: Tx, plan: Plan, review: Review) -> None:
    """Queue a reply, loud, under each card of a run alone: nobody else has looked at it yet."""
    at = tx.now.isoformat()
    facts = {"message": "plan_reply", "id": plan.id, "event": "review_open", "actor": review.actor, "at": at}
    for channel in review.told:
        key = copy_key(plan.id, channel)
        where = outbox.Options(thread_key=key, broadcast=True, priority=outbox.RESULT)
        outbox.enqueue(tx, "reply", channel, f"{key}:review:{at}", facts, **where)


def announce_reply(tx: Tx, plan: Plan, event: str, actor: str, **facts: object) -> None:
    """Queue an edit of a plan's card, of the one it takes back, and a reply in its thread that says who did what."""
    announce_edit(tx, plan)
    taken_back = plans.find(tx, plan.params["run"]) if plan.step == UNDO_STEP else None
    if taken_back is not None:
        announce_edit(tx, taken_back)
    thread = outbox.live_key("alert", plan.alert_id) if plan.alert_id else ""
    said = {"event": event, "actor": actor, "at": tx.now.isoformat(), "facts": facts}
    where = outbox.Options(thread_key=thread, thread_ts=plan.thread_ts, priority=outbox.RESULT)
    outbox.enqueue_reply(tx, "plan", plan.id, plan.channel, event, said, **where)


def announce_from_shell(tx: Tx, plan: Plan, channel: str) -> None:
    """Queue the card of a run made in a shell; from now on it is edited and answered like any other (*Shell*)."""
    if channel and not plan.channel:
        plans.set_channel(tx, plan.id, channel)
        announce(tx, plan.id, channel, "", None)


def build(services: Services, tx: Tx, plan_id: str) -> Message:
    """Return a plan's card as it stands now, or a notice that there is no such plan."""
    plan = plans.find(tx, plan_id)
    if plan is None:
        return services.notice(tx, "not-found", plan=plan_id)
    return card_of(services, tx, plan)


def card_of(services: Services, tx: Tx, plan: Plan) -> PlanCard:
    """Return a plan's card as it stands now."""
    run = runs.find(tx, plan.id)
    step, alone = shown_step(services, plan.step), _alone(tx, plan.id) if run else None
    acting, seen = int(plan.preview["acting"]), _moved(services, tx, plan)
    moved = seen or 0
    stale = too_much_moved(acting, acting - moved)
    return PlanCard(
        env=services.config.env,
        as_of=tx.now,
        key=plan.id,
        face=_face(plan, run, tx, alone),
        step=plan.step,
        kind=step.kind,
        title=step.title,
        risk=step.risk.value,
        way_back=str(plan.preview.get("way_back", step.way_back)),
        requester=plan.requester,
        seal=plan.digest[:8],
        created_at=plan.created_at,
        expires_at=plan.expires_at,
        database=_place(services, plan),
        acting=acting,
        moved=moved,
        unseen=seen is None,
        stale=stale,
        target=str(plan.preview["typed"]),
        facts=plan.preview,
        proof_limit=_watched(plan),
        approvers=tuple(
            who for who in services.config.people.approvers if not services.config.people.are_same(who, plan.requester)
        ),
        secret=_secret(services, plan),
        alert=_alert_link(services, tx, plan),
        url=str(plan.preview.get("url", "")),
        undo=_undo(services, tx, plan, run),
        alone=alone,
        may_run_alone=plan.surface == "slack" and stored_step(services, plan.step, plan.params)[1].may_run_alone,
        **{**_decided(plan), **_ran(run), **_undone(tx, run), **_stopped(run, alone)},
    )


def _moved(services: Services, tx: Tx, plan: Plan) -> int | None:
    """Return how many of an issued plan's targets have moved on since, 0 where nothing was pinned; None = cannot be seen.

    The catalog is looked at anew: rows that were hidden from us a moment ago look as if they all had moved on.
    """
    count = stored_step(services, plan.step, plan.params)[0].statements.get("count_left")
    if plan.state != "issued" or not plan.target_count or count is None:
        return 0
    try:
        with tx.looking():
            catalog = services.catalog.get(tx, fresh=True)
            row = None if unseen(catalog) else tx.record(count, catalog.features, plan=plan.id)
    except BotError:
        return None
    return int(plan.preview["acting"]) - row["jobs"] if row else None


def edit_due(services: Services) -> int:
    """Edit the cards of plans that wait, as often as numbers may be: the world moves on, and their end comes nearer."""
    with services.db.write() as tx:
        due = plans.unedited(tx, services.config.timing.numbers_edit)
        for plan in due:
            outbox.enqueue_live(tx, "update", "plan", plan.id, plan.channel, priority=outbox.RESULT)
    return len(due)


def _alone(tx: Tx, plan_id: str) -> Alone | None:
    """Return what is to be said of a run alone, or None: it was not."""
    review = reviews.find(tx, plan_id)
    if review is None:
        return None
    alert = alerts.find(tx, review.alert_id) if review.alert_id else None
    return Alone(
        reason=review.reason,
        alert=alert_key(alert.id) if alert else "",
        alert_title=title(alert) if alert else "",
        alert_age=review.opened_at - alert.started_at if alert else None,
        told=tuple(review.told),
        stopped_by=review.stopped_by or "",
        opened_at=review.opened_at,
        is_open=review.is_open,
        closed_by=review.closed_by or "",
        closed_at=review.closed_at,
    )


def _stopped(run: Run | None, alone: Alone | None) -> dict[str, Any]:
    """Return who ended a run alone that was stopped, in the place of who confirmed it."""
    if run is None or alone is None or not alone.stopped_by:
        return {}
    return {"ended_by": alone.stopped_by, "ended_at": run.ended_at}


def _undo(services: Services, tx: Tx, plan: Plan, run: Run | None) -> int | None:
    """Return how many things an undo would put back now; None = it would be refused.

    It looks as the undo's own plan would, but for a step that asks somebody outside: that one is asked at the press.
    """
    happened = run is not None and run.state in ("succeeded", "reconciled_done")
    if run is None or run.undone_by or not happened or plan.preview.get("way_back") == "":
        return None
    asked = {"run": run.id, "step": plan.step}
    step, kind = stored_step(services, UNDO_STEP, asked)
    if kind.call is not None:
        return None if runs.was_followed(tx, run) else 1
    try:
        with tx.looking():
            found = kind.preview(services, tx, step, services.catalog.get(tx), asked)
    except BotError:
        return None
    return int(found.facts["can"]) if isinstance(found, Preview) else None


def _watched(plan: Plan) -> timedelta | None:
    """Return how long the effect is watched; None = there is nothing to watch."""
    seconds = plan.preview.get("watch_seconds")
    return timedelta(seconds=seconds) if seconds else None


def _place(services: Services, plan: Plan) -> str:
    """Return which database, under which role and by which variable, a step works on."""
    if services.dba is not None and stored_step(services, plan.step, plan.params)[1].dba:
        return f"{services.dba.place} by DRAGONFLY_DBA_DATABASE_URL"
    variable = services.config.database_variable
    return f"{services.db.place} by {variable}" if variable else services.db.place


def _face(plan: Plan, run: Run | None, tx: Tx, alone: Alone | None) -> PlanFace:
    if plan.state == "issued":
        return {
            "needed": PlanFace.NEEDS_SECOND,
            "asked": PlanFace.ASKED,
            "approved": PlanFace.APPROVED,
        }.get(plan.approval, PlanFace.ISSUED)
    if plan.state in ("expired", "superseded"):
        return PlanFace(plan.state)
    if plan.state == "revoked":
        return PlanFace.DENIED if plan.approval == "denied" else PlanFace.CANCELLED
    if alone and alone.stopped_by:
        return PlanFace.CANCELLED
    if alone and run and run.state == "confirmed":
        return PlanFace.EMERGENCY
    return _run_face(run, tx) if run else PlanFace.WORKING


_PROOF_FACES = {
    "watching": PlanFace.WORKING,
    "no_effect": PlanFace.NO_EFFECT,
    "not_known": PlanFace.PROOF_UNKNOWN,
}
_RUN_FACES = {
    "unknown": PlanFace.UNKNOWN,
    "reconciled_not_done": PlanFace.REFUSED,
    "handed_over": PlanFace.HANDED_OVER,
    "noop": PlanFace.NOTHING_TO_DO,
    "failed": PlanFace.FAILED,
}


def _run_face(run: Run, tx: Tx) -> PlanFace:
    if run.state in ("succeeded", "reconciled_done"):
        stopped = PlanFace.STOPPED if run.proof == "no_effect" and run.proof_facts.get("stopped") else None
        return PlanFace.UNDONE if run.undone_by else stopped or _PROOF_FACES.get(run.proof, PlanFace.RECOVERED)
    if run.state == "aborted":
        not_run = PlanFace.NOT_RUN if run.reason == "not begun in time" else PlanFace.REFUSED
        return PlanFace.STOPPED if run.rows_affected else not_run
    if run.state == "confirmed" and run.not_before > tx.now:
        return PlanFace.WAITING
    return _RUN_FACES.get(run.state, PlanFace.WORKING)


def _secret(services: Services, plan: Plan) -> str:
    """Return the value of the button that acts, made anew from the key, only while the plan may be used."""
    if plan.state != "issued" or not services.plan_key or plan.approval not in ("none", "approved"):
        return ""
    return SecretValue(plan.id, derive_secret(services.plan_key, plan.id, plan.nonce)).encode()


def _alert_link(services: Services, tx: Tx, plan: Plan) -> Link | None:
    if plan.alert_id is None:
        return None
    return Link(key=alert_key(plan.alert_id), url=services.link(tx, "alert", plan.alert_id))


def _decided(plan: Plan) -> dict[str, Any]:
    approved = plan.approval == "approved"
    return {
        "approval_why": plan.approval_why,
        "ask_reason": plan.ask_reason,
        "approved_by": (plan.decided_by or "") if approved else "",
        "approved_at": plan.decided_at if approved else None,
        "run_before": plan.expires_at if approved else None,
        "ended_by": plan.ended_by or "",
        "ended_at": plan.ended_at,
        "wrong_entries": plan.wrong_entries,
        "superseded_by": plan.superseded_by or "",
    }


def _ran(run: Run | None) -> dict[str, Any]:
    if run is None:
        return {}
    return {
        "confirmed_by": run.actor,
        "confirmed_at": run.confirmed_at,
        "runs_at": run.not_before,
        "took": run.ended_at - run.started_at if run.ended_at and run.started_at else None,
        "rows": run.rows_affected,
        "result": run.result,
        "reason": run.reason,
        "record_n": run.record_n,
        "proof": run.proof_facts,
        "proof_took": run.proved_at - run.ended_at if run.proved_at and run.ended_at else None,
        "proof_until": run.proof_until,
    }


def _undone(tx: Tx, run: Run | None) -> dict[str, Any]:
    by = runs.find(tx, run.undone_by) if run and run.undone_by else None
    return {"undone_by": by.actor, "undone_at": by.ended_at, "put_back": by.result.get("put_back", 0)} if by else {}


def plan_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for."""
    return build(services, tx, str(facts["id"]))


def plan_reply(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the reply an outbox row asks for, with the numbers of the run."""
    plan = plans.find(tx, str(facts["id"]))
    if plan is None:
        return None
    return PlanReply(
        env=services.config.env,
        as_of=tx.now,
        card=card_of(services, tx, plan),
        event=str(facts["event"]),
        actor=str(facts["actor"]),
        at=datetime.fromisoformat(facts["at"]),
        facts=facts.get("facts", {}),
    )


def details(services: Services, tx: Tx, plan_id: str) -> Message:
    """Return every target of a plan, the statement and the strategy."""
    plan = plans.find(tx, plan_id)
    if plan is None:
        return services.notice(tx, "not-found", plan=plan_id)
    step = shown_step(services, plan.step)
    return PlanDetails(
        env=services.config.env,
        as_of=tx.now,
        key=plan.id,
        seal=plan.digest[:8],
        kind=step.kind,
        targets=tuple(_line(item) for item in plans.targets(tx, plan_id, most=_DETAILS)),
        total=plan.target_count,
        strategy=str(plan.preview.get("says", step.why)),
        statement=_statement(services, tx, plan, step),
    )


def _statement(services: Services, tx: Tx, plan: Plan, step: Step) -> str:
    """Return what will be sent to the database, or what the kind previewed in its place (a script, a call)."""
    name = KINDS[step.kind].statement if step.kind in KINDS else ""
    if "statement" in plan.preview or not name:
        return str(plan.preview.get("statement", ""))
    return step.statements[name].text(services.catalog.get(tx).features)


def _line(target: Target) -> TargetLine:
    return TargetLine(
        id=target.target_id,
        disposition=target.disposition,
        reason=target.reason,
        facts=target.guard,
        result=target.result or "",
    )
