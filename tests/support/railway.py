"""The product's services on a simulated Railway, whose processes beat in the target's tables."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.domain.configuration import DEFAULT_SERVICES, DEFAULT_VENDORS, Configuration
from bot.domain.messages import Message, PlanCard
from bot.domain.platform import Deployment
from bot.operations import plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.sandbox.railway.faults import Fault, FaultKind
from bot.sandbox.railway.platform import Running
from bot.sandbox.railway.server import RailwayServer, RailwaySettings
from bot.targets.railway import Railway
from tests.support.jobs import Target
from tests.support.product import ADA, INCIDENTS
from tests.support.waiting import eventually

API, INGEST, ENFORCEMENT = "dragonfly-api", "ingest-worker", "enforcement-worker"
VARIABLE = "SIMPLICITY_OFFLINE_MODE"
SECRET = "hush-4f1c"
_TYPES = {INGEST: "ingest_processor", ENFORCEMENT: "enforcement_engine"}
SPAN = timedelta(seconds=0.3)


@dataclass
class Processes:
    """Pretended processes of the product's services."""

    target: Target
    variables: dict[str, str]
    beats: bool = True
    """Whether new processes of a worker service beat."""
    fails: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    hired: int = 0

    def services(self) -> Mapping[str, Running]:
        """Return the three services, one process each."""
        return {name: Running(workers=(f"{name}-0",), variables=self.variables) for name in (API, INGEST, ENFORCEMENT)}

    def restart(self, service: str) -> Sequence[str]:
        """Begin a new process."""
        return self._new("restart", service)

    def redeploy(self, service: str, variables: Mapping[str, str]) -> Sequence[str]:
        """Begin a new process with other variables."""
        self.variables = dict(variables)
        return self._new("redeploy", service)

    def stop(self, service: str) -> None:
        """End it."""
        self.asked.append(("stop", service))

    def _new(self, act: str, service: str) -> Sequence[str]:
        self.asked.append((act, service))
        if self.fails:
            raise RuntimeError("no such image")
        self.hired += 1
        worker_type = _TYPES.get(service, service)
        if self.beats and service in _TYPES:
            self.target.worker(f"{worker_type}-new{self.hired}", silent_seconds=0, worker_type=worker_type)
        return (f"{worker_type}-new{self.hired}",)


@dataclass
class Cloud:
    """A running simulated Railway and the product's own client for it."""

    server: RailwayServer
    processes: Processes
    client: Railway

    def running(self, service: str = INGEST) -> Deployment:
        """Return the deployment that a restart would restart."""
        found = self.client.state(service).running
        assert found is not None
        return found

    def log(self, *lines: str, service: str = INGEST) -> None:
        """Let the service's process write."""
        for line in lines:
            self.server.log(service, f"{service}-0", line)

    def deploys(self, service: str = INGEST) -> Deployment:
        """Let somebody else deploy the service anew by setting a variable; return the deployment when it runs."""
        before = self.running(service)
        self.client.set_variable(self.client.state(service).service_id, "RELEASE", before.id)
        eventually(lambda: (found := self.running(service)).id != before.id and found.runs)
        return self.running(service)

    def fault(self, kind: FaultKind, operation: str = "*", **facts: Any) -> None:
        """Give Railway a bad day."""
        self.server.faults.script(Fault(kind=kind, operation=operation, **facts))

    def sent(self, operation: str) -> list[Mapping[str, Any]]:
        """Return the variables of every request of an operation that reached Railway."""
        return [call.variables for call in self.server.calls if operation in call.names]


@contextmanager
def cloud(target: Target, variables: Mapping[str, str] | None = None, **settings: Any) -> Iterator[Cloud]:
    """Give a simulated Railway that is quick and has no rate limit to speak of."""
    quick: dict[str, Any] = {
        "accept_seconds": 0.02,
        "restart_seconds": 0.05,
        "deploy_seconds": 0.1,
        "retry_seconds": 0.02,
        "restart_retries": 1,
        "requests_an_hour": 100_000,
        "requests_a_second": 10_000,
    }
    processes = Processes(target=target, variables={"DATABASE_PASSWORD": SECRET, **(variables or {})})
    with RailwayServer(RailwaySettings(**(quick | settings)), processes) as server:
        client = Railway(server.url, server.settings.project_token, is_project_token=True)
        try:
            yield Cloud(server, processes, client)
        finally:
            client.close()


def with_railway(config: Configuration, **timing: timedelta) -> Configuration:
    """Return a configuration with the playbook's services and vendor, on Railway."""
    short = {"probe_span": SPAN, **timing}
    return replace(
        config,
        railway=True,
        services=DEFAULT_SERVICES,
        vendors=DEFAULT_VENDORS,
        timing=replace(config.timing, **short),
    )


def on(services: Services, found: Cloud, **timing: timedelta) -> Services:
    """Return services that reach a simulated Railway."""
    return replace(services, config=with_railway(services.config, **timing), platform=found.client)


def planned(services: Services, step: str, **params: str) -> PlanCard:
    """Return a plan that Ada made in the incident channel."""
    card = plans.make(services, step, params, ADA, Place(channel=INCIDENTS))
    assert isinstance(card, PlanCard), card
    return card


def carried_out(services: Services, card: PlanCard) -> PlanCard:
    """Confirm a plan, carry it out, and return its card."""
    confirmed = plans.confirm(services, card.key, ADA, secret=card.secret)
    assert isinstance(confirmed, PlanCard), confirmed
    runs.perform_due(services)
    return shown(services, card.key)


def shown(services: Services, key: str) -> PlanCard:
    """Return a plan's card as it stands now."""
    card: Message = plans.card(services, key)
    assert isinstance(card, PlanCard), card
    return card
