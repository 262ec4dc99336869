"""From what was written to the configuration that the product works with."""

import difflib
import re
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.configuration import (
    DEFAULT_SERVICES,
    DEFAULT_VENDORS,
    DEFAULT_WORKERS,
    Configuration,
    Gate,
    Level,
    Migrations,
    Override,
    People,
    Queue,
    Rotation,
    Service,
    Vendor,
    WorkerType,
)
from bot.domain.durations import parse_duration
from bot.domain.timing import PROFILES, Timing
from bot.errors import InvalidCommand
from bot.settings.tables import Environment, File, GateTable, LevelTable, OncallTable, Table

_ID = re.compile(r"^[UWSC][A-Z0-9]{2,}$")


def configuration(found: Environment, declared: File, mode: str, variable: str, faults: list[str]) -> Configuration:
    """Return everything that is not a secret; what contradicts itself becomes a fault."""
    api = found.dragonfly_api_url_prod if mode == "prod" else found.dragonfly_api_url_dev
    return Configuration(
        env=mode,
        alert_channel=found.dragonfly_alert_channel or declared.slack.alert_channel,
        channels=tuple(declared.slack.channels),
        fallback_channel=declared.slack.fallback_channel,
        people=_people(found, declared, faults),
        rotation=_rotation(found, declared.oncall, faults),
        contacts=_contacts(declared, faults),
        workers=_workers(declared),
        queue=_queue(declared, faults),
        timing=_timing(declared, faults),
        services=_services(declared),
        vendors=_vendors(declared, faults),
        migrations=Migrations(**_listed(declared.migrations)),
        gate=_gate(declared.gate, faults),
        railway=bool(_railway_token(found)),
        team_runbooks=declared.runbooks.folder,
        team_role=declared.runbooks.role,
        api_url=api,
        database_variable=variable,
    )


def _people(found: Environment, declared: File, faults: list[str]) -> People:
    table = declared.people
    return People(
        operators=_ids("operators", found.dragonfly_operators, table.operators, faults),
        approvers=_ids("approvers", found.dragonfly_approvers, table.approvers, faults),
        names=table.names,
    )


def _contacts(declared: File, faults: list[str]) -> dict[str, tuple[Level, ...]]:
    found = {}
    for name, levels in declared.contacts.items():
        place = f"contacts.{name}"
        found[name.replace("_", "-")] = tuple(
            Level(
                after=_duration(place, level.after, faults),
                label=level.label,
                call=_called(place, level, declared, faults),
            )
            for level in levels
        )
    return found


def _called(place: str, level: LevelTable, declared: File, faults: list[str]) -> tuple[str, ...]:
    """Return whom a level calls: ids of Slack, whoever is on call, or a card as it is shown."""
    cards = {name: " ".join(filter(None, (card.name, card.phone, card.link))) for name, card in declared.cards.items()}
    faults += [
        f"{place}: {who!r} is no Slack id, not `oncall`, and no name of [cards]"
        for who in level.call
        if who != "oncall" and who not in cards and not _ID.match(who)
    ]
    return tuple(cards.get(who, who) for who in level.call)


def _queue(declared: File, faults: list[str]) -> Queue:
    values = _listed(declared.queue)
    values["stuck_limits"] = {
        name: _duration(f"queue.stuck_limits.{name}", text, faults)
        for name, text in declared.queue.stuck_limits.items()
    }
    return Queue(**values)


def _railway_token(found: Environment) -> str:
    return found.railway_token.get_secret_value() or found.railway_api_token.get_secret_value()


def _listed(table: Table) -> dict[str, Any]:
    """Return a table's values with lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table}


def _services(declared: File) -> tuple[Service, ...]:
    if not declared.services:
        return DEFAULT_SERVICES
    return tuple(Service(name=name, **_listed(item)) for name, item in declared.services.items())


def _vendors(declared: File, faults: list[str]) -> tuple[Vendor, ...]:
    if not declared.vendors:
        return DEFAULT_VENDORS
    for name, item in declared.vendors.items():
        for pattern in item.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                faults.append(f"vendors.{name}.patterns: {pattern!r} is no regular expression: {error}")
    usual = {vendor.name: vendor.patterns for vendor in DEFAULT_VENDORS}
    return tuple(
        Vendor(name=name, **{**_listed(item), "patterns": tuple(item.patterns) or usual.get(name, ())})
        for name, item in declared.vendors.items()
    )


def _gate(table: GateTable, faults: list[str]) -> Gate:
    values = _listed(table)
    values["commands"] = {name: tuple(argv) for name, argv in table.commands.items()}
    for name in ("evaluator_age", "worker_window", "deadline"):
        values[name] = _duration(f"gate.{name}", values[name], faults)
    return Gate(**values)


def _ids(name: str, from_env: str, from_file: list[str], faults: list[str]) -> tuple[str, ...]:
    listed = [item.strip() for item in from_env.split(",") if item.strip()] or from_file
    faults += [
        f"{name}: {item!r} is no Slack id; write U…, W… or a user group S…" for item in listed if not _ID.match(item)
    ]
    return tuple(listed)


def _rotation(found: Environment, declared: OncallTable | None, faults: list[str]) -> Rotation | None:
    people = _ids("oncall", found.dragonfly_oncall, declared.people if declared else [], faults)
    if not people:
        return None
    shape = declared or OncallTable()
    try:
        ZoneInfo(shape.zone)
    except (ZoneInfoNotFoundError, ValueError):
        faults.append(f"oncall.zone: {shape.zone!r} is no time zone; write one such as America/New_York")
    if shape.starts.tzinfo is None:
        faults.append("oncall.starts has no zone; write 2026-01-05T08:00:00Z")
    overrides = tuple(Override(who=item.who, start=item.start, end=item.end) for item in shape.overrides)
    return Rotation(people=people, starts=shape.starts, zone=shape.zone, handover=shape.handover, overrides=overrides)


def _workers(declared: File) -> tuple[WorkerType, ...]:
    if not declared.workers:
        return DEFAULT_WORKERS
    return tuple(
        WorkerType(name=name, label=item.label, serves=tuple(item.serves), expected=item.expected)
        for name, item in declared.workers.items()
    )


def _timing(declared: File, faults: list[str]) -> Timing:
    known = {item.name for item in fields(Timing)}
    changed: dict[str, timedelta] = {}
    for name, text in declared.timing.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            faults.append(f"timing.{name}: unknown key; write {near[0] if near else ', '.join(sorted(known))}")
        else:
            changed[name] = _duration(f"timing.{name}", text, faults)
    return replace(PROFILES[declared.profile], **changed)


def _duration(place: str, text: str, faults: list[str]) -> timedelta:
    try:
        return parse_duration(text)
    except InvalidCommand as error:
        faults.append(f"{place}: {error.message}")
        return timedelta(0)
