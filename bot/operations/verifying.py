"""Has a scenario recovered? Two looks, because one can be luck (playbook, step "verify"; target-system 9, row 19)."""

import time
from collections.abc import Callable, Mapping

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
    found = services.runbooks.scenario(scenario or "worker-death")
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
        other = [f"{v.source} says {v.verdict}" for v in sources if v.verdict not in (own, "unknown")]
        online = f"{item.census.online} of {item.census.total} online" if item.census else item.reason
        newest = item.census.worst[0].worker_id if item.census and item.census.online == 0 and item.census.worst else ""
        detail = "; ".join([online, *other, *([f"last seen {newest}"] if newest else [])])
        label = f"{services.config.label(item.worker_type)} worker"
        lines.append(VerifyLine(name=label, verdict=_WORDS[item.status], detail=detail))
    verdict = UNKNOWN if held is None else RECOVERED if held == 0 else NOT_YET
    jobs = "not known" if held is None else f"{held} held by workers that are gone"
    return (*lines, VerifyLine(name="jobs", verdict=verdict, detail=jobs))


def _migrations(services: Services) -> Looks:
    """Nobody waits for the history any more; what is pending is said, the release applies it."""
    with services.db.read() as tx:
        waits = sessions.migration_wait(services, tx)
        try:
            found = history.compared(services, tx)
        except TargetError as error:
            found, waits = None, waits or error.message
    blocked = VerifyLine(
        name="locks", verdict=NOT_YET if waits else RECOVERED, detail=waits or "no migration waits for a lock"
    )
    if found is None or found.pending is None:
        return blocked, VerifyLine(name="migrations", verdict=UNKNOWN, detail="not known what is pending")
    return blocked, VerifyLine(name="migrations", verdict=RECOVERED, detail=f"{found.pending} pending, none is blocked")


def _vendor(services: Services) -> Looks:
    """The vendor answers, its errors stay away, ingest is not paused and the offline variable is not "true"."""
    vendor = vendors.known_vendor(services, "")
    answer, page = vendors.ask(services, vendor)
    failed = vendors.evidence(services, vendor, answer, page).failed_jobs
    said = {"ok": RECOVERED, "failing": NOT_YET, "unknown": UNKNOWN}[answer.verdict]
    with services.db.read() as tx:
        pause = _pause(tx)
    return (
        VerifyLine(name=vendor.title, verdict=said, detail=answer.detail or answer.verdict),
        VerifyLine(
            name="vendor's errors",
            verdict=UNKNOWN if failed is None else NOT_YET if failed else RECOVERED,
            detail="what jobs say cannot be seen" if failed is None else f"{failed} jobs in 5 min",
        ),
        pause,
        _offline(services),
    )


def _pause(tx: Tx) -> VerifyLine:
    found = pauses.open_one(tx)
    held = pauses.counts(tx, found.id) if found else None
    detail = f"pause {found.id} holds {held.held + held.held_later} jobs" if found and held else "no pause"
    return VerifyLine(name="ingest", verdict=NOT_YET if found else RECOVERED, detail=detail)


def _offline(services: Services) -> VerifyLine:
    vendor = vendors.known_vendor(services, "")
    service = services.config.service(vendor.services[0]) if vendor.services else None
    if services.platform is None or service is None:
        return VerifyLine(name="offline mode", verdict=UNKNOWN, detail="Railway is not configured")
    try:
        state = services.platform.state(service.name, service.service_id)
        value = services.platform.variable(state.service_id, vendor.variable)
    except TargetError as error:
        return VerifyLine(name="offline mode", verdict=UNKNOWN, detail=error.message)
    on, said = value == "true", shown(value) or "not set"
    return VerifyLine(name="offline mode", verdict=NOT_YET if on else RECOVERED, detail=f"{vendor.variable} is {said}")


_LOOKS: Mapping[str, Callable[[Services], Looks]] = {
    "worker-death": _workers,
    "migration-block": _migrations,
    "vendor-outage": _vendor,
}
