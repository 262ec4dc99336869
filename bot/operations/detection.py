"""What is seen of migrations, deployments and vendors: each a look, an observation, and never proof (§2; design, section 7)."""

import re
from collections.abc import Mapping
from typing import Any

from bot.domain.configuration import Service, Vendor
from bot.domain.locks import PREPARED, Session
from bot.domain.vendor import as_evidence, judge
from bot.domain.workers import Status
from bot.errors import StatementRefused, StatementTimedOut, TargetError
from bot.operations import alerts, sessions, vendors
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


def migration_locks(services: Services) -> None:
    """A session that has waited too long for a migration's lock is an alert for the backend lead."""
    try:
        with services.db.read() as tx:
            waiting = [item for item in sessions.waits(services, tx) if item.is_migration and item.blockers]
    except (StatementTimedOut, StatementRefused):
        return
    limit = services.config.timing.migration_wait.total_seconds()
    long = next((item for item in waiting if (item.waits_seconds or 0) >= limit), None)
    with services.db.write() as tx:
        checks.saw(tx, MIGRATION, services.config.timing.dead_after)
        seen = Observation(
            check=MIGRATION,
            labels={},
            status=Status.BAD if long else Status.OK,
            started_at=tx.now,
            evidence={"label": "migrations", "reason": _waits(long, len(waiting)) if long else "nobody waits"},
            scenario="migration-block",
        )
        alerts.observe(services, tx, seen)


def _waits(item: Session, waiting: int) -> str:
    others = f"; {waiting - 1} more wait" if waiting > 1 else ""
    who = f"session {item.blockers[0]}" if item.blockers[0] else PREPARED
    return f"{who} has blocked a migration for {int(item.waits_seconds or 0)} s{others}"


def deployments(services: Services) -> None:
    """A deployment that stays pending, or failed with a migration's error in its log, is a migration block too."""
    if services.platform is None:
        return
    for service in services.config.services:
        try:
            reason = _deploy_trouble(services, services.platform, service)
        except TargetError:
            continue
        with services.db.write() as tx:
            seen = Observation(
                check=MIGRATION,
                labels={"service": service.name},
                status=Status.BAD if reason else Status.OK,
                started_at=tx.now,
                evidence={"label": f"{service.name} deploy", "reason": reason or "the latest deployment is well"},
                scenario="migration-block",
            )
            alerts.observe(services, tx, seen)


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


def vendor_errors(services: Services) -> None:
    """Combine probe, status page, our jobs' errors and our logs to one alert a vendor, with its evidence."""
    for vendor in services.config.vendors:
        answer, page = vendors.ask(services, vendor)
        try:
            found = vendors.evidence(services, vendor, answer, page)
        except (StatementTimedOut, StatementRefused):
            continue
        said, reason = judge(found, least=vendor.least)
        _observe_vendor(services, vendor, Status(said), reason, as_evidence(found))


def _observe_vendor(
    services: Services, vendor: Vendor, status: Status, reason: str, evidence: Mapping[str, Any]
) -> None:
    with services.db.write() as tx:
        seen = Observation(
            check=VENDOR,
            labels={"vendor": vendor.name},
            status=status,
            started_at=tx.now,
            evidence={"label": vendor.title, "reason": reason, "sources": evidence},
            scenario="vendor-outage",
        )
        alerts.observe(services, tx, seen)


def hint(services: Services) -> None:
    """Something was told by a hook: look at the deployments now; what was told is not believed (design, *Hooks*)."""
    with services.db.write() as tx:
        checks.make_due(tx, DEPLOY)
