"""The queries: each a function of a request and its arguments, named as the schema names it."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bot.sandbox.railway import shapes
from bot.sandbox.railway.access import Viewer, checked_id
from bot.sandbox.railway.acts import Acts
from bot.sandbox.railway.logs import Sample
from bot.sandbox.railway.refusal import NO_INSTANCE, NOT_AUTHORIZED, Refusal
from bot.sandbox.railway.settings import RailwaySettings, id_of
from bot.sandbox.railway.shapes import Json, time_of, time_text
from bot.sandbox.railway.state import Deployment, Service, Variable
from bot.sandbox.railway.world import World

Args = Mapping[str, Any]
TAGS = {"DEPLOYMENT_ID": "deploymentId", "DEPLOYMENT_INSTANCE_ID": "deploymentInstanceId"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One request: who asks, and what there is."""

    viewer: Viewer
    world: World
    acts: Acts

    @property
    def settings(self) -> RailwaySettings:
        """Return the project's settings."""
        return self.world.settings

    def deployment(self, deployment_id: str) -> tuple[Service, Deployment]:
        """Return a deployment and its service; an unknown one is not told from a forbidden one."""
        found = self.world.deployment(checked_id(deployment_id))
        if found is None:
            raise Refusal(NOT_AUTHORIZED)
        return found

    def service(self, environment_id: str, service_id: str) -> Service:
        """Return a service that runs in the environment."""
        self.viewer.need_running_environment(environment_id)
        found = self.world.service(checked_id(service_id))
        if found is None:
            raise Refusal(NO_INSTANCE)
        return found


Resolver = Callable[[Context, Args], Any]


def _project_token(context: Context, args: Args) -> Json:
    settings = context.settings
    if not context.viewer.project_token:
        raise Refusal(NOT_AUTHORIZED)
    return {
        "id": id_of(settings.project_id, "token"),
        "name": "dragonfly",
        "projectId": settings.project_id,
        "environmentId": settings.environment_id,
        "project": _project_shape(context),
        "environment": _environment_shape(context, settings.environment_id),
    }


def _project(context: Context, args: Args) -> Json:
    context.viewer.need_project(args["id"])
    return _project_shape(context)


def _environment(context: Context, args: Args) -> Json:
    context.viewer.need_project(args.get("projectId"))
    return _environment_shape(context, context.viewer.need_environment(args["id"]))


def _project_shape(context: Context) -> Json:
    settings = context.settings
    services = [{"id": each.id, "name": each.name, "deletedAt": None} for each in context.world.services()]
    return {
        "id": settings.project_id,
        "name": settings.project,
        "workspaceId": settings.workspace_id,
        "deletedAt": None,
        "environments": shapes.pages([_environment_shape(context, each) for each in context.viewer.environments]),
        "services": shapes.pages(services),
    }


def _environment_shape(context: Context, environment_id: str) -> Json:
    world, settings = context.world, context.settings
    runs = environment_id == settings.environment_id
    services = world.services() if runs else ()
    scopes = [(None, world.variables_of(None)), *((each.id, each.variables) for each in services)] if runs else []
    return {
        "id": environment_id,
        "name": context.viewer.environments[environment_id],
        "isEphemeral": False,
        "deletedAt": None,
        "canAccess": True,
        "unmergedChangesCount": len(world.staged) if runs else 0,
        "serviceInstances": shapes.pages(
            [shapes.service_instance(settings, each) for each in services], key="serviceId"
        ),
        "variables": shapes.pages(
            [shapes.variable(settings, owner, each) for owner, found in scopes for each in found.values()]
        ),
    }


def _service_instance(context: Context, args: Args) -> Json:
    return shapes.service_instance(context.settings, context.service(args["environmentId"], args["serviceId"]))


def _deployment(context: Context, args: Args) -> Json:
    return shapes.deployment(context.settings, *context.deployment(args["id"]))


def _deployments(context: Context, args: Args) -> Json:
    """The newest come on the first page; inside a page the oldest is first, since the order is not to be relied on."""
    asked = args["input"]
    context.viewer.need_project(asked.get("projectId"))
    environment = context.viewer.need_environment(asked.get("environmentId"))
    status = asked.get("status") or {}
    wanted, unwanted = status.get("in"), status.get("notIn") or ()
    services = context.world.services() if environment == context.settings.environment_id else ()
    if asked.get("serviceId") is not None:
        services = (context.service(environment, asked["serviceId"]),)
    found = [
        (each.created_at, shapes.deployment(context.settings, service, each))
        for service in services
        for each in service.deployments
        if (wanted is None or each.status in wanted) and each.status not in unwanted
    ]
    newest_first = [shape for _, shape in sorted(found, key=lambda pair: pair[0], reverse=True)]
    page = shapes.connection(newest_first, args)
    return page | {"edges": page["edges"][::-1]}


def _deployment_events(context: Context, args: Args) -> Json:
    _, found = context.deployment(args["id"])
    return shapes.connection([shapes.event(found, place, each) for place, each in enumerate(found.events)], args)


