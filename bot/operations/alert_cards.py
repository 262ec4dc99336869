"""An alert's live card and its thread replies, built from what is stored at the moment they are sent."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot import words
from bot.domain.alerts import changes_lately
from bot.domain.configuration import PAGER
from bot.domain.ids import alert_key
from bot.domain.messages import AlertCard, AlertFace, AlertReply, Call, Link, Message, StepLine, WorkerLine
from bot.domain.workers import SourceVerdict
from bot.operations import looking
from bot.operations.declared import shown_step
from bot.operations.services import Services
from bot.store import alerts, escalations, outbox, pauses, plans
from bot.store.alerts import Alert, Event, RunLine
from bot.store.db import Tx
from bot.store.escalations import Escalation

_SAYS = words.load("alerts")
_ID = re.compile(r"^[UWSCG][A-Z0-9]+$")


def title(alert: Alert) -> str:
    """Return an alert's name, as lists and pages say it."""
    label = alert.evidence.get("label", alert.check_id)
    return str(_SAYS["titles"][alert.check_id].format(label=label))


def wrong(alert: Alert) -> str:
    """Return what is wrong, in a word."""
    return str(_SAYS["wrong"][alert.check_id])


def announce_reply(tx: Tx, alert: Alert, event_id: int, *, broadcast: bool = False) -> str:
    """Queue a reply in the alert's thread that tells of one event, and return its key."""
    where = (alert.id, alert.channel, event_id)
    return outbox.enqueue_reply(tx, "alert", *where, {"event": event_id}, priority=outbox.CRITICAL, broadcast=broadcast)


def announce_elsewhere(tx: Tx, alert: Alert, event_id: int, channel: str) -> None:
    """Queue the same words as a message of its own in another channel, which is a level of the chain."""
    key, facts = outbox.live_key("alert", alert.id), {"message": "alert_reply", "id": alert.id, "event": event_id}
    outbox.enqueue(tx, "post", channel, f"{key}:{event_id}:{channel}", facts, priority=outbox.CRITICAL)


def alert_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for."""
    alert = alerts.find(tx, int(facts["id"]))
    return build(services, tx, alert) if alert else None


def build(services: Services, tx: Tx, alert: Alert) -> AlertCard:
    """Return an alert's card as it stands now."""
    chain = escalations.of_alert(tx, alert.id)
    evidence = alert.evidence
    return AlertCard(
        env=services.config.env,
        as_of=tx.now,
        key=alert_key(alert.id),
        check=alert.check_id,
        face=_face(alert, chain, tx.now),
        severity=alert.severity,
        label=evidence.get("label", alert.check_id),
        started_at=alert.started_at,
        fired_at=alert.fired_at or alert.last_bad_at,
        reason=evidence.get("reason", ""),
        word=wrong(alert),
        counted=evidence.get("counted"),
        seen_at=alert.last_bad_at if evidence.get("hidden") else _time(evidence.get("seen_at")),
        unseen=evidence.get("unseen", ""),
        online=evidence.get("online"),
        total=evidence.get("total"),
        newest_heartbeat=_time(evidence.get("newest")),
        newest_status=evidence.get("newest_status", ""),
        verdicts=tuple(SourceVerdict(**item) for item in evidence.get("verdicts", ())),
        pending=evidence.get("pending"),
        processing=evidence.get("processing"),
        jobs_held=evidence.get("jobs_held"),
        worst=tuple(_worker(item, tx.now) for item in evidence.get("worst", ())),
        worst_total=max(0, (evidence.get("total") or 0) - (evidence.get("online") or 0)),
        calls=tuple(_call(item) for item in chain if item.done_at),
        next_calls=tuple(_call(item) for item in chain if not item.done_at and not alert.acked_at),
        steps=tuple(step_line(services, item) for item in alerts.runs_of(tx, alert.id)),
        scenario=alert.scenario,
        sources=evidence.get("sources"),
        **_open_plan(services, tx, alert.id),
        **_about(services, tx, alert),
        **_happened(tx, alert),
        **_held_by(services, alert),
        **_ends(services, alert, tx.now),
    )


def _about(services: Services, tx: Tx, alert: Alert) -> dict[str, Any]:
    """Return whom its buttons ask, service or failing vendor, how the vendor's pause stands, and who accepted a break."""
    service = services.config.service_of(alert.labels.get("worker_type", ""))
    pause = pauses.open_one(tx) if alert.scenario == "vendor-outage" else None
    asked = {"service": service, "vendor": alert.labels.get("vendor", ""), "pause": pause.state if pause else ""}
    return {**asked, "accepted": _accepted(alert)}


