"""Once a day, by whichever process comes first: what is older than it is kept goes, in small transactions (§22)."""

from collections.abc import Mapping
from datetime import timedelta

from bot.operations.services import Services
from bot.store import checks, cleaning

_LEAST = timedelta(minutes=10)
"""A signature is valid twice five minutes: the mark of a delivery must outlast it (§6, N2)."""


def clean(services: Services) -> int:
    """Take away what is old, if that is due, and return how many rows went."""
    with services.db.write() as tx:
        if not checks.take_due(tx, "cleaning", services.config.timing.clean_interval):
            return 0
    gone = {what: _remove(services, what, kept) for what, kept in _kept(services).items()}
    services.log.info("cleaned %s", " ".join(f"{what}={count}" for what, count in gone.items()))
    return sum(gone.values())


def _kept(services: Services) -> Mapping[str, timedelta]:
    timing = services.config.timing
    return {
        "deliveries": max(timing.keep_deliveries, _LEAST),
        "messages": timing.keep_messages,
        "plans": timing.keep_plans,
        "gates": timing.keep_plans,
        "alerts": timing.keep_alerts,
    }


def _remove(services: Services, what: str, kept: timedelta) -> int:
    gone = 0
    while True:
        with services.db.write() as tx:
            batch = cleaning.remove(tx, what, tx.now - kept)
        gone += batch
        if batch < cleaning.MOST:
            return gone
