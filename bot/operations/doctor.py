"""Will it work at night? Each thing looked at has a verdict and, where it is bad, what to do ."""

from datetime import timedelta

from bot.clock import SystemClock
from bot.domain.messages import DoctorLine, DoctorReport
from bot.errors import (
    BotError,
    ConflictError,
    DeliveryError,
    MigrationPending,
    StoreError,
    TargetError,
    TargetUnavailable,
)
from bot.operations import preflight
from bot.operations.services import Services
from bot.store import migrate
from bot.store.db import Tx
from bot.targets import heartbeats, migrations
from bot.targets.catalog import look as look_at
from runbooks import faults


def offline() -> DoctorReport:
    """Return what can be said without a network: the program is whole and its runbooks are well."""
    clock = SystemClock()
    began = clock.monotonic()
    found = faults()
    lines = (
        DoctorLine(
            name="program",
            verdict="ok",
            detail=f"{len(migrate.available())} migrations, templates and runbooks are there",
        ),
        DoctorLine(
            name="runbooks", verdict="bad" if found else "ok", detail="; ".join(found) or "every declaration is well"
        ),
    )
    return DoctorReport(
        env="offline", as_of=clock.now(), lines=lines, took=timedelta(seconds=clock.monotonic() - began)
    )


def examine(services: Services) -> DoctorReport:
    """Return everything that can be looked at from here, each with its verdict."""
    began = services.clock.monotonic()
    lines = [_place(services)]
    try:
        with services.db.read() as tx:
            lines += [*_store(services, tx), *_target(services, tx)]
    except StoreError as error:
        lines.append(DoctorLine(name="connection", verdict="bad", detail=error.message, remedy=_remedy(error)))
    lines += [
        *_dba(services),
        *_platform(services),
        *_sources(services),
        *_team(services),
        _slack(services),
        _people(services),
    ]
    took = timedelta(seconds=services.clock.monotonic() - began)
    return DoctorReport(env=services.config.env, as_of=services.clock.now(), lines=tuple(lines), took=took)


def _remedy(error: BotError) -> tuple[str, ...]:
    return (error.hint,) if error.hint else ("check the address, the network and whether the server runs",)


def _place(services: Services) -> DoctorLine:
    where = f"{services.db.place} by {services.config.database_variable}"
    return DoctorLine(name="database", verdict="ok", detail=where)


def _store(services: Services, tx: Tx) -> list[DoctorLine]:
    skew = abs(services.clock.now() - tx.now)
    skewed = skew > services.config.timing.clock_skew
    lines = [
        DoctorLine(name="connection", verdict="ok", detail="answers"),
        DoctorLine(
            name="clock",
            verdict="bad" if skewed else "ok",
            detail=f"differs by {skew.total_seconds():.1f} s",
            remedy=("set this machine's clock by NTP",) if skewed else (),
        ),
    ]
    try:
        migrate.require_current(tx, services.config.env)
        lines.append(DoctorLine(name="own tables", verdict="ok", detail=f"current, marked {services.config.env}"))
    except (MigrationPending, ConflictError) as error:
        lines.append(DoctorLine(name="own tables", verdict="bad", detail=error.message, remedy=(error.hint,)))
    return lines


def _target(services: Services, tx: Tx) -> list[DoctorLine]:
    catalog = services.catalog.get(tx, fresh=True)
    missing = catalog.missing_least()
    if missing:
        detail = f"{', '.join(missing)} cannot be seen by role {catalog.role}"
        return [DoctorLine(name="target", verdict="bad", detail=detail, remedy=("dragonfly db grants",))]
    hidden = DoctorLine(
        name="row security",
        verdict="bad" if catalog.hidden else "ok",
        detail="hides rows from our role: the tables look empty, which is not an outage"
        if catalog.hidden
        else "hides nothing from us",
        remedy=("dragonfly db grants",) if catalog.hidden else (),
    )
    look = heartbeats.look(tx, catalog, services.config)
    seen = ", ".join(item.worker_type for item in look.types) or "none: no visibility, or never deployed"
    beats = DoctorLine(name="heartbeats", verdict="ok" if look.types else "unknown", detail=seen)
    return [DoctorLine(name="role", verdict="ok", detail=catalog.role), hidden, beats, *preflight.lines(services, tx)]


