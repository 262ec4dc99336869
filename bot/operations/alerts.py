"""Alerts from observation to message: one transaction for the change, its event, its messages and its record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.actor import Actor, Role
from bot.domain.alerts import Change, changes_lately, decide, fingerprint, is_unsteady
from bot.domain.escalation import SELF_CHECK, chain
from bot.domain.ids import alert_key
from bot.domain.messages import AlertLine, AlertList, Message, ResolveForm
from bot.domain.params import LEAST, require_reason
from bot.domain.workers import Status
from bot.operations import alert_cards, announcing, authority, pages
from bot.operations.services import Services
from bot.store import alerts, audit, escalations, outbox
from bot.store.alerts import Alert
from bot.store.db import Tx

SELF_CHECKS = (
    "check_blind",
    "db_reachable",
    "outbox_lag",
    "outbox_dead",
    "scheduler_lag",
    "clock_skew",
    "bot_clock_skew",
    "slack_auth",
    "escalation_gap",
    "escalation_exhausted",
    "routing_degraded",
    "inbound_abuse",
    "audit_chain",
)
"""What may be wrong with the bot itself; none of it can be silenced."""
SCENARIOS = {
    "worker_heartbeat": "worker-death",
    "jobs_stuck": "worker-death",
    "api_health": "worker-death",
    "migration_blocked": "migration-block",
    "vendor_errors": "vendor-outage",
    **dict.fromkeys(SELF_CHECKS, SELF_CHECK),
}
"""Whose contacts are called for each check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one look of one check says about one thing."""

    check: str
    labels: Mapping[str, str]
    status: Status
    started_at: datetime
    """The last good sign, when bad."""
    evidence: Mapping[str, Any]
    severity: str = "critical"


def observe(services: Services, tx: Tx, seen: Observation) -> None:
    """Let an observation act on its alert, in the caller's transaction; what is wrong with ourselves fires at once."""
    timing = services.config.timing
    if SCENARIOS[seen.check] == SELF_CHECK:
        timing = replace(timing, pending_for=timedelta(0))
    mark = fingerprint(services.config.env, seen.check, seen.labels)
    alert = alerts.newest(tx, mark)
    change, reason = decide(alert.as_state() if alert else None, seen.status, tx.now, timing)
    match change:
        case Change.BEGIN | Change.FIRE_AT_ONCE:
            _begin(services, tx, seen, mark, at_once=change is Change.FIRE_AT_ONCE)
        case Change.NOTHING:
            _hide(tx, alert, seen)
        case _ if alert is not None:
            _CHANGES[change](services, tx, alert, seen, reason)


def _begin(services: Services, tx: Tx, seen: Observation, mark: str, *, at_once: bool) -> None:
    number = alerts.insert(
        tx,
        fingerprint=mark,
        check=seen.check,
        labels=dict(seen.labels),
        scenario=SCENARIOS[seen.check],
        state="firing" if at_once else "pending",
        severity=seen.severity,
        started_at=seen.started_at,
        pending_since=tx.now,
        fired_at=tx.now if at_once else None,
        evidence=dict(seen.evidence),
        channel=services.config.alert_channel,
    )
    alert = alerts.find(tx, number) if number and at_once else None
    if alert:
        _announce_fire(services, tx, alert, "fired", "bad, no wait")


def _hide(tx: Tx, alert: Alert | None, seen: Observation) -> None:
    """Say on a firing alert's card that its check cannot see at the moment; nothing else changes (O2)."""
    unknown = seen.status is Status.UNKNOWN
    if alert and alert.state in ("firing", "resolving") and bool(alert.evidence.get("hidden")) != unknown:
        why = seen.evidence.get("reason", "") if unknown else ""
        alerts.change(tx, alert, evidence={**alert.evidence, "hidden": unknown, "unseen": why})
        announcing.edit_alert(tx, alert)


def _forget(_services: Services, tx: Tx, alert: Alert, _seen: Observation, reason: str) -> None:
    alerts.add_event(tx, alert, "forgotten", reason=reason)
    alerts.forget(tx, alert.id)


