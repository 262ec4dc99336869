"""How many jobs dead workers still hold, by job type: what a worker that came back under a new id leaves behind (§12)."""

from datetime import datetime

from bot.domain.needs import unseen
from bot.domain.workers import Status
from bot.errors import StatementRefused, StatementTimedOut
from bot.operations import looking
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.store import alerts

CHECK = "jobs_stuck"
_MANY = 100


def look(services: Services) -> tuple[list[Observation], str]:
    """Return what is seen of each job type, and why nothing can be; while none of its workers beats, their own alert has it."""
    try:
        with services.db.read() as tx:
            catalog, beats = looking.look(services, tx)
            lacking = unseen(catalog)
            held = {} if lacking else looking.held_by_the_dead(services, tx)
            told = {labels["job_type"] for labels in alerts.begun_of(tx, CHECK)}
            now = tx.now
    except (StatementTimedOut, StatementRefused) as error:
        return [], error.message
    if lacking:
        why = lacking[0].reason
        return [_seen(job_type, 0, now, why) for job_type in sorted(told)], why
    online = [census.worker_type for census in beats.types if census.online]
    named = {name for worker in services.config.workers for name in worker.serves if "*" not in name}
    seen = [
        _seen(job_type, held.get(job_type, 0), now)
        for job_type in sorted(named | set(held) | told)
        if any(name in online for name in services.config.serving_types(job_type, online))
    ]
    return seen, ""


def _seen(job_type: str, count: int, now: datetime, unknown: str = "") -> Observation:
    reason = f"{count} held by workers that are gone" if count else "none is held by a dead worker"
    return Observation(
        check=CHECK,
        labels={"job_type": job_type},
        status=Status.UNKNOWN if unknown else Status.BAD if count else Status.OK,
        started_at=now,
        evidence={"label": f"{job_type} jobs", "reason": unknown or reason, "counted": {"count": count}},
        severity="critical" if count >= _MANY else "warning",
    )
