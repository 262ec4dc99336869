"""Will it work at night? Each thing looked at has a verdict and, where it is bad, what to do."""

from collections.abc import Iterator
from datetime import timedelta

from bot.clock import Clock, SystemClock
from bot.domain.ids import SCOPES
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
from bot.store import audit, migrate
from bot.store.db import Tx
from bot.targets import heartbeats, migrations
from bot.targets.catalog import look as look_at
from runbooks import faults


def offline() -> DoctorReport:
    """Return what can be said without a network: the program is whole and its runbooks are well."""
    clock = SystemClock()
    began, found = clock.monotonic(), faults()
    lines = [
        _ok("program", f"{len(migrate.available())} migrations, templates and runbooks are there"),
        _line("runbooks", "bad", "; ".join(found)) if found else _ok("runbooks", "every declaration is well"),
    ]
    return _report("offline", clock, began, lines)


def examine(services: Services) -> DoctorReport:
    """Return everything that can be looked at from here, each with its verdict."""
    began = services.clock.monotonic()
    lines = [_ok("database", f"{services.db.place} by {services.config.database_variable}")]
    try:
        with services.db.read() as tx:
            lines += [*_store(services, tx), *_target(services, tx)]
    except StoreError as error:
        lines.append(_line("connection", "bad", error.message, _remedy(error)))
    for look in (_dba, _platform, _sources, _team, _slack, _people):
        lines += look(services)
    return _report(services.config.env, services.clock, began, lines)


def _report(env: str, clock: Clock, began: float, lines: list[DoctorLine]) -> DoctorReport:
    took = timedelta(seconds=clock.monotonic() - began)
    return DoctorReport(env=env, as_of=clock.now(), lines=tuple(lines), took=took)


def _line(name: str, verdict: str, detail: str, *remedy: str) -> DoctorLine:
    return DoctorLine(name=name, verdict=verdict, detail=detail, remedy=remedy)


def _ok(name: str, detail: str) -> DoctorLine:
    return _line(name, "ok", detail)


def _off(name: str, detail: str, remedy: str) -> DoctorLine:
    return _line(name, "off", f"not set up: {detail}", remedy)


def _remedy(error: BotError) -> str:
    """Return what to do; that doctor says more is nothing to say in doctor."""
    says_nothing = "dragonfly doctor" in error.hint or not error.hint
    return "check the address, the network and whether the server runs" if says_nothing else error.hint


def _store(services: Services, tx: Tx) -> Iterator[DoctorLine]:
    yield _ok("connection", "answers")
    skew = abs(services.clock.now() - tx.now)
    differs = f"differs by {skew.total_seconds():.1f} s"
    skewed = skew > services.config.timing.clock_skew
    yield _line("clock", "bad", differs, "set this machine's clock by NTP") if skewed else _ok("clock", differs)
    try:
        migrate.require_current(tx, services.config.env)
        yield _ok("own tables", f"current, marked {services.config.env}")
        yield _record(audit.rights(tx))
        if not services.audit_key:
            yield _off("copies of the record", "not signed", "set DRAGONFLY_AUDIT_KEY")
    except (MigrationPending, ConflictError) as error:
        yield _line("own tables", "bad", error.message, error.hint)


def _record(may: audit.Rights) -> DoctorLine:
    """Say whether our role may append to the record, and no more than that."""
    faults = {
        "cannot be written by our role: no change is made without it": not may.may_append,
        "cannot be written: its head stands before its last record": not may.has_room,
        "may be rewritten by our own role: it proves nothing against whoever has its password": may.may_rewrite,
        "is written by a function whose owner may log in": may.owner_logs_in,
    }
    found = "; ".join(fault for fault, is_so in faults.items() if is_so)
    if not found:
        return _ok("record", "our role may append to it and change nothing")
    return _line("record", "bad", found, "dragonfly audit verify" if not may.has_room else "dragonfly db grants")


def _target(services: Services, tx: Tx) -> Iterator[DoctorLine]:
    catalog = services.catalog.get(tx, fresh=True)
    missing = catalog.missing_least()
    if missing:
        detail = f"{', '.join(missing)} cannot be seen by role {catalog.role}"
        yield _line("target", "bad", detail, "dragonfly db grants")
        return
    yield _ok("role", catalog.role)
    if catalog.hidden:
        detail = "hides rows from our role: the tables look empty, which is not an outage"
        yield _line("row security", "bad", detail, "dragonfly db grants")
    else:
        yield _ok("row security", "hides nothing from us")
    types = [item.worker_type for item in heartbeats.look(tx, catalog, services.config).types]
    seen = ", ".join(types) or "none: no visibility, or never deployed"
    yield _line("heartbeats", "ok" if types else "unknown", seen)
    yield from preflight.lines(services, tx)


