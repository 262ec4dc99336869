"""Settings from the environment (secrets) and `dragonfly.toml` (all else), validated as a whole at start.

Every fault is found at once and said with what to write instead; unknown keys are faults (design, D13 and section 2).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from bot.domain.configuration import Configuration
from bot.errors import ConfigurationError
from bot.settings.deciding import configuration, database, mode_of, require_slack
from bot.settings.reading import environment, read_file
from bot.settings.tables import Environment

__all__ = ["Environment", "Settings", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything, validated."""

    config: Configuration
    env: Environment
    database_url: SecretStr

    def secrets(self) -> tuple[str, ...]:
        """Return every secret's text, for the log's filter."""
        found = [value for _name, value in self.env if isinstance(value, SecretStr)]
        return tuple(item.get_secret_value() for item in (self.database_url, *found) if item)


def load(environ: Mapping[str, str] | None = None, *, needs_mode: bool = False, needs_slack: bool = False) -> Settings:
    """Return the settings of this process.

    Args:
        needs_mode: an unset `SUPABASE_MODE` is a fault (`bot`, `plan`, `apply`).
        needs_slack: missing Slack tokens and an alert channel are faults (`bot`).

    Raises:
        ConfigurationError: every fault at once.
    """
    given = dict(os.environ if environ is None else environ)
    faults: list[str] = []
    env = environment(given, faults)
    file = read_file(env.dragonfly_config, given, faults)
    mode = mode_of(env.supabase_mode, faults, needed=needs_mode)
    variable = database(env, mode, faults)
    if needs_slack:
        require_slack(env, file, faults)
    config = configuration(env, file, mode, variable, faults)
    if faults:
        raise ConfigurationError(faults)
    return Settings(config=config, env=env, database_url=getattr(env, variable.lower()))
