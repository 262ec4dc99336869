"""A plan's card, built from what is stored at the moment it is shown; and the outbox rows that show it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.domain.ids import SecretValue, alert_key
from bot.domain.messages import (
    JobGroup,
    JobLine,
    Link,
    Message,
    Notice,
    PlanCard,
    PlanDetails,
    PlanFace,
    PlanReply,
)
from bot.domain.plan import derive_secret
from bot.operations.services import Services
from bot.store import outbox, plans, runs
from bot.store.db import Tx
from bot.store.plans import Plan, Target
from bot.store.runs import Run
from runbooks import load as load_runbooks

_DETAILS = 5000


def message_key(plan_id: str) -> str:
    """Return the key under which a plan's card is delivered and edited."""
    return f"plan:{plan_id}"


def announce(tx: Tx, plan_id: str, channel: str, thread_ts: str, alert_id: int | None) -> None:
    """Queue a plan's card, under its alert's card if it has one."""
    if channel:
        outbox.enqueue(
            tx,
            "post",
            channel=channel,
            message_key=message_key(plan_id),
            thread_key=f"alert:{alert_id}" if alert_id else "",
            thread_ts=thread_ts,
            render_from={"message": "plan", "id": plan_id},
            priority=outbox.RESULT,
        )
        _edit_alert(tx, alert_id, channel)


def _edit_alert(tx: Tx, alert_id: int | None, channel: str) -> None:
    """Queue an edit of the alert's card: its button becomes a link to the plan, its steps grow."""
    if alert_id:
        outbox.enqueue(
            tx,
            "update",
            channel=channel,
            message_key=f"alert:{alert_id}",
            render_from={"message": "alert", "id": alert_id},
            priority=outbox.NORMAL,
        )


def announce_edit(tx: Tx, plan_id: str, channel: str) -> None:
    """Queue an edit of a plan's card."""
    if not channel:
        return
    outbox.enqueue(
        tx,
        "update",
        channel=channel,
        message_key=message_key(plan_id),
        render_from={"message": "plan", "id": plan_id},
        priority=outbox.RESULT,
    )
    plan = plans.find(tx, plan_id)
    if plan is not None:
        _edit_alert(tx, plan.alert_id, channel)


def announce_reply(tx: Tx, plan: Plan, event: str, actor: str, **facts: object) -> None:
    """Queue a reply in the plan's thread that says who did what; a shell's run is posted anew to the channel."""
    if not plan.channel:
        return
    outbox.enqueue(
        tx,
        "reply",
        channel=plan.channel,
        message_key=f"{message_key(plan.id)}:{event}",
        thread_key=f"alert:{plan.alert_id}" if plan.alert_id else message_key(plan.id),
        thread_ts=plan.thread_ts,
        render_from={
            "message": "plan_reply",
            "id": plan.id,
            "event": event,
            "actor": actor,
            "at": tx.now.isoformat(),
            **facts,
        },
        priority=outbox.RESULT,
    )


def announce_from_shell(tx: Tx, plan: Plan, channel: str) -> None:
    """Queue the card of a run made in a shell, so that the channel knows (design, section 7, *Shell*)."""
    if channel and not plan.channel:
        announce(tx, plan.id, channel, "", None)


def build(services: Services, tx: Tx, plan_id: str) -> Message:
    """Return a plan's card as it stands now."""
    plan = plans.find(tx, plan_id)
    if plan is None:
        return Notice(env=services.config.env, as_of=tx.now, kind="not-found", facts={"plan": plan_id})
    run = runs.find(tx, plan_id)
    return PlanCard(
        env=services.config.env,
        as_of=tx.now,
        key=plan.id,
        face=_face(plan, run, tx),
        step=plan.step,
        requester=plan.requester,
        seal=plan.digest[:8],
        created_at=plan.created_at,
        expires_at=plan.expires_at,
        database=_place(services),
        proof_limit=services.config.timing.proof_limit,
        approve_above=services.config.queue.approve_above,
        approvers=services.config.people.approvers,
        secret=_secret(services, plan),
        alert=_alert_link(services, tx, plan),
        **_previewed(plan.preview),
        **_decided(plan),
        **_ran(run),
    )


def _place(services: Services) -> str:
    variable = services.config.database_variable
    return f"{services.db.place} by {variable}" if variable else services.db.place


def _face(plan: Plan, run: Run | None, tx: Tx) -> PlanFace:
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
    return _run_face(run, tx) if run else PlanFace.WORKING


def _run_face(run: Run, tx: Tx) -> PlanFace:
    match run.state:
        case "succeeded":
            proofs = {
                "no_effect": PlanFace.NO_EFFECT,
                "not_known": PlanFace.PROOF_UNKNOWN,
                "watching": PlanFace.WORKING,
            }
            return proofs.get(run.proof, PlanFace.RECOVERED)
        case "confirmed" if run.not_before > tx.now:
            return PlanFace.WAITING
        case "noop":
            return PlanFace.NOTHING_TO_DO
        case "failed":
            return PlanFace.FAILED
        case "aborted" if run.rows_affected:
            return PlanFace.STOPPED
        case "aborted" if run.reason == "not begun in time":
            return PlanFace.NOT_RUN
        case "aborted":
            return PlanFace.REFUSED
    return PlanFace.WORKING


