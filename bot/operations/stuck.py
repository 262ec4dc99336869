"""`stuck`: jobs that have been processing for too long, by what is known of their worker."""

from datetime import timedelta

from bot.domain.messages import Message, StuckList
from bot.domain.needs import unseen
from bot.domain.rescue import Disposition, counts
from bot.operations.declared import changing_step
from bot.operations.judging import look, soon
from bot.operations.kinds.base import cannot_see, told
from bot.operations.kinds.rescue import job_line, require_known
from bot.operations.services import Services

_SHOWN = 50


def read(services: Services, job_type: str = "", older_than: timedelta | None = None) -> Message:
    """Return the stuck jobs, or why they cannot be judged (`CannotPlan`)."""
    step, _kind = changing_step(services, "reset-stuck")
    config = services.config
    with services.db.read() as tx:
        catalog = services.catalog.get(tx)
        lacking = unseen(catalog)
        if lacking:
            return cannot_see(services, tx, "stuck jobs", *told(lacking))
        require_known(config, catalog, job_type, "stuck")
        found = look(tx, step, catalog, config, job_type, older_than or timedelta(0))
        more, stuck_by = (0, tx.now) if older_than else soon(tx, step, catalog, config, job_type)
    by = counts(found.verdicts)
    return StuckList(
        env=config.env,
        as_of=found.scene.now,
        total=len(found.verdicts),
        stuck_after=max(config.timing.stuck_after, older_than or timedelta(0)),
        jobs=tuple(job_line(item, found.scene.now) for item in found.verdicts[:_SHOWN]),
        dead=sum(count for disposition, count in by.items() if disposition.acts),
        slow=by.get(Disposition.LEAVE_SLOW, 0),
        unknown=by.get(Disposition.LEAVE_UNKNOWN, 0),
        unlisted=by.get(Disposition.LEAVE_UNLISTED, 0),
        soon=more,
        stuck_by=stuck_by,
    )
