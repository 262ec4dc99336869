"""Restart the running deployment of a service: one call, never an upload. Proved by a new worker id (cards, section 12)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.configuration import Service
from bot.domain.messages import Message
from bot.domain.params import not_known
from bot.domain.platform import Deployment, ServiceState, sign_in_fails
from bot.domain.runbook import Step
from bot.errors import InvalidCommand, TargetError, TargetRefused, TargetUnavailable
from bot.operations import judging
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible, watched
from bot.operations.services import Services
from bot.store.db import Tx
from bot.targets.heartbeats import SQL as BEATS

LINES = 200
_MOST_WORKERS = 1000
SIGN_IN_FAILS = "sign-in to the database fails for all; a restart would make it worse"


def known_service(services: Services, word: str, command: str) -> Service:
    """Return the service that a word means.

    Raises:
        InvalidCommand: none is called so; the known ones are named.
    """
    found = services.config.service(word)
    if found is None:
        known = [item.aliases[0] if item.aliases else item.name for item in services.config.services]
        if not known:
            message = f"no service {word!r}: none is configured here"
            raise InvalidCommand(message, hint="[services.ingest-worker] in dragonfly.toml")
        raise not_known(command, "service", word, known)
    return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """What Railway said of a service before the plan's snapshot began."""

    state: ServiceState
    signs_in: bool


def _outside(services: Services, params: Mapping[str, str]) -> Mapping[str, _Seen | TargetError | None]:
    service = known_service(services, params["service"], "restart")
    if services.platform is None or _is_local(services):
        return {"seen": None}
    try:
        state = services.platform.state(service.name, service.service_id)
        running = state.running
        signs_in = running is None or _signs_in(services, running, services.clock.now())
    except TargetError as error:
        return {"seen": error}
    return {"seen": _Seen(state, signs_in)}


def _is_local(services: Services) -> bool:
    return services.config.env == "dev" and not services.config.railway


def _preview(
    services: Services,
    tx: Tx,
    step: Step,
    catalog: Catalog,
    params: Mapping[str, str],
    *,
    seen: _Seen | TargetError | None,
) -> Preview | Message:
    service = known_service(services, params["service"], "restart")
    if _is_local(services):
        return cannot(services, tx, step, ["in dev nothing runs on Railway"], [f"by hand: {service.local}"])
    unavailable = impossible(services, tx, step, catalog)
    if unavailable or seen is None:
        return unavailable or cannot(services, tx, step, ["Railway is not configured"], ["set RAILWAY_TOKEN"])
    if isinstance(seen, TargetError):
        return cannot(services, tx, step, [seen.message], ["dragonfly doctor"])
    state, running = seen.state, seen.state.running
    if running is None or running.why_not_restart:
        why = running.why_not_restart if running else "it has no deployment"
        return cannot(services, tx, step, [f"{service.name} cannot be restarted: {why}"], [f"look: {state.url}"])
    if not seen.signs_in:
        return cannot(services, tx, step, [SIGN_IN_FAILS], ["put the credentials right first"])
    return _planned(services, tx, catalog, service, state, running)


def _planned(
    services: Services, tx: Tx, catalog: Catalog, service: Service, state: ServiceState, running: Deployment
) -> Preview:
    workers = [row["worker_id"] for row in beats(services, tx, catalog, service.worker_types)]
    return Preview(
        params={"service": service.name},
        facts={
            "service": service.name,
            "label": service.aliases[0] if service.aliases else service.name,
            "deployment": running.id,
            "built": running.created_at.isoformat() if running.created_at else "",
            "status": running.status,
            "replicas": state.replicas,
            "instances": list(running.instance_ids),
            "worker_types": list(service.worker_types),
            "workers": workers,
            "holds": holds(tx, catalog, workers),
            "reset_first": _reset_first(services, tx, catalog),
            "url": state.url,
        },
        sealed={"service": service.name, "deployment": running.id},
        resource=f"service:{service.name}",
    )


def _reset_first(services: Services, tx: Tx, catalog: Catalog) -> int:
    """Return how many jobs a reset would act on only before the restart: a queue without worker ids is judged by type."""
    step = services.runbooks.step("reset-stuck")
    if step is None or "worker_id" in catalog.features:
        return 0
    return judging.acting(judging.count(tx, step, catalog, services.config))


