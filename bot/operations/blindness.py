"""A check that cannot see says so: three looks in a row that could not tell are an alert of their own (O2)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.domain.workers import Status
from bot.operations import alerts
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.store import checks
from bot.store.db import Tx

BLIND_AFTER = 3
"""Looks in a row that could not tell, before that itself is an alert."""


def blind(services: Services, check: str, label: str, reason: str, *, severity: str = "critical") -> None:
    """Count a look that could not tell; the third in a row is an alert of its own."""
    with services.db.write() as tx:
        streak = checks.could_not_tell(tx, check)
        if streak < BLIND_AFTER:
            return
        evidence = {"label": label, "reason": f"{streak} looks in a row failed: {reason}"}
        alerts.observe(services, tx, observation(check, Status.BAD, evidence, tx.now, severity))


def see_again(services: Services, tx: Tx, check: str, label: str) -> None:
    """Say that a check can see; an alert that it could not ends."""
    alerts.observe(services, tx, observation(check, Status.OK, {"label": label, "reason": "can see again"}, tx.now))


def observation(
    check: str, status: Status, evidence: Mapping[str, Any], now: datetime, severity: str = "critical"
) -> Observation:
    """Return what is said of a check's own eyes."""
    return Observation(
        check="check_blind",
        labels={"check": check},
        status=status,
        started_at=now,
        evidence=evidence,
        severity=severity,
    )
