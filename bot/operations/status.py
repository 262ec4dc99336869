"""`status`: everything on one card, each part read once, nothing judged that cannot be seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.durations import spoken
from bot.domain.ids import alert_key
from bot.domain.messages import CannotPlan, Message, QueueLine, SourceLine, StatusCard, WorkersLine
from bot.domain.needs import unseen
from bot.domain.rescue import Disposition
from bot.domain.rotation import on_call
from bot.domain.workers import HeartbeatLook, Judgement, SourceVerdict, Status, judge, next_steps
from bot.errors import StatementRefused, StoreError, TargetError
from bot.operations import alert_cards, changes, history, judging, looking
from bot.operations import alerts as alert_operations
from bot.operations.declared import changing_step
from bot.operations.detection import VENDOR
from bot.operations.kinds.base import impossible
from bot.operations.kinds.pause import BY_NEXT_RUN
from bot.operations.services import Services
from bot.store import alerts, checks, pauses
from bot.store.alerts import Alert
from bot.store.changes import FREEZE
from bot.store.db import Tx
from bot.targets import heartbeats, queue

_NOTHING = QueueLine(
    pending=None,
    oldest_pending=None,
    processing=None,
    paused=None,
    failed_24h=None,
    stuck=None,
    stuck_dead=None,
    stuck_slow=None,
    stuck_unknown=None,
)


def read(services: Services) -> StatusCard:
    """Return the state of everything now; a database that cannot be read is said, not raised."""
    began = services.clock.monotonic()
    api = services.api.worker_verdicts() if services.api else {}
    try:
        with services.db.read() as tx:
            return _card(services, tx, api, began)
    except StoreError as error:
        return _unreachable(services, api, error, began)


def status_card(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the shared card an outbox row asks for."""
    api = services.api.worker_verdicts() if services.api else {}
    return _card(services, tx, api, services.clock.monotonic(), shared_by=str(facts.get("by", "")))


def _card(
    services: Services, tx: Tx, api: Mapping[str, SourceVerdict], began: float, shared_by: str = ""
) -> StatusCard:
    catalog, look = looking.look(services, tx)
    config = services.config
    judged = judge(look, config.expected_types, config.timing)
    lacking = unseen(catalog)
    view = heartbeats.view_verdicts(tx, catalog)
    cannot = _cannot(services, tx, "reset-stuck", catalog)
    counted = _NOTHING if lacking else _queue(services, tx, catalog)
    restart = _restart(services, tx, judged, catalog)
    off = changes.why_refused(services, tx)
    is_open = alerts.list_open(tx)
    return StatusCard(
        env=config.env,
        as_of=tx.now,
        workers=_workers(services, look, judged, view, api),
        queue=counted,
        elsewhere=(
            *_vendors(services, tx),
            *_api_line(api),
            SourceLine(name="database", verdict="ok"),
            *_held_up(services, tx),
        ),
        alerts=tuple(alert_operations.line(services, tx, alert) for alert in is_open),
        oncall=on_call(config.rotation, tx.now),
        gate_verdict=_gate(look, judged, config.gate.worker_window),
        blind="hidden" if lacking else "",
        blind_reason=lacking[0].reason if lacking and not catalog.hidden else "",
        changes_on=off is None,
        changes_why=off.reason if off else "",
        changes_by=off.actor if off and off.cause == FREEZE else "",
        changes_since=off.since if off else None,
        reset_possible=cannot is None,
        reset_why_not=cannot.reasons[0] if cannot else "",
        restart=restart,
        **_next(services, tx, judged, is_open, restart, resettable=counted.stuck_dead if cannot is None else None),
        shared_by=shared_by,
        took=timedelta(seconds=services.clock.monotonic() - began),
    )


def _cannot(services: Services, tx: Tx, step_id: str, catalog: Catalog) -> CannotPlan | None:
    """Return why a step cannot work here now, or None."""
    step, _kind = changing_step(services, step_id)
    return impossible(services, tx, step, catalog)


def _restart(services: Services, tx: Tx, judged: tuple[Judgement, ...], catalog: Catalog) -> str:
    """Return the service of the first workers that are offline, or an empty string where none can be restarted."""
    offline = [services.config.service_of(item.worker_type) for item in judged if item.status is Status.BAD]
    service = next(filter(None, offline), "")
    return "" if not service or _cannot(services, tx, "restart", catalog) else service


def _next(
    services: Services,
    tx: Tx,
    judged: tuple[Judgement, ...],
    is_open: Sequence[Alert],
    restart: str,
    *,
    resettable: int | None,
) -> dict[str, Any]:
    """Return what comes next for workers that are offline: what their alert says, as far as it can be done from here."""
    offline = {item.worker_type for item in judged if item.status is Status.BAD}
    mine = {name for name in offline if restart in ("", services.config.service_of(name))}
    down = next((alert for alert in is_open if alert.labels.get("worker_type") in mine), None)
    if down is None:
        steps = next_steps(service=restart, taken=("logs",), held=bool(resettable))
    else:
        steps = alert_cards.build(services, tx, down).next_steps
        steps += ("reset",) if resettable and "reset" not in steps else ()
    able = [*(("logs", "restart") if restart else ()), *(("reset",) if resettable is not None else ())]
    return {
        "next_steps": tuple(step for step in steps if step in able),
        "down": alert_key(down.id) if down else "",
    }


def _vendors(services: Services, tx: Tx) -> tuple[SourceLine, ...]:
    """Return what the check of each vendor saw last; no vendor is asked for a card."""
    seen, at = checks.last(tx, VENDOR)
    words = {"ok": "ok", "bad": "failing", "unknown": "could not tell"}
    return tuple(
        SourceLine(
            name=vendor.title,
            verdict=words.get(seen.get(vendor.title, ""), "not known"),
            age=tx.now - at if at else None,
        )
        for vendor in services.config.vendors
    )


