"""What a service's logs show: classes, counts and times; whole lines only in a shell (design, *What leaves*)."""

from datetime import datetime

from bot.domain.ids import parse_alert_key
from bot.domain.messages import LogReport
from bot.domain.platform import LogLine, ServiceState, crashed_instances, dropped, evidence
from bot.errors import StoreError, TargetError
from bot.operations import alert_cards
from bot.operations.kinds.restart import known_service
from bot.operations.services import Services
from bot.ports import Platform
from bot.store import alerts

LINES = 100
MOST = 1000


def read(services: Services, service: str, lines: str = "", *, oom: bool = False, raw: bool = False) -> LogReport:
    """Return what the logs of a service's latest and active deployments are evidence of.

    Args:
        raw: whole lines too; for the terminal of a shell only.

    Raises:
        InvalidCommand: no such service; the known ones are named.
    """
    found = known_service(services, service, "logs")
    most = max(1, min(int(lines or LINES), MOST))
    now = services.clock.now()
    if services.platform is None:
        by_hand = found.local if services.config.env == "dev" else ""
        why = "in dev nothing runs on Railway" if by_hand else "Railway is not configured: set RAILWAY_TOKEN"
        return _unknown(services, found.name, most, now, why, by_hand)
    try:
        state = services.platform.state(found.name, found.service_id)
        seen = _lines(services.platform, state, most)
        diagnosed = sum(services.platform.diagnosis(item.id) for item in state.deployments)
    except TargetError as error:
        return _unknown(services, found.name, most, now, error.message)
    return LogReport(
        env=services.config.env,
        as_of=now,
        service=found.name,
        lines=len(seen),
        since=seen[0].at if seen else None,
        until=seen[-1].at if seen else None,
        deployments=tuple(f"{item.id[:8]} {item.status.lower()}" for item in state.deployments),
        evidence=_marks(seen, state, diagnosed, oom=oom),
        dropped=dropped(seen),
        raw=tuple(f"{item.at:%H:%M:%S} {item.text}" for item in seen[-most:]) if raw else (),
        url=state.url,
    )


def note(services: Services, report: LogReport, alert: str) -> None:
    """Keep with an alert what was found in the logs for it; its card and its timeline say it from then on."""
    try:
        with services.db.write() as tx:
            found = alerts.find(tx, parse_alert_key(alert) or 0, lock=True)
            if found is not None and found.state != "resolved":
                alerts.add_event(tx, found, "logs", found={name: hits for name, hits, _last in report.evidence})
                alert_cards.announce_edit(tx, found)
    except StoreError as error:
        services.log.warning("logs_not_noted alert=%s error=%s", alert, error.code)


def _marks(
    seen: list[LogLine], state: ServiceState, diagnosed: int, *, oom: bool
) -> tuple[tuple[str, int, datetime | None], ...]:
    """Return what speaks for trouble: lines by their patterns, and what the platform itself says of its containers."""
    found: list[tuple[str, int, datetime | None]] = [
        (name, count, last) for name, count, last in evidence(seen) if name == "OOM" or not oom
    ]
    told = {
        "crashed or restarted by the platform": crashed_instances(state.deployments),
        "diagnosed by the platform": diagnosed,
    }
    return (*found, *((name, count, None) for name, count in told.items() if count))


def _lines(platform: Platform, state: ServiceState, most: int) -> list[LogLine]:
    """Return the newest lines of every deployment that may hold them, oldest first.

    Logs belong to a deployment, not to a service: one that talks much must not hide the last words of one that died.
    """
    found = [line for item in state.deployments for line in platform.logs(item.id, most)]
    return sorted(found, key=lambda line: line.at)


def _unknown(services: Services, service: str, lines: int, now: datetime, why: str, local: str = "") -> LogReport:
    env = services.config.env
    return LogReport(env=env, as_of=now, service=service, lines=lines, why_unknown=why, local=local)
