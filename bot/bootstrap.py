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


def build(settings: Settings, *, wake: Callable[[str], None] = lambda _what: None) -> Services:
    """Return the services of a shell: no Slack, the database's credential is the authority."""
    config = settings.config
    api = StatusApi(config.api_url, settings.api_key.get_secret_value()) if config.api_url else None
    return Services(
        config=config,
        db=Database(settings.database_url.get_secret_value()).open(),
        catalog=CatalogCache(config.timing.catalog_age),
        renderer=SlackRenderer(zone=settings.zone, names=config.people.names),
        api=api,
        wake=wake,
    )
