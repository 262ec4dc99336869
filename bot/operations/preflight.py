"""Every step × strategy × need against the live catalog under our own role, before anyone needs it (design, section 1)."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.messages import DoctorLine, DoctorReport, Message
from bot.domain.needs import CONFIGURED
from bot.domain.runbook import Step
from bot.operations.declared import UNDO_STEP, changing_steps, reading_steps
from bot.operations.kinds import team
from bot.operations.kinds.base import readiness, told
from bot.operations.services import Services
from bot.store import checks, outbox
from bot.store.db import Tx

CHECK = "preflight"


def lines(services: Services, tx: Tx) -> list[DoctorLine]:
    """Return each step that changes or is a statement, with whether it is ready, by which strategy, or what mends it."""
    catalog = services.catalog.get(tx)
    steps = (*changing_steps(services.runbooks), *reading_steps(services.runbooks))
    return [of_step(services, tx, catalog, step) for step in steps if step.id != UNDO_STEP]


def of_step(services: Services, tx: Tx, catalog: Catalog, step: Step) -> DoctorLine:
    """Return whether one step will work on this database, under this role, with this configuration."""
    chosen, lacking = readiness(services, step, catalog)
    if not lacking and step.kind in ("sql_read", "sql_change"):
        lacking = team.lacking(services, tx, step, catalog)
    if lacking:
        reasons, remedies = told(lacking)
        verdict = "off" if all(item.need in CONFIGURED for item in lacking) else "bad"
        return DoctorLine(name=step.id, verdict=verdict, detail="; ".join(reasons), remedy=tuple(remedies))
    if chosen is None:
        return DoctorLine(name=step.id, verdict="ok", detail="ready")
    safer, _ = told(step.strategies[0].unmet(services.offered(catalog), catalog.role))
    because = f" (because {'; '.join(safer)})" if safer else ""
    return DoctorLine(name=step.id, verdict="ok", detail=f"ready: {chosen.says}{because}")


def watch(services: Services) -> int:
    """Look as often as it is due, and tell the channel once when a step that was ready is not any more."""
    with services.db.write() as tx:
        if not checks.take_due(tx, CHECK, services.config.timing.preflight_interval):
            return 0
    with services.db.read() as tx:
        services.catalog.get(tx, fresh=True)
        steps = [line for line in lines(services, tx) if line.verdict != "off"]
    bad = [line for line in steps if line.verdict == "bad"]
    detail = {"bad": [line.name for line in bad], "steps": len(steps)}
    with services.db.write() as tx:
        before = checks.swap_detail(tx, CHECK, detail).get("bad")
        worse = [line for line in bad if before is not None and line.name not in before]
        if worse and services.config.alert_channel:
            _tell(tx, services.config.alert_channel, worse)
    return len(worse)


def _tell(tx: Tx, channel: str, worse: list[DoctorLine]) -> None:
    key = f"preflight:{tx.now.isoformat()}"
    facts = json.loads(json.dumps([asdict(line) for line in worse]))
    outbox.enqueue(tx, "post", channel, key, {"message": "preflight", "id": key, "lines": facts})


def preflight_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for: what will not work any more."""
    return DoctorReport(
        env=services.config.env,
        as_of=tx.now,
        took=timedelta(0),
        lines=tuple(DoctorLine(**{**item, "remedy": tuple(item["remedy"])}) for item in facts["lines"]),
    )
