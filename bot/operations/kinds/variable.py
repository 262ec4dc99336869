"""Offline mode: one variable of one service, true or false; its old value is kept, and deleting is never needed.

Railway deploys the service anew after the write. No code is known to read the variable (target-system 9, row 27): the
plan says so, and "off" is proved by the vendor's errors staying away, never by the variable alone. A value that is
neither true nor false may be a secret: it is never shown, kept, or put back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.configuration import Service, Vendor
from bot.domain.messages import Message
from bot.domain.platform import ServiceState
from bot.domain.runbook import Step
from bot.errors import TargetError, TargetRefused
from bot.operations import vendors
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible, watched
from bot.operations.kinds.restart import beats, holds, new_workers
from bot.operations.services import Services
from bot.ports import Platform
from bot.store import plans
from bot.store.db import Tx

VALUES = {"on": "true", "off": "false"}
OTHER = "another value"
LINES = (
    'OFFLINE = os.environ.get("{variable}", "").lower() == "true"',
    "if OFFLINE: sleep, claim nothing, and keep the heartbeat going",
)
"""What a worker would need to obey it: shown, because nobody has seen it in the code."""


def shown(value: str | None) -> str | None:
    """Return a value as it may be kept and shown."""
    return value if value is None or value in VALUES.values() else OTHER


@dataclass(frozen=True, slots=True)
class _Seen:
    """What Railway said of the variable and its service before the plan's snapshot began."""

    vendor: Vendor
    service: Service
    state: ServiceState
    before: str | None


_Asked = _Seen | TargetError | None
"""None: there is nobody to ask."""


def _outside(services: Services, _params: Mapping[str, str]) -> Mapping[str, _Asked]:
    vendor = next((item for item in services.config.vendors if item.services and item.variable), None)
    if vendor is None or services.platform is None:
        return {"seen": None}
    service = services.config.service(vendor.services[0]) or Service(name=vendor.services[0])
    try:
        state = services.platform.state(service.name, service.service_id)
        before = shown(services.platform.variable(state.service_id, vendor.variable))
    except TargetError as error:
        return {"seen": error}
    return {"seen": _Seen(vendor, service, state, before)}


def _preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str], *, seen: _Asked
) -> Preview | Message:
    return _planned(services, tx, step, catalog, params, VALUES[params["mode"].lower()], seen)


def _planned(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str], value: str, seen: _Asked
) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable or seen is None:
        return unavailable or cannot(services, tx, step, ["Railway is not configured"], ["set RAILWAY_TOKEN"])
    if isinstance(seen, TargetError):
        return cannot(services, tx, step, [seen.message], ["dragonfly doctor"])
    facts, service = _facts(seen, value), seen.service
    facts["workers"] = [row["worker_id"] for row in beats(services, tx, catalog, service.worker_types)]
    facts["holds"] = holds(tx, catalog, facts["workers"])
    sealed = {key: facts[key] for key in ("variable", "service", "before", "after")}
    return Preview(params=dict(params), facts=facts, sealed=sealed, resource=f"service:{service.name}")


def _facts(seen: _Seen, value: str) -> dict[str, Any]:
    service, state, before = seen.service, seen.state, seen.before
    facts = {
        "variable": seen.vendor.variable,
        "vendor": seen.vendor.name,
        "service": service.name,
        "service_id": state.service_id,
        "before": before,
        "after": value,
        "deployments": [item.id for item in state.deployments],
        "worker_types": list(service.worker_types),
        "lines": [line.format(variable=seen.vendor.variable) for line in LINES],
        "url": state.url,
    }
    return {**facts, "way_back": ""} if before == OTHER else facts


