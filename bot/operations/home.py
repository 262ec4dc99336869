"""App Home: what is open, and whether it is yours."""

from bot.domain.actor import Actor
from bot.domain.messages import Home
from bot.domain.rotation import on_call
from bot.operations import alerts, authority
from bot.operations.services import Services


def read(services: Services, actor: Actor) -> Home:
    """Return one person's Home."""
    found = alerts.list_open(services)
    now = on_call(services.config.rotation, found.as_of)
    return Home(
        env=services.config.env,
        as_of=found.as_of,
        role=authority.role_of(services, actor, fresh=False).name.lower(),
        oncall=now,
        on_call_self=now is not None and now.who == actor.user_id,
        waiting=(),
        alerts=found.alerts,
        mine=(),
    )
