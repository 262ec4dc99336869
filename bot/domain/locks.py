"""Who blocks whom, as a tree; and whether a session may be ended (§13). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_LEVELS = 4
MOST_SESSIONS = 12
PLATFORM_ROLES = ("supabase_", "authenticator", "pgbouncer", "dashboard_user")
"""Roles that the platform owns (Supabase role migrations, 2024-06): only its operator can end their sessions."""
PREPARED = "a prepared transaction"
"""What holds a lock without a session; Postgres shows it as process 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session, without the text of its query."""

    pid: int
    username: str
    application_name: str
    state: str
    in_state_seconds: float | None
    waits_seconds: float | None = None
    is_migration: bool = False
    is_privileged: bool = False
    blockers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One session of the tree, with how deep it stands."""

    session: Session
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The roots hold, everything below waits."""

    lines: tuple[Line, ...] = ()
    waiting: int = 0
    left_out: int = 0
    loops: tuple[tuple[int, int], ...] = ()
    roots: tuple[int, ...] = field(default_factory=tuple)


def tree(waiting: Sequence[Session], holders: Mapping[int, Session]) -> Tree:
    """Return the tree of those who wait under those who hold, longest waits first."""
    known = {**holders, **{item.pid: item for item in waiting}}
    below: dict[int, list[Session]] = {}
    for item in waiting:
        for blocker in item.blockers:
            below.setdefault(blocker, []).append(item)
    waits = {item.pid for item in waiting}
    loops = tuple(
        (item.pid, other)
        for item in waiting
        for other in item.blockers
        if other in waits and item.pid in known[other].blockers and item.pid < other
    )
    roots = sorted(pid for pid in below if pid not in waits)
    lines: list[Line] = []
    seen: set[int] = set()

    def walk(pid: int, depth: int) -> None:
        if pid in seen or depth > MOST_LEVELS or len(lines) >= MOST_SESSIONS or pid not in known:
            return
        seen.add(pid)
        lines.append(Line(session=known[pid], depth=depth))
        for child in sorted(below.get(pid, []), key=lambda item: -(item.waits_seconds or 0)):
            walk(child.pid, depth + 1)

    led = _below([pid for pid in roots if pid in known], below)
    for root in [*roots, *(item.pid for item in waiting if item.pid not in led)]:
        walk(root, 0)
    shown = sum(1 for line in lines if line.session.pid in waits)
    return Tree(lines=tuple(lines), waiting=len(waits), left_out=len(waits) - shown, loops=loops, roots=tuple(roots))


def is_platform(username: str) -> bool:
    """Say whether a role belongs to the platform, by its name."""
    return username.startswith(PLATFORM_ROLES)


def _below(roots: Sequence[int], below: Mapping[int, Sequence[Session]]) -> set[int]:
    """Return all that wait under these; the others wait in a loop, or for somebody who has just gone."""
    found: set[int] = set()
    left = list(roots)
    while left:
        for item in below.get(left.pop(), ()):
            if item.pid not in found:
                found.add(item.pid)
                left.append(item.pid)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What decides whether a session may be ended."""

    username: str
    backend_type: str
    same_database: bool
    is_privileged: bool
    is_ours: bool
    is_waiting_migration: bool
    state: str
    xact_start: datetime | None
    in_state_seconds: float | None
    blocks: tuple[int, ...]
    holds_history: bool


def why_not_end(found: Candidate, *, idle_limit: timedelta) -> str:
    """Return why a session must not be ended, or empty (M1, M2)."""
    if found.backend_type != "client backend":
        return f"it is no client session ({found.backend_type or 'unknown'})"
    if not found.same_database:
        return "it works in another database"
    if found.is_privileged or is_platform(found.username):
        return f"it belongs to {found.username}, a role of the platform: only its operator can end it"
    if found.is_ours:
        return "it is one of my own sessions"
    if found.is_waiting_migration:
        return "it is a migration that waits itself: end the one that holds the lock"
    if not found.blocks and not found.holds_history:
        return "it blocks nobody and holds no lock on the migration history"
    return _why_busy(found, idle_limit.total_seconds())


def _why_busy(found: Candidate, idle_seconds: float) -> str:
    """Return why a session counts as at work: idle too briefly, or nobody can tell. An active one may be cancelled."""
    if found.state == "active":
        return ""
    if not found.state.startswith("idle"):
        return f"what it does is not known ({found.state or 'no state'})"
    idle, where = int(found.in_state_seconds or 0), " in a transaction" if "transaction" in found.state else ""
    return f"it has been idle{where} for {idle} s, less than {int(idle_seconds)} s" if idle < idle_seconds else ""