def _dba(services: Services) -> Iterator[DoctorLine]:
    """Look whether the DBA's connection may do what it is there for."""
    if services.dba is None:
        return
    try:
        with services.dba.read() as tx:
            extra = look_at(tx).extra
    except StoreError as error:
        yield _line("DBA connection", "bad", error.message, _remedy(error))
        return
    lacking = [name for name in ("signal", "history_readable", "history_writable") if name not in extra]
    if lacking:
        yield _line("DBA connection", "bad", f"lacks {', '.join(lacking)}", "dragonfly db grants --dba")
    else:
        yield _ok("DBA connection", "may end sessions and change the history")


def _platform(services: Services) -> Iterator[DoctorLine]:
    """Ask the platform for every configured service by its name."""
    if services.platform is None:
        yield _off("Railway", "restart, logs and offline mode are not there", "set RAILWAY_TOKEN")
        return
    for service in services.config.services:
        try:
            state = services.platform.state(service.name, service.service_id)
        except TargetUnavailable as error:
            yield _line("Railway", "unknown", error.message)
            return
        except TargetError as error:
            yield _line(service.name, "bad", error.message, f"name it as Railway does: [services.{service.name}]")
            continue
        running = state.running.status.lower() if state.running else "no deployment"
        yield _ok(service.name, f"Railway: {running}")


def _sources(services: Services) -> Iterator[DoctorLine]:
    """Name what is not set up, so that a line left off a card is no riddle."""
    config = services.config
    if not config.api_url:
        yield _off("API", "not asked", f"set DRAGONFLY_API_URL_{config.env.upper()}")
    if not config.pager:
        yield _off("second path", "nobody is called when Slack is away", "set DRAGONFLY_PAGER_URL")
    if not config.monitored:
        yield _off("monitor", "nobody notices when the bot itself is gone", "set DRAGONFLY_HEALTHCHECK_URL")
    if not config.migrations.source:
        yield _off("migrations", "what is pending is not known", "set migrations.source")
    elif migrations.local(config.migrations) is None:
        detail = f"{config.migrations.source} cannot be read"
        yield _line("migrations", "bad", detail, "mend migrations.source")
    for item in config.vendors:
        if not item.endpoint:
            yield _off(item.title, "not asked", f"set vendors.{item.name}.endpoint")


def _team(services: Services) -> Iterator[DoctorLine]:
    """Say whether the team's own runbooks are there; with a fault none of them is."""
    folder = services.config.team_runbooks
    if folder and services.runbook_faults:
        detail = f"left out: {'; '.join(services.runbook_faults[:3])}"
        yield _line("team runbooks", "bad", detail, f"dragonfly runbook lint {folder}")
    elif folder:
        yield _ok("team runbooks", folder)


def _slack(services: Services) -> Iterator[DoctorLine]:
    if services.chat is None:
        yield _off("Slack", "not asked from this shell", "set SLACK_BOT_TOKEN")
        return
    try:
        granted = services.chat.check()
    except DeliveryError as error:
        yield _line("Slack", "bad", error.message, "check SLACK_BOT_TOKEN")
        return
    lacking = sorted(SCOPES - granted)
    said = f"{len(SCOPES) - len(lacking)} of {len(SCOPES)} scopes"
    if lacking:
        yield _line("Slack", "bad", f"{said}; not {', '.join(lacking)}", "reinstall the app with app_manifest.yml")
    else:
        yield _ok("Slack", said)
    yield from _channels(services)


def _channels(services: Services) -> Iterator[DoctorLine]:
    """Say in which listed channels nothing is done, because they are not ours alone."""
    for channel in services.config.listed if services.directory else ():
        assert services.directory is not None
        try:
            why = services.directory.why_not_here(channel, fresh=False)
        except DeliveryError as error:
            yield _line(f"channel {channel}", "unknown", error.message, "invite the bot there")
            continue
        if why:
            yield _line(f"channel {channel}", "bad", f"nothing is done there: {why}", "use a channel of your own")


def _people(services: Services) -> Iterator[DoctorLine]:
    people = services.config.people
    if people.operators:
        yield _ok("operators", f"{len(people.operators)} operators, {len(people.approvers)} approvers")
    else:
        yield _line("operators", "bad", "nobody may change anything", "set DRAGONFLY_OPERATORS")
    if people.approvers and not services.config.security_channel:
        detail = "what one person runs alone is told in the incident channel only"
        yield _off("security channel", detail, "set slack.security_channel")