def _happened(tx: Tx, alert: Alert) -> dict[str, Any]:
    """Return what only an alert's events say: its last recovery, an acknowledgement that ended, what logs showed."""
    events = alerts.events(tx, alert.id)
    newest = {item.event: item for item in events}
    lapsed, acked = newest.get("ack_lapsed"), newest.get("acknowledged")
    looks = [item.facts["found"] for item in events if item.event == "logs" and item.at >= alert.started_at]
    facts: dict[str, Any] = {"late": _told_late(tx, alert), "in_logs": _in_logs(looks)}
    if alert.reopens and "recovered" in newest:
        facts["recovered_at"] = newest["recovered"].at
    if alert.reopens and "reopened" in newest:
        facts["ack_gone"] = bool(newest["reopened"].facts.get("had"))
    firing = alert.state == "firing" and not alert.acked_at
    if lapsed and acked and firing and lapsed.at >= (alert.fired_at or lapsed.at):
        facts |= {"lapsed_by": acked.actor, "lapsed_at": lapsed.at}
    return facts


def _in_logs(looks: Sequence[Mapping[str, int]]) -> tuple[tuple[str, int], ...] | None:
    """Return the most that any look at the logs found of each kind: a later one that finds nothing takes nothing back."""
    kinds = dict.fromkeys(name for found in looks for name in found)
    return tuple((name, max(found.get(name, 0) for found in looks)) for name in kinds) if looks else None


def _told_late(tx: Tx, alert: Alert) -> bool:
    """Say whether an alert was over before its card arrived: one message then tells all of it (§5, Q8)."""
    if alert.resolved_at is None:
        return False
    posted = outbox.delivered_at(tx, outbox.live_key("alert", alert.id))
    return posted is None or posted > alert.resolved_at


def _face(alert: Alert, chain: list[Escalation], now: datetime) -> AlertFace:
    if alert.state == "resolved":
        return AlertFace.BY_HAND if alert.resolved_by else AlertFace.RECOVERED
    if alert.state == "resolving":
        return AlertFace.RECOVERING
    if alert.evidence.get("hidden"):
        return AlertFace.HIDDEN
    if alert.unsteady:
        return AlertFace.UNSTEADY
    if alert.acked_at:
        return AlertFace.ACKED
    if any((item.level > 1 or item.repeat > 1) and item.done_at for item in chain):
        return AlertFace.ESCALATED
    return AlertFace.REOPENED if alert.reopens else AlertFace.FIRING


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _worker(item: Mapping[str, Any], now: datetime) -> WorkerLine:
    silent = now - datetime.fromisoformat(item["last_seen_at"])
    return WorkerLine(worker_id=item["worker_id"], silent_for=silent, jobs_held=item["jobs_held"])


def _call(item: Escalation) -> Call:
    return Call(who=item.who, label=item.label, at=item.done_at or item.due_at)


def step_line(services: Services, item: RunLine) -> StepLine:
    """Return a run as the alert's card and its timeline show it."""
    said = _SAYS["runs"]
    proof = said["proofs"][item.proof]
    state = proof if item.state == "succeeded" else said["states"].get(item.state, item.state.replace("_", " "))
    if item.step == "reset-stuck" and item.state == "succeeded":
        state = _rescued(item, proof)
    elif item.undone_by:
        state = said["undone"].format(by=item.undone_by)
    title = shown_step(services, item.step).title
    return StepLine(
        title=title,
        state=state,
        at=item.confirmed_at,
        by=item.actor,
        key=item.id,
        step=item.step,
        reset=item.result.get("reset", 0) - item.gone,
        proved=item.proof == "proved" and not item.undone_by,
        took=item.proved_at - item.ended_at if item.proved_at and item.ended_at else None,
    )


def _rescued(item: RunLine, proof: str) -> str:
    """Return how many jobs a run set to failed and how many it reset, and what became of them since."""
    said, counts = _SAYS["runs"], {name: item.result.get(name, 0) for name in ("failed", "reset")}
    done = [said[f"{name}_one" if n == 1 else name].format(count=n) for name, n in counts.items() if n]
    if item.undone_by:
        done.append(said["undone"].format(by=item.undone_by))
    elif item.proof != "proved":
        done.append(proof)
    elif counts["reset"] > item.gone:
        done.append(said["picked_up"])
    if item.gone:
        done.append(said["gone"].format(count=item.gone))
    return ", ".join(done)


