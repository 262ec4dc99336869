"""`oncall`: who is on call, and who is called next for each scenario."""

from bot.domain.escalation import calls, chain
from bot.domain.messages import OnCallCard
from bot.domain.rotation import on_call
from bot.errors import StoreError
from bot.operations.services import Services


def read(services: Services) -> OnCallCard:
    """Return the present on-call and each scenario's chain."""
    config = services.config
    try:
        with services.db.read() as tx:
            now = tx.now
    except StoreError:
        now = services.clock.now()
    scenarios = sorted(
        {*config.contacts, *(item.scenario for item in services.runbooks.runbooks)} - {"default", "quick-reference"}
    )
    return OnCallCard(
        env=config.env,
        as_of=now,
        now=on_call(config.rotation, now),
        chains=tuple((name, calls(chain(config, name, now), now)) for name in scenarios),
    )