def _call(services: Services, work: Work) -> Done:
    """Write the variable, if it still has the value that was previewed."""
    facts, platform = work.plan.preview, _platform(services)
    if shown(platform.variable(facts["service_id"], facts["variable"])) != facts["before"]:
        return Done(result={}, rows=0, refused="the variable was changed since the plan; make a new one")
    there = [item.id for item in platform.state(facts["service"], facts["service_id"]).deployments]
    with services.db.read() as tx:
        known = [row["worker_id"] for row in beats(services, tx, work.catalog, facts["worker_types"])]
    platform.set_variable(facts["service_id"], facts["variable"], facts["after"])
    return Done(result={"set": 1}, rows=1, facts={"there": there, "known": known})


def _platform(services: Services) -> Platform:
    if services.platform is None:
        raise TargetRefused("Railway is not configured here")
    return services.platform


def _read_back(services: Services, work: Work) -> bool | None:
    """Say whether an unanswered write happened: the variable has the new value."""
    facts = work.plan.preview
    if services.platform is None or facts["before"] == facts["after"]:
        return None
    try:
        return True if services.platform.variable(facts["service_id"], facts["variable"]) == facts["after"] else None
    except TargetError:
        return None


def _prove(services: Services, work: Work) -> Proof:
    """Look whether the value stands, a newer deployment runs and beats, and, for off, the vendor's errors stay away.

    A write of the value that was there already may deploy nothing: then nothing new is waited for.
    """
    facts, platform = work.plan.preview, _platform(services)
    stands = platform.variable(facts["service_id"], facts["variable"]) == facts["after"]
    newer = facts["before"] == facts["after"] or _is_newer(services, platform, work)
    failing, quiet = _errors(services, work) if facts["after"] == VALUES["off"] else (0, True)
    left = (not stands) + (not newer) + (not quiet)
    facts_now = {"stands": stands, "newer": newer, "failing": failing}
    return Proof(left=left, total=3, facts=facts_now, unknown=failing is None and stands and newer)


def _is_newer(services: Services, platform: Platform, work: Work) -> bool:
    facts = work.plan.preview
    old = {*facts["deployments"], *work.run.proof_facts.get("there", ())}
    state = platform.state(facts["service"], facts["service_id"])
    runs_anew = any(item.runs for item in state.deployments if item.id not in old)
    types = facts["worker_types"]
    return runs_anew and (not types or bool(new_workers(services, work, types, facts["workers"])))


def _errors(services: Services, work: Work) -> tuple[int | None, bool]:
    """Return how many of the vendor's errors came of late, None = not to be seen, and whether they stayed away long enough."""
    span = services.config.timing.probe_span
    vendor = services.config.vendor(work.plan.preview["vendor"])
    if vendor is None:
        return None, False
    with services.db.read() as tx:
        failing = vendors.complaints(services, tx, vendor, span)
        return failing, failing == 0 and tx.now - (work.run.started_at or work.run.confirmed_at) >= span


def _undo_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str], *, seen: _Asked
) -> Preview | Message:
    """Put the old value back; where there was none, "false" says the same to whoever reads it."""
    plan = plans.find(tx, params["run"])
    if plan is None or plan.preview["before"] == OTHER:
        return cannot(services, tx, step, ["the old value was neither true nor false; it is not kept"], [])
    made = _planned(services, tx, step, catalog, params, plan.preview["before"] or VALUES["off"], seen)
    if not isinstance(made, Preview):
        return made
    if made.facts["before"] != plan.preview["after"]:
        return cannot(services, tx, step, ["it was changed by somebody else since; nothing to put back"], [])
    says = f"{made.facts['variable']} of {made.facts['service']} set to {made.facts['after']}; Railway starts it anew"
    undo = {"run": plan.id, "of": plan.step, "thing": "setting", "can": 1, "cannot": 0, "says": says}
    return Preview(params=made.params, facts={**made.facts, **undo}, sealed=made.sealed, resource=made.resource)


_UNDO = Kind(
    preview=_undo_preview,
    outside=_outside,
    call=_call,
    read_back=_read_back,
    proof_for=watched,
    prove=_prove,
    prove_sparingly=True,
)
VARIABLE = replace(_UNDO, preview=_preview, undo=_UNDO)