def _open_plan(services: Services, tx: Tx, alert_id: int) -> dict[str, Any]:
    found = plans.open_for_alert(tx, alert_id)
    if found is None:
        return {}
    plan_id, step = found
    return {"open_plan": Link(key=plan_id, url=services.link(tx, "plan", plan_id)), "open_step": step}


def _held_by(services: Services, alert: Alert) -> dict[str, Any]:
    timing = services.config.timing
    acked = alert.acked_at
    return {
        "acked_by": alert.acked_by or "",
        "acked_at": acked,
        "ack_ends_at": acked + timing.ack_lapses if acked else None,
    }


def _ends(services: Services, alert: Alert, now: datetime) -> dict[str, Any]:
    timing = services.config.timing
    needed = timing.flap_quiet if alert.unsteady else timing.keep_firing_for
    return {
        "online_since": alert.resolving_since,
        "recovered_if_until": alert.resolving_since + needed if alert.resolving_since else None,
        "resolved_at": alert.resolved_at,
        "resolved_by": alert.resolved_by or "",
        "resolved_reason": alert.resolved_reason or "",
        "reopens_until": alert.resolved_at + timing.reopen_window if alert.resolved_at else None,
        "reopens": alert.reopens,
        "changes": changes_lately(alert.changes, now, timing),
    }


def _accepted(alert: Alert) -> Mapping[str, Any] | None:
    """Return who accepted the record as it stands since the alert began, or None."""
    said = alert.evidence.get("accepted")
    return said if said and datetime.fromisoformat(said["at"]) >= alert.started_at else None


def _left(services: Services, tx: Tx, alert: Alert, event: str) -> int:
    """Return how many jobs dead workers still hold when a worker type has recovered."""
    if alert.check_id != "worker_heartbeat" or event != "recovered":
        return 0
    return sum(looking.held_by_the_dead(services, tx).values())


def _paused(tx: Tx, alert: Alert, event: str) -> int:
    """Return how many jobs a pause still holds when a vendor is well again."""
    pause = pauses.open_one(tx) if alert.scenario == "vendor-outage" and event == "recovered" else None
    return pauses.counts(tx, pause.id).now if pause else 0


def _called_anew(tx: Tx, event: Event, alert_id: int) -> bool:
    """Say whether the same people were called again since: whoever reads late needs the newest call only."""
    return event.event == "escalated" and any(
        later.id > event.id and later.event == event.event and later.facts.get("who") == event.facts.get("who")
        for later in alerts.events(tx, alert_id)
    )


def _people(called: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(who for who in called if _ID.match(who))


def alert_reply(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the thread reply an outbox row asks for."""
    alert = alerts.find(tx, int(facts["id"]))
    event = alerts.event(tx, int(facts["event"]))
    if alert is None or event is None or _told_late(tx, alert) or _called_anew(tx, event, alert.id):
        return None
    chain, ran = escalations.of_alert(tx, alert.id), alerts.runs_of(tx, alert.id)
    kept = [item for item in ran if not item.undone_by]
    evidence, down = alert.evidence, event.facts.get("down_seconds")
    called = tuple(event.facts.get("who", ()))
    return AlertReply(
        env=services.config.env,
        as_of=tx.now,
        key=alert_key(alert.id),
        event=event.event,
        label=evidence.get("label", alert.check_id),
        at=event.at,
        word=wrong(alert),
        mentions=_people(called) or _people(tuple(who for item in chain[:1] for who in item.who)),
        contacts=tuple(who for who in called if not _ID.match(who) and who != PAGER),
        called=str(event.facts.get("label", "")),
        earlier=tuple(_call(item) for item in chain if item.done_at and item.done_at < event.at),
        next_calls=tuple(_call(item) for item in chain if not item.done_at),
        down_for=timedelta(seconds=down) if down is not None else tx.now - alert.started_at,
        online=evidence.get("online"),
        total=evidence.get("total"),
        pending=evidence.get("pending"),
        reset=sum(item.result.get("reset", 0) - item.gone for item in kept),
        failed=sum(item.result.get("failed", 0) for item in kept if item.step == "reset-stuck"),
        put_back=sum(item.put_back for item in ran if item.step == "reset-stuck"),
        left=_left(services, tx, alert, event.event),
        paused=_paused(tx, alert, event.event),
        picked_up=bool(kept) and all(item.proof in ("proved", "none") for item in kept),
        changes=int(event.facts.get("changes", 0)),
        ack_gone=bool(event.facts.get("had")),
        reason=event.reason,
        actor=event.actor,
        accepted=_accepted(alert),
        card=Link(key=alert_key(alert.id), url=services.link(tx, "alert", alert.id)),
    )
