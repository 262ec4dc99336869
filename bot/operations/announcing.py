"""Edits of cards that stand in Slack, queued where something else than their own subject has changed."""

from bot.store import alerts, outbox
from bot.store.db import Tx


def edit_alerts(tx: Tx, scenario: str) -> None:
    """Queue an edit of the card of each alert of a scenario that is not over: what comes next has changed."""
    for alert in alerts.list_open(tx):
        if alert.scenario == scenario:
            outbox.enqueue_live(tx, "update", "alert", alert.id, alert.channel, priority=outbox.CRITICAL)
