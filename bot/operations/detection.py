"""What is seen of migrations, deployments, vendors and stuck jobs: each a look, an observation, and never proof (§2; design, section 7)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.configuration import Service
from bot.domain.locks import PREPARED, Session
from bot.domain.vendor import as_evidence, judge
from bot.domain.workers import Status
from bot.errors import StatementRefused, StatementTimedOut, TargetError
from bot.operations import alerts, blindness, sessions, stuck_jobs, vendors
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.ports import Platform
from bot.store import checks

MIGRATION, DEPLOY, VENDOR = "migration_blocked", "deploys", "vendor_errors"
_PENDING = ("QUEUED", "WAITING", "BUILDING", "INITIALIZING", "DEPLOYING", "NEEDS_APPROVAL")
_FAILED = ("FAILED", "CRASHED")
_MIGRATION_ERRORS = re.compile(
    r"\b(?:55P03|42P07|42710|23505)\b|lock timeout|migration already applied|relation .{1,80} already exists",
    re.IGNORECASE,
)
"""What a blocked migration says in a deployment's log (playbook, scenario 2; SQLSTATEs of PostgreSQL, appendix A)."""
_LINES = 300
_LABELS = {MIGRATION: "migrations", DEPLOY: "deployments", VENDOR: "vendor errors", stuck_jobs.CHECK: "stuck jobs"}

Look = tuple[list[Observation], str]
"""What was seen, and why something could not be seen; empty = all of it could."""


def look(services: Services) -> list[Observation]:
    """Return what is seen of migrations, deployments, vendors and stuck jobs now; nothing is written."""
    return [item for looked in LOOKS.values() for item in looked(services)[0]]


def watch(services: Services, check: str) -> None:
    """Let what is seen act on its alerts; three looks in a row with something unseen are an alert too."""
    seen, unseen = LOOKS[check](services)
    with services.db.write() as tx:
        for item in seen:
            alerts.observe(services, tx, item)
        checks.note(tx, check, {str(item.evidence["label"]): item.status.value for item in seen})
        if not unseen:
            checks.saw(tx, check, services.config.timing.dead_after)
            blindness.see_again(services, tx, check, _LABELS[check])
    if unseen:
        severity = "critical" if check == MIGRATION else "warning"
        blindness.blind(services, check, _LABELS[check], unseen, severity=severity)


def _locks_seen(services: Services) -> Look:
    """A session that has waited too long for a migration's lock is an alert for the backend lead."""
    try:
        with services.db.read() as tx:
            waiting = [item for item in sessions.waits(services, tx) if item.is_migration and item.blockers]
            limit = services.config.timing.migration_wait.total_seconds()
            long = next((item for item in waiting if (item.waits_seconds or 0) >= limit), None)
            holder = sessions.holders_of(tx, [long.blockers[0]]).get(long.blockers[0]) if long else None
            now = tx.now
    except (StatementTimedOut, StatementRefused) as error:
        return [], error.message
    evidence = _wait(long, holder, len(waiting)) if long else {"reason": "nobody waits"}
    seen = Observation(
        check=MIGRATION,
        labels={},
        status=Status.BAD if long else Status.OK,
        started_at=now,
        evidence={"label": "migrations", **evidence},
    )
    return [seen], ""


def _wait(item: Session, holder: Session | None, waiting: int) -> dict[str, Any]:
    pid, seconds = item.blockers[0], int(item.waits_seconds or 0)
    others = f"; {waiting - 1} more wait" if waiting > 1 else ""
    who = f"session {pid}" if pid else PREPARED
    idle = holder.in_state_seconds if holder and holder.state.startswith("idle") else None
    return {
        "reason": f"{who} has blocked a migration for {seconds} s{others}",
        "counted": {"waits": seconds, "holder": pid, "idle": idle, "others": waiting - 1},
    }


def _deployments_seen(services: Services) -> Look:
    """A deployment that stays pending, or failed with a migration's error in its log, is a migration block too."""
    found, unseen = [], ""
    for service in services.config.services if services.platform else ():
        assert services.platform is not None
        try:
            reason = _deploy_trouble(services, services.platform, service)
        except TargetError as error:
            unseen = error.message
            continue
        seen = Observation(
            check=MIGRATION,
            labels={"service": service.name},
            status=Status.BAD if reason else Status.OK,
            started_at=services.clock.now(),
            evidence={"label": f"{service.name} deploy", "reason": reason or "the latest deployment is well"},
        )
        found.append(seen)
    return found, unseen


def _deploy_trouble(services: Services, platform: Platform, service: Service) -> str:
    """Return why a service's latest deployment looks blocked by a migration, or an empty string."""
    latest = platform.state(service.name, service.service_id).latest
    if latest is None or latest.created_at is None:
        return ""
    age = services.clock.now() - latest.created_at
    if latest.status in _PENDING and age > services.config.timing.deploy_pending:
        return f"its deployment has been {latest.status.lower()} for {int(age.total_seconds() // 60)} min"
    if latest.status not in _FAILED:
        return ""
    hits = sum(bool(_MIGRATION_ERRORS.search(line.text)) for line in platform.logs(latest.id, _LINES))
    return f"its deployment failed; {hits} log lines consistent with a blocked migration" if hits else ""


def _vendors_seen(services: Services) -> Look:
    """Probe, status page, our jobs' errors and our logs are one alert a vendor, with its evidence."""
    found, unseen = [], ""
    for vendor in services.config.vendors:
        answer, page = vendors.ask(services, vendor)
        try:
            evidence = vendors.evidence(services, vendor, answer, page)
        except (StatementTimedOut, StatementRefused) as error:
            unseen = error.message
            continue
        unseen = "the logs cannot be read" if evidence.log_lines is None else unseen
        said, reason = judge(evidence, least=vendor.least)
        seen = Observation(
            check=VENDOR,
            labels={"vendor": vendor.name},
            status=Status(said),
            started_at=services.clock.now(),
            evidence={"label": vendor.title, "reason": reason, "sources": as_evidence(evidence)},
        )
        found.append(seen)
    return found, unseen


LOOKS: Mapping[str, Callable[[Services], Look]] = {
    MIGRATION: _locks_seen,
    DEPLOY: _deployments_seen,
    VENDOR: _vendors_seen,
    stuck_jobs.CHECK: stuck_jobs.look,
}
