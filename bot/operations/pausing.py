"""The lease of a pause: it holds what comes later, asks the vendor, reminds, ends, and lets jobs go in small batches.

Everything stands in the pause's row, so it survives restarts and any replica may go on with it (§12; cards, section 5).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.actor import Actor, Role
from bot.domain.messages import Message, PauseCard, PauseReply
from bot.domain.needs import unseen
from bot.domain.vendor import GOOD_IN_A_ROW, combined, worst
from bot.operations import announcing, authority, changes, escalations, vendors
from bot.operations.kinds import pause as steps
from bot.operations.kinds.pause import good_answers
from bot.operations.services import Services
from bot.store import audit, outbox, pauses
from bot.store.db import Tx
from bot.store.pauses import Pause


def tend(services: Services) -> int:
    """Go on with the pause that is open, if there is one; return 1 if something was done."""
    with services.db.read() as tx:
        found = pauses.open_one(tx)
        now = tx.now
    if found is None:
        return 0
    verdict = _ask(services, found, now)
    with services.db.write() as tx:
        pause = pauses.find(tx, found.id, lock=True)
        if pause is None or pause.state == "ended":
            return 0
        if verdict:
            pause = replace(pause, probes=vendors.note(tx, pause, verdict))
        if changes.why_off(services, tx) is not None:
            return 0  # no job is held or let go meanwhile
        done = _let_go(services, tx, pause) if pause.state == "resuming" else _hold(services, tx, pause)
    return int(done)


def _ask(services: Services, pause: Pause, now: datetime) -> str:
    """Ask every vendor whose jobs are held when that is due; nothing is held open meanwhile."""
    asked = vendors.asked(services, pause)
    last = datetime.fromisoformat(pause.probes[-1][0]) if pause.probes else None
    if not asked or (last and now - last < services.config.timing.probe_interval):
        return ""
    return worst([combined(*vendors.ask(services, vendor)) for vendor in asked])


def _hold(services: Services, tx: Tx, pause: Pause) -> bool:
    timing = services.config.timing
    if not pauses.take_sweep(tx, pause.id, timing.sweep_interval):
        return False
    catalog = services.catalog.get(tx, fresh=True)
    step = services.runbooks.step("pause")
    assert step is not None
    held = 0 if unseen(catalog) else steps.hold(tx, step, catalog, pause)
    if pause.swept_at is None:
        outbox.enqueue_live(tx, "post", "pause", pause.id, pause.channel, priority=outbox.RESULT)
        announcing.edit_alerts(tx, steps.SCENARIO)
    due = pauses.take_due(tx, pause.id, remind=timing.pause_reminder, warn=timing.pause_warning)
    if due is not None and due.over:
        _end(services, tx, pause)
    elif due is not None and due.warn:
        _tell(tx, pause, "ends_soon")
    elif due is not None and due.remind:
        _tell(tx, pause, "reminder")
    if pause.swept_at is not None:
        _edit(tx, pause)
    if held == steps.MOST:
        pauses.sweep_again(tx, pause.id)
    if held:
        audit.append(tx, "pause.swept", actor="dragonfly", pause=pause.id, held=held)
    return True


def _end(services: Services, tx: Tx, pause: Pause) -> None:
    """The lease is over: let jobs go if the vendor is well; else they stay paused, and people are told."""
    good, asked = good_answers(services, pause, tx.now)
    if asked and good < GOOD_IN_A_ROW:
        levels = escalations.chain_for(services.config, steps.SCENARIO, tx.now)
        _tell(tx, pause, "ended_failing", who=[who for level in levels[:2] for who in level.who])
        audit.append(tx, "pause.overdue", actor="dragonfly", pause=pause.id, good=good)
        return
    steps.stands(tx, pause.id, "resuming", resume_run=pause.id, batch_at=tx.now)
    _tell(tx, pause, "resuming")
    audit.append(tx, "pause.resuming", actor="dragonfly", pause=pause.id)


def _let_go(services: Services, tx: Tx, pause: Pause) -> bool:
    """Let the next batch go, unless the last one met errors; with nothing left, the last one has been looked at too."""
    if pause.batch_at is None or pause.batch_at > tx.now:
        return False
    catalog, timing = services.catalog.get(tx, fresh=True), services.config.timing
    step = services.runbooks.step("resume")
    assert step is not None
    lacking = unseen(catalog)
    if lacking:  # what cannot be seen would count as moved on, and stay held for good
        stop_for(tx, pause, "dragonfly", lacking[0].reason)
        return True
    patterns = [pattern for vendor in vendors.behind(services, pause) for pattern in vendor.patterns]
    last = pause.batch_at - timing.resume_interval * 2
    completed, failed = steps.since_release(tx, step, catalog, pause, last, patterns)
    seen = completed + failed
    failing = bool(pause.probes) and pause.probes[-1][1] == "failing"
    if failing or failed * 2 > seen:
        why = "the API fails again" if failing else f"{failed} of {seen} calls failed in the last batch"
        stop_for(tx, pause, "dragonfly", why)
        return True
    left = pauses.counts(tx, pause.id)
    over = left.held + left.held_later == 0
    freed = steps.release(tx, step, catalog, pause, services.config.queue.resume_batch)
    steps.stands(tx, pause.id, "ended" if over else "resuming", batch_at=tx.now + timing.resume_interval)
    _edit(tx, pause)
    if over:
        _tell(tx, pause, "ended")
    event = "pause.ended" if over else "pause.batch"
    audit.append(tx, event, actor="dragonfly", pause=pause.id, released=freed["released"], moved=freed["moved on"])
    return True


def stop_for(tx: Tx, pause: Pause, actor: str, why: str) -> None:
    """Stop letting jobs go; what is still held stays paused."""
    pauses.stop(tx, pause.id, why)
    announcing.edit_alerts(tx, steps.SCENARIO)
    _edit(tx, pause)
    _tell(tx, pause, "stopped", why=why)
    audit.append(tx, "pause.stopped", actor=actor, pause=pause.id, reason=why)


def stop(services: Services, pause_id: str, actor: Actor) -> Message:
    """Stop a resume by hand, at once.

    Raises:
        NotAllowed: the actor is no operator.
    """
    authority.require(services, actor, Role.OPERATOR, "stop the resume")
    with services.db.write() as tx:
        pause = pauses.find(tx, pause_id, lock=True)
        going = pause is not None and pause.state == "resuming"
        if pause is not None and going:
            stop_for(tx, pause, actor.key, pauses.BY_HAND)
        return services.notice(tx, "stopped" if going else "not-resuming", plan=pause_id)


def _edit(tx: Tx, pause: Pause) -> None:
    outbox.enqueue_live(tx, "update", "pause", pause.id, pause.channel)


def _tell(tx: Tx, pause: Pause, event: str, **facts: object) -> None:
    mark, loud = f"{event}:{tx.now.isoformat()}", event == "ended_failing"
    said = {"event": event, "facts": facts}
    outbox.enqueue_reply(tx, "pause", pause.id, pause.channel, mark, said, priority=outbox.RESULT, broadcast=loud)


def pause_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for."""
    pause = pauses.find(tx, str(facts["id"]))
    return build(services, tx, pause) if pause else None