def beats(services: Services, tx: Tx, catalog: Catalog, types: Sequence[str]) -> list[dict[str, Any]]:
    """Return the workers of some types that beat lately, newest first: an id that is not among them is a new one."""
    seconds = services.config.timing.worker_memory.total_seconds()
    values = {"now": tx.now, "seconds": seconds, "most": _MOST_WORKERS}
    return tx.records(BEATS["of_types"], catalog.features, types=list(types), **values) if types else []


def new_workers(services: Services, work: Work, types: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the ids that beat since the call was sent and were not there before; old ones that beat again do not count.

    Raises:
        TargetUnavailable: heartbeats cannot be seen, which is not "none".
    """
    if work.catalog.hidden:
        raise TargetUnavailable("heartbeats cannot be seen by our role")
    since = work.run.started_at or work.run.confirmed_at
    with services.db.read() as tx:
        rows = beats(services, tx, work.catalog, types)
    before = {*known, *work.run.proof_facts.get("known", ())}
    return [
        row["worker_id"]
        for row in rows
        if row["worker_id"] not in before and row["status"] == "running" and row["last_seen_at"] > since
    ]


def holds(tx: Tx, catalog: Catalog, workers: list[str]) -> int | None:
    """Return how many jobs some workers hold now; None = jobs carry no worker id."""
    if "worker_id" not in catalog.features:
        return None
    held: dict[str, int] = {row["worker_id"]: row["held"] for row in tx.records(BEATS["held"])}
    return sum(held.get(name, 0) for name in workers)


def _signs_in(services: Services, running: Deployment, now: datetime) -> bool:
    """Say whether a deployment's processes can sign in to the database: every restart prolongs a lockout."""
    assert services.platform is not None
    return not sign_in_fails(services.platform.logs(running.id, LINES, now - services.config.timing.sign_in_window))


def _call(services: Services, work: Work) -> Done:
    """Restart exactly the deployment that was previewed, if it still is the one that runs."""
    facts = work.plan.preview
    running = _state(services, facts).running
    refused = _why_not_now(services, facts, running)
    if refused:
        return Done(result={}, rows=0, refused=refused)
    with services.db.read() as tx:
        known = [row["worker_id"] for row in beats(services, tx, work.catalog, facts["worker_types"])]
    assert services.platform is not None
    services.platform.restart(facts["deployment"])
    return Done(result={"restarted": 1}, rows=1, facts={"known": known})


def _why_not_now(services: Services, facts: Mapping[str, Any], running: Deployment | None) -> str:
    if running is None or running.id != facts["deployment"]:
        return "another deployment runs now; make a new plan"
    if running.why_not_restart:
        return running.why_not_restart
    return "" if _signs_in(services, running, services.clock.now()) else SIGN_IN_FAILS


def _state(services: Services, facts: Mapping[str, Any]) -> ServiceState:
    if services.platform is None:
        raise TargetRefused("Railway is not configured here")
    found = services.config.service(facts["service"])
    return services.platform.state(facts["service"], found.service_id if found else "")


def _came_up(work: Work, running: Deployment) -> bool:
    """Say whether it runs and did so anew since the call: other containers, or a state that is younger than the call."""
    since = work.run.started_at or work.run.confirmed_at
    other = bool(set(running.instance_ids) - set(work.plan.preview["instances"]))
    younger = running.status_at is not None and running.status_at > since
    return running.runs and (other or younger)


def _read_back(services: Services, work: Work) -> bool | None:
    """Say whether an unanswered restart happened; a crash, or another deployment in its place, says nothing of it."""
    try:
        running = _state(services, work.plan.preview).running
    except TargetError:
        return None
    same = running is not None and running.id == work.plan.preview["deployment"]
    return True if same and running is not None and _came_up(work, running) else None


def _prove(services: Services, work: Work) -> Proof:
    facts = work.plan.preview
    if not facts["worker_types"]:
        running = _state(services, facts).running
        well = running is not None and _came_up(work, running)
        return Proof(left=0 if well else 1, total=1, facts={"seen": "a running deployment" if well else ""})
    fresh = new_workers(services, work, facts["worker_types"], facts["workers"])
    return Proof(left=0 if fresh else 1, total=1, facts={"new_worker": fresh[0] if fresh else ""})


RESTART = Kind(
    preview=_preview,
    outside=_outside,
    call=_call,
    read_back=_read_back,
    proof_for=watched,
    prove=_prove,
    prove_sparingly=True,
)
