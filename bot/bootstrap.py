"""The composition root of a shell: settings to services. The bot's own process is put together in `bot.process`.

Nothing here imports Slack: a shell works when Slack is away, and starts fast.
"""

from collections.abc import Callable

from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.settings import Settings
from bot.store.db import Database
from bot.targets.api import StatusApi
from bot.targets.catalog import CatalogCache
from bot.targets.railway import Railway
from bot.targets.vendor import HttpProbe
from runbooks import faults, load


def build(settings: Settings, *, wake: Callable[[str], None] = lambda _what: None) -> Services:
    """Return the services of a shell: no Slack, the database's credential is the authority.

    A team's runbook with a fault takes nothing else away: ours work, and `doctor` names the fault.
    """
    config = settings.config
    api = StatusApi(config.api_url, settings.api_key.get_secret_value()) if config.api_url else None
    wrong = faults(config.team_runbooks)
    dba = settings.dba_url.get_secret_value()
    return Services(
        config=config,
        db=Database(settings.database_url.get_secret_value()).open(),
        catalog=CatalogCache(config.timing.catalog_age),
        runbooks=load("" if wrong else config.team_runbooks),
        runbook_faults=wrong,
        renderer=SlackRenderer(zone=settings.zone, names=config.people.names),
        api=api,
        platform=_railway(settings),
        vendor_probe=HttpProbe(),
        dba=Database(dba, size=1).open() if dba else None,
        wake=wake,
    )


def _railway(settings: Settings) -> Railway | None:
    access = settings.railway
    token = access.token.get_secret_value()
    if not token:
        return None
    return Railway(
        access.url,
        token,
        is_project_token=access.is_project_token,
        project_id=access.project_id,
        environment_id=access.environment_id,
    )
