"""An alert that fires, and the reply that tells of its recovery."""

from bot.domain.messages import Message
from bot.domain.workers import Status
from bot.operations import alert_cards, alerts
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.store import alerts as store


def fired(services: Services) -> int:
    """Let an alert fire, and return its number."""
    with services.db.write() as tx:
        seen = Observation(
            check="slack_auth", labels={}, status=Status.BAD, started_at=tx.now, evidence={"label": "it"}
        )
        alerts.observe(services, tx, seen)
        return store.list_open(tx)[0].id


def recovered(services: Services, number: int) -> Message:
    """Return the reply that tells of an alert's recovery."""
    with services.db.write() as tx:
        alert = store.find(tx, number)
        assert alert is not None
        event = store.add_event(tx, alert, "recovered", down_seconds=100)
        reply = alert_cards.alert_reply(services, tx, {"id": number, "event": event})
    assert reply is not None
    return reply
