"""Call the next level of every alert that nobody has acknowledged; each level is a row with a due time (§4, R2)."""

from datetime import datetime

from bot.domain.configuration import Configuration
from bot.domain.escalation import ROUNDS, calls, chain
from bot.domain.messages import Call
from bot.operations import alert_cards, announcing, pages
from bot.operations.services import Services
from bot.store import alerts, audit, escalations
from bot.store.alerts import Alert
from bot.store.db import Tx
from bot.store.escalations import Escalation


def call_due(services: Services) -> int:
    """Call every level whose time has come, in the alert's thread and the channel; return how many were told."""
    with services.db.write() as tx:
        due = sorted(escalations.take_due(tx), key=lambda item: (item.due_at, item.level))
        told = [item for item in due if _tell(services, tx, item)]
        for item in told:
            event, who = ("exhausted", None) if item.ends_round else ("called", list(item.who))
            facts = {"alert": item.alert_id, "level": item.level, "who": who}
            audit.append_or_go_on(tx, f"escalation.{event}", actor="dragonfly", **facts)
    return len(told)


def _tell(services: Services, tx: Tx, item: Escalation) -> bool:
    """Tell a level, or what comes after the last one; the first of the first round was mentioned by the card itself."""
    alert = alerts.find(tx, item.alert_id, lock=True)
    if alert is None or alert.state not in ("firing", "resolving") or alert.acked_at is not None:
        return False
    if item.ends_round:
        return _end_round(services, tx, alert, item)
    if item.level == 1 and item.repeat == 1:
        return False
    alerts.change(tx, alert)
    event = alerts.add_event(tx, alert, "escalated", label=item.label, who=list(item.who))
    announcing.edit_alert(tx, alert)
    key = alert_cards.announce_reply(tx, alert, event, broadcast=True)
    pages.call(services, tx, alert, item.who, key)
    for channel in (who for who in item.who if who[:1] in ("C", "G") and who != alert.channel):
        alert_cards.announce_elsewhere(tx, alert, event, channel)
    return True


def _end_round(services: Services, tx: Tx, alert: Alert, item: Escalation) -> bool:
    """Begin the chain again as it was; after the last round, say where everybody reads that nobody is called any more."""
    if item.repeat < ROUNDS:
        escalations.begin(tx, alert.id, item.chain, services.config.timing.escalate_again, repeat=item.repeat + 1)
        return False
    event = alerts.add_event(tx, alert, "exhausted", rounds=ROUNDS)
    alert_cards.announce_reply(tx, alert, event, broadcast=True)
    if services.config.fallback_channel != alert.channel:
        alert_cards.announce_elsewhere(tx, alert, event, services.config.fallback_channel)
    return True


def chain_for(config: Configuration, scenario: str, at: datetime) -> tuple[Call, ...]:
    """Return who would be called if the scenario's alert fired now."""
    return calls(chain(config, scenario, at), at)
