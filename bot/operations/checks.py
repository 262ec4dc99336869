"""Look at the target as often as each check is due, and let what was seen act on its alerts (§2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.messages import CheckLine, CheckReport, LastSeen
from bot.domain.needs import unseen
from bot.domain.workers import HeartbeatLook, Judgement, SourceVerdict, Status, judge
from bot.errors import StatementRefused, StatementTimedOut
from bot.operations import alerts, blindness, detection, looking, stuck_jobs
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.store import checks
from bot.store.db import Tx
from bot.targets import heartbeats
from bot.targets.heartbeats import Depth

HEARTBEAT = "worker_heartbeat"
API_FAILS = 3


def here(services: Services) -> Mapping[str, timedelta]:
    """Return the checks that ask the database and our own API, and how often each is due."""
    timing = services.config.timing
    found = {
        HEARTBEAT: timing.check_interval,
        detection.MIGRATION: timing.check_interval,
        stuck_jobs.CHECK: timing.stuck_interval,
    }
    return found | ({"api_health": timing.check_interval} if services.api else {})


def outside(services: Services) -> Mapping[str, timedelta]:
    """Return the checks that ask others over the network: slow answers there must not delay a look at heartbeats."""
    timing = services.config.timing
    found = {detection.DEPLOY: timing.platform_interval} if services.platform else {}
    return found | ({detection.VENDOR: timing.vendor_interval} if services.config.vendors else {})


def hint(services: Services, *names: str) -> None:
    """Something was told by a hook: look at once, at these checks or at all; what was told is not believed (*Hooks*)."""
    with services.db.write() as tx:
        checks.make_due(tx, names or [*here(services), *outside(services)])


def _take_due(services: Services, intervals: Mapping[str, timedelta]) -> set[str]:
    with services.db.write() as tx:
        return {check for check, interval in intervals.items() if checks.take_due(tx, check, interval)}


def run_due(services: Services) -> int:
    """Look at what is due here, and return how many checks were looked at."""
    due = _take_due(services, here(services))
    if not due:
        return 0
    api = services.api.worker_verdicts() if services.api else {}
    if HEARTBEAT in due:
        _heartbeats(services, api)
    if "api_health" in due:
        _api(services, api)
    return _looked(services, due)


def run_outside_due(services: Services) -> int:
    """Look at what is due outside, and return how many checks were looked at."""
    due = _take_due(services, outside(services))
    return _looked(services, due) if due else 0


def _looked(services: Services, due: set[str]) -> int:
    for check in detection.LOOKS:
        if check in due:
            detection.watch(services, check)
    return len(due)


def see(services: Services, tx: Tx) -> tuple[HeartbeatLook, Depth | None, Mapping[str, SourceVerdict]]:
    """Return one look at heartbeats, queue depth and the health view."""
    catalog, look = looking.look(services, tx)
    depth = heartbeats.depth(tx) if catalog.readable_queue and not catalog.hidden else None
    return look, depth, heartbeats.view_verdicts(tx, catalog)


def _heartbeats(services: Services, api: Mapping[str, SourceVerdict]) -> None:
    timing = services.config.timing
    try:
        with services.db.read() as tx:
            look, depth, view = see(services, tx)
            lacking = unseen(services.catalog.get(tx))
    except (StatementTimedOut, StatementRefused) as error:
        blindness.blind(services, HEARTBEAT, "worker heartbeats", error.message)
        return
    judged = judge(look, services.config.expected_types, timing)
    cannot_see = bool(judged) and all(item.status is Status.UNKNOWN for item in judged)
    if not cannot_see:
        services.memory.seen = _last_seen(services, judged, depth, look.now)
    with services.db.write() as tx:
        for item in judged:
            verdicts = _verdicts(item, view, api)
            alerts.observe(services, tx, _observation(services, item, depth, verdicts, look.now))
        if not cannot_see:
            checks.saw(tx, HEARTBEAT, timing.dead_after)
            blindness.see_again(services, tx, HEARTBEAT, "worker heartbeats")
    if cannot_see:
        blindness.blind(services, HEARTBEAT, "worker heartbeats", lacking[0].reason if lacking else judged[0].reason)


def _last_seen(services: Services, judged: Sequence[Judgement], depth: Depth | None, now: datetime) -> LastSeen:
    counted = [(item.worker_type, item.census) for item in judged]
    return LastSeen(
        at=now,
        workers=tuple((services.config.label(kind), c.online if c else 0, c.total if c else 0) for kind, c in counted),
        pending=depth.pending if depth else None,
        processing=depth.processing if depth else None,
    )


def _verdicts(
    item: Judgement, view: Mapping[str, SourceVerdict], api: Mapping[str, SourceVerdict]
) -> tuple[SourceVerdict, ...]:
    words = {Status.OK: "online", Status.BAD: "offline", Status.UNKNOWN: "unknown"}
    own = SourceVerdict(source="heartbeats", verdict=words[item.status], detail=item.reason)
    return (own, *(source[item.worker_type] for source in (view, api) if item.worker_type in source))


def _observation(
    services: Services, item: Judgement, depth: Depth | None, verdicts: Sequence[SourceVerdict], now: datetime
) -> Observation:
    census = item.census
    started = census.newest_running or census.newest if census else None
    evidence: dict[str, Any] = {
        "label": services.config.label(item.worker_type),
        "reason": item.reason,
        "online": census.online if census else 0,
        "total": census.total if census else 0,
        "newest": census.newest.isoformat() if census and census.newest else None,
        "newest_status": census.newest_status if census else "",
        "jobs_held": census.jobs_held if census else None,
        "pending": depth.pending if depth else None,
        "processing": depth.processing if depth else None,
        "verdicts": [{"source": v.source, "verdict": v.verdict, "detail": v.detail} for v in verdicts],
        "worst": [
            {"worker_id": w.worker_id, "last_seen_at": w.last_seen_at.isoformat(), "jobs_held": w.jobs_held}
            for w in (census.worst if census else ())
        ],
    }
    return Observation(
        check=HEARTBEAT,
        labels={"worker_type": item.worker_type},
        status=item.status,
        started_at=started or now,
        evidence=evidence,
    )


def _api(services: Services, verdicts: Mapping[str, SourceVerdict]) -> None:
    """Three probes in a row without an answer are an alert; an API that answers "cannot tell" has answered."""
    failed = not any(item.answered for item in verdicts.values())
    detail = next((item.detail for item in verdicts.values()), "")
    with services.db.write() as tx:
        row = checks.failed_in_a_row(tx, "api_health", failed=failed)
        checks.saw(tx, "api_health", services.config.timing.dead_after)
        status = Status.BAD if row >= API_FAILS else Status.OK if not failed else Status.UNKNOWN
        evidence = {"label": "API", "reason": f"{row} probes failed: {detail}" if failed else "answers"}
        seen = Observation(check="api_health", labels={}, status=status, started_at=tx.now, evidence=evidence)
        alerts.observe(services, tx, seen)


def run_all(services: Services) -> CheckReport:
    """Look at every check once, change nothing, and return what was found."""
    with services.db.read() as tx:
        look, _depth, _view = see(services, tx)
    judged = judge(look, services.config.expected_types, services.config.timing)
    found = [(HEARTBEAT, services.config.label(item.worker_type), item.status, item.reason) for item in judged]
    if services.api:
        api = services.api.worker_verdicts()
        told = any(item.verdict != "unknown" for item in api.values())
        detail = next((item.detail for item in api.values() if item.detail), "answers")
        found.append(("api_health", "API", Status.OK if told else Status.UNKNOWN, detail))
    seen = detection.look(services)
    found += [(item.check, item.evidence["label"], item.status, item.evidence["reason"]) for item in seen]
    lines = [
        CheckLine(check=check, label=label, status=status.value, reason=reason)
        for check, label, status, reason in found
    ]
    return CheckReport(env=services.config.env, as_of=look.now, lines=tuple(lines))
