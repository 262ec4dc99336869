"""Restart the running deployment of a service: one call, never an upload. Proved by a new worker id (cards, section 12)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.configuration import Service
from bot.domain.messages import Message
from bot.domain.platform import Deployment, ServiceState, sign_in_fails
from bot.domain.runbook import Step
from bot.errors import InvalidCommand, TargetError
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible
from bot.operations.services import Services
from bot.store.db import Tx
from bot.targets.heartbeats import SQL as BEATS

LINES = 200
LATELY = timedelta(minutes=5)
SIGN_IN_FAILS = "sign-in to the database fails for all; a restart would make it worse"


def known_service(services: Services, word: str, command: str) -> Service:
    """Return the service that a word means.

    Raises:
        InvalidCommand: none is called so; the known ones are named.
    """
    found = services.config.service(word)
    if found is None:
        known = ", ".join(f"{item.aliases[0] if item.aliases else item.name}" for item in services.config.services)
        message = f"no service {word!r}; services here: {known}"
        raise InvalidCommand(message, hint=f"/dragonfly {command} {known.split(',')[0]}")
    return found


def _preview(services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    service = known_service(services, params["service"], "restart")
    if services.config.env == "dev" and not services.config.railway:
        return cannot(services, tx, step, ["in dev nothing runs on Railway"], [f"by hand: {service.local}"])
    unavailable = impossible(services, tx, step, catalog)
    if unavailable or services.platform is None:
        return unavailable or cannot(services, tx, step, ["Railway is not configured"], ["set RAILWAY_TOKEN"])
    try:
        state = services.platform.state(service.name, service.service_id)
        running = state.running
        signs_in = running is None or _signs_in(services, running, tx.now)
    except TargetError as error:
        return cannot(services, tx, step, [error.message], ["dragonfly doctor"])
    if running is None:
        return cannot(services, tx, step, [f"{service.name} has no deployment to restart"], [f"look: {state.url}"])
    if not signs_in:
        return cannot(services, tx, step, [SIGN_IN_FAILS], ["put the credentials right first"])
    return _planned(tx, catalog, service, state, running)


def _planned(tx: Tx, catalog: Catalog, service: Service, state: ServiceState, running: Deployment) -> Preview:
    workers = _workers(tx, catalog, service)
    return Preview(
        params={"service": service.name},
        facts={
            "service": service.name,
            "label": service.aliases[0] if service.aliases else service.name,
            "deployment": running.id,
            "built": running.created_at.isoformat() if running.created_at else "",
            "status": running.status,
            "replicas": state.replicas,
            "noted": running.fingerprint,
            "worker_types": list(service.worker_types),
            "workers": workers,
            "holds": _holds(tx, catalog, workers),
            "url": state.url,
        },
        sealed={"service": service.name, "deployment": running.id},
        resource=f"service:{service.name}",
    )


def _workers(tx: Tx, catalog: Catalog, service: Service) -> list[str]:
    """Return the worker ids of a service's types that beat lately: a new one is the proof."""
    rows = tx.records(BEATS["workers"], catalog.features, seconds=24 * 3600.0, most=500)
    return [row["worker_id"] for row in rows if row["worker_type"] in service.worker_types]


def _holds(tx: Tx, catalog: Catalog, workers: list[str]) -> int | None:
    if "worker_id" not in catalog.features:
        return None
    held: dict[str, int] = {row["worker_id"]: row["held"] for row in tx.records(BEATS["held"])}
    return sum(held.get(name, 0) for name in workers)


def _signs_in(services: Services, running: Deployment, now: datetime) -> bool:
    """Say whether a deployment's processes can sign in to the database: every restart prolongs a lockout."""
    assert services.platform is not None
    return not sign_in_fails(services.platform.logs(running.id, LINES, now - LATELY))


def _call(services: Services, work: Work) -> Done:
    """Restart exactly the deployment that was previewed, if it still is the one that runs."""
    assert services.platform is not None
    facts = work.plan.preview
    state = _state(services, facts)
    if state.running is None or state.running.id != facts["deployment"]:
        message = "another deployment runs now; make a new plan"
        raise TargetError(message)
    if not _signs_in(services, state.running, services.clock.now()):
        raise TargetError(SIGN_IN_FAILS)
    services.platform.restart(facts["deployment"])
    return Done(result={"restarted": 1}, rows=1)


def _state(services: Services, facts: Mapping[str, Any]) -> ServiceState:
    if services.platform is None:
        message = "Railway is not configured here"
        raise TargetError(message)
    found = services.config.service(facts["service"])
    return services.platform.state(facts["service"], found.service_id if found else "")


def _read_back(services: Services, work: Work) -> bool | None:
    """Say whether an unanswered restart happened: the deployment's state or its instances have changed since."""
    try:
        running = _state(services, work.plan.preview).running
    except TargetError:
        return None
    changed = running is not None and running.fingerprint != work.plan.preview["noted"]
    return True if changed else None


def _prove(services: Services, work: Work) -> Proof:
    facts = work.plan.preview
    if not facts["worker_types"]:
        running = _state(services, facts).running
        well = running is not None and running.status == "SUCCESS" and running.fingerprint != facts["noted"]
        return Proof(left=0 if well else 1, total=1, facts={"seen": "a running deployment" if well else ""})
    with services.db.read() as tx:
        rows = tx.records(BEATS["workers"], work.catalog.features, seconds=3600.0, most=500)
    known = set(facts["workers"])
    fresh = [
        row["worker_id"]
        for row in rows
        if row["worker_type"] in facts["worker_types"]
        and row["worker_id"] not in known
        and row["status"] == "running"
        and row["last_seen_at"] > work.run.confirmed_at
    ]
    return Proof(left=0 if fresh else 1, total=1, facts={"new_worker": fresh[0] if fresh else ""})


def _proof_for(services: Services, _result: Mapping[str, int], _facts: Mapping[str, Any]) -> timedelta:
    return services.config.timing.proof_limit


RESTART = Kind(
    preview=_preview,
    call=_call,
    read_back=_read_back,
    proof_for=_proof_for,
    prove=_prove,
)
