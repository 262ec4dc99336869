"""Settings from the environment (secrets) and `dragonfly.toml` (all else), validated as a whole at start.

Every fault is found at once and said with what to write instead; unknown keys are faults (design, D13 and section 2).
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from bot.domain.configuration import Configuration
from bot.domain.redaction import Redactor
from bot.errors import ConfigurationError
from bot.settings.deciding import configuration, database, mode_of, require_slack
from bot.settings.reading import environment, read_file
from bot.settings.tables import Environment

__all__ = ["Environment", "SecretStr", "Settings", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything, validated."""

    config: Configuration
    env: Environment
    addresses: tuple[SecretStr, ...] = ()
    """Addresses that the file takes from variables: they carry tokens."""

    def secrets(self) -> frozenset[str]:
        """Return every secret's text, and the password in each address by itself."""
        found = [value for _name, value in self.env if isinstance(value, SecretStr)]
        given = [item.get_secret_value() for item in (*self.addresses, *found) if item]
        return frozenset((*given, *(password for text in given for password in _passwords(text))))

    @property
    def redactor(self) -> Redactor:
        """Return what takes our secrets, and whatever looks like one, out of a text."""
        return Redactor(self.secrets(), public=self.config.contact_texts)


def _passwords(text: str) -> Iterator[str]:
    """Yield the password of an address or of a `password=…` list, or a pager's key, as it is written and as it is meant."""
    in_list = re.search(r"\bpassword=(\S+)", text)
    try:
        address = urlsplit(text)
        key = address.username if address.scheme == "https" else None
        password = in_list[1] if in_list else address.password or key
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


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
    taken: list[str] = []
    file = read_file(env.dragonfly_config, given, faults, taken)
    mode = mode_of(env.supabase_mode, faults, needed=needs_mode)
    variable = database(env, mode, faults)
    if needs_slack:
        require_slack(env, file, faults)
    config = configuration(env, file, mode, variable, faults)
    if faults:
        raise ConfigurationError(faults)
    addresses = tuple(SecretStr(text) for text in taken if "://" in text)
    return Settings(config=config, env=env, addresses=addresses)
