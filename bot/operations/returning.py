"""Back after a gap: what came meanwhile is said once, before anything else (cards, section 13); how a start is announced."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.domain.messages import AwayCard, Message
from bot.operations import alerts as alert_operations
from bot.operations import checks
from bot.operations.services import Services
from bot.store import alerts, audit, outbox, watch
from bot.store.db import Tx


def tell(services: Services, tx: Tx, away_from: datetime, *, restarted: bool) -> None:
    """Queue the card now, and its edit for when the first looks have shown what came meanwhile."""
    until = tx.now + _first_looks(services)
    facts = {
        "from": away_from.isoformat(),
        "to": tx.now.isoformat(),
        "until": until.isoformat(),
        "restarted": restarted,
    }
    now, later = ("post", timedelta(0), outbox.FIRST), ("update", until - tx.now, outbox.NORMAL)
    key, shown = outbox.live_key("away", facts["to"]), {"message": "away", **facts}
    for kind, after, priority in (now, later):
        when = outbox.Options(priority=priority, after_seconds=after.total_seconds())
        outbox.enqueue(tx, kind, services.config.alert_channel, key, shown, **when)
    audit.append_or_go_on(tx, "bot.was_away", actor="dragonfly", down_seconds=int((tx.now - away_from).total_seconds()))


def _first_looks(services: Services) -> timedelta:
    """Return how long it takes until what is bad since the gap has fired."""
    timing = services.config.timing
    return timing.offline_after + timing.pending_for + timing.check_interval * 2


def away_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for."""
    began, ended, until = (datetime.fromisoformat(facts[name]) for name in ("from", "to", "until"))
    intervals = {**checks.here(services), **checks.outside(services)}
    late = watch.late_calls(tx, began, ended)
    newest = audit.newest(tx, 1)
    return AwayCard(
        env=services.config.env,
        as_of=tx.now,
        away_from=began,
        away_to=ended,
        restarted=bool(facts["restarted"]),
        looking_until=until,
        alerts=tuple(alert_operations.line(services, tx, item) for item in alerts.came_between(tx, began, until)),
        before=tuple(
            alert_operations.line(services, tx, item) for item in alerts.list_open(tx) if item.started_at < began
        ),
        missed_looks=sum(int((ended - began) / interval) for interval in intervals.values()),
        late_calls=late.count,
        latest_call=timedelta(seconds=late.seconds) if late.count else None,
        ended_plans=tuple(watch.plans_ended(tx, began, ended)),
        record_n=newest[-1].n if newest else 0,
    )


def started(services: Services, tx: Tx, version: str) -> None:
    """Say in the log what starts here, and what it finds (§16, W5); the record says it too (`config.loaded`)."""
    found = " ".join(f"{name}={count}" for name, count in watch.found_at_start(tx).items())
    services.log.info("bot_started version=%s config_rev=%s %s", version, services.config.rev, found)