def _held_up(services: Services, tx: Tx) -> tuple[SourceLine, ...]:
    """Return what keeps ingest or a release waiting: the pause that is open, migrations that are pending."""
    found = []
    pause = pauses.open_one(tx)
    if pause is not None:
        left, held = pause.ends_at - tx.now, pauses.counts(tx, pause.id).now
        ends = f"{spoken(left)} left" if left > timedelta(0) else "its end is over"
        detail = f"{held:,} {'job' if held == 1 else 'jobs'} held, {ends}"
        found.append(SourceLine(name="ingest", verdict="paused", detail=detail))
    try:
        compared = history.compared(services, tx)
    except TargetError as error:
        return (*found, SourceLine(name="migrations", verdict="not known", detail=error.message))
    if compared is not None and compared.pending is not None:
        found.append(SourceLine(name="migrations", verdict=f"{compared.pending} pending"))
    return tuple(found)


def _workers(
    services: Services,
    look: HeartbeatLook,
    judged: tuple[Judgement, ...],
    view: Mapping[str, SourceVerdict],
    api: Mapping[str, SourceVerdict],
) -> tuple[WorkersLine, ...]:
    expected = {item.worker_type for item in judged}
    others = [item.worker_type for item in look.types if item.worker_type not in expected]
    everyone = (*judged, *judge(look, others, services.config.timing))
    return tuple(_line(services, item, item.worker_type in expected, view, api) for item in everyone)


def _line(
    services: Services,
    item: Judgement,
    expected: bool,
    view: Mapping[str, SourceVerdict],
    api: Mapping[str, SourceVerdict],
) -> WorkersLine:
    census = item.census
    blind = item.status is Status.UNKNOWN
    return WorkersLine(
        label=services.config.label(item.worker_type),
        worker_type=item.worker_type,
        online=None if blind else census.online if census else 0,
        total=None if blind else census.total if census else 0,
        newest_heartbeat=census.newest if census else None,
        status=item.status.value,
        reason=item.reason,
        verdicts=tuple(source[item.worker_type] for source in (view, api) if item.worker_type in source),
        expected=expected,
        jobs_held=census.jobs_held if census else 0,
    )


def _queue(services: Services, tx: Tx, catalog: Catalog) -> QueueLine:
    rows = queue.unfinished(tx, catalog)
    by: Counter[str] = Counter()
    for row in rows:
        by[row.status] += row.jobs
    oldest = min((row.oldest for row in rows if row.status == "pending" and row.oldest), default=None)
    step, _kind = changing_step(services, "reset-stuck")
    stuck = judging.count(tx, step, catalog, services.config)
    total = sum(stuck.values())
    acting = judging.acting(stuck)
    slow = sum(number for (_type, disposition), number in stuck.items() if disposition is Disposition.LEAVE_SLOW)
    pause = pauses.open_one(tx)
    held = pauses.counts(tx, pause.id).now if pause and pause.strategy == BY_NEXT_RUN else 0
    return QueueLine(
        pending=by["pending"] - held,
        oldest_pending=tx.now - oldest if oldest and not held else None,  # the oldest may be one that is held
        processing=by["processing"],
        paused=by["paused"] + held,
        failed_24h=queue.failed_lately(tx, catalog),
        stuck=total,
        stuck_dead=acting,
        stuck_slow=slow,
        stuck_unknown=total - acting - slow,
        counts=tuple((row.job_type, row.status, row.jobs) for row in rows),
    )


def _api_line(api: Mapping[str, SourceVerdict]) -> tuple[SourceLine, ...]:
    if not api:
        return ()
    detail = next((item.detail for item in api.values() if item.detail), "")
    if any(item.verdict != "unknown" for item in api.values()):
        return (SourceLine(name="API", verdict="ok"),)
    return (SourceLine(name="API", verdict="could not tell", detail=detail),)


def _gate(look: HeartbeatLook, judged: tuple[Judgement, ...], window: timedelta) -> str:
    """Return what the release gate would say of the workers, where it says otherwise than we do."""
    newest = max((item.newest for item in look.types if item.newest), default=None)
    would_pass = newest is not None and look.now - newest <= window
    all_well = all(item.status is Status.OK for item in judged)
    return f"online (one seen in {window.total_seconds():g} s)" if would_pass and not all_well else ""


def _unreachable(services: Services, api: Mapping[str, SourceVerdict], error: StoreError, began: float) -> StatusCard:
    now, config, short = services.clock.now(), services.config, "the database cannot be seen"
    unknown = tuple(
        WorkersLine(
            label=config.label(name),
            worker_type=name,
            online=None,
            total=None,
            newest_heartbeat=None,
            status=Status.UNKNOWN.value,
            reason=short,
        )
        for name in config.expected_types
    )
    return StatusCard(
        env=config.env,
        as_of=now,
        workers=unknown,
        queue=_NOTHING,
        elsewhere=(*_api_line(api), SourceLine(name="database", verdict="failing")),
        alerts=(),
        oncall=on_call(config.rotation, now),
        changes_on=False,
        changes_why=short,
        blind="unreachable",
        blind_reason=error.message,
        refused_hint=(error.hint or "dragonfly doctor says more") if isinstance(error, StatementRefused) else "",
        last=services.memory.seen,
        logs=next(filter(None, map(config.service_of, config.expected_types)), "") if services.platform else "",
        recorded=False,
        took=timedelta(seconds=services.clock.monotonic() - began),
    )
