"""Runs of the gate that are kept: shown in the channel as they go, recorded, and allowed by two people or not."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from bot.domain.actor import Actor, Role
from bot.domain.gate import CHECKS, Moment, Progress, is_pass
from bot.domain.messages import GateCheck, GateReport, Message
from bot.errors import StoreError
from bot.operations import authority
from bot.operations import gate as reading
from bot.operations.kinds.release import announce_edit
from bot.operations.services import Services
from bot.store import audit, gate, outbox
from bot.store.db import Tx

_KEY = re.compile(r"G\d{1,12}")
_LOOK_SECONDS = 1.0


def run(
    services: Services, mode: str, skip: str, actor: Actor, *, channel: str = "", tell: Progress | None = None
) -> GateReport:
    """Run the gate, keep and record what came of it, and show it in a channel as it goes.

    Args:
        channel: where its card stands; empty = nowhere.
        tell: is told of every moment too; output lines are for a shell only.

    Raises:
        InvalidCommand, NotAllowed: as `require` says.
    """
    require(services, mode, skip, actor)
    try:
        kept = _begin(services, mode, actor, channel)
    except StoreError:
        return reading.read(services, mode, skip, tell)

    def progress(moment: Moment) -> None:
        if not moment.line and not _keep(services, kept, channel, _report(moment)):
            raise _Stopped
        if tell is not None:
            tell(moment)

    try:
        report = reading.read(services, mode, skip, progress, _watch(services, kept))
        report = replace(report, key=f"G{kept}", service=_service(services, report.checks))
        _end(services, kept, channel, actor, report)
    except _Stopped:
        return _as_kept(services, kept)
    except StoreError:
        services.log.warning("gate_not_kept id=%s", kept)
    return report


def require(services: Services, mode: str, skip: str, actor: Actor) -> None:
    """Return when this gate may be run.

    Raises:
        InvalidCommand: no such mode or check, or a dev gate where no checkout is configured.
        NotAllowed: a dev gate runs commands, which needs an operator.
    """
    if mode == "dev":
        authority.require(services, actor, Role.OPERATOR, "the dev gate")
    reading.require(services, mode, skip)


class _Stopped(Exception):
    """Somebody stopped this run."""


def _watch(services: Services, kept: int) -> Callable[[], None]:
    """Return what looks, once a second, whether somebody stopped this run, in this process or another."""
    looked = services.clock.monotonic()

    def look() -> None:
        nonlocal looked
        if services.clock.monotonic() - looked < _LOOK_SECONDS:
            return
        looked = services.clock.monotonic()
        try:
            stopped = _as_kept(services, kept).stopped_by
        except StoreError:
            return
        if stopped:
            raise _Stopped

    return look


def _as_kept(services: Services, kept: int) -> GateReport:
    with services.db.read() as tx:
        found = gate.find(tx, kept)
        assert found is not None
        return _build(services, tx, found)


def _service(services: Services, checks: Sequence[GateCheck]) -> str:
    """Return the service of the first workers that a check missed, or an empty string."""
    told = next(
        (item.details for item in checks if item.details and "expected" in item.details and not item.passed), {}
    )
    missed = [name for name in _listed(told, "expected") if name not in _listed(told, "online")]
    return next((found for name in missed if (found := services.config.service_of(name))), "")


def _listed(details: Mapping[str, object] | None, name: str) -> Sequence[str]:
    found = (details or {}).get(name)
    return found if isinstance(found, list) else ()


def _begin(services: Services, mode: str, actor: Actor, channel: str) -> int:
    with services.db.write() as tx:
        kept = gate.begin(tx, mode=mode, actor=actor.key)
        outbox.enqueue_live(tx, "post", "gate", kept, channel, priority=outbox.RESULT)
    return kept


def _keep(services: Services, kept: int, channel: str, report: Mapping[str, Any]) -> bool:
    """Keep how far it is; False = somebody stopped it. A database that is away is what the gate itself will say."""
    try:
        with services.db.write() as tx:
            if not gate.progress(tx, kept, report):
                return False
            outbox.enqueue_live(tx, "update", "gate", kept, channel, priority=outbox.RESULT)
    except StoreError:
        return True
    return True


def _end(services: Services, kept: int, channel: str, actor: Actor, report: GateReport) -> None:
    failed = [item.name for item in report.failed]
    whole = {
        "checks": [asdict(item) for item in report.checks],
        "took": report.took.total_seconds(),
        "commit": report.commit,
    }
    with services.db.write() as tx:
        if not gate.end(tx, kept, passed=is_pass(report), failed=failed, report=whole):
            raise _Stopped
        outbox.enqueue_live(tx, "update", "gate", kept, channel, priority=outbox.RESULT)
        event = "gate.passed" if is_pass(report) else "gate.failed"
        audit.append(tx, event, actor=actor.key, gate=kept, mode=report.mode, failed=failed, commit=report.commit)


def _report(moment: Moment) -> dict[str, Any]:
    done = {item.name for item in moment.done}
    waits = [name for name in moment.names if name not in done and name != moment.running]
    return {"checks": [asdict(item) for item in moment.done], "running": moment.running, "waits": waits}


def stop(services: Services, key: str, actor: Actor) -> Message:
    """Stop a run by hand, whichever process runs it: its commands are killed, and it says nothing.

    Raises:
        NotAllowed: the actor is no operator.
    """
    authority.require(services, actor, Role.OPERATOR, "stop the gate")
    number = int(key[1:]) if _KEY.fullmatch(key) else 0
    with services.db.write() as tx:
        done = gate.stop(tx, number, actor=actor.key)
        if done:
            announce_edit(tx, number)
            audit.append(tx, "gate.stopped", actor=actor.key, gate=number)
        return services.notice(tx, "gate-stopped" if done else "gate-ended", gate=key)


def outdate(services: Services) -> int:
    """Say on each card whose pass is not true any more, or whose process ended under it; return how many there were."""
    longest = services.config.gate.deadline * (len(CHECKS) + 1)
    with services.db.write() as tx:
        left = gate.give_up(tx, longest)
        old = [*left, *gate.outdate(tx, services.config.timing.gate_fresh)]
        for number in old:
            announce_edit(tx, number)
        for number in left:
            audit.append(tx, "gate.stopped", actor="dragonfly", gate=number)
    return len(old)


def gate_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the card an outbox row asks for."""
    found = gate.find(tx, int(facts["id"]))
    return _build(services, tx, found) if found else None


def _build(services: Services, tx: Tx, found: gate.GateRun) -> GateReport:
    report = found.report
    running, waits = report.get("running", ""), tuple(report.get("waits", ()))
    checks = tuple(GateCheck(**item) for item in report.get("checks", ()))
    if found.stopped_by and running:
        running, waits = "", (running, *waits)
    return GateReport(
        env=services.config.env,
        as_of=found.ended_at or tx.now,
        mode=found.mode,
        checks=checks,
        took=timedelta(seconds=report["took"]) if "took" in report else (found.ended_at or tx.now) - found.at,
        commit=report.get("commit", ""),
        key=f"G{found.id}",
        running=running,
        waits=waits,
        in_progress=found.ended_at is None,
        allowed_until=found.allowed_until if found.allowed_until and found.allowed_until > tx.now else None,
        allowed_why=found.allowed_why,
        stopped_by=found.stopped_by or "",
        outdated_at=found.outdated_at,
        service=_service(services, checks),
    )
