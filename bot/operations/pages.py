"""The second path: pages are rows like every message, with one key for trigger, acknowledge and resolve (§4, F2; §5, Q9).

A page that stands for a message waits as long as Slack may take for it, and is moot once the message has arrived.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot import words
from bot.domain.alerts import fingerprint
from bot.domain.configuration import PAGER
from bot.domain.ids import alert_key
from bot.domain.messages import Message, Page
from bot.operations import alert_cards
from bot.operations.services import Services
from bot.store import alerts, outbox
from bot.store.alerts import Alert
from bot.store.db import Tx

TRIGGER, ACKNOWLEDGE, RESOLVE = "trigger", "acknowledge", "resolve"


def key(alert_id: int, action: str, cause: str) -> str:
    """Return the key of a page; there is one for each cause, ever."""
    return f"page:{alert_id}:{action}:{cause}"


def call(services: Services, tx: Tx, alert: Alert, who: tuple[str, ...], message_key: str) -> None:
    """Queue the page of a level that names the pager; else the one that goes when Slack has not taken its message."""
    if not services.config.pager or alert.severity != "critical":
        return
    at_once = PAGER in who
    later = timedelta(0) if at_once else services.config.timing.page_after
    _queue(tx, alert.id, TRIGGER, message_key, after=later, unless="" if at_once else message_key)


def follow(tx: Tx, alert: Alert, action: str, event: int) -> None:
    """Queue that an alert is acknowledged or over, where the second path was told of it."""
    if outbox.was_paged(tx, alert.id, alert.fired_at or alert.started_at):
        _queue(tx, alert.id, action, str(event))


def _queue(
    tx: Tx, alert_id: int, action: str, cause: str, *, after: timedelta = timedelta(0), unless: str = ""
) -> None:
    facts = {"message": "page", "id": alert_id, "action": action, "unless": unless}
    when = outbox.Options(priority=outbox.CRITICAL, after_seconds=after.total_seconds())
    outbox.enqueue(tx, "page", PAGER, key(alert_id, action, cause), facts, **when)


def page(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the page an outbox row asks for; what somebody has, is over, or arrived by Slack wakes nobody."""
    alert = alerts.find(tx, int(facts["id"]))
    if alert is None:
        return None
    if facts["action"] == TRIGGER and (alert.acked_at or _is_over(alert) or _arrived(tx, facts["unless"])):
        return None
    return Page(
        env=services.config.env,
        as_of=tx.now,
        action=facts["action"],
        dedup_key=alert.fingerprint,
        key=alert_key(alert.id),
        check=alert.check_id,
        severity=alert.severity,
        what=alert_cards.title(alert),
        detail=_detail(alert.evidence),
        since=alert.started_at,
        by=alert.acked_by or alert.resolved_by or "",
    )


def note(tx: Tx, facts: Mapping[str, Any]) -> None:
    """Write into an alert's history that the second path was told."""
    alert = alerts.find(tx, int(facts["id"]))
    if alert is not None:
        alerts.add_event(tx, alert, "paged", reason=str(facts["action"]))


def _is_over(alert: Alert) -> bool:
    """Say whether an alert is over; a database that answers again is: should it go away anew, its own watch tells that."""
    return alert.state == "resolved" or (alert.check_id == "db_reachable" and alert.state == "resolving")


def _arrived(tx: Tx, message_key: str) -> bool:
    return bool(message_key) and outbox.delivered_at(tx, message_key) is not None


def _detail(evidence: Mapping[str, Any]) -> str:
    if evidence.get("total") is not None:
        return f"{evidence['online']} of {evidence['total']} online"
    return str(evidence.get("reason", ""))


def of_database(services: Services, action: str, reason: str) -> Page:
    """Return the page about the database itself, which cannot be a row while it is away."""
    now = services.clock.now()
    return Page(
        env=services.config.env,
        as_of=now,
        action=action,
        dedup_key=fingerprint(services.config.env, "db_reachable", {}),
        key="",
        check="db_reachable",
        severity="critical",
        what=words.load("alerts")["titles"]["db_reachable"],
        detail=reason,
        since=now,
        by="",
    )
