"""Addresses of databases, as libpq reads them."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bot.errors import ConfigurationError


def require(text: str, variable: str) -> str:
    """Return an address.

    Raises:
        ConfigurationError: it is none; the variable is named, and what it holds is not repeated.
    """
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        fault = f"{variable} is no address of a database; write one such as postgresql://user@host:6543/postgres"
        raise ConfigurationError([fault]) from None
    return text


def place(text: str) -> str:
    """Return host, database and user of an address, without its password."""
    parts = conninfo_to_dict(text)
    return f"{parts.get('host', 'local')}/{parts.get('dbname', '')} as {parts.get('user', '')}"
