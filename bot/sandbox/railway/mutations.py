"""The mutations: each says yes at once, and what it began is seen afterwards.

Only `deploymentRedeploy` names what it made; the others answer `true`, which means accepted and no more.
"""

from collections.abc import Mapping
from types import MappingProxyType

from bot.sandbox.railway import shapes
from bot.sandbox.railway.reads import Args, Context, Resolver
from bot.sandbox.railway.refusal import Refusal
from bot.sandbox.railway.shapes import Json


def _restart(context: Context, args: Args) -> bool:
    context.acts.restart(*context.deployment(args["id"]))
    return True


def _stop(context: Context, args: Args) -> bool:
    context.acts.stop(*context.deployment(args["id"]))
    return True


def _redeploy(context: Context, args: Args) -> Json:
    service, source = context.deployment(args["id"])
    if not source.can_redeploy:
        raise Refusal
    new = context.acts.deploy(service.id, source=source)
    return shapes.deployment(context.settings, service, new)


def _redeploy_service(context: Context, args: Args) -> bool:
    service = context.service(args["environmentId"], args["serviceId"])
    if service.latest is None or not service.latest.can_redeploy:
        raise Refusal
    context.acts.deploy(service.id)
    return True


def _rollback(context: Context, args: Args) -> bool:
    """The new deployment gets the old one's variables; what is set for the service stays."""
    service, target = context.deployment(args["id"])
    if not target.can_rollback:
        raise Refusal
    context.acts.deploy(service.id, source=target, variables=target.variables)
    return True


def _upsert(context: Context, args: Args) -> bool:
    asked = args["input"]
    return _set(context, asked, {asked["name"]: asked["value"]})


def _upsert_collection(context: Context, args: Args) -> bool:
    asked = args["input"]
    values = asked["variables"]
    if not isinstance(values, dict) or not all(isinstance(each, str) for each in values.values()):
        raise Refusal
    return _set(context, asked, values, replace_all=bool(asked.get("replace")))


def _set(context: Context, asked: Args, values: Mapping[str, str], *, replace_all: bool = False) -> bool:
    """Without a service it is set for every one of them, and every one is deployed anew."""
    service_id = _scope(context, asked)
    if not all(values):
        raise Refusal
    context.world.set_variables(service_id, values, replace_all=replace_all)
    if not asked.get("skipDeploys"):
        for each in [service_id] if service_id else [service.id for service in context.world.services()]:
            context.acts.deploy(each)
    return True


def _delete(context: Context, args: Args) -> bool:
    """Nothing is deployed: the processes keep the old value."""
    asked = args["input"]
    context.world.delete_variable(_scope(context, asked), asked["name"])
    return True


def _scope(context: Context, asked: Args) -> str | None:
    context.viewer.need_project(asked["projectId"])
    if asked.get("serviceId") is None:
        context.viewer.need_running_environment(asked["environmentId"])
        return None
    return context.service(asked["environmentId"], asked["serviceId"]).id


MUTATIONS: Mapping[str, Resolver] = MappingProxyType(
    {
        "deploymentRestart": _restart,
        "deploymentRedeploy": _redeploy,
        "serviceInstanceRedeploy": _redeploy_service,
        "deploymentRollback": _rollback,
        "deploymentStop": _stop,
        "variableUpsert": _upsert,
        "variableCollectionUpsert": _upsert_collection,
        "variableDelete": _delete,
    }
)
