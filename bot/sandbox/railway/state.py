"""Services and their deployments as values, and every way one becomes the next; no clock, no lock, no process.

The words are those of Railway's schema. Times are aware, in UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """`DeploymentStatus`, as far as a deployment here comes to."""

    QUEUED = "QUEUED"
    BUILDING = "BUILDING"
    DEPLOYING = "DEPLOYING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    REMOVED = "REMOVED"


class InstanceStatus(StrEnum):
    """`DeploymentInstanceStatus`, as far as an instance here comes to."""

    RUNNING = "RUNNING"
    RESTARTING = "RESTARTING"
    CRASHED = "CRASHED"
    STOPPED = "STOPPED"
    REMOVED = "REMOVED"


COMING = frozenset({Status.QUEUED, Status.BUILDING, Status.DEPLOYING})
LIVE = frozenset({Status.SUCCESS, Status.CRASHED})
"""What has processes, or had them until they crashed."""
REDEPLOYABLE = frozenset({Status.SUCCESS, Status.CRASHED, Status.FAILED})
"""`canRedeploy` is false while queued, building, deploying, and once removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One replica's container."""

    id: str
    worker: str
    """The process's id in the simulated system; Railway does not know it."""
    status: InstanceStatus
    retries: int = 0
    """How often the restart policy tried since it last ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of a deployment's timeline."""

    step: str
    created_at: datetime
    completed_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment of one service; a restart leaves its id as it is."""

    id: str
    created_at: datetime
    updated_at: datetime
    status_updated_at: datetime
    status: Status = Status.QUEUED
    instances: tuple[Instance, ...] = ()
    stopped: bool = False
    was_live: bool = False
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its processes are started with; they keep it whatever the service's variables become."""
    meta: Mapping[str, str] = field(default_factory=dict)
    diagnosis: Mapping[str, str] | None = None
    events: tuple[Event, ...] = ()

    @property
    def is_active(self) -> bool:
        """Return whether it is live, or is just becoming so."""
        return self.status in LIVE or self.status is Status.DEPLOYING

    @property
    def can_redeploy(self) -> bool:
        """Return whether it may be the source of a redeploy."""
        return self.status in REDEPLOYABLE

    @property
    def can_rollback(self) -> bool:
        """Return whether it may be rolled back to: it ran once and was superseded."""
        return self.status is Status.REMOVED and self.was_live


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable as it is set."""

    name: str
    value: str = field(repr=False)
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service in the environment in which services run."""

    id: str
    name: str
    replicas: int
    variables: Mapping[str, Variable] = field(default_factory=dict)
    deployments: tuple[Deployment, ...] = ()
    """Oldest first."""

    @property
    def latest(self) -> Deployment | None:
        """Return the newest deployment, whatever became of it."""
        return self.deployments[-1] if self.deployments else None

    @property
    def live(self) -> Deployment | None:
        """Return the newest deployment that is live."""
        return next((each for each in reversed(self.deployments) if each.status in LIVE), None)

    def find(self, deployment_id: str) -> Deployment | None:
        """Return a deployment by its id."""
        return next((each for each in self.deployments if each.id == deployment_id), None)


def put(service: Service, deployment: Deployment) -> Service:
    """Return the service with a deployment in the place of the one with its id."""
    return replace(
        service, deployments=tuple(deployment if each.id == deployment.id else each for each in service.deployments)
    )


def moved(deployment: Deployment, status: Status, now: datetime) -> Deployment:
    """Return the deployment in another status."""
    return replace(deployment, status=status, status_updated_at=now, updated_at=now)


def with_instances(deployment: Deployment, status: InstanceStatus) -> Deployment:
    """Return the deployment with every instance in one status."""
    return replace(deployment, instances=tuple(replace(each, status=status) for each in deployment.instances))


def queued(service: Service, deployment: Deployment, now: datetime) -> Service:
    """Return the service with a new deployment, which supersedes those not yet live."""
    older = tuple(moved(each, Status.REMOVED, now) if each.status in COMING else each for each in service.deployments)
    return replace(service, deployments=(*older, deployment))


def begun(deployment: Deployment, step: str, now: datetime) -> Deployment:
    """Return the deployment with the next step of its timeline begun, the one before completed."""
    return replace(
        finished(deployment, now), events=(*finished(deployment, now).events, Event(step=step, created_at=now))
    )


def finished(deployment: Deployment, now: datetime, error: str | None = None) -> Deployment:
    """Return the deployment with every step of its timeline completed."""
    events = tuple(
        each if each.completed_at else replace(each, completed_at=now, error=error) for each in deployment.events
    )
    return replace(deployment, events=events)


def removed(deployment: Deployment, now: datetime) -> Deployment:
    """Return the deployment after a newer one took its place."""
    return with_instances(moved(deployment, Status.REMOVED, now), InstanceStatus.REMOVED)


def went_live(service: Service, deployment_id: str, instances: Iterable[Instance], now: datetime) -> Service:
    """Return the service with a deployment whose instances run; those that were live are removed."""

    def after(each: Deployment) -> Deployment:
        if each.id == deployment_id:
            running = replace(finished(each, now), instances=tuple(instances), was_live=True)
            return moved(running, Status.SUCCESS, now)
        return removed(each, now) if each.status in LIVE else each

    return replace(service, deployments=tuple(after(each) for each in service.deployments))


def restarting(deployment: Deployment, now: datetime) -> Deployment:
    """Return the deployment while its processes are started anew: SUCCESS stays, with its old time (the trap of 1.6)."""
    begins = with_instances(deployment, InstanceStatus.RESTARTING)
    return begins if deployment.status is Status.SUCCESS else moved(begins, Status.DEPLOYING, now)


def restarted(deployment: Deployment, instances: Iterable[Instance], now: datetime) -> Deployment:
    """Return the deployment, under its old id, with the processes that run now."""
    running = replace(deployment, instances=tuple(instances), stopped=False, diagnosis=None)
    return moved(running, Status.SUCCESS, now)


def stopped(deployment: Deployment, now: datetime) -> Deployment:
    """Return the deployment after a stop: SUCCESS all the same, and `deploymentStopped`."""
    return replace(
        with_instances(moved(deployment, Status.SUCCESS, now), InstanceStatus.STOPPED), stopped=True, diagnosis=None
    )


def crashed(deployment: Deployment, now: datetime) -> Deployment:
    """Return the deployment when the restart policy is used up."""
    return with_instances(moved(deployment, Status.CRASHED, now), InstanceStatus.CRASHED)


def instance_is(deployment: Deployment, worker: str, status: InstanceStatus, *, retries: int) -> Deployment:
    """Return the deployment with one instance in another status; the deployment's own stays."""
    instances = tuple(
        replace(each, status=status, retries=retries) if each.worker == worker else each
        for each in deployment.instances
    )
    return replace(deployment, instances=instances)


def is_used_up(deployment: Deployment, retries: int) -> bool:
    """Return whether no instance runs and the restart policy has no try left for any."""
    return all(each.status is InstanceStatus.CRASHED and each.retries >= retries for each in deployment.instances)