def build(services: Services, tx: Tx, pause: Pause) -> PauseCard:
    """Return a pause's card as it stands now."""
    counts = pauses.counts(tx, pause.id)
    asked = vendors.asked(services, pause)
    step = services.runbooks.step("pause")
    return PauseCard(
        env=services.config.env,
        as_of=tx.now,
        key=pause.id,
        thing=pause.thing,
        state=pause.state,
        held=counts.held,
        held_later=counts.held_later,
        released=counts.released,
        moved=counts.moved,
        owner=pause.owner,
        reason=pause.reason,
        started_at=pause.started_at,
        ends_at=pause.ends_at,
        ended_at=pause.ended_at,
        vendor=" and ".join(vendor.title for vendor in asked),
        probes=asked[0].name if len(asked) == 1 else "",
        verdict=pause.probes[-1][1] if pause.probes else "unknown",
        asked_ago=tx.now - datetime.fromisoformat(pause.probes[-1][0]) if pause.probes else None,
        good=good_answers(services, pause, tx.now)[0],
        asks_every=services.config.timing.probe_interval,
        batch=services.config.queue.resume_batch,
        batch_every=services.config.timing.resume_interval,
        not_ours=steps.foreign(tx, step, pause.job_types) if step else 0,
        why_stopped=pause.why_stopped,
        contact=", ".join(
            dict.fromkeys(vendor.contact for vendor in vendors.behind(services, pause) if vendor.contact)
        ),
    )


def pause_reply(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the reply an outbox row asks for."""
    pause = pauses.find(tx, str(facts["id"]))
    if pause is None:
        return None
    return PauseReply(
        env=services.config.env,
        as_of=tx.now,
        card=build(services, tx, pause),
        event=str(facts["event"]),
        mentions=tuple(facts.get("facts", {}).get("who", ())) or (pause.owner,),
        paused_for=(pause.ended_at or tx.now) - pause.started_at,
        ends_in=max(pause.ends_at - tx.now, timedelta(0)),
    )
