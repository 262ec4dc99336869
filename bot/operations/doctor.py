"""Will it work at night? Each thing looked at has a verdict and, where it is bad, what to do (first cut)."""

from datetime import timedelta

from bot.clock import SystemClock
from bot.domain.messages import DoctorLine, DoctorReport
from bot.errors import BotError, ConflictError, DeliveryError, MigrationPending, StoreError
from bot.operations.plans import changing_step
from bot.operations.rescues import impossible
from bot.operations.services import Services
from bot.store import migrate
from bot.store.db import Tx
from bot.targets import heartbeats
from runbooks import faults

_SKEW = timedelta(seconds=2)


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
    lines += [_slack(services), _people(services)]
    took = timedelta(seconds=services.clock.monotonic() - began)
    return DoctorReport(env=services.config.env, as_of=services.clock.now(), lines=tuple(lines), took=took)


def _remedy(error: BotError) -> tuple[str, ...]:
    return (error.hint,) if error.hint else ("check the address, the network and whether the server runs",)


def _place(services: Services) -> DoctorLine:
    where = f"{services.db.place} by {services.config.database_variable}"
    return DoctorLine(name="database", verdict="ok", detail=where)


def _store(services: Services, tx: Tx) -> list[DoctorLine]:
    skew = abs(services.clock.now() - tx.now)
    lines = [
        DoctorLine(name="connection", verdict="ok", detail="answers"),
        DoctorLine(
            name="clock",
            verdict="bad" if skew > _SKEW else "ok",
            detail=f"differs by {skew.total_seconds():.1f} s",
            remedy=("set this machine's clock by NTP",) if skew > _SKEW else (),
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
    return [DoctorLine(name="role", verdict="ok", detail=catalog.role), hidden, beats, _step(services, tx)]


def _step(services: Services, tx: Tx) -> DoctorLine:
    step, _kind = changing_step("reset-stuck")
    cannot = impossible(services, tx, step, services.catalog.get(tx))
    if cannot is None:
        return DoctorLine(name="reset stuck jobs", verdict="ok", detail="ready")
    return DoctorLine(name="reset stuck jobs", verdict="bad", detail="; ".join(cannot.reasons), remedy=cannot.remedy)


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
