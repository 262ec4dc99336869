"""Call the next level of every alert that nobody has acknowledged; each level is a row with a due time (§4, R2)."""

from datetime import datetime

from bot.domain.configuration import Configuration
from bot.domain.escalation import calls, chain
from bot.domain.messages import Call
from bot.operations import alert_cards
from bot.operations.services import Services
from bot.store import alerts, audit, escalations
from bot.store.db import Tx
from bot.store.escalations import Escalation


def call_due(services: Services) -> int:
    """Call every level whose time has come, in the alert's thread and the channel; return how many."""
    with services.db.write() as tx:
        due = [item for item in escalations.take_due(tx) if item.level > 1]
        called = sum(_call(tx, item) for item in due)
        for item in due:
            facts = {"alert": item.alert_id, "level": item.level, "who": list(item.who)}
            audit.append_or_go_on(tx, "escalation.called", actor="dragonfly", **facts)
    return called


def _call(tx: Tx, item: Escalation) -> bool:
    """Tell the next level; the first was mentioned by the card itself."""
    alert = alerts.find(tx, item.alert_id, lock=True)
    if alert is None or alert.state not in ("firing", "resolving") or alert.acked_at is not None:
        return False
    alerts.change(tx, alert)
    event = alerts.add_event(tx, alert, "escalated", label=item.label, who=list(item.who))
    alert_cards.announce_edit(tx, alert)
    alert_cards.announce_reply(tx, alert, event, broadcast=True)
    for channel in (who for who in item.who if who[:1] in ("C", "G") and who != alert.channel):
        alert_cards.announce_elsewhere(tx, alert, event, channel)
    return True


def chain_for(config: Configuration, scenario: str, at: datetime) -> tuple[Call, ...]:
    """Return who would be called if the scenario's alert fired now."""
    return calls(chain(config, scenario, at), at)
