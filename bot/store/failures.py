"""psycopg's errors in our own words; nothing above the store sees them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bot.errors import NO_PRIVILEGE, StatementRefused, StatementTimedOut, StoreUnavailable

_NO_RIGHT = re.compile(r"permission denied for (?P<kind>schema|table|view|function|sequence) (?P<name>\w+)")
"""Names of the catalog alone (PostgreSQL, `aclcheck_error`, 2026-11); in another language the state has to do."""
_TIMED_OUT = ("57014", "55P03", "25P03", "25P04")


def away() -> StoreUnavailable:
    """Return what is said of a database that does not answer."""
    return StoreUnavailable("the database cannot be reached", hint="dragonfly doctor says more")


@contextmanager
def translated() -> Iterator[None]:
    """Let psycopg's errors out as our own.

    Raises:
        StoreUnavailable, StatementTimedOut, StatementRefused: what went wrong.
    """
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from None


def translate(error: psycopg.Error) -> Exception:
    """Keep what may be shown: message, detail and parameters may carry rows of people (G4)."""
    state = error.sqlstate or ""
    if state in _TIMED_OUT:
        return StatementTimedOut(f"a statement or lock took too long and was taken back ({state})", sqlstate=state)
    if not state or state.startswith(("08", "57P", "53")):
        return away()
    found = error.diag
    place = " ".join(part for part in (found.table_name, found.constraint_name) if part) or _lacking(error)
    return StatementRefused(
        f"the database refused a statement ({state}{': ' + place if place else ''})",
        sqlstate=state,
        constraint=found.constraint_name or "",
        table=found.table_name or "",
        hint="dragonfly db grants prints what to grant" if state == NO_PRIVILEGE else "",
    )


def _lacking(error: psycopg.Error) -> str:
    """Return which right the role lacks, where the server says no more than names."""
    found = _NO_RIGHT.fullmatch(error.diag.message_primary or "")
    if error.sqlstate != NO_PRIVILEGE or not found:
        return ""
    return f"the role lacks {'USAGE' if found['kind'] == 'schema' else 'a right'} on {found['kind']} {found['name']}"
