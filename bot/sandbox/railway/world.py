"""The project as it is now: the one place that changes, under one lock; reading gives values that stay as they are."""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from bot.sandbox.railway import state
from bot.sandbox.railway.logs import BUILD, Logs, Sample
from bot.sandbox.railway.platform import Running
from bot.sandbox.railway.settings import RailwaySettings, id_of
from bot.sandbox.railway.state import Deployment, Instance, InstanceStatus, Service, Status, Variable

MILLISECOND = timedelta(milliseconds=1)
BETWEEN_PAST = timedelta(days=2)
"""How far apart the deployments are that a service has at the start."""


class World:
    """Services, variables, and what was written; safe to use from any thread."""

    def __init__(self, settings: RailwaySettings, running: Mapping[str, Running]) -> None:
        """Each service runs in its newest deployment and has older ones behind it."""
        self.settings = settings
        self.logs = Logs(settings.log_lines)
        self._lock = threading.RLock()
        self._last = datetime.fromtimestamp(0, UTC)
        self._instances: dict[tuple[str, str], str] = {}
        now = self.now()
        self._shared: Mapping[str, Variable] = variables(settings.shared_variables, now)
        self._staged: Mapping[str, object] = {}
        self.staged_at = now
        self._services = {
            each.id: each for each in (self._service(name, found, now) for name, found in running.items())
        }

    def now(self) -> datetime:
        """Return the time in whole milliseconds, later than whenever it was asked before."""
        with self._lock:
            moment = datetime.fromtimestamp(self.settings.clock(), UTC)
            moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
            self._last = max(moment, self._last + MILLISECOND)
            return self._last

    # What is

    def services(self) -> tuple[Service, ...]:
        """Return every service."""
        with self._lock:
            return tuple(self._services.values())

    def service(self, service_id: str) -> Service | None:
        """Return a service by its id."""
        with self._lock:
            return self._services.get(service_id)

    def named(self, name: str) -> Service:
        """Return a service by its name.

        Raises:
            KeyError: there is none of this name.
        """
        with self._lock:
            return self._services[self.settings.service_id(name)]

    def deployment(self, deployment_id: str) -> tuple[Service, Deployment] | None:
        """Return a deployment and its service."""
        for service in self.services():
            found = service.find(deployment_id)
            if found is not None:
                return service, found
        return None

    def variables_of(self, service_id: str | None) -> Mapping[str, Variable]:
        """Return what is set for one service, or for all."""
        with self._lock:
            return self._shared if service_id is None else self._services[service_id].variables

    def rendered(self, service_id: str) -> dict[str, str]:
        """Return everything the service's next processes are started with, sealed values too."""
        with self._lock:
            service = self._services[service_id]
            own = {name: each.value for name, each in {**self._shared, **service.variables}.items()}
            return own | self.own_variables(service)

    def own_variables(self, service: Service) -> dict[str, str]:
        """Return the variables that Railway itself gives each process."""
        return {
            "RAILWAY_PROJECT_ID": self.settings.project_id,
            "RAILWAY_PROJECT_NAME": self.settings.project,
            "RAILWAY_ENVIRONMENT_ID": self.settings.environment_id,
            "RAILWAY_ENVIRONMENT_NAME": self.settings.environment,
            "RAILWAY_SERVICE_ID": service.id,
            "RAILWAY_SERVICE_NAME": service.name,
        }

    @property
    def staged(self) -> Mapping[str, object]:
        """Return somebody's changes that wait in the dashboard; empty: none."""
        with self._lock:
            return self._staged

    # What becomes

    def change(self, service_id: str, act: Callable[[Service], Service]) -> Service:
        """The service is what the act makes of it, in one go; return it."""
        with self._lock:
            changed = self._services[service_id] = act(self._services[service_id])
            return changed

    def change_deployment(
        self, service_id: str, deployment_id: str, act: Callable[[Deployment], Deployment]
    ) -> Deployment:
        """One deployment is what the act makes of it, in one go; return it."""
        with self._lock:
            found = self._services[service_id].find(deployment_id)
            assert found is not None, "deployments are kept for ever"
            changed = act(found)
            self.change(service_id, lambda service: state.put(service, changed))
            return changed

    def set_variables(self, service_id: str | None, new: Mapping[str, str], *, replace_all: bool) -> None:
        """These are set for one service, or for all; what is not among them goes only if all are replaced."""
        with self._lock:
            kept = {} if replace_all else dict(self.variables_of(service_id))
            self._put_variables(service_id, kept | variables(new, self.now()))

    def delete_variable(self, service_id: str | None, name: str) -> None:
        """The variable is not set; safe to repeat."""
        with self._lock:
            kept = {each: value for each, value in self.variables_of(service_id).items() if each != name}
            self._put_variables(service_id, kept)

    def stage(self, patch: Mapping[str, object]) -> None:
        """Somebody has edited this in the dashboard and not deployed it; empty: nobody has."""
        with self._lock:
            self._staged = MappingProxyType(dict(patch))
            self.staged_at = self.now()

    def _put_variables(self, service_id: str | None, new: Mapping[str, Variable]) -> None:
        if service_id is None:
            self._shared = new
        else:
            self.change(service_id, lambda service: replace(service, variables=new))

    # Instances

    def instance_id(self, service_id: str, worker: str) -> str:
        """Return Railway's id of a process, always the same one."""
        with self._lock:
            return self._instances.setdefault((service_id, worker), str(uuid.uuid4()))

    def instances(self, service_id: str, workers: "tuple[str, ...]") -> tuple[Instance, ...]:
        """Return these processes as instances that run."""
        return tuple(
            Instance(id=self.instance_id(service_id, worker), worker=worker, status=InstanceStatus.RUNNING)
            for worker in workers
        )

    def place_of(self, service: Service, worker: str) -> str:
        """Return the id of the deployment that a process belongs to: its own, or the one that comes or is live."""
        for each in reversed(service.deployments):
            if any(instance.worker == worker for instance in each.instances):
                return each.id
        active = next((each for each in reversed(service.deployments) if each.is_active), service.latest)
        assert active is not None, "each service has a deployment from the start"
        return active.id

    # What is written

    def log(self, service: Service, worker: str, message: str, severity: str) -> None:
        """A process has written this."""
        self._write(service, self.place_of(service, worker), self.instance_id(service.id, worker), message, severity)

    def log_build(self, service: Service, deployment_id: str, message: str) -> None:
        """A deployment's build has written this."""
        self._write(service, deployment_id, BUILD, message, "info")

    def measure(self, service: Service, worker: str, gigabytes: float) -> None:
        """A process has this much memory now."""
        self.logs.measure(
            Sample(
                at=int(self.settings.clock()),
                gigabytes=gigabytes,
                service_id=service.id,
                deployment_id=self.place_of(service, worker),
                instance_id=self.instance_id(service.id, worker),
            )
        )

    def _write(self, service: Service, deployment_id: str, instance_id: str, message: str, severity: str) -> None:
        self.logs.write(
            message,
            severity,
            now=self.settings.clock(),
            service_id=service.id,
            deployment_id=deployment_id,
            instance_id=instance_id,
        )

    # The start

    def _service(self, name: str, running: Running, now: datetime) -> Service:
        service_id = self.settings.service_id(name)
        service = Service(
            id=service_id, name=name, replicas=len(running.workers), variables=variables(running.variables, now)
        )
        environment = {**self.settings.shared_variables, **running.variables, **self.own_variables(service)}
        past = self.settings.past_deployments
        deployments = [
            _past(now - BETWEEN_PAST * (past - age + 1), environment, _commit(name, age)) for age in range(past + 1)
        ]
        newest = replace(deployments[-1], status=Status.SUCCESS, instances=self.instances(service_id, running.workers))
        return replace(service, deployments=(*deployments[:-1], newest))


def _past(moment: datetime, environment: Mapping[str, str], commit: Mapping[str, str]) -> Deployment:
    """Return a deployment of long ago, superseded since."""
    return Deployment(
        id=str(uuid.uuid4()),
        created_at=moment,
        updated_at=moment,
        status_updated_at=moment,
        status=Status.REMOVED,
        was_live=True,
        variables=environment,
        meta=commit,
    )


def variables(values: Mapping[str, str], now: datetime) -> dict[str, Variable]:
    """Return values as variables that were set now."""
    return {name: Variable(name=name, value=value, updated_at=now) for name, value in values.items()}


def _commit(service: str, age: int) -> dict[str, str]:
    return {
        "repo": "dragonfly/workers",
        "branch": "main",
        "commitHash": id_of("commit", service, str(age)).replace("-", "").ljust(40, "0"),
        "commitAuthor": "dana",
        "commitMessage": f"Build {age + 1} of {service}",
    }
