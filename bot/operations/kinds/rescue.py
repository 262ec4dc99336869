"""The rescue of stuck jobs (specification §12): whose jobs they are, what would be done, the batches, and the proof.

Preview and effect share their selection: the preview pins ids with the facts it judged by, and the effect touches only
rows for which every one of these facts still holds. It never touches a row that was not shown.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.configuration import Configuration
from bot.domain.durations import parse_duration, typed
from bot.domain.messages import JobLine, Message, NothingStuck
from bot.domain.needs import unseen
from bot.domain.params import not_known
from bot.domain.rescue import (
    Disposition,
    Verdict,
    backoff,
    counts,
    needs_second_person,
    too_much_moved,
)
from bot.domain.runbook import Step
from bot.errors import InvalidCommand
from bot.operations.judging import Look, look, scene, soon
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible, told, watched
from bot.operations.services import Services
from bot.store import checks
from bot.store.db import Tx
from bot.store.plans import Target

_SHOWN = 50
_FIRST_JITTER, _JITTER = 0.9, 0.2


def _capped(found: Look, cap: int) -> tuple[Look, int]:
    """Return a look with at most `cap` jobs to act on, the oldest, and how many were left over."""
    acting = [verdict for verdict in found.verdicts if verdict.disposition.acts]
    left_over = {verdict.job.id for verdict in acting[cap:]}
    kept = tuple(verdict for verdict in found.verdicts if verdict.job.id not in left_over)
    return replace(found, verdicts=kept), len(left_over)


def _pin(found: Look, catalog: Catalog, config: Configuration) -> list[Target]:
    """Return the plan's targets: each job with every fact it was judged by."""
    ordered = sorted(found.verdicts, key=lambda verdict: not verdict.disposition.acts)
    return [
        Target(
            ordinal=ordinal,
            target_id=verdict.job.id,
            disposition=verdict.disposition.value,
            reason=verdict.reason,
            guard=_guard(verdict, catalog, config),
        )
        for ordinal, verdict in enumerate(ordered, start=1)
    ]


def _guard(verdict: Verdict, catalog: Catalog, config: Configuration) -> dict[str, object]:
    job = verdict.job
    guard: dict[str, object] = {
        "job_type": job.job_type,
        "locked_at": job.locked_at.isoformat() if job.locked_at else None,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        **({"worker_id": job.worker_id} if job.worker_id else {"types": list(job.types)}),
    }
    for name in ("since", "next_run_at", "started_at", "seen_at"):
        moment = getattr(job, name)
        guard |= {name: moment.isoformat()} if moment else {}
    if "next_run_at" in catalog.features and verdict.disposition is Disposition.RESET:
        wait = backoff(job.attempts, config.timing).total_seconds()
        guard["wait_seconds"] = round(wait * (_FIRST_JITTER + _JITTER * random.random()), 3)  # jitter, no secret
    return guard


def _older_than(services: Services, params: Mapping[str, str]) -> timedelta:
    """Return how old a job must be.

    Raises:
        InvalidCommand: a duration without a unit, or less than the configured limit.
    """
    if not params.get("older_than"):
        return timedelta(0)
    older, least = parse_duration(params["older_than"]), services.config.timing.stuck_after
    if older < least:
        message = f"older-than {params['older_than']!r} is too short: least {typed(least)}"
        raise InvalidCommand(message, hint="dragonfly plan reset-stuck older_than=10m")
    return older


def _outside(services: Services, _params: Mapping[str, str]) -> Mapping[str, Any]:
    """Let a gap in our looking end: from a shell, with no bot at work, nobody else would."""
    with services.db.write() as tx:
        checks.end_gap(tx, services.config.timing.dead_after)
    return {}


def preview(services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    """Return what a reset would do now, or why there is nothing to plan."""
    job_type, older_than = params.get("type", ""), _older_than(services, params)
    if (unavailable := impossible(services, tx, step, catalog)) is not None:
        return unavailable
    config = services.config
    require_known(config, catalog, job_type, "reset-stuck")
    whole = look(tx, step, catalog, config, job_type, older_than)
    found, left_over = _capped(whole, config.queue.plan_cap)
    by = counts(found.verdicts)
    acting = sum(count for disposition, count in by.items() if disposition.acts)
    more, stuck_by = (0, tx.now) if older_than else soon(tx, step, catalog, config, job_type)
    if acting == 0:
        return replace(_nothing(services, tx, found), soon=more, stuck_by=stuck_by)
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
        "unserved": _unserved(found, config),
        "soon": {"count": more, "by": stuck_by.isoformat()} if more else {},
    }
    targets = _pin(found, catalog, config)
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


def _nothing(services: Services, tx: Tx, found: Look) -> NothingStuck:
    by = counts(found.verdicts)
    return NothingStuck(
        env=services.config.env,
        as_of=tx.now,
        stuck=len(found.verdicts),
        slow=by.get(Disposition.LEAVE_SLOW, 0),
        unknown=by.get(Disposition.LEAVE_UNKNOWN, 0),
        unlisted=by.get(Disposition.LEAVE_UNLISTED, 0),
        guard_until=found.scene.guard_until(services.config.timing),
        jobs=tuple(job_line(verdict, tx.now) for verdict in found.verdicts[:_SHOWN]),
    )


