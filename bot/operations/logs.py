"""What a service's logs show: classes, counts and times; whole lines only in a shell (design, *What leaves*)."""

from datetime import datetime

from bot.domain.configuration import Service
from bot.domain.ids import parse_alert_key
from bot.domain.messages import LogReport
from bot.domain.platform import LogLine, ServiceState, dropped, evidence, instances_in, out_of_memory
from bot.errors import StoreError, TargetError
from bot.operations import announcing
from bot.operations.kinds.restart import known_service
from bot.operations.services import Services
from bot.ports import Platform
from bot.store import alerts

LINES = 100
MOST = 1000
CRASHED, RESTARTING, DIAGNOSED = "crashed, says the platform", "being restarted", "diagnosed by the platform"
"""What the platform says of its containers; of a restart it does not say whose it is, of a diagnosis not of when."""


def read(
    services: Services,
    service: str,
    lines: str = "",
    *,
    oom: bool = False,
    raw: bool = False,
    after: datetime | None = None,
) -> LogReport:
    """Return what the logs of a service's latest and active deployments are evidence of.

    Args:
        raw: whole lines too, with `oom` those that speak of it; for the terminal of a shell only.
        after: older lines are left out.

    Raises:
        InvalidCommand: no such service; the known ones are named.
    """
    found, most = known_service(services, service, "logs"), max(1, min(int(lines or LINES), MOST))
    if services.platform is None:
        return _without_platform(services, found, most)
    try:
        state = services.platform.state(found.name, found.service_id)
        seen, diagnosed = _look(services.platform, state, most, after)
    except TargetError as error:
        return _unknown(services, found.name, most, error.message)
    return LogReport(
        env=services.config.env,
        as_of=services.clock.now(),
        service=found.name,
        lines=len(seen),
        since=seen[0].at if seen else None,
        until=seen[-1].at if seen else None,
        deployments=tuple(f"{item.id[:8]} {item.status.lower()}" for item in state.deployments),
        evidence=_marks(seen, state, diagnosed, oom=oom),
        dropped=dropped(seen),
        oom_lines=len(out_of_memory(seen)) if oom else None,
        raw=_whole(out_of_memory(seen) if oom else seen, most) if raw else (),
        url=state.url,
    )


def _whole(lines: list[LogLine], most: int) -> tuple[str, ...]:
    return tuple(f"{item.at:%H:%M:%S} {item.text}" for item in lines[-most:])


def begins(services: Services, alert: str) -> datetime | None:
    """Return from when on logs may tell of an alert's cause; None = there is no such alert, or it cannot be read."""
    try:
        with services.db.read() as tx:
            found = alerts.find(tx, parse_alert_key(alert) or 0)
    except StoreError:
        return None
    return found.started_at - services.config.timing.cause_window if found else None


def note(services: Services, report: LogReport, alert: str) -> None:
    """Keep with an alert what its own logs showed; its card and its timeline say it from then on."""
    causes = {name: hits for name, hits, last in report.evidence if last or name == CRASHED}
    try:
        with services.db.write() as tx:
            found = alerts.find(tx, parse_alert_key(alert) or 0, lock=True)
            if found is not None and found.state != "resolved":
                alerts.add_event(tx, found, "logs", found=causes)
                announcing.edit_alert(tx, found)
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
        CRASHED: instances_in("CRASHED", state.deployments),
        RESTARTING: instances_in("RESTARTING", state.deployments),
        DIAGNOSED: diagnosed,
    }
    return (*found, *((name, count, None) for name, count in told.items() if count))


def _look(platform: Platform, state: ServiceState, most: int, after: datetime | None) -> tuple[list[LogLine], int]:
    """Return the newest lines of every deployment that may hold them, oldest first, and how many were diagnosed.

    Logs belong to a deployment, not to a service: one that talks much must not hide the last words of one that died.
    """
    found = [line for item in state.deployments for line in platform.logs(item.id, most, after)]
    diagnosed = sum(platform.diagnosis(item.id) for item in state.deployments)
    return sorted(found, key=lambda line: line.at), diagnosed


def _without_platform(services: Services, service: Service, most: int) -> LogReport:
    by_hand = service.local if services.config.env == "dev" else ""
    why = "in dev nothing runs on Railway" if by_hand else "Railway is not configured: set RAILWAY_TOKEN"
    return _unknown(services, service.name, most, why, by_hand)


def _unknown(services: Services, service: str, lines: int, why: str, local: str = "") -> LogReport:
    env, now = services.config.env, services.clock.now()
    return LogReport(env=env, as_of=now, service=service, lines=lines, why_unknown=why, local=local)