def _logs_of(context: Context, args: Args, *, build: bool) -> list[Json]:
    _, found = context.deployment(args["deploymentId"])
    lines = context.world.logs.of_deployment(
        found.id,
        build=build,
        filter_text=args.get("filter"),
        limit=args.get("limit"),
        since=time_of(args.get("startDate")),
        until=time_of(args.get("endDate")),
    )
    return [shapes.line(context.settings, each) for each in lines]


def _environment_logs(context: Context, args: Args) -> list[Json]:
    if context.viewer.need_environment(args["environmentId"]) != context.settings.environment_id:
        return []
    lines = context.world.logs.around(
        filter_text=args.get("filter"),
        anchor=time_of(args.get("anchorDate")),
        before=(time_of(args.get("beforeDate")), args.get("beforeLimit")),
        after=(time_of(args.get("afterDate")), args.get("afterLimit")),
    )
    return [shapes.line(context.settings, each) for each in lines]


def _metrics(context: Context, args: Args) -> list[Json]:
    context.viewer.need_project(args.get("projectId"))
    if context.viewer.need_environment(args.get("environmentId")) != context.settings.environment_id:
        return []
    since = time_of(args["startDate"])
    assert since is not None, "the schema wants it"
    samples = context.world.logs.samples(since=since, until=time_of(args.get("endDate")))
    if args.get("serviceId") is not None:
        samples = [each for each in samples if each.service_id == checked_id(args["serviceId"])]
    return [
        {"measurement": measurement, "tags": dict(tags), "values": values}
        for measurement in args["measurements"]
        for tags, found in _grouped(samples, args).items()
        if (values := _values(measurement, found, args, context.settings.memory_limit_gb))
    ]


def _grouped(samples: list[Sample], args: Args) -> dict[tuple[tuple[str, str], ...], list[Sample]]:
    names = [TAGS[each] for each in args.get("groupBy") or () if each in TAGS]
    groups: dict[tuple[tuple[str, str], ...], list[Sample]] = defaultdict(list)
    for each in samples:
        tags = {"deploymentId": each.deployment_id, "deploymentInstanceId": each.instance_id}
        groups[tuple((name, tags[name]) for name in names)].append(each)
    return groups


def _values(measurement: str, samples: list[Sample], args: Args, limit: float) -> list[Json]:
    """One value for each span of `sampleRateSeconds`, the last in it; only memory is measured."""
    if measurement not in ("MEMORY_USAGE_GB", "MEMORY_LIMIT_GB"):
        return []
    rate = max(1, args.get("sampleRateSeconds") or 1)
    kept = {each.at // rate: each for each in samples}
    used = measurement == "MEMORY_USAGE_GB"
    return [{"ts": each.at, "value": each.gigabytes if used else limit} for each in kept.values()]


def _variables(context: Context, args: Args) -> dict[str, str]:
    context.viewer.need_project(args["projectId"])
    service_id = args.get("serviceId")
    if service_id is not None:
        context.service(args["environmentId"], service_id)
    elif context.viewer.need_environment(args["environmentId"]) != context.settings.environment_id:
        return {}
    return _told(context, {name: each.value for name, each in _set_for(context, service_id).items()})


def _set_for(context: Context, service_id: str | None) -> Mapping[str, Variable]:
    return context.world.variables_of(service_id)


def _rendered(context: Context, args: Args) -> dict[str, str]:
    context.viewer.need_project(args["projectId"])
    service = context.service(args["environmentId"], args["serviceId"])
    return _told(context, context.world.rendered(service.id))


def _told(context: Context, values: Mapping[str, str]) -> dict[str, str]:
    """Return values without the sealed ones."""
    return {name: value for name, value in values.items() if name not in context.settings.sealed}


def _snapshot(context: Context, args: Args) -> Json:
    _, found = context.deployment(args["deploymentId"])
    return {
        "id": id_of(found.id, "snapshot"),
        "createdAt": time_text(found.created_at),
        "variables": _told(context, found.variables),
    }


def _staged(context: Context, args: Args) -> Json:
    environment = context.viewer.need_environment(args["environmentId"])
    runs = environment == context.settings.environment_id
    moment = time_text(context.world.staged_at)
    return {
        "id": id_of(environment, "staged"),
        "status": "STAGED",
        "createdAt": moment,
        "updatedAt": moment,
        "lastAppliedError": None,
        "patch": dict(context.world.staged) if runs else {},
    }


QUERIES: Mapping[str, Resolver] = MappingProxyType(
    {
        "projectToken": _project_token,
        "project": _project,
        "environment": _environment,
        "serviceInstance": _service_instance,
        "deployments": _deployments,
        "deployment": _deployment,
        "deploymentEvents": _deployment_events,
        "deploymentLogs": lambda context, args: _logs_of(context, args, build=False),
        "buildLogs": lambda context, args: _logs_of(context, args, build=True),
        "environmentLogs": _environment_logs,
        "metrics": _metrics,
        "variables": _variables,
        "variablesForServiceDeployment": _rendered,
        "deploymentSnapshot": _snapshot,
        "environmentStagedChanges": _staged,
    }
)