def job_line(verdict: Verdict, now: datetime) -> JobLine:
    """Return one stuck job as a list shows it."""
    job = verdict.job
    return JobLine(
        id=job.id,
        job_type=job.job_type,
        locked_for=job.stuck_for(now),
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        worker_id=job.worker_id or "",
        disposition=verdict.disposition.value,
        reason=verdict.reason,
    )


def _groups(found: Look, idempotent: Mapping[str, bool]) -> list[dict[str, Any]]:
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
            "locked_least": min(int(item.job.stuck_for(now).total_seconds()) for item in items),
            "locked_most": max(int(item.job.stuck_for(now).total_seconds()) for item in items),
            "attempts_least": min(item.job.attempts for item in items),
            "attempts_most": max(item.job.attempts for item in items),
            "max_attempts": max(item.job.max_attempts for item in items),
            "idempotent": said[idempotent[job_type]] if job_type in idempotent else "unknown",
        }
        for (disposition, reason, job_type), items in grouped.items()
    ]


def _silent_seconds(found: Look, now: datetime) -> int | None:
    """Return how long the dead workers have been silent at least."""
    seen = [item.job.seen_at for item in found.verdicts if item.disposition.acts]
    silent = [int((now - moment).total_seconds()) for moment in seen if moment is not None]
    return min(silent) if silent else None


def _unserved(found: Look, config: Configuration) -> list[str]:
    """Return the job types of which no worker is online that would pick up what is reset."""
    late = found.scene.now - config.timing.offline_after
    jobs = [item.job for item in found.verdicts if item.disposition is Disposition.RESET]
    return sorted({job.job_type for job in jobs if job.type_seen_at is None or job.type_seen_at < late})


def _waits(services: Services, found: Look, catalog: Catalog) -> list[int] | None:
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
    until = scene(tx, step, services.config).guard_until(services.config.timing)
    return "the database or the bot was away: nobody is judged dead yet" if until else ""


def _act(_services: Services, tx: Tx, work: Work, after: int, upto: int) -> Done:
    values = {"plan": work.plan.id, "after": after, "upto": upto, "now": tx.now}
    row = tx.record(work.step.statements["reset_batch"], work.catalog.features, **values)
    assert row is not None
    done, moved = row["reset"] + row["failed"], len(row["moved"])
    refused = (
        f"too much has moved on ({moved} of {done + moved})" if done and too_much_moved(done + moved, done) else ""
    )
    result = {"reset": row["reset"], "failed": row["failed"], "moved_on": moved}
    return Done(result=result, rows=done, moved=row["moved"], refused=refused)


def _prove(services: Services, work: Work) -> Proof:
    with services.db.read() as tx:
        row = tx.record(work.step.statements["count_waiting"], work.catalog.features, plan=work.plan.id)
    assert row is not None
    facts = {name: row[name] for name in ("waiting", "gone", "not_failed")}
    return Proof(left=row["waiting"] + row["not_failed"], total=row["total"] + row["failed"], facts=facts)


def _undo_prove(services: Services, work: Work) -> Proof:
    """Look whether any job is still as the run had left it."""
    with services.db.read() as tx:
        statement = work.step.statements["can_put_back"]
        row = tx.record(statement, work.catalog.features, run=work.plan.params["run"])
    assert row is not None
    return Proof(left=row["can"], total=max(work.run.rows_affected, row["can"]))


def _not_before(services: Services, targets: Sequence[Target], made_at: datetime) -> datetime | None:
    """Look twice where an owner vanished: it never wrote a heartbeat."""
    guards = [item.guard for item in targets if Disposition(item.disposition).acts]
    vanished = any("worker_id" in guard and "seen_at" not in guard for guard in guards)
    return made_at + services.config.timing.second_look if vanished else None


def _proof_for(services: Services, facts: Mapping[str, Any]) -> timedelta | None:
    """Return how long it takes at most until what is reset was picked up."""
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
    raise not_known(command, "type", job_type, known)


def _undo_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    lacking = unseen(catalog)
    if lacking:
        return cannot(services, tx, step, *told(lacking))
    row = tx.record(step.statements["can_put_back"], catalog.features, run=params["run"])
    assert row is not None
    total, can = row["total"], row["can"]
    if not can:
        return cannot(services, tx, step, ["every job was picked up or done since; nothing can be put back"], [])
    facts = {"of": params["step"], "run": params["run"], "thing": "jobs", "can": can, "cannot": total - can}
    why = f"more than {services.config.queue.approve_above} jobs" if can > services.config.queue.approve_above else ""
    return Preview(
        params=dict(params), facts=facts, sealed={"run": params["run"]}, acting=can, approval_why=why, resource="queue"
    )


def _undo_act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    values = {"run": work.plan.params["run"], "now": tx.now}
    done = len(tx.records(work.step.statements["put_back"], work.catalog.features, **values))
    return Done(result={"put_back": done, "moved_on": max(0, work.plan.preview["can"] - done)}, rows=done)


RESCUE = Kind(
    preview=preview,
    outside=_outside,
    settings=_settings,
    why_not_now=_why_not_now,
    act=_act,
    not_before=_not_before,
    proof_for=_proof_for,
    prove=_prove,
    statement="reset_batch",
    undo=Kind(preview=_undo_preview, act=_undo_act, proof_for=watched, prove=_undo_prove, statement="put_back"),
)
