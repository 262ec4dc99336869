"""What a step needs before it can work, and what to say and do where it is missing (design, D5 and *Preflight*). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One need that is not met."""

    need: str
    reason: str
    remedy: str = ""


_SAID = {
    "label_paused": ('the status list has no "paused"', ""),
    "next_run_at": ("next_run_at is missing", "add the column, or the label paused"),
    "worker_id": ("jobs carry no worker id", ""),
    "railway": ("Railway is not configured", "set RAILWAY_TOKEN (a project token) and name the services in [services]"),
    "dev_mode_off": ("in dev nothing runs on Railway", "restart the local process by hand"),
    "signal": (
        "role {role} may not end sessions of others (missing: pg_signal_backend)",
        "GRANT pg_signal_backend TO {role}",
    ),
    "sees_sessions": (
        "role {role} cannot see other sessions (missing: pg_read_all_stats)",
        "GRANT pg_read_all_stats TO {role}",
    ),
    "history_readable": (
        "role {role} may not read supabase_migrations.schema_migrations",
        (
            "GRANT USAGE ON SCHEMA supabase_migrations TO {role}; "
            "GRANT SELECT ON supabase_migrations.schema_migrations TO {role}; -- or all of: dragonfly db grants"
        ),
    ),
    "history_writable": (
        "role {role} may not write supabase_migrations.schema_migrations",
        (
            "set DRAGONFLY_DBA_DATABASE_URL to the role of: dragonfly db grants --dba; or "
            "GRANT INSERT, UPDATE, DELETE ON supabase_migrations.schema_migrations TO {role}"
        ),
    ),
    "rollbacks": ("no folder of reviewed rollback scripts", "set migrations.rollbacks"),
    "migrations_source": ("no list of local migrations", "set migrations.source"),
    "vendor": ("no vendor is configured", "add [vendors.simplicity] with an endpoint"),
    "offline_services": ("no service carries the offline variable", "name services and variable in [vendors.NAME]"),
}


CONFIGURED = ("railway", "rollbacks", "migrations_source", "vendor", "offline_services")
"""Needs that a setting meets: a step that lacks only these is not set up, which is no fault."""


def missing(needs: Iterable[str], offered: Iterable[str], *, role: str) -> tuple[Missing, ...]:
    """Return each need that is not offered, as a sentence and the statement or setting that mends it."""
    have = frozenset(offered)
    lacking = [need for need in needs if need not in have]
    columns = {f"updatable:{need}" for need in lacking}
    return tuple(_missing(need, role) for need in lacking if need not in columns)


def _missing(need: str, role: str) -> Missing:
    if need.startswith("updatable:"):
        column = need.removeprefix("updatable:")
        return Missing(
            need=need,
            reason=f"role {role} may not update {column} of ops.job_queue",
            remedy=f"GRANT UPDATE ({column}) ON ops.job_queue TO {role}",
        )
    reason, remedy = _SAID.get(need, (f"{need} is missing", ""))
    return Missing(need=need, reason=reason.format(role=role), remedy=remedy.format(role=role))


def is_known(need: str) -> bool:
    """Say whether a need can be looked at, so that a declaration asks for nothing that can never be met."""
    return need.startswith("updatable:") or need in _SAID
