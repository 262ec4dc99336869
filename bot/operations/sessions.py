"""Who blocks whom, and whether a migration waits (design, section 7: *A waiting migration*)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.domain.durations import spoken
from bot.domain.locks import PREPARED, Session, is_platform, tree, why_not_end
from bot.domain.messages import LockTree, Message
from bot.domain.needs import Missing, missing
from bot.operations.kinds.base import cannot_see, told
from bot.operations.kinds.session import SQL, candidate, look
from bot.operations.services import Services
from bot.store.db import Tx


def locks(services: Services) -> Message:
    """Return those who wait under those who hold; the text of no query is selected.

    A role that cannot see other sessions is told so, with the grant that mends it, before it is told that nobody waits.
    """
    with services.db.read() as tx:
        waiting = waits(services, tx)
        blind = _missing(services, tx, "sees_sessions")
        if blind and not waiting:
            return cannot_see(services, tx, "locks", *told(blind))
        holders = holders_of(tx, [pid for item in waiting for pid in item.blockers])
        found = tree(waiting, holders)
        endable, why_not = _endable(services, tx, found.roots)
        return LockTree(
            env=services.config.env,
            as_of=tx.now,
            tree=found,
            advisory=tuple((row["pid"], row["locks"]) for row in tx.records(SQL["advisory"])),
            cannot=_rights(services, tx) or why_not,
            endable=endable,
        )


def waits(services: Services, tx: Tx) -> list[Session]:
    """Return every session that waits for a lock, the longest first."""
    rows = tx.records(SQL["waits"], now=tx.now, tools=list(services.config.migrations.application_names))
    return [_session(row) for row in rows]


def migration_wait(services: Services, tx: Tx) -> str:
    """Return who keeps a migration waiting and for how long, or an empty string."""
    found = next((item for item in waits(services, tx) if item.is_migration and item.blockers), None)
    if found is None:
        return ""
    who = f"session {found.blockers[0]}" if found.blockers[0] else PREPARED
    return f"{who} blocks it for {spoken(timedelta(seconds=int(found.waits_seconds or 0)))}"


def _session(row: Mapping[str, Any]) -> Session:
    return Session(
        pid=row["pid"],
        username=row["username"] or "",
        application_name=row["application_name"] or "",
        state=row["state"] or "not visible",
        in_state_seconds=row["in_state_seconds"],
        waits_seconds=row.get("waits_seconds"),
        is_migration=bool(row.get("is_migration")),
        is_privileged=bool(row.get("is_privileged")) or is_platform(row["username"] or ""),
        blockers=tuple(dict.fromkeys(row.get("blockers") or ())),
    )


def holders_of(tx: Tx, pids: list[int]) -> dict[int, Session]:
    """Return who holds, by pid; a transaction that was prepared and never ended has no session, and the pid 0."""
    found = {row["pid"]: _session(row) for row in tx.records(SQL["holders"], now=tx.now, pids=pids)} if pids else {}
    if 0 in pids:
        found[0] = Session(pid=0, username="", application_name=PREPARED, state="open", in_state_seconds=None)
    return found


def _missing(services: Services, tx: Tx, *needs: str) -> tuple[Missing, ...]:
    catalog = services.catalog.get(tx)
    return missing(needs, services.offered(catalog), role=catalog.role)


def _rights(services: Services, tx: Tx) -> str:
    """Return what our role may not see, or may not do."""
    return "; ".join(item.reason for item in _missing(services, tx, "sees_sessions", "signal"))


def _endable(services: Services, tx: Tx, roots: tuple[int, ...]) -> tuple[int, str]:
    """Return the first holder that may be ended, or why none may."""
    why = ""
    for pid in roots:
        row = look(tx, pid)
        if row is None:
            continue
        refused = why_not_end(candidate(row), idle_limit=services.config.timing.idle_limit)
        if not refused:
            return pid, ""
        why = why or f"session {pid}: {refused}"
    return 0, why
