"""What the tests of the simulated Railway share: the operations, processes that only pretend, a client, a receiver."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from bot.sandbox.railway.platform import Running
from bot.sandbox.railway.server import RailwayServer, RailwaySettings
from tests.support.waiting import eventually

INGEST = "ingest"
ENFORCEMENT = "enforcement"
_DEPLOYMENT = "id status statusUpdatedAt createdAt canRedeploy canRollback deploymentStopped instances { id status }"
_PAGE = "pageInfo { hasNextPage endCursor }"

OPERATIONS = {
    "TokenScope": "query TokenScope { projectToken { id name projectId environmentId "
    "project { id name } environment { id name } } }",
    "ProjectMap": "query ProjectMap($projectId: String!) { project(id: $projectId) { id name workspaceId deletedAt "
    "environments(first: 50) { edges { node { id name isEphemeral deletedAt canAccess unmergedChangesCount } } "
    f"{_PAGE} }} services(first: 100) {{ edges {{ node {{ id name deletedAt }} }} {_PAGE} }} }} }}",
    "EnvServices": "query EnvServices($projectId: String!, $environmentId: String!, $first: Int, $after: String) { "
    "environment(id: $environmentId, projectId: $projectId) { id name serviceInstances(first: $first, after: $after) { "
    "edges { node { serviceId serviceName numReplicas sleepApplication restartPolicyType restartPolicyMaxRetries "
    f"cronSchedule latestDeployment {{ {_DEPLOYMENT} }} activeDeployments {{ {_DEPLOYMENT} }} }} }} {_PAGE} }} }} }}",
    "ServiceState": "query ServiceState($environmentId: String!, $serviceId: String!) { "
    "serviceInstance(environmentId: $environmentId, serviceId: $serviceId) { serviceName numReplicas restartPolicyType "
    f"restartPolicyMaxRetries latestDeployment {{ {_DEPLOYMENT} }} activeDeployments {{ {_DEPLOYMENT} }} }} }}",
    "Deployments": "query Deployments($input: DeploymentListInput!, $first: Int, $after: String) { "
    "deployments(input: $input, first: $first, after: $after) { edges { node { id status statusUpdatedAt createdAt "
    f"updatedAt deploymentStopped canRedeploy canRollback meta creator {{ name }} }} }} {_PAGE} }} }}",
    "DeploymentById": "query DeploymentById($id: String!) { deployment(id: $id) { id status statusUpdatedAt createdAt "
    "projectId environmentId serviceId deploymentStopped canRedeploy canRollback diagnosis instances { id status } } }",
    "DeploymentTimeline": "query DeploymentTimeline($id: String!, $first: Int) { deploymentEvents(id: $id, first: $first) "
    "{ edges { node { step createdAt completedAt payload { error reason detail attempt maxAttempts } } } "
    f"{_PAGE} }} }}",
    "RuntimeLogs": "query RuntimeLogs($deploymentId: String!, $limit: Int, $filter: String, $startDate: DateTime, "
    "$endDate: DateTime) { deploymentLogs(deploymentId: $deploymentId, limit: $limit, filter: $filter, "
    "startDate: $startDate, endDate: $endDate) { timestamp severity message attributes { key value } "
    "tags { deploymentId deploymentInstanceId serviceId environmentId } } }",
    "BuildLogs": "query BuildLogs($deploymentId: String!, $limit: Int, $filter: String) { "
    "buildLogs(deploymentId: $deploymentId, limit: $limit, filter: $filter) { timestamp severity message } }",
    "EnvLogs": "query EnvLogs($environmentId: String!, $filter: String, $beforeDate: String, $beforeLimit: Int, "
    "$anchorDate: String, $afterDate: String, $afterLimit: Int) { environmentLogs(environmentId: $environmentId, "
    "filter: $filter, beforeDate: $beforeDate, beforeLimit: $beforeLimit, anchorDate: $anchorDate, "
    "afterDate: $afterDate, afterLimit: $afterLimit) { timestamp severity message "
    "tags { serviceId deploymentId deploymentInstanceId } } }",
    "MemoryCurve": "query MemoryCurve($projectId: String!, $environmentId: String!, $serviceId: String!, "
    "$startDate: DateTime!, $endDate: DateTime, $sampleRateSeconds: Int) { metrics(projectId: $projectId, "
    "environmentId: $environmentId, serviceId: $serviceId, startDate: $startDate, endDate: $endDate, "
    "sampleRateSeconds: $sampleRateSeconds, measurements: [MEMORY_USAGE_GB, MEMORY_LIMIT_GB], "
    "groupBy: [DEPLOYMENT_ID, DEPLOYMENT_INSTANCE_ID]) { measurement tags { deploymentId deploymentInstanceId } "
    "values { ts value } } }",
    "Restart": "mutation Restart($id: String!) { deploymentRestart(id: $id) }",
    "Redeploy": "mutation Redeploy($id: String!, $sameImage: Boolean) { "
    "deploymentRedeploy(id: $id, usePreviousImageTag: $sameImage) { id status createdAt } }",
    "RedeployService": "mutation RedeployService($environmentId: String!, $serviceId: String!) { "
    "serviceInstanceRedeploy(environmentId: $environmentId, serviceId: $serviceId) }",
    "Rollback": "mutation Rollback($id: String!) { deploymentRollback(id: $id) }",
    "Stop": "mutation Stop($id: String!) { deploymentStop(id: $id) }",
    "Variables": "query Variables($projectId: String!, $environmentId: String!, $serviceId: String, "
    "$unrendered: Boolean) { variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, "
    "unrendered: $unrendered) }",
    "RenderedVariables": "query RenderedVariables($projectId: String!, $environmentId: String!, $serviceId: String!) { "
    "variablesForServiceDeployment(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) }",
    "VariableNames": "query VariableNames($environmentId: String!, $first: Int, $after: String) { "
    "environment(id: $environmentId) { variables(first: $first, after: $after) { "
    f"edges {{ node {{ id name serviceId isSealed updatedAt }} }} {_PAGE} }} }} }}",
    "SetVariable": "mutation SetVariable($input: VariableUpsertInput!) { variableUpsert(input: $input) }",
    "SetVariables": "mutation SetVariables($input: VariableCollectionUpsertInput!) { "
    "variableCollectionUpsert(input: $input) }",
    "DropVariable": "mutation DropVariable($input: VariableDeleteInput!) { variableDelete(input: $input) }",
    "Snapshot": "query Snapshot($deploymentId: String!) { deploymentSnapshot(deploymentId: $deploymentId) "
    "{ id createdAt variables } }",
    "Staged": "query Staged($environmentId: String!) { environmentStagedChanges(environmentId: $environmentId) "
    "{ id status createdAt updatedAt lastAppliedError patch(decryptVariables: false) } }",
}
"""The product's operations by their names, as the reference has them in 1.3 to 1.7."""


