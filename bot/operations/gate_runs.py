"""Runs of the gate that are kept: shown in the channel as they go, recorded, and allowed by two people or not."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from bot.domain.actor import Actor, Role
from bot.domain.gate import Moment, Progress, is_pass
from bot.domain.messages import GateCheck, GateReport, Message
from bot.errors import StoreError
from bot.operations import authority
from bot.operations import gate as reading
from bot.operations.services import Services
from bot.store import audit, gate, outbox
from bot.store.db import Tx


def run(
    services: Services, mode: str, skip: str, actor: Actor, *, channel: str = "", tell: Progress | None = None
) -> GateReport:
    """Run the gate, keep and record what came of it, and show it in a channel as it goes.

    Args:
        channel: where its card stands; empty = nowhere.
        tell: is told of every moment too; output lines are for a shell only.

    Raises:
        InvalidCommand: no such mode or check, or a dev gate where no checkout is configured.
        NotAllowed: a dev gate runs commands, which needs an operator.
    """
    if mode == "dev":
        authority.require(services, actor, Role.OPERATOR, "the dev gate")
    reading.require(services, mode, skip)
    try:
        kept = _begin(services, mode, actor, channel)
    except StoreError:
        return reading.read(services, mode, skip, tell)

    def progress(moment: Moment) -> None:
        if not moment.line:
            _keep(services, kept, channel, _report(moment))
        if tell is not None:
            tell(moment)

    report = replace(reading.read(services, mode, skip, progress), key=f"G{kept}")
    try:
        _end(services, kept, channel, actor, report)
    except StoreError:
        services.log.warning("gate_not_kept id=%s", kept)
    services.wake("delivery")
    return report


def _begin(services: Services, mode: str, actor: Actor, channel: str) -> int:
    with services.db.write() as tx:
        kept = gate.begin(tx, mode=mode, actor=actor.key)
        if channel:
            outbox.enqueue_live(tx, "post", "gate", kept, channel, priority=outbox.RESULT)
    services.wake("delivery")
    return kept


def _keep(services: Services, kept: int, channel: str, report: Mapping[str, Any]) -> None:
    """Keep how far it is; a database that is away is what the gate itself will say."""
    try:
        with services.db.write() as tx:
            gate.progress(tx, kept, report)
            if channel:
                outbox.enqueue_live(tx, "update", "gate", kept, channel, priority=outbox.RESULT)
    except StoreError:
        return
    services.wake("delivery")


def _end(services: Services, kept: int, channel: str, actor: Actor, report: GateReport) -> None:
    failed = [item.name for item in report.failed]
    whole = {
        "checks": [asdict(item) for item in report.checks],
        "took": report.took.total_seconds(),
        "commit": report.commit,
    }
    with services.db.write() as tx:
        gate.end(tx, kept, passed=is_pass(report), failed=failed, report=whole)
        if channel:
            outbox.enqueue_live(tx, "update", "gate", kept, channel, priority=outbox.RESULT)
        event = "gate.passed" if is_pass(report) else "gate.failed"
        audit.append(tx, event, actor=actor.key, gate=kept, mode=report.mode, failed=failed, commit=report.commit)


def _report(moment: Moment) -> dict[str, Any]:
    done = {item.name for item in moment.done}
    waits = [name for name in moment.names if name not in done and name != moment.running]
    return {"checks": [asdict(item) for item in moment.done], "running": moment.running, "waits": waits}


def gate_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for."""
    found = gate.find(tx, int(facts["id"]))
    if found is None:
        return None
    report = found.report
    took = timedelta(seconds=report["took"]) if "took" in report else tx.now - found.at
    return GateReport(
        env=services.config.env,
        as_of=found.ended_at or tx.now,
        mode=found.mode,
        checks=tuple(GateCheck(**item) for item in report.get("checks", ())),
        took=took,
        commit=report.get("commit", ""),
        key=f"G{found.id}",
        running=report.get("running", "") if found.ended_at is None else "",
        waits=tuple(report.get("waits", ())),
        in_progress=found.ended_at is None,
        allowed_until=found.allowed_until if found.allowed_until and found.allowed_until > tx.now else None,
        allowed_why=found.allowed_why,
    )