def _fire(services: Services, tx: Tx, alert: Alert, seen: Observation, reason: str) -> None:
    alerts.change(
        tx,
        alert,
        state="firing",
        fired_at=tx.now,
        last_bad_at=tx.now,
        evidence=dict(seen.evidence),
        changes=[*alert.changes, tx.now],
        edited_at=tx.now,
    )
    _announce_fire(services, tx, alert, "fired", reason)


def _announce_fire(services: Services, tx: Tx, alert: Alert, event: str, reason: str) -> None:
    called = _call_first(services, tx, alert)
    number = alerts.add_event(tx, alert, event, reason=reason, who=list(called), had=alert.acked_by)
    key = outbox.live_key("alert", alert.id)
    if event == "fired":
        outbox.enqueue_live(tx, "post", "alert", alert.id, alert.channel, priority=outbox.CRITICAL)
    else:
        announcing.edit_alert(tx, alert)
        key = alert_cards.announce_reply(tx, alert, number, broadcast=True)
    pages.call(services, tx, alert, called, key)
    labels = dict(alert.labels)
    audit.append_or_go_on(
        tx,
        f"alert.{event}",
        actor="dragonfly",
        alert=alert.id,
        check=alert.check_id,
        labels=labels,
        fingerprint=alert.fingerprint,
    )


def _call_first(services: Services, tx: Tx, alert: Alert) -> tuple[str, ...]:
    """Write down the alert's chain, and return whom its card calls."""
    levels = [due.as_json() for due in chain(services.config, alert.scenario, tx.now, alert.severity)]
    escalations.begin(tx, alert.id, levels, services.config.timing.escalate_again)
    escalations.first_called(tx, alert.id)
    return tuple(levels[0]["who"])


def _keep(services: Services, tx: Tx, alert: Alert, seen: Observation, _reason: str) -> None:
    """Refresh the evidence; edit the card when its numbers changed, no more often than numbers may be."""
    fresh = dict(seen.evidence)
    changed = _numbers(fresh) != _numbers(alert.evidence)
    due = alert.edited_at is None or tx.now - alert.edited_at >= services.config.timing.numbers_edit
    edit = alert.state == "firing" and changed and due
    hidden_ended = bool(alert.evidence.get("hidden"))
    started_at = alert.started_at if alert.state != "pending" else min(alert.started_at, seen.started_at)
    alerts.change(
        tx,
        alert,
        last_bad_at=tx.now,
        evidence=fresh if edit or alert.state == "pending" or hidden_ended else alert.evidence,
        started_at=started_at,
        edited_at=tx.now if edit else alert.edited_at,
    )
    if edit or hidden_ended:
        announcing.edit_alert(tx, alert)