@dataclass
class Processes:
    """Pretended processes: they remember what was asked, and can fail."""

    fails: bool = False
    asked: list[tuple[object, ...]] = field(default_factory=list)
    during: Callable[[], None] = lambda: None
    """What happens while Railway has the service in hand."""
    hired: int = 0

    def services(self) -> Mapping[str, Running]:
        """Two services, three processes."""
        return {
            INGEST: Running(workers=("ingest-a", "ingest-b"), variables={"MODE": "online", "KEY": "hush"}),
            ENFORCEMENT: Running(workers=("enforcement-a",), variables={"MODE": "online"}),
        }

    def restart(self, service: str) -> Sequence[str]:
        """Two new ids."""
        return self._new(service, 2, "restart", service)

    def redeploy(self, service: str, variables: Mapping[str, str]) -> Sequence[str]:
        """Two new ids."""
        return self._new(service, 2, "redeploy", service, dict(variables))

    def stop(self, service: str) -> None:
        """No id."""
        self._new(service, 0, "stop", service)

    def _new(self, service: str, count: int, *asked: object) -> list[str]:
        self.asked.append(asked)
        self.during()
        if self.fails:
            raise RuntimeError("no such image")
        self.hired += count
        return [f"{service}-{self.hired - place}" for place in range(count)]


@dataclass
class Railway:
    """A running simulated Railway and a client with the project token."""

    server: RailwayServer
    processes: Processes
    client: httpx.Client

    @property
    def settings(self) -> RailwaySettings:
        """Its settings."""
        return self.server.settings

    @property
    def where(self) -> dict[str, str]:
        """The arguments that name the ingest service."""
        return {
            "projectId": self.settings.project_id,
            "environmentId": self.settings.environment_id,
            "serviceId": self.settings.service_id(INGEST),
        }

    def post(self, operation: str, headers: Mapping[str, str] | None = None, /, **variables: Any) -> httpx.Response:
        """The answer to one of the operations."""
        own = {"Project-Access-Token": self.settings.project_token}
        body = {"query": OPERATIONS[operation], "operationName": operation, "variables": variables}
        return self.client.post(self.server.url, json=body, headers=own if headers is None else headers)

    def data(self, operation: str, **variables: Any) -> Any:
        """What an operation gives: the value of its one field."""
        answer = self.post(operation, **variables)
        told = answer.json()
        assert answer.status_code == 200 and "errors" not in told, told
        [value] = told["data"].values()
        return value

    def refusal(self, operation: str, **variables: Any) -> str:
        """The message with which an operation is refused, under HTTP 200."""
        answer = self.post(operation, **variables)
        told = answer.json()
        assert answer.status_code == 200, told
        [error] = told["errors"]
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR" and error["extensions"]["traceId"]
        return str(error["message"])

    def instance(self) -> Any:
        """The ingest service."""
        return self.data("ServiceState", environmentId=self.where["environmentId"], serviceId=self.where["serviceId"])

    def latest(self) -> Any:
        """The newest deployment of the ingest service."""
        return self.instance()["latestDeployment"]

    def until(self, wanted: Callable[[Any], object]) -> Any:
        """The newest deployment of the ingest service, as soon as it is as wanted."""

        def look() -> Any:
            found = self.latest()
            return found if wanted(found) else None

        return eventually(look, 10)


@contextmanager
def railway(*, timeout_seconds: float = 10.0, **settings: Any) -> Iterator[Railway]:
    """Give a running simulated Railway that is quick and has no rate limit to speak of."""
    quick: dict[str, Any] = {
        "accept_seconds": 0.05,
        "restart_seconds": 0.1,
        "deploy_seconds": 0.2,
        "retry_seconds": 0.04,
        "restart_retries": 3,
        "requests_an_hour": 100_000,
        "requests_a_second": 10_000,
    }
    processes = Processes()
    with (
        RailwayServer(RailwaySettings(**(quick | settings)), processes) as server,
        httpx.Client(timeout=timeout_seconds, trust_env=False) as client,
    ):
        yield Railway(server, processes, client)


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the address of something that takes webhooks, and what it has taken."""
    taken: list[dict[str, Any]] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:  # noqa: ARG002  # the library's signature
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", taken
    server.shutdown()
    server.server_close()
    thread.join(5)


def states(deployment: Any) -> list[str]:
    """The statuses of a deployment's instances."""
    return [each["status"] for each in deployment["instances"]]
