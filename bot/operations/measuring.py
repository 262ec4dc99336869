"""What `/metrics` reads from the rows when it is asked; with the database away it says that, and what the process knows."""

from bot.domain.watch import Measured
from bot.errors import StoreError
from bot.operations import checks
from bot.operations.services import Services
from bot.store import watch
from bot.store.breaker import BREAKER
from bot.store.db import Tx


def now(services: Services, late_seconds: float) -> list[Measured]:
    """Return every number that is measured now."""
    own = [Measured("late_seconds", late_seconds), Measured("breaker_open", float(BREAKER.is_open))]
    try:
        with services.db.read() as tx:
            return [Measured("up", 1.0), *own, *_of_rows(services, tx)]
    except StoreError:
        return [Measured("up", 0.0), *own]


def _of_rows(services: Services, tx: Tx) -> list[Measured]:
    figures = watch.figures(tx, services.config.timing.trouble_lately)
    oldest = (tx.now - figures.oldest_critical).total_seconds() if figures.oldest_critical else 0.0
    ages = watch.check_ages(tx, [*checks.here(services), *checks.outside(services)])
    return [
        Measured("messages_waiting", figures.waiting),
        Measured("oldest_critical_seconds", oldest),
        *(Measured("runs", number, (state,)) for state, number in watch.runs_by_state(tx)),
        *(Measured("alerts_open", number, (check, severity)) for check, severity, number in watch.open_by_check(tx)),
        *(
            Measured("check_age_seconds", (tx.now - age.observed_at).total_seconds(), (age.check_id,))
            for age in ages
            if age.observed_at
        ),
    ]
