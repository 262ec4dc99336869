"""Values as GraphQL gives them: the schema's field names, times as Railway writes them, connections in pages."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.sandbox.railway.logs import Line
from bot.sandbox.railway.refusal import Refusal
from bot.sandbox.railway.settings import RailwaySettings, id_of
from bot.sandbox.railway.state import Deployment, Event, Service, Variable

Json = dict[str, Any]


def time_text(moment: datetime | None) -> str | None:
    """Return a time with milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_of(text: Any) -> datetime | None:
    """Return a time that was sent; without a zone it is in UTC.

    Raises:
        Refusal: it is none.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Refusal from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def connection(nodes: Sequence[Json], args: Mapping[str, Any], *, key: str = "id") -> Json:
    """Return a page of nodes: `first` of them, after the one whose key is the cursor.

    Raises:
        Refusal: no such cursor, or a number below zero.
    """
    after, first = args.get("after"), args.get("first")
    keys = [node[key] for node in nodes]
    if (after is not None and after not in keys) or (first is not None and first < 0):
        raise Refusal
    rest = nodes[keys.index(after) + 1 :] if after is not None else nodes
    page = rest if first is None else rest[:first]
    return {
        "edges": [{"node": node} for node in page],
        "pageInfo": {"hasNextPage": len(page) < len(rest), "endCursor": page[-1][key] if page else None},
    }


def pages(nodes: Sequence[Json], *, key: str = "id") -> Callable[..., Json]:
    """Return a field that is asked for with `first` and `after`."""
    return lambda info, **args: connection(nodes, args, key=key)


def deployment(settings: RailwaySettings, service: Service, of: Deployment) -> Json:
    """Return a deployment."""
    return {
        "id": of.id,
        "status": of.status,
        "statusUpdatedAt": time_text(of.status_updated_at),
        "createdAt": time_text(of.created_at),
        "updatedAt": time_text(of.updated_at),
        "canRedeploy": of.can_redeploy,
        "canRollback": of.can_rollback,
        "deploymentStopped": of.stopped,
        "instances": [{"id": each.id, "status": each.status} for each in of.instances],
        "meta": dict(of.meta),
        "creator": {"name": of.meta.get("commitAuthor")},
        "projectId": settings.project_id,
        "environmentId": settings.environment_id,
        "serviceId": service.id,
        "diagnosis": None if of.diagnosis is None else dict(of.diagnosis),
    }


def service_instance(settings: RailwaySettings, service: Service) -> Json:
    """Return a service as it is in its environment."""
    shaped = [deployment(settings, service, each) for each in service.deployments if each.is_active]
    latest = service.latest
    return {
        "serviceId": service.id,
        "serviceName": service.name,
        "numReplicas": service.replicas,
        "sleepApplication": False,
        "restartPolicyType": settings.restart_policy,
        "restartPolicyMaxRetries": settings.restart_retries,
        "cronSchedule": None,
        "latestDeployment": latest and deployment(settings, service, latest),
        "activeDeployments": shaped,
    }


def line(settings: RailwaySettings, of: Line) -> Json:
    """Return a line of a log."""
    return {
        "timestamp": of.timestamp,
        "severity": of.severity,
        "message": of.message,
        "attributes": [{"key": "level", "value": of.severity}],
        "tags": {
            "deploymentId": of.deployment_id,
            "deploymentInstanceId": of.instance_id,
            "serviceId": of.service_id,
            "environmentId": settings.environment_id,
        },
    }


def event(of_deployment: Deployment, place: int, of: Event) -> Json:
    """Return one step of a timeline."""
    return {
        "id": id_of(of_deployment.id, str(place)),
        "step": of.step,
        "createdAt": time_text(of.created_at),
        "completedAt": time_text(of.completed_at),
        "payload": {"error": of.error} if of.error else None,
    }


def variable(settings: RailwaySettings, service_id: str | None, of: Variable) -> Json:
    """Return a variable's name and what else is known of it, never its value."""
    return {
        "id": id_of(service_id or "shared", of.name),
        "name": of.name,
        "serviceId": service_id,
        "isSealed": of.name in settings.sealed,
        "updatedAt": time_text(of.updated_at),
    }