def _secret(services: Services, plan: Plan) -> str:
    """Return the value of the button that acts, made anew from the key, only while the plan may be used."""
    if plan.state != "issued" or not services.plan_key or plan.approval not in ("none", "approved"):
        return ""
    return SecretValue(plan.id, derive_secret(services.plan_key, plan.id, plan.nonce)).encode()


def _alert_link(services: Services, tx: Tx, plan: Plan) -> Link | None:
    if plan.alert_id is None:
        return None
    where = outbox.whereabouts(tx, f"alert:{plan.alert_id}")
    url = services.chat.link(where.channel, where.ts) if services.chat and where else ""
    return Link(key=alert_key(plan.alert_id), url=url)


def _previewed(facts: Mapping[str, Any]) -> dict[str, Any]:
    by = facts["counts"]
    waits = facts.get("waits")
    silent = facts.get("silent_seconds")
    return {
        "strategy": facts["says"],
        "resets": by.get("reset", 0),
        "fails_exhausted": by.get("fail_exhausted", 0),
        "fails_poison": by.get("fail_poison", 0),
        "left_slow": by.get("leave_slow", 0),
        "left_unknown": by.get("leave_unknown", 0),
        "left_unlisted": by.get("leave_unlisted", 0),
        "left_over": facts["left_over"],
        "groups": tuple(_group(item) for item in facts["groups"]),
        "dead_for": timedelta(seconds=silent) if silent is not None else None,
        "wait": (timedelta(seconds=waits[0]), timedelta(seconds=waits[1])) if waits else None,
    }


def _group(item: Mapping[str, Any]) -> JobGroup:
    spans = {name: timedelta(seconds=item[name]) for name in ("locked_least", "locked_most")}
    return JobGroup(**{**item, **spans})


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
        "did_reset": run.result.get("reset", 0),
        "did_fail": run.result.get("failed", 0),
        "moved_on": run.result.get("moved_on", 0),
        "reason": run.reason,
        "record_n": run.record_n,
        "picked_up": run.proof_facts.get("picked_up"),
        "proof_took": run.proved_at - run.ended_at if run.proved_at and run.ended_at else None,
        "proof_until": run.proof_until,
        "called": tuple(run.proof_facts.get("called", ())),
    }


def plan_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for."""
    return build(services, tx, str(facts["id"]))


def plan_reply(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the reply an outbox row asks for, with the numbers of the run."""
    plan = plans.find(tx, str(facts["id"]))
    if plan is None:
        return None
    ran = _ran(runs.find(tx, plan.id))
    return PlanReply(
        env=services.config.env,
        as_of=tx.now,
        key=plan.id,
        event=str(facts["event"]),
        actor=str(facts["actor"]),
        at=datetime.fromisoformat(facts["at"]),
        label=plan.step,
        seal=plan.digest[:8],
        did_reset=ran.get("did_reset", 0),
        did_fail=ran.get("did_fail", 0),
        moved_on=ran.get("moved_on", 0),
        took=ran.get("proof_took"),
        still_pending=int(facts.get("waiting", 0)),
        called=tuple(facts.get("called", ())),
        run_before=plan.expires_at if facts["event"] == "approved" else None,
        record_n=ran.get("record_n"),
    )


def details(services: Services, tx: Tx, plan_id: str) -> Message:
    """Return every target of a plan, the statement and the strategy."""
    plan = plans.find(tx, plan_id)
    if plan is None:
        return Notice(env=services.config.env, as_of=tx.now, kind="not-found", facts={"plan": plan_id})
    step = load_runbooks().step(plan.step)
    catalog = services.catalog.get(tx)
    statement = step.statements["reset_batch"].text(catalog.features) if step else ""
    return PlanDetails(
        env=services.config.env,
        as_of=tx.now,
        key=plan.id,
        seal=plan.digest[:8],
        jobs=tuple(_line(item, tx) for item in plans.targets(tx, plan_id, most=_DETAILS)),
        total=plan.target_count,
        strategy=plan.preview["says"],
        statement=statement,
    )


def _line(target: Target, tx: Tx) -> JobLine:
    guard = target.guard
    return JobLine(
        id=target.target_id,
        job_type=guard["job_type"],
        locked_for=tx.now - datetime.fromisoformat(guard["since"]),
        attempts=guard["attempts"],
        max_attempts=guard["max_attempts"],
        worker_id=guard.get("worker_id", ""),
        disposition=target.disposition,
        reason=target.reason,
        result=target.result or "",
    )
