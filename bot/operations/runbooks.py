"""The guided runbook: each declared step with whether it is ready, and whom to call."""

from bot.domain import ids
from bot.domain.messages import Link, Message, RunbookCard, RunbookStepLine
from bot.domain.params import not_known
from bot.domain.runbook import Step
from bot.operations import escalations, preflight
from bot.operations.declared import left_out
from bot.operations.kinds import KINDS
from bot.operations.services import Services
from bot.store import alerts
from bot.store.db import Tx


def read(services: Services, scenario: str, alert_id: int | None = None) -> Message:
    """Return a runbook with the state of each step: the one that is named, or the alert's.

    Raises:
        InvalidCommand: no runbook of that name.
    """
    with services.db.read() as tx:
        alert = alerts.find(tx, alert_id) if alert_id is not None else None
        wanted = scenario or (alert.scenario if alert else "worker-death")
        runbook = services.runbooks.scenario(wanted)
        if runbook is None:
            refusal = not_known("runbook", "scenario", wanted, [item.scenario for item in services.runbooks.runbooks])
            raise left_out(services, refusal.message) or refusal
        steps = tuple(_line(services, tx, number, step) for number, step in enumerate(runbook.steps, start=1))
        asked = services.catalog.looked_at if any(step.kind in KINDS for step in runbook.steps) else None
        return RunbookCard(
            env=services.config.env,
            as_of=tx.now,
            scenario=runbook.scenario,
            title=runbook.title,
            trigger=runbook.trigger,
            steps=steps,
            checked_ago=tx.now - asked if asked else None,
            calls=escalations.chain_for(services.config, runbook.scenario, tx.now),
            alert=Link(key=ids.alert_key(alert.id), url=services.link(tx, "alert", alert.id)) if alert else None,
            vendor=alert.labels.get("vendor", "") if alert else "",
        )


def _line(services: Services, tx: Tx, number: int, step: Step) -> RunbookStepLine:
    return RunbookStepLine(
        number=number,
        step=step.id,
        title=step.title,
        why=step.why,
        risk=step.risk.value,
        ready=_ready(services, tx, step),
        shell=step.shell,
        action=_action(step),
        needs_reason=any(param.required and param.name == "reason" for param in step.params),
    )


def _action(step: Step) -> str:
    """Return the action id of a step's button: those that need a word typed have none."""
    if any(param.required and param.name != "reason" for param in step.params):
        return ""
    if step.kind == "read":
        return ids.read_action(step.operation) if step.operation not in ("logs", "gate") else ""
    return ids.plan_action(step.id) if step.kind in KINDS and step.id != "undo" else ""


def _ready(services: Services, tx: Tx, step: Step) -> str:
    if step.kind == "read":
        return "ready"
    if step.kind not in (*KINDS, "sql_read"):
        return "by hand"
    found = preflight.of_step(services, tx, services.catalog.get(tx), step)
    return {"ok": "ready", "off": f"not set up: {found.detail}"}.get(found.verdict, f"will not work: {found.detail}")
