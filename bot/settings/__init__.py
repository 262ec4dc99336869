"""Settings from the environment (secrets) and `dragonfly.toml` (all else), validated as a whole at start.

Every fault is found at once and said with what to write instead; unknown keys are faults (design, D13 and section 2).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from bot.domain.configuration import Configuration
from bot.errors import ConfigurationError
from bot.settings.deciding import configuration
from bot.settings.reading import database, environment, file, mode_of, require_slack
from bot.settings.tables import Environment

__all__ = ["Environment", "RailwayAccess", "Settings", "load"]
UNSET = SecretStr("")


@dataclass(frozen=True, slots=True, kw_only=True)
class RailwayAccess:
    """How the platform is reached; a project token knows its own project and environment."""

    token: SecretStr = UNSET
    is_project_token: bool = True
    url: str = ""
    project_id: str = ""
    environment_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything, validated."""

    config: Configuration
    database_url: SecretStr
    bot_token: SecretStr
    signing_secrets: tuple[SecretStr, ...]
    app_token: SecretStr
    api_key: SecretStr
    slack_api_url: str
    port: int | None
    zone: str
    dba_url: SecretStr = UNSET
    hook_token: SecretStr = UNSET
    railway: RailwayAccess = field(default_factory=RailwayAccess)

    def secrets(self) -> tuple[str, ...]:
        """Return every secret's text, for the log's filter."""
        found = (
            self.database_url,
            self.dba_url,
            self.bot_token,
            *self.signing_secrets,
            self.app_token,
            self.api_key,
            self.hook_token,
            self.railway.token,
        )
        return tuple(item.get_secret_value() for item in found if item.get_secret_value())


def load(environ: Mapping[str, str] | None = None, *, needs_mode: bool = False, needs_slack: bool = False) -> Settings:
    """Return the settings of this process.

    Args:
        needs_mode: an unset `SUPABASE_MODE` is a fault (`bot`, `plan`, `apply`).
        needs_slack: missing Slack tokens and an alert channel are faults (`bot`).

    Raises:
        ConfigurationError: every fault at once.
    """
    env = dict(os.environ if environ is None else environ)
    faults: list[str] = []
    found = environment(env, faults)
    declared = file(env, faults)
    mode = mode_of(found.supabase_mode, faults, needed=needs_mode)
    url, variable = database(env, mode, faults)
    if needs_slack:
        require_slack(found, declared, faults)
    config = configuration(found, declared, mode, variable, faults)
    if faults:
        raise ConfigurationError(faults)
    return Settings(
        config=config,
        database_url=SecretStr(url),
        bot_token=found.slack_bot_token,
        signing_secrets=(found.slack_signing_secret, found.slack_signing_secret_previous),
        app_token=found.slack_app_token,
        api_key=found.dragonfly_api_key,
        slack_api_url=found.slack_api_url,
        port=found.port,
        zone=declared.slack.zone,
        dba_url=found.dragonfly_dba_database_url,
        hook_token=found.dragonfly_hook_token,
        railway=_railway(found),
    )


def _railway(found: Environment) -> RailwayAccess:
    """Return how the platform is reached; a project token comes first."""
    is_project_token = bool(found.railway_token.get_secret_value())
    return RailwayAccess(
        token=found.railway_token if is_project_token else found.railway_api_token,
        is_project_token=is_project_token,
        url=found.railway_api_url,
        project_id=found.railway_project_id,
        environment_id=found.railway_environment_id,
    )