def _platform(services: Services) -> list[DoctorLine]:
    """Ask the platform for every configured service by its name."""
    if services.platform is None:
        return [_off("Railway", "restart, logs and offline mode are not there", "set RAILWAY_TOKEN")]
    found: list[DoctorLine] = []
    for service in services.config.services:
        try:
            state = services.platform.state(service.name, service.service_id)
        except TargetUnavailable as error:
            return [*found, DoctorLine(name="Railway", verdict="unknown", detail=error.message)]
        except TargetError as error:
            remedy = (f"name it as Railway does: [services.{service.name}]",)
            found.append(DoctorLine(name=service.name, verdict="bad", detail=error.message, remedy=remedy))
            continue
        running = state.running.status.lower() if state.running else "no deployment"
        found.append(DoctorLine(name=service.name, verdict="ok", detail=f"Railway: {running}"))
    return found


def _dba(services: Services) -> list[DoctorLine]:
    """Look whether the DBA's connection may do what it is there for."""
    if services.dba is None:
        return []
    try:
        with services.dba.read() as tx:
            extra = look_at(tx).extra
    except StoreError as error:
        return [DoctorLine(name="DBA connection", verdict="bad", detail=error.message, remedy=_remedy(error))]
    lacking = [name for name in ("signal", "history_readable", "history_writable") if name not in extra]
    return [
        DoctorLine(
            name="DBA connection",
            verdict="bad" if lacking else "ok",
            detail=f"lacks {', '.join(lacking)}" if lacking else "may end sessions and change the history",
            remedy=("dragonfly db grants --dba",) if lacking else (),
        )
    ]


def _sources(services: Services) -> list[DoctorLine]:
    """Name what is not set up, so that a line left off a card is no riddle."""
    config = services.config
    found = []
    if not config.api_url:
        found.append(_off("API", "not asked", f"set DRAGONFLY_API_URL_{config.env.upper()}"))
    if config.migrations.source and migrations.local(config.migrations) is None:
        source = config.migrations.source
        found.append(
            DoctorLine(
                name="migrations", verdict="bad", detail=f"{source} cannot be read", remedy=("mend migrations.source",)
            )
        )
    if not config.migrations.source:
        found.append(_off("migrations", "what is pending is not known", "set migrations.source"))
    found += [
        _off(item.title, "not asked", f"set vendors.{item.name}.endpoint")
        for item in config.vendors
        if not item.endpoint
    ]
    return found


def _team(services: Services) -> list[DoctorLine]:
    """Say whether the team's own runbooks are there; with a fault none of them is."""
    folder = services.config.team_runbooks
    if not folder:
        return []
    if services.runbook_faults:
        detail = f"left out: {'; '.join(services.runbook_faults[:3])}"
        return [
            DoctorLine(name="team runbooks", verdict="bad", detail=detail, remedy=(f"dragonfly runbook lint {folder}",))
        ]
    return [DoctorLine(name="team runbooks", verdict="ok", detail=folder)]


def _off(name: str, detail: str, remedy: str) -> DoctorLine:
    return DoctorLine(name=name, verdict="off", detail=f"not set up: {detail}", remedy=(remedy,))


def _slack(services: Services) -> DoctorLine:
    if services.chat is None:
        return DoctorLine(name="Slack", verdict="ok", detail="not used from a shell")
    try:
        services.chat.check()
    except DeliveryError as error:
        return DoctorLine(name="Slack", verdict="bad", detail=error.message, remedy=("check SLACK_BOT_TOKEN",))
    return DoctorLine(name="Slack", verdict="ok", detail="the token is taken")


def _people(services: Services) -> DoctorLine:
    people = services.config.people
    if not people.operators:
        return DoctorLine(
            name="operators", verdict="bad", detail="nobody may change anything", remedy=("set DRAGONFLY_OPERATORS",)
        )
    detail = f"{len(people.operators)} operators, {len(people.approvers)} approvers"
    return DoctorLine(name="operators", verdict="ok", detail=detail)
