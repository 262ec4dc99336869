"""Every step × strategy × need against the live catalog under our own role, before anyone needs it (design, section 1)."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.messages import DoctorLine, DoctorReport, Message
from bot.domain.needs import CONFIGURED, Missing
from bot.domain.runbook import Step
from bot.operations.declared import UNDO_STEP, changing_steps
from bot.operations.kinds.base import NEEDS_NO_ROWS, blind
from bot.operations.services import Services
from bot.store import checks, outbox
from bot.store.db import Tx

CHECK = "preflight"


def lines(services: Services, tx: Tx) -> list[DoctorLine]:
    """Return each changing step with whether it is ready, by which strategy, or what mends it."""
    catalog = services.catalog.get(tx)
    return [of_step(services, tx, catalog, step) for step in changing_steps(services.runbooks) if step.id != UNDO_STEP]


def of_step(services: Services, tx: Tx, catalog: Catalog, step: Step) -> DoctorLine:
    """Return whether one step will work on this database, under this role, with this configuration."""
    unseen = blind(services, tx, catalog, step.id) if step.kind not in NEEDS_NO_ROWS else None
    if unseen is not None:
        return DoctorLine(name=step.id, verdict="bad", detail="; ".join(unseen.reasons), remedy=unseen.remedy)
    offered = services.offered(catalog)
    chosen = step.choose(offered)
    unmet = [(item, item.unmet(offered, catalog.role)) for item in step.strategies]
    if chosen is None and unmet:
        lacking = unmet[-1][1]
        verdict = "off" if all(item.need in CONFIGURED for item in lacking) else "bad"
        return DoctorLine(name=step.id, verdict=verdict, detail=_reasons(lacking), remedy=_remedies(lacking))
    before = [_reasons(lacking) for item, lacking in unmet if lacking and chosen is not None and item.id != chosen.id]
    how = f"ready: {chosen.says}" if chosen else "ready"
    return DoctorLine(name=step.id, verdict="ok", detail=how + (f" (because {before[0]})" if before else ""))


def _reasons(lacking: tuple[Missing, ...]) -> str:
    return "; ".join(item.reason for item in lacking)


def _remedies(lacking: tuple[Missing, ...]) -> tuple[str, ...]:
    return tuple(item.remedy for item in lacking if item.remedy)


def watch(services: Services) -> int:
    """Look as often as it is due, and tell the channel once when a step that was ready is not any more."""
    with services.db.write() as tx:
        if not checks.take_due(tx, (CHECK,), services.config.timing.preflight_interval):
            return 0
    with services.db.read() as tx:
        services.catalog.get(tx, fresh=True)
        bad = [line for line in lines(services, tx) if line.verdict == "bad"]
    with services.db.write() as tx:
        before = checks.swap_detail(tx, CHECK, {"bad": [line.name for line in bad]}).get("bad")
        worse = [line for line in bad if before is not None and line.name not in before]
        if worse and services.config.alert_channel:
            _tell(tx, services.config.alert_channel, worse)
    if worse:
        services.wake("delivery")
    return len(worse)


def _tell(tx: Tx, channel: str, worse: list[DoctorLine]) -> None:
    key = f"preflight:{tx.now.isoformat()}"
    facts = json.loads(json.dumps([asdict(line) for line in worse]))
    outbox.enqueue(
        tx, "post", channel=channel, message_key=key, render_from={"message": "preflight", "id": key, "lines": facts}
    )


def preflight_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for: what will not work any more."""
    return DoctorReport(
        env=services.config.env,
        as_of=tx.now,
        took=timedelta(0),
        lines=tuple(DoctorLine(**{**item, "remedy": tuple(item["remedy"])}) for item in facts["lines"]),
    )
