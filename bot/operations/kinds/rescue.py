"""The rescue of stuck jobs as the engine sees it: preview facts for the card, batches, and the proof."""

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.configuration import Configuration
from bot.domain.durations import parse_duration, typed
from bot.domain.messages import JobLine, Message, NothingStuck
from bot.domain.needs import unseen
from bot.domain.rescue import Disposition, Verdict, backoff, counts, needs_second_person
from bot.domain.runbook import Step
from bot.errors import InvalidCommand
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible, told
from bot.operations.services import Services
from bot.steps import rescue
from bot.store.db import Tx
from bot.store.plans import Target

_SHOWN = 50


def read_params(services: Services, params: Mapping[str, str]) -> rescue.Params:
    """Return typed parameters.

    Raises:
        InvalidCommand: a duration without a unit, or less than the configured limit.
    """
    older = parse_duration(params["older_than"]) if params.get("older_than") else timedelta(0)
    least = services.config.timing.stuck_after
    if params.get("older_than") and older < least:
        message = f"older-than {params['older_than']!r} is too short: least {typed(least)}"
        raise InvalidCommand(message, hint="dragonfly plan reset-stuck older_than=10m")
    return rescue.Params(job_type=params.get("type", ""), older_than=older)


def preview(services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    """Return what a reset would do now, or why there is nothing to plan."""
    asked = read_params(services, params)
    unavailable = impossible(services, tx, step, catalog)
    if unavailable is not None:
        return unavailable
    config = services.config
    require_known(config, catalog, asked.job_type, "reset-stuck")
    whole = rescue.look(tx, step, catalog, config, asked)
    found, left_over = rescue.capped(whole, config.queue.plan_cap)
    by = counts(found.verdicts)
    acting = sum(count for disposition, count in by.items() if disposition.acts)
    if acting == 0:
        return _nothing(services, tx, found)
    strategy = step.choose(services.offered(catalog))
    assert strategy is not None
    facts = {
        "strategy": strategy.id,
        "says": strategy.says,
        "left_over": left_over,
        "counts": {disposition.value: count for disposition, count in by.items()},
        "groups": _groups(found, config.queue.idempotent),
        "silent_seconds": _silent_seconds(found, tx.now),
        "waits": _waits(services, found, catalog),
        "reaper": catalog.reapers[0] if catalog.reapers else "",
    }
    targets = rescue.pin(found, catalog, config)
    jobs = [
        [item.target_id, item.disposition, item.guard["locked_at"] or "", item.guard["attempts"]] for item in targets
    ]
    return Preview(
        params={key: value for key, value in params.items() if value},
        facts=facts,
        sealed={"strategy": strategy.id, "counts": facts["counts"], "left_over": left_over, "jobs": jobs},
        targets=targets,
        acting=acting,
        approval_why=needs_second_person(acting, found.scene, config.queue),
    )


def _nothing(services: Services, tx: Tx, found: rescue.Look) -> NothingStuck:
    by = counts(found.verdicts)
    return NothingStuck(
        env=services.config.env,
        as_of=tx.now,
        stuck=len(found.verdicts),
        slow=by.get(Disposition.LEAVE_SLOW, 0),
        unknown=by.get(Disposition.LEAVE_UNKNOWN, 0),
        unlisted=by.get(Disposition.LEAVE_UNLISTED, 0),
        guard_until=found.scene.guard_until(services.config.timing),
        jobs=tuple(job_line(verdict, found, tx.now) for verdict in found.verdicts[:_SHOWN]),
    )


def job_line(verdict: Verdict, found: rescue.Look, now: datetime) -> JobLine:
    """Return one stuck job as a list shows it."""
    job = verdict.job
    return JobLine(
        id=job.id,
        job_type=job.job_type,
        locked_for=now - found.since[job.id],
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        worker_id=job.worker_id or "",
        disposition=verdict.disposition.value,
        reason=verdict.reason,
    )


def _groups(found: rescue.Look, idempotent: Mapping[str, bool]) -> list[dict[str, Any]]:
    grouped: dict[tuple[Disposition, str, str], list[Verdict]] = defaultdict(list)
    for verdict in found.verdicts:
        grouped[verdict.disposition, verdict.reason, verdict.job.job_type].append(verdict)
    said = {True: "yes", False: "no"}
    now = found.scene.now
    return [
        {
            "disposition": disposition.value,
            "reason": reason,
            "job_type": job_type,
            "count": len(items),
            "locked_least": min(int((now - found.since[item.job.id]).total_seconds()) for item in items),
            "locked_most": max(int((now - found.since[item.job.id]).total_seconds()) for item in items),
            "attempts_least": min(item.job.attempts for item in items),
            "attempts_most": max(item.job.attempts for item in items),
            "max_attempts": max(item.job.max_attempts for item in items),
            "idempotent": said[idempotent[job_type]] if job_type in idempotent else "unknown",
        }
        for (disposition, reason, job_type), items in grouped.items()
    ]


def _silent_seconds(found: rescue.Look, now: datetime) -> int | None:
    """Return how long the dead workers have been silent at least."""
    seen = [
        item.job.owner_seen_at if item.job.worker_id else item.job.type_seen_at
        for item in found.verdicts
        if item.disposition.acts
    ]
    silent = [int((now - moment).total_seconds()) for moment in seen if moment is not None]
    return min(silent) if silent else None


def _waits(services: Services, found: rescue.Look, catalog: Catalog) -> list[int] | None:
    """Return the least and most wait before the next try, where the queue keeps one."""
    attempts = [item.job.attempts for item in found.verdicts if item.disposition is Disposition.RESET]
    if "next_run_at" not in catalog.features or not attempts:
        return None
    timing = services.config.timing
    return [int(backoff(tries, timing).total_seconds()) for tries in (min(attempts), max(attempts))]


def _settings(services: Services) -> Mapping[str, object]:
    timing, queue = services.config.timing, services.config.queue
    return {
        "stuck_after": int(timing.stuck_after.total_seconds()),
        "dead_after": int(timing.dead_after.total_seconds()),
        "max_attempts": queue.max_attempts,
        "rescue_limit": queue.rescue_limit,
        "serves": [[worker.name, *worker.serves] for worker in services.config.workers],
    }


def _why_not_now(services: Services, tx: Tx, step: Step) -> str:
    until = rescue.guarded_until(tx, step, services.config)
    return "the database or the bot was away: nobody is judged dead yet" if until else ""


def _act(_services: Services, tx: Tx, work: Work, after: int, upto: int) -> Done:
    done = rescue.act(tx, work.step, work.catalog, plan_id=work.plan.id, after=after, upto=upto)
    moved = len(done.moved)
    refused = f"too much has moved on ({moved} of {done.done + moved})" if done.done and done.too_much_moved else ""
    result = {"reset": done.reset, "failed": done.failed, "moved_on": moved}
    return Done(result=result, rows=done.done, moved=done.moved, refused=refused)


def _prove(services: Services, work: Work) -> Proof:
    with services.db.read() as tx:
        total, left = rescue.waiting(tx, work.step, work.catalog, work.plan.id)
    return Proof(left=left, total=total)


def _not_before(services: Services, targets: Sequence[Target], made_at: datetime) -> datetime | None:
    if not rescue.needs_second_look(targets):
        return None
    return made_at + services.config.timing.second_look


def _proof_for(services: Services, result: Mapping[str, int], facts: Mapping[str, Any]) -> timedelta | None:
    if not result.get("reset"):
        return None
    waits = facts.get("waits")
    longest = timedelta(seconds=waits[1] * 1.1) if waits else timedelta(0)
    return services.config.timing.proof_limit + longest


def require_known(config: Configuration, catalog: Catalog, job_type: str, command: str) -> None:
    """Refuse a job type that neither the database nor the configuration knows, with those that are.

    Raises:
        InvalidCommand: no such job type.
    """
    listed = [name for worker in config.workers for name in worker.serves if "*" not in name]
    known = sorted(set(catalog.job_types or listed))
    if not job_type or job_type in known or config.is_listed_job(job_type):
        return
    near = difflib.get_close_matches(job_type, known, n=1)
    message = f"{command} does not know type {job_type!r}. Types here: {', '.join(known)}"
    raise InvalidCommand(message, hint=f"/dragonfly {command} {near[0] if near else known[0]}")


def _undo_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    lacking = unseen(catalog)
    if lacking:
        return cannot(services, tx, step, *told(lacking))
    total, can = rescue.can_put_back(tx, step, catalog, params["run"])
    if not can:
        return cannot(services, tx, step, ["every job was picked up or done since; nothing can be put back"], [])
    facts = {"of": params["step"], "run": params["run"], "thing": "jobs", "can": can, "cannot": total - can}
    why = f"more than {services.config.queue.approve_above} jobs" if can > services.config.queue.approve_above else ""
    return Preview(
        params=dict(params), facts=facts, sealed={"run": params["run"]}, acting=can, approval_why=why, resource="queue"
    )


def _undo_act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    done = rescue.put_back(tx, work.step, work.catalog, work.plan.params["run"])
    return Done(result={"put_back": done, "moved_on": max(0, work.plan.preview["can"] - done)}, rows=done)


RESCUE = Kind(
    preview=preview,
    settings=_settings,
    why_not_now=_why_not_now,
    act=_act,
    not_before=_not_before,
    proof_for=_proof_for,
    prove=_prove,
    statement="reset_batch",
    undo=Kind(preview=_undo_preview, act=_undo_act, statement="put_back"),
)
