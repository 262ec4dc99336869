"""Edits of alerts' cards that stand in Slack, queued by whatever changes what they say."""

from bot.store import alerts, outbox
from bot.store.alerts import Alert
from bot.store.db import Tx


def edit_alert(tx: Tx, alert: Alert) -> None:
    """Queue an edit of an alert's card."""
    outbox.enqueue_live(tx, "update", "alert", alert.id, alert.channel, priority=outbox.CRITICAL)


def edit_alerts(tx: Tx, scenario: str) -> None:
    """Queue an edit of the card of each alert of a scenario that is not over: what comes next has changed."""
    for alert in alerts.list_open(tx):
        if alert.scenario == scenario:
            edit_alert(tx, alert)
