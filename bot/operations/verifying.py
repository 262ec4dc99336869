"""Has a scenario recovered? Two looks, because one can be luck (playbook, step "verify"; target-system 9, row 19)."""

import time
from collections.abc import Callable, Mapping

from bot.domain.configuration import Vendor
from bot.domain.messages import Message, VerifyLine, VerifyReport
from bot.domain.params import not_known
from bot.domain.workers import Status, judge
from bot.errors import TargetError
from bot.operations import checks, escalations, history, looking, sessions, vendors
from bot.operations.kinds.variable import shown
from bot.operations.services import Services
from bot.store import alerts, pauses
from bot.store.db import Tx

RECOVERED, NOT_YET, UNKNOWN = "recovered", "not yet", "could not tell"
_WORDS = {Status.OK: RECOVERED, Status.BAD: NOT_YET, Status.UNKNOWN: UNKNOWN}

Looks = tuple[VerifyLine, ...]


def read(services: Services, scenario: str) -> Message:
    """Return each thing that must have recovered; recovered only if both looks say so.

    Raises:
        InvalidCommand: no such scenario; the known ones are named.
    """
    found = services.runbooks.scenario(scenario)
    look = _LOOKS.get(found.scenario) if found else None
    if found is None or look is None:
        raise not_known("verify", "scenario", scenario, list(_LOOKS))
    first = look(services)
    timing = services.config.timing
    time.sleep(min(timing.check_interval, timing.verify_gap).total_seconds())
    second = look(services)
    lines = tuple(_worse(one, two) for one, two in zip(first, second, strict=True))
    with services.db.read() as tx:
        called = escalations.chain_for(services.config, found.scenario, tx.now)
        steps = [step.id for step in found.steps]
        episode = alerts.episode(tx, found.scenario, steps, tx.now - services.config.timing.reopen_window)
        well = all(line.verdict == RECOVERED for line in lines)
        return VerifyReport(
            env=services.config.env,
            as_of=tx.now,
            scenario=found.scenario,
            lines=lines,
            wrong_for=(episode.until or tx.now) - episode.since if episode else None,
            done_ago=tx.now - episode.done_at if episode and episode.done_at else None,
            next_contact=called[1].who if len(called) > 1 and not well else (),
        )


def _worse(one: VerifyLine, two: VerifyLine) -> VerifyLine:
    return two if one.verdict == RECOVERED or two.verdict != RECOVERED else one


def _workers(services: Services) -> Looks:
    """Every expected type is online by heartbeats; the view and the API are told where they differ; nothing is stuck."""
    api = services.api.worker_verdicts() if services.api else {}
    with services.db.read() as tx:
        look, _depth, view = checks.see(services, tx)
        held = looking.held_by_the_gone(services, tx)
    lines = []
    for item in judge(look, services.config.expected_types, services.config.timing):
        own = "online" if item.status is Status.OK else "offline"
        sources = [source[item.worker_type] for source in (view, api) if item.worker_type in source]
        census = item.census
        facts = {
            "label": services.config.label(item.worker_type),
            "online": census.online if census else None,
            "total": census.total if census else None,
            "newest": census.worst[0].worker_id if census and census.online == 0 and census.worst else "",
            "others": [(v.source, v.verdict) for v in sources if v.verdict not in (own, "unknown")],
        }
        lines.append(VerifyLine(thing="worker", verdict=_WORDS[item.status], facts=facts, why=item.reason))
    verdict = UNKNOWN if held is None else RECOVERED if held == 0 else NOT_YET
    return (*lines, VerifyLine(thing="jobs", verdict=verdict, facts={"held": held}))


def _migrations(services: Services) -> Looks:
    """Nobody waits for the history any more; what is pending is said, the release applies it."""
    with services.db.read() as tx:
        waits = sessions.migration_wait(services, tx)
        try:
            found = history.compared(services, tx)
        except TargetError as error:
            found, waits = None, waits or error.message
    blocked = VerifyLine(thing="locks", verdict=NOT_YET if waits else RECOVERED, why=waits)
    pending = found.pending if found else None
    known = UNKNOWN if pending is None else RECOVERED
    return blocked, VerifyLine(thing="migrations", verdict=known, facts={"pending": pending})


def _vendors(services: Services) -> Looks:
    """Every vendor answers, its errors stay away, ingest is not paused and the offline variable is not "true"."""
    known = services.config.vendors or (vendors.known_vendor(services, ""),)
    lines = [line for vendor in known for line in _vendor(services, vendor)]
    with services.db.read() as tx:
        return (*lines, _pause(tx), _offline(services))


def _vendor(services: Services, vendor: Vendor) -> Looks:
    answer, page = vendors.ask(services, vendor)
    failed = vendors.evidence(services, vendor, answer, page).failed_jobs
    said = {"ok": RECOVERED, "failing": NOT_YET, "unknown": UNKNOWN}[answer.verdict]
    errors = UNKNOWN if failed is None else NOT_YET if failed else RECOVERED
    facts = {"title": vendor.title}
    return (
        VerifyLine(thing="vendor", verdict=said, facts=facts, why=answer.detail or answer.verdict),
        VerifyLine(thing="errors", verdict=errors, facts={**facts, "failed": failed}),
    )


def _pause(tx: Tx) -> VerifyLine:
    found = pauses.open_one(tx)
    if found is None:
        return VerifyLine(thing="ingest", verdict=RECOVERED)
    held = pauses.counts(tx, found.id).now
    return VerifyLine(thing="ingest", verdict=NOT_YET, facts={"pause": found.id, "held": held})


def _offline(services: Services) -> VerifyLine:
    vendor = vendors.known_vendor(services, "")
    service = services.config.service(vendor.services[0]) if vendor.services else None
    if services.platform is None or service is None:
        return VerifyLine(thing="offline", verdict=UNKNOWN)
    try:
        state = services.platform.state(service.name, service.service_id)
        value = shown(services.platform.variable(state.service_id, vendor.variable))
    except TargetError as error:
        return VerifyLine(thing="offline", verdict=UNKNOWN, why=error.message)
    facts = {"variable": vendor.variable, "value": value}
    return VerifyLine(thing="offline", verdict=NOT_YET if value == "true" else RECOVERED, facts=facts)


_LOOKS: Mapping[str, Callable[[Services], Looks]] = {
    "worker-death": _workers,
    "migration-block": _migrations,
    "vendor-outage": _vendors,
}
