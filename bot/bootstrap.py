"""The composition root of a shell: settings to services. The bot's own process is put together in `bot.process`.

Slack is imported where `doctor` asks it, and nowhere else: a shell works when Slack is away, and starts fast.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

from bot.domain.configuration import Configuration
from bot.domain.messages import Mode
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.settings import Environment, Settings
from bot.store.address import require
from bot.store.db import POOL_SIZE, Database
from bot.targets.api import StatusApi
from bot.targets.catalog import CatalogCache
from bot.targets.railway import Railway
from bot.targets.vendor import HttpProbe
from runbooks import faults, load


def build(
    settings: Settings,
    *,
    wake: Callable[[str], None] = lambda _what: None,
    mode: Callable[[], Mode | None] = lambda: None,
) -> Services:
    """Return the services of a shell: no Slack, the database's credential is the authority.

    A team's runbook with a fault takes nothing else away: ours work, and `doctor` names the fault.
    """
    config = settings.config
    api = StatusApi(config.api_url, settings.env.dragonfly_api_key.get_secret_value()) if config.api_url else None
    wrong = faults(config.team_runbooks)
    return Services(
        config=config,
        db=database(settings, config.database_variable, wake=wake),
        catalog=CatalogCache(config.timing.catalog_age),
        runbooks=load("" if wrong else config.team_runbooks),
        runbook_faults=wrong,
        renderer=SlackRenderer(
            zone=config.zone, names=config.people.names, timing=config.timing, mode=mode, redact=settings.redactor
        ),
        api=api,
        platform=_railway(settings.env),
        vendor_probe=HttpProbe(),
        dba=database(settings, "DRAGONFLY_DBA_DATABASE_URL", size=1, wake=wake)
        if settings.env.dragonfly_dba_database_url
        else None,
        audit_key=settings.env.dragonfly_audit_key.get_secret_value().encode(),
        wake=wake,
    )


def with_slack(services: Services, env: Environment) -> Services:
    """Return services that can ask Slack, where its token is set."""
    from bot.slack.app import client
    from bot.slack.chat import SlackChat

    token = env.slack_bot_token.get_secret_value()
    return (
        replace(services, chat=SlackChat(client(token, env.slack_api_url), env=services.config.env))
        if token
        else services
    )


def database(
    settings: Settings, variable: str, *, size: int = POOL_SIZE, wake: Callable[[str], None] = lambda _what: None
) -> Database:
    """Return a pool of connections of this process to the address in a variable."""
    address = require(getattr(settings.env, variable.lower()).get_secret_value(), variable)
    mark = stamp(settings.config)
    return Database(address, size=size, wake=wake, stamp=mark, redact=settings.redactor).open()


def stamp(config: Configuration) -> dict[str, str]:
    """Return what every record of this process says: which program wrote it, where, and under which configuration."""
    return {
        "env": config.env,
        "bot_version": version("dragonfly-bot"),
        "config_rev": config.rev,
        "replica": f"{socket.gethostname()}:{os.getpid()}",
    }


def _railway(env: Environment) -> Railway | None:
    """Return how the platform is reached; a project token comes first, and knows its own project."""
    token = env.railway_token or env.railway_api_token
    if not token:
        return None
    return Railway(
        env.railway_api_url,
        token.get_secret_value(),
        is_project_token=bool(env.railway_token),
        project_id=env.railway_project_id,
        environment_id=env.railway_environment_id,
    )
