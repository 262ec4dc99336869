"""Will it work at night? Each thing looked at has a verdict and, where it is bad, what to do."""

from collections.abc import Iterator
from datetime import timedelta

from bot import words
from bot.clock import Clock, SystemClock
from bot.domain.anchors import is_accepted
from bot.domain.ids import SCOPES
from bot.domain.messages import DoctorLine, DoctorReport
from bot.domain.rotation import on_call
from bot.errors import (
    NO_PRIVILEGE,
    BotError,
    ConflictError,
    DeliveryError,
    MigrationPending,
    StatementRefused,
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

_SAYS = words.load("doctor")
_DOWN = ("CRASHED", "FAILED", "REMOVED", "NO DEPLOYMENT")
"""What Railway says of a service of which nothing runs."""


def offline() -> DoctorReport:
    """Return what can be said without a network: the program is whole and its runbooks are well."""
    clock = SystemClock()
    began, found = clock.monotonic(), faults()
    lines = [
        _line("program", "ok", migrations=len(migrate.available())),
        _line("runbooks", "bad" if found else "ok", faults="; ".join(found)),
    ]
    return _report("offline", clock, began, lines)


def examine(services: Services) -> DoctorReport:
    """Return everything that can be looked at from here, each with its verdict."""
    began = services.clock.monotonic()
    lines = [_line("database", "ok", place=services.db.place, variable=services.config.database_variable)]
    try:
        with services.db.read() as tx:
            lines.extend(_seen(services, tx))
    except StoreError as error:
        lines.append(_line("connection", "bad", why=error.message, hint=_hint(error)))
    for look in (_dba, _platform, _sources, _team, _slack, _people):
        lines += look(services)
    return _report(services.config.env, services.clock, began, lines)


def _seen(services: Services, tx: Tx) -> Iterator[DoctorLine]:
    """Look at our tables and at the target; what our role may not see of the one hides nothing of the other."""
    yield _line("connection", "ok")
    for look in (_store, _target):
        try:
            with tx.savepoint():
                yield from look(services, tx)
        except StatementRefused as error:
            if error.sqlstate != NO_PRIVILEGE:
                raise
            yield _line("rights", "bad", why=error.message)


def _report(env: str, clock: Clock, began: float, lines: list[DoctorLine]) -> DoctorReport:
    took = timedelta(seconds=clock.monotonic() - began)
    return DoctorReport(env=env, as_of=clock.now(), lines=tuple(lines), took=took)


def _line(key: str, verdict: str, /, **facts: object) -> DoctorLine:
    """Return what is said of a thing with this verdict."""
    thing = _SAYS[key]
    said = {name: text.format(**facts) for name, text in thing[verdict].items()}
    remedy = (said["do"],) if "do" in said else ()
    return DoctorLine(name=thing["name"].format(**facts), verdict=verdict, detail=said["says"], remedy=remedy)


def _hint(error: BotError) -> str:
    """Return what to do; that doctor says more is nothing to say in doctor."""
    says_nothing = "dragonfly doctor" in error.hint or not error.hint
    return str(_SAYS["hint"]["unreachable"]) if says_nothing else error.hint


def _store(services: Services, tx: Tx) -> Iterator[DoctorLine]:
    skew = abs(services.clock.now() - tx.now)
    skewed = skew > services.config.timing.clock_skew
    yield _line("clock", "bad" if skewed else "ok", seconds=f"{skew.total_seconds():.1f}")
    try:
        migrate.require_current(tx, services.config.env)
        yield _line("tables", "ok", env=services.config.env)
        yield _record(audit.rights(tx))
        if not services.audit_key:
            yield _line("copies", "off")
        accepted = audit.newest_of(tx, audit.RESTORED)
        if services.audit_key and accepted and not is_accepted(accepted, services.audit_key):
            yield _line("accepted", "bad", n=accepted.n)
    except (MigrationPending, ConflictError) as error:
        yield _line("tables", "bad", why=error.message, hint=error.hint)


def _record(may: audit.Rights) -> DoctorLine:
    """Say whether our role may append to the record, and no more than that."""
    if not may.has_room:
        return _line("record_full", "bad")
    faults = {"may_append": not may.may_append, "may_rewrite": may.may_rewrite, "owner_logs_in": may.owner_logs_in}
    found = "; ".join(_SAYS["record"][fault] for fault, is_so in faults.items() if is_so)
    return _line("record", "bad" if found else "ok", faults=found)


def _target(services: Services, tx: Tx) -> Iterator[DoctorLine]:
    catalog = services.catalog.get(tx, fresh=True)
    missing = catalog.missing_least()
    if missing:
        yield _line("target", "bad", missing=", ".join(missing), role=catalog.role)
        return
    yield _line("role", "ok", role=catalog.role)
    yield _line("row_security", "bad" if catalog.hidden else "ok")
    types = [item.worker_type for item in heartbeats.look(tx, catalog, services.config).types]
    yield _line("heartbeats", "ok" if types else "unknown", types=", ".join(types))
    yield from preflight.lines(services, tx)


def _dba(services: Services) -> Iterator[DoctorLine]:
    """Look whether the DBA's connection may do what it is there for."""
    if services.dba is None:
        return
    try:
        with services.dba.read() as tx:
            extra = look_at(tx).extra
    except StoreError as error:
        yield _line("dba", "bad", why=error.message, hint=_hint(error))
        return
    lacking = [name for name in ("signal", "history_readable", "history_writable") if name not in extra]
    if lacking:
        yield _line("dba_rights", "bad", lacking=", ".join(lacking))
    else:
        yield _line("dba", "ok")


def _platform(services: Services) -> Iterator[DoctorLine]:
    """Ask the platform for every configured service by its name."""
    if services.platform is None:
        yield _line("railway", "off")
        return
    for service in services.config.services:
        try:
            state = services.platform.state(service.name, service.service_id)
        except TargetUnavailable as error:
            yield _line("railway", "unknown", why=error.message)
            return
        except TargetError as error:
            yield _line("service", "bad", service=service.name, why=error.message)
            continue
        status = state.running.status if state.running else "NO DEPLOYMENT"
        facts = {"service": service.name, "state": status.lower()}
        yield _line("service_down", "bad", **facts) if status in _DOWN else _line("service", "ok", **facts)


def _sources(services: Services) -> Iterator[DoctorLine]:
    """Name what is not set up, so that a line left off a card is no riddle."""
    config = services.config
    if not config.api_url:
        yield _line("api", "off", env=config.env.upper())
    if not config.pager:
        yield _line("pager", "off")
    if not config.monitored:
        yield _line("monitor", "off")
    if not config.migrations.source:
        yield _line("migrations", "off")
    elif migrations.local(config.migrations) is None:
        yield _line("migrations", "bad", source=config.migrations.source)
    for item in config.vendors:
        if not item.endpoint:
            yield _line("vendor", "off", title=item.title, vendor=item.name)


def _team(services: Services) -> Iterator[DoctorLine]:
    """Say whether the team's own runbooks are there; with a fault none of them is."""
    folder = services.config.team_runbooks
    faults = services.runbook_faults[:3]
    if folder:
        yield _line("team", "bad" if faults else "ok", folder=folder, faults="; ".join(faults))


def _slack(services: Services) -> Iterator[DoctorLine]:
    if services.chat is None:
        yield _line("slack", "off")
        return
    try:
        granted = services.chat.check()
    except DeliveryError as error:
        yield _line("slack_token", "bad", why=error.message)
        return
    lacking = sorted(SCOPES - granted)
    scopes = {"granted": len(SCOPES) - len(lacking), "wanted": len(SCOPES), "lacking": ", ".join(lacking)}
    yield _line("slack", "bad" if lacking else "ok", **scopes)
    yield from _channels(services)


def _channels(services: Services) -> Iterator[DoctorLine]:
    """Say in which listed channels nothing is done, because they are not ours alone."""
    for channel in services.config.listed if services.directory else ():
        assert services.directory is not None
        try:
            why = services.directory.why_not_here(channel, fresh=False)
        except DeliveryError as error:
            yield _line("channel", "unknown", channel=channel, why=error.message)
            continue
        if why:
            yield _line("channel", "bad", channel=channel, why=why)


def _people(services: Services) -> Iterator[DoctorLine]:
    people = services.config.people
    counts = {"operators": len(people.operators), "approvers": len(people.approvers)}
    yield _line("operators", "ok" if people.operators else "bad", **counts)
    yield _line("oncall", "ok" if on_call(services.config.rotation, services.clock.now()) else "bad")
    if people.approvers and not services.config.security_channel:
        yield _line("security_channel", "off")
