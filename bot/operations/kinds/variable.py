"""Offline mode: one variable of one service, true or false; its old value is kept, and deleting is never needed.

Railway deploys the service anew after the write. No code is known to read the variable (target-system 9, row 27): the
plan says so, and "off" is proved by the vendor's errors staying away, never by the variable alone.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.messages import Message
from bot.domain.runbook import Step
from bot.errors import TargetError
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible
from bot.operations.services import Services
from bot.store import plans
from bot.store.db import Tx
from bot.targets.queue import SQL as QUEUE

VALUES = {"on": "true", "off": "false"}
LINES = (
    'OFFLINE = os.environ.get("{variable}", "").lower() == "true"',
    "if OFFLINE: sleep, claim nothing, and keep the heartbeat going",
)
"""What a worker would need to obey it: shown, because nobody has seen it in the code."""


def _preview(services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    return _planned(services, tx, step, catalog, params, VALUES[params["mode"].lower()])


def _planned(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str], value: str
) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    vendor = next((item for item in services.config.vendors if item.services and item.variable), None)
    if unavailable or vendor is None or services.platform is None:
        return unavailable or cannot(services, tx, step, ["Railway is not configured"], ["set RAILWAY_TOKEN"])
    service = services.config.service(vendor.services[0])
    name = service.name if service else vendor.services[0]
    try:
        state = services.platform.state(name, service.service_id if service else "")
        before = services.platform.variable(state.service_id, vendor.variable)
    except TargetError as error:
        return cannot(services, tx, step, [error.message], ["dragonfly doctor"])
    before = before if before is None or before in VALUES.values() else "another value"
    facts = {
        "variable": vendor.variable,
        "service": name,
        "service_id": state.service_id,
        "before": before,
        "after": value,
        "deployment": state.latest.id if state.latest else "",
        "job_types": list(vendor.job_types),
        "lines": [line.format(variable=vendor.variable) for line in LINES],
        "url": state.url,
    }
    sealed = {key: facts[key] for key in ("variable", "service", "before", "after")}
    return Preview(params=dict(params), facts=facts, sealed=sealed, resource=f"service:{name}")


def _call(services: Services, work: Work) -> Done:
    """Write the variable, if it still has the value that was previewed."""
    assert services.platform is not None
    facts = work.plan.preview
    now = services.platform.variable(facts["service_id"], facts["variable"])
    if now != facts["before"] and facts["before"] != "another value":
        raise TargetError("the variable was changed since the plan; make a new one")
    services.platform.set_variable(facts["service_id"], facts["variable"], facts["after"])
    return Done(result={"set": 1}, rows=1)


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
    """Look whether the value stands, a newer deployment runs, and, for off, whether the vendor's errors stay away."""
    facts = work.plan.preview
    if services.platform is None:
        return Proof(left=1, total=3, unknown=True)
    stands = services.platform.variable(facts["service_id"], facts["variable"]) == facts["after"]
    state = services.platform.state(facts["service"], facts["service_id"])
    newer = [item for item in state.deployments if item.id != facts["deployment"] and item.status == "SUCCESS"]
    failing = _failures_since(services, work) if facts["after"] == VALUES["off"] else 0
    left = (not stands) + (not newer) + bool(failing)
    return Proof(left=left, total=3, facts={"stands": stands, "newer": bool(newer), "failing": failing})


def _failures_since(services: Services, work: Work) -> int:
    if "updated_at" not in work.catalog.features:
        return 0
    with services.db.read() as tx:
        seconds = (tx.now - work.run.confirmed_at).total_seconds()
        types = list(work.plan.preview["job_types"])
        features = work.catalog.features
        return len(tx.records(QUEUE["failures"], features, now=tx.now, seconds=seconds, job_types=types, most=100))


def _proof_for(services: Services, _result: Mapping[str, int], _facts: Mapping[str, Any]) -> timedelta:
    return services.config.timing.proof_limit


def _undo_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    """Put the old value back; where there was none, "false" says the same to whoever reads it."""
    plan = plans.find(tx, params["run"])
    before = plan.preview["before"] if plan else None
    if plan is None or before == "another value":
        return cannot(services, tx, step, ["the old value was neither true nor false; it is not kept"], [])
    return _planned(services, tx, step, catalog, params, before or VALUES["off"])


_UNDO = Kind(preview=_undo_preview, call=_call, read_back=_read_back, proof_for=_proof_for, prove=_prove)
VARIABLE = Kind(preview=_preview, call=_call, read_back=_read_back, proof_for=_proof_for, prove=_prove, undo=_UNDO)
