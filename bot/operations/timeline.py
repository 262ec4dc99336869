"""What happened to an alert and what was done about it, oldest first."""

from datetime import timedelta

from bot.domain.ids import alert_key
from bot.domain.messages import Message, Timeline, TimelineEntry
from bot.operations import alert_cards
from bot.operations.services import Services
from bot.store import alerts, audit
from bot.store.alerts import Alert, Event, RunLine
from bot.store.db import Tx


def read(services: Services, alert_id: int) -> Message:
    """Return an alert's life, and how far the record of it adds up and was copied outside."""
    with services.db.read() as tx:
        alert = alerts.find(tx, alert_id)
        if alert is None:
            return services.notice(tx, "not-found", plan=alert_key(alert_id))
        verified, copied = audit.newest_of(tx, "chain.verified"), audit.copied(tx)
        return Timeline(
            env=services.config.env,
            as_of=tx.now,
            key=alert_key(alert_id),
            label=alert.evidence.get("label", alert.check_id),
            word=alert_cards.wrong(alert),
            state="by_hand" if alert.resolved_by else alert.state,
            wrong_for=(alert.resolving_since or alert.resolved_at or tx.now) - alert.started_at,
            entries=_entries(services, tx, alert),
            record_n=int(str(verified.record["n"])) if verified else None,
            record_at=verified.at if verified else None,
            copied_n=copied.n if copied else 0,
            copied_at=copied.log_at if copied and copied.n else None,
        )


def _entries(services: Services, tx: Tx, alert: Alert) -> tuple[TimelineEntry, ...]:
    began = TimelineEntry(at=alert.started_at, event="began")
    events = [_event(alert, item) for item in alerts.events(tx, alert.id)]
    done = [_run(services, item) for item in alerts.runs_of(tx, alert.id)]
    return tuple(sorted([began, *events, *done], key=lambda entry: entry.at))


def _event(alert: Alert, item: Event) -> TimelineEntry:
    down, fired = item.facts.get("down_seconds"), alert.fired_at
    after = item.at - fired if item.event == "acknowledged" and fired and fired <= item.at else None
    return TimelineEntry(
        at=item.at,
        event=item.event,
        actor=item.actor,
        reason=item.reason,
        who=tuple(who for who in item.facts.get("who", ()) if who),
        label=str(item.facts.get("label", "")),
        found=tuple(item.facts.get("found", {}).items()),
        took=after if down is None else timedelta(seconds=down),
    )


def _run(services: Services, item: RunLine) -> TimelineEntry:
    line = alert_cards.step_line(services, item)
    return TimelineEntry(at=item.confirmed_at, event="run", actor=item.actor, step=line, record_n=item.record_n)
