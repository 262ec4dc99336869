"""How many jobs dead workers still hold, by job type: what a worker that came back under a new id leaves behind (§12)."""

from datetime import datetime

from bot.domain.workers import Status
from bot.errors import StatementRefused, StatementTimedOut
from bot.operations import alerts, blindness, looking
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.store import checks

CHECK = "jobs_stuck"
_LABEL = "stuck jobs"
_MANY = 100


def look(services: Services) -> list[Observation]:
    """Return what is seen of each job type whose workers beat; while none does, the workers' own alert has its jobs."""
    with services.db.read() as tx:
        catalog, beats = looking.look(services, tx)
        held = {} if catalog.hidden else looking.held_by_the_dead(services, tx)
        now = tx.now
    online = [census.worker_type for census in beats.types if census.online]
    known = {name for worker in services.config.workers for name in worker.serves if "*" not in name} | set(held)
    return [
        _seen(job_type, held.get(job_type, 0), now)
        for job_type in sorted(known)
        if any(name in online for name in services.config.serving_types(job_type, online))
    ]


def _seen(job_type: str, count: int, now: datetime) -> Observation:
    return Observation(
        check=CHECK,
        labels={"job_type": job_type},
        status=Status.BAD if count else Status.OK,
        started_at=now,
        evidence={
            "label": f"{job_type} jobs",
            "reason": f"{count} held by workers that are gone" if count else "none is held by a dead worker",
        },
        severity="critical" if count >= _MANY else "warning",
    )


def watch(services: Services) -> None:
    """Let what is seen act on its alerts; three looks in a row that could not tell are an alert too."""
    try:
        seen = look(services)
    except (StatementTimedOut, StatementRefused) as error:
        blindness.blind(services, CHECK, _LABEL, error.message, severity="warning")
        return
    with services.db.write() as tx:
        for item in seen:
            alerts.observe(services, tx, item)
        checks.saw(tx, CHECK, services.config.timing.dead_after)
        blindness.see_again(services, tx, CHECK, _LABEL)