def _numbers(evidence: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(evidence.get(name) for name in ("online", "total", "jobs_held", "pending", "processing", "reason"))


def _recover(_services: Services, tx: Tx, alert: Alert, seen: Observation, reason: str) -> None:
    alerts.change(tx, alert, state="resolving", resolving_since=tx.now, evidence=dict(seen.evidence))
    alerts.add_event(tx, alert, "recovering", reason=reason)
    announcing.edit_alert(tx, alert)


def _relapse(_services: Services, tx: Tx, alert: Alert, seen: Observation, reason: str) -> None:
    alerts.change(tx, alert, state="firing", resolving_since=None, last_bad_at=tx.now, evidence=dict(seen.evidence))
    alerts.add_event(tx, alert, "relapsed", reason=reason)
    announcing.edit_alert(tx, alert)


def _resolve(services: Services, tx: Tx, alert: Alert, seen: Observation, reason: str) -> None:
    changes = [*alert.changes, tx.now]
    ended = alert.resolving_since or tx.now
    alerts.change(
        tx,
        alert,
        state="resolved",
        resolved_at=tx.now,
        pending_since=None,
        changes=changes,
        unsteady=False,
        evidence=dict(seen.evidence),
    )
    escalations.cancel(tx, alert.id)
    down = int((ended - alert.started_at).total_seconds())
    number = alerts.add_event(tx, alert, "recovered", reason=reason, down_seconds=down)
    pages.follow(tx, alert, pages.RESOLVE, number)
    announcing.edit_alert(tx, alert)
    alert_cards.announce_reply(tx, alert, number)
    audit.append_or_go_on(tx, "alert.resolved", actor="dragonfly", alert=alert.id, down_seconds=down)


def _wait_to_reopen(_services: Services, tx: Tx, alert: Alert, _seen: Observation, _reason: str) -> None:
    alerts.change(tx, alert, pending_since=tx.now, last_bad_at=tx.now)


def _calm(_services: Services, tx: Tx, alert: Alert, _seen: Observation, _reason: str) -> None:
    alerts.change(tx, alert, pending_since=None)


def _reopen(services: Services, tx: Tx, alert: Alert, seen: Observation, reason: str) -> None:
    changes = [*alert.changes, tx.now]
    unsteady = is_unsteady(changes, tx.now, services.config.timing)
    alerts.change(
        tx,
        alert,
        state="firing",
        fired_at=tx.now,
        resolved_at=None,
        resolving_since=None,
        last_bad_at=tx.now,
        acked_by=None,
        acked_at=None,
        reopens=alert.reopens + 1,
        changes=changes,
        unsteady=unsteady,
        evidence=dict(seen.evidence),
        started_at=seen.started_at,
    )
    _announce_fire(services, tx, alert, "reopened", reason)
    if unsteady:
        lately = changes_lately(changes, tx.now, services.config.timing)
        alert_cards.announce_reply(tx, alert, alerts.add_event(tx, alert, "unsteady", changes=lately))


_CHANGES = {
    Change.FORGET: _forget,
    Change.FIRE: _fire,
    Change.KEEP: _keep,
    Change.RECOVER: _recover,
    Change.RELAPSE: _relapse,
    Change.RESOLVE: _resolve,
    Change.WAIT_TO_REOPEN: _wait_to_reopen,
    Change.CALM: _calm,
    Change.REOPEN: _reopen,
}


def _open_one(services: Services, tx: Tx, alert_id: int, doing: str) -> Alert | Message:
    """Return an open alert, locked, or the notice that there is nothing to do about it."""
    alert = alerts.find(tx, alert_id, lock=True)
    if alert is None or alert.state == "pending":
        return services.notice(tx, "not-found", plan=alert_key(alert_id))
    if alert.state == "resolved":
        facts = {"resolved_at": alert.resolved_at, "by": alert.resolved_by or "", "doing": doing}
        return services.notice(tx, "late-acknowledge", **facts)
    return alert


def acknowledge(services: Services, alert_id: int, actor: Actor) -> Message:
    """Take an alert: calling stops, the card says who has it. Anyone in a listed channel may."""
    authority.require(services, actor, Role.VIEWER, "acknowledge")
    with services.db.write() as tx:
        alert = _open_one(services, tx, alert_id, "acknowledge")
        if not isinstance(alert, Alert):
            return alert
        if alert.acked_by and alert.acked_by != actor.key:
            return services.notice(tx, "acknowledged", actor=alert.acked_by, at=alert.acked_at, key=alert_key(alert_id))
        alerts.change(tx, alert, acked_by=actor.key, acked_at=tx.now)
        escalations.cancel(tx, alert_id)
        number = alerts.add_event(tx, alert, "acknowledged", actor=actor.key)
        pages.follow(tx, alert, pages.ACKNOWLEDGE, number)
        announcing.edit_alert(tx, alert)
        audit.append_or_go_on(tx, "alert.acked", actor=actor.key, alert=alert_id)
        return services.notice(tx, "acknowledged", actor=actor.key, at=tx.now, key=alert_key(alert_id))


def resolve(
    services: Services, alert_id: int, actor: Actor, reason: str, *, seen_at: datetime | None = None
) -> Message:
    """Resolve an alert by hand, with a reason; still bad later, it fires anew.

    Args:
        seen_at: when its form was opened; what fired since then is something else, and goes on.

    Raises:
        NotAllowed: the actor is no operator.
        InvalidCommand: the reason says too little.
    """
    authority.require(services, actor, Role.OPERATOR, "resolve by hand")
    require_reason(reason, LEAST, "why is it over?")
    with services.db.write() as tx:
        alert = _open_one(services, tx, alert_id, "resolve")
        if not isinstance(alert, Alert):
            return alert
        if seen_at and alert.fired_at and alert.fired_at > seen_at:
            return services.notice(tx, "fired-since", key=alert_key(alert_id), at=alert.fired_at)
        alerts.change(tx, alert, state="resolved", resolved_at=tx.now, resolved_by=actor.key, resolved_reason=reason)
        escalations.cancel(tx, alert_id)
        number = alerts.add_event(tx, alert, "resolved_by_hand", actor=actor.key, reason=reason)
        pages.follow(tx, alert, pages.RESOLVE, number)
        announcing.edit_alert(tx, alert)
        alert_cards.announce_reply(tx, alert, number)
        audit.append(tx, "alert.resolved", actor=actor.key, alert=alert_id, reason=reason)
        return services.notice(tx, "resolved", key=alert_key(alert_id))


def resolve_form(services: Services, alert_id: int, actor: Actor) -> Message:
    """Return the form in which an operator says why an open alert is resolved by hand."""
    authority.require(services, actor, Role.OPERATOR, "resolve by hand")
    with services.db.write() as tx:
        alert = _open_one(services, tx, alert_id, "resolve")
        if not isinstance(alert, Alert):
            return alert
        return ResolveForm(
            env=services.config.env, as_of=tx.now, key=alert_key(alert_id), label=alert_cards.title(alert)
        )


def remind_due(services: Services) -> int:
    """Ask whoever acknowledged whether they still have it; after an hour without an answer calling begins again.

    Acknowledging once more is the answer.

    Returns:
        How many were asked or lapsed.
    """
    timing, acted = services.config.timing, 0
    with services.db.write() as tx:
        for open_one in alerts.list_open(tx):
            alert = alerts.find(tx, open_one.id, lock=True) if open_one.acked_at else None  # one replica asks
            if alert is None or alert.acked_at is None or alert.state == "resolved":
                continue
            held = tx.now - alert.acked_at
            if held >= timing.ack_lapses:
                alerts.change(tx, alert, acked_by=None, acked_at=None)
                _announce_fire(services, tx, alert, "ack_lapsed", "nobody confirmed it")
            elif held >= timing.ack_reminder and not _was_reminded(tx, alert):
                number = alerts.add_event(tx, alert, "ack_reminder", who=[alert.acked_by])
                alert_cards.announce_reply(tx, alert, number)
            else:
                continue
            acted += 1
    return acted


def _was_reminded(tx: Tx, alert: Alert) -> bool:
    since = alert.acked_at
    return any(event.event == "ack_reminder" and since and event.at >= since for event in alerts.events(tx, alert.id))


def line(services: Services, tx: Tx, alert: Alert) -> AlertLine:
    """Return an alert as a list shows it."""
    return AlertLine(
        key=alert_key(alert.id),
        title=alert_cards.title(alert),
        state=alert.state,
        since=alert.started_at,
        acked_by=alert.acked_by or "",
        acked_at=alert.acked_at,
        online=alert.evidence.get("online"),
        total=alert.evidence.get("total"),
        url=services.link(tx, "alert", alert.id),
    )


def list_open(services: Services) -> AlertList:
    """Return the open alerts, not acknowledged first, oldest first."""
    with services.db.read() as tx:
        last = alerts.last_resolved(tx)
        return AlertList(
            env=services.config.env,
            as_of=tx.now,
            alerts=tuple(line(services, tx, alert) for alert in alerts.list_open(tx)),
            last=line(services, tx, last) if last else None,
        )


def card(services: Services, alert_id: int) -> Message:
    """Return an alert's card as it stands now."""
    with services.db.read() as tx:
        alert = alerts.find(tx, alert_id)
        if alert is None:
            return services.notice(tx, "not-found", plan=alert_key(alert_id))
        return alert_cards.build(services, tx, alert)
