"""Railway over its public GraphQL API: state, logs, restart, one variable. Everything else cannot be expressed here.

Source: Railway's public API and schema (2026-08), read 2026-11. Ordinary failures come as a body with `errors`, mostly
under HTTP 200; a mutation that got no answer may have happened and is never sent again by us. No secret, address or
vendor's sentence goes into an error.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from typing import Any

import httpx

from bot.domain.platform import Deployment, LogLine, ServiceState
from bot.errors import OutcomeUnknown, TargetRefused, TargetUnavailable
from bot.targets.bounded import MEBIBYTE, body, client, read_json

READ_SECONDS = 10.0
CHANGE_SECONDS = 75.0
CHANGES = ("Restart", "SetVariable")
_MOST_BYTES = 8 * MEBIBYTE
"""A thousand lines of a log are the longest answer."""
_OPERATION = re.compile(r"^(?:query|mutation) (?P<name>\w+).*?^}", re.MULTILINE | re.DOTALL)
_SAID = (
    ("not authorized", "the token is not taken, or there is no such service in its environment"),
    ("project token not found", "the project token is not valid"),
    ("serviceinstance not found", "the service is not in this environment"),
    ("two factor", "the workspace wants a second factor"),
    ("rate limit", "too many deployments of this service in a short time"),
    ("deploys have been paused", "Railway has paused deployments"),
)
_NO_REASON = "it gave no reason that is known here"


def operations() -> Mapping[str, str]:
    """Return every operation text by its name."""
    text = files("bot.targets").joinpath("railway.graphql").read_text(encoding="utf-8")
    return {found["name"]: found[0] for found in _OPERATION.finditer(text)}


@contextmanager
def _of_known_shape() -> Iterator[None]:
    """Let an answer in which something is missing, or is of another kind, be no answer."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError):
        raise TargetUnavailable("Railway answered in a shape that is not known here") from None


class Railway:
    """One environment of one project."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        is_project_token: bool,
        project_id: str = "",
        environment_id: str = "",
    ) -> None:
        """Open nothing yet; a project token knows its own project and environment."""
        header = {"Project-Access-Token": token} if is_project_token else {"Authorization": f"Bearer {token}"}
        self._client = client(READ_SECONDS, headers=header)
        self._url = url
        self._operations = operations()
        self._lock = threading.Lock()
        self._scope = (project_id, environment_id)
        self._ids: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @_of_known_shape()
    def state(self, service: str, service_id: str = "") -> ServiceState:
        """Return what runs of a service now.

        Raises:
            TargetUnavailable: no answer. TargetRefused: Railway said no.
        """
        project, environment = self._where()
        found_id = service_id or self._id_of(service)
        data = self._read("ServiceState", environmentId=environment, serviceId=found_id)
        instance = data.get("serviceInstance")
        if not isinstance(instance, dict):
            raise TargetRefused("the service is not in this environment")
        deployments = [_deployment(item) for item in instance.get("activeDeployments") or []]
        latest = instance.get("latestDeployment")
        return ServiceState(
            service=service,
            service_id=found_id,
            replicas=instance.get("numReplicas") or 1,
            latest=_deployment(latest) if latest else None,
            active=tuple(deployments),
            url=f"https://railway.com/project/{project}/service/{found_id}?environmentId={environment}",
        )

    @_of_known_shape()
    def logs(self, deployment_id: str, most: int, since: datetime | None = None) -> tuple[LogLine, ...]:
        """Return the newest lines of a deployment, oldest first.

        Raises:
            TargetUnavailable: no answer. TargetRefused: Railway said no.
        """
        start = since.isoformat() if since else None
        data = self._read("RuntimeLogs", deploymentId=deployment_id, limit=most, startDate=start)
        lines = data.get("deploymentLogs") or []
        return tuple(_line(item) for item in lines[-max(1, most) :])

    @_of_known_shape()
    def diagnosis(self, deployment_id: str) -> bool:
        """Say whether Railway itself has a diagnosis of a deployment; its text is not read."""
        data = self._read("DeploymentDiagnosis", id=deployment_id)
        return bool((data.get("deployment") or {}).get("diagnosis"))

    @_of_known_shape()
    def variable(self, service_id: str, name: str) -> str | None:
        """Return the value of one variable; all others are dropped here, unseen."""
        project, environment = self._where()
        data = self._read("Variables", projectId=project, environmentId=environment, serviceId=service_id)
        value = (data.get("variables") or {}).get(name)
        return str(value) if value is not None else None

    def restart(self, deployment_id: str) -> None:
        """Restart the process of a running deployment; same image, same id.

        Raises:
            OutcomeUnknown: no answer came; it may have happened. TargetRefused, TargetUnavailable: it did not.
        """
        self._change("Restart", id=deployment_id)

    def set_variable(self, service_id: str, name: str, value: str) -> None:
        """Set one variable of one service; Railway then deploys that service anew.

        Raises:
            OutcomeUnknown: no answer came; it may have happened. TargetRefused, TargetUnavailable: it did not.
        """
        project, environment = self._where()
        if not service_id:
            raise TargetRefused("a variable without a service would be written to every service")
        values = {"projectId": project, "environmentId": environment, "serviceId": service_id}
        self._change("SetVariable", input={**values, "name": name, "value": value})

    @_of_known_shape()
    def _where(self) -> tuple[str, str]:
        with self._lock:
            if not all(self._scope):
                scope = self._read("TokenScope").get("projectToken") or {}
                self._scope = (str(scope.get("projectId", "")), str(scope.get("environmentId", "")))
            return self._scope

    def _id_of(self, service: str) -> str:
        """Return a service's id by its exact name."""
        if service not in self._ids:
            data = self._read("ProjectServices", projectId=self._where()[0])
            edges = ((data.get("project") or {}).get("services") or {}).get("edges") or []
            self._ids = {edge["node"]["name"]: edge["node"]["id"] for edge in edges if not edge["node"]["deletedAt"]}
        if service not in self._ids:
            known = ", ".join(sorted(self._ids)) or "none"
            raise TargetRefused(f"Railway knows no service {service!r} here; it has {known}")
        return self._ids[service]

    def _read(self, name: str, **variables: object) -> dict[str, Any]:
        try:
            return self._send(name, variables, READ_SECONDS)
        except httpx.TimeoutException:
            raise TargetUnavailable(f"Railway did not answer in {int(READ_SECONDS)} s") from None
        except httpx.HTTPError as error:
            raise TargetUnavailable(f"Railway cannot be reached ({type(error).__name__})") from None

    def _change(self, name: str, **variables: object) -> None:
        try:
            data = self._send(name, variables, CHANGE_SECONDS)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise TargetUnavailable("Railway cannot be reached; nothing was sent") from None
        except httpx.TimeoutException:
            raise OutcomeUnknown(f"Railway did not answer for {int(CHANGE_SECONDS)} s") from None
        except httpx.HTTPError as error:
            raise OutcomeUnknown(f"the connection to Railway broke ({type(error).__name__})") from None
        if False in data.values():
            raise TargetRefused("Railway answered that it did nothing")
        if not data or not all(data.values()):
            raise OutcomeUnknown("Railway answered without a result")

    def _send(self, name: str, variables: Mapping[str, object], seconds: float) -> dict[str, Any]:
        asked = {"query": self._operations[name], "variables": variables, "operationName": name}
        until = time.monotonic() + seconds
        with self._client.stream("POST", self._url, json=asked, timeout=seconds) as answer:
            text = _body(answer, until)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            wait = answer.headers.get("Retry-After", "")
            how_long = f"{wait} s" if wait.isdecimal() else "some time"
            raise TargetUnavailable(f"Railway takes no more requests for {how_long}; nothing was done")
        return _data(name, answer, text)


def _body(answer: httpx.Response, until: float) -> bytes:
    """Return the body of an answer; nothing where it is too long or too slow, which is no result."""
    try:
        return body(answer, until=until, most=_MOST_BYTES)
    except ValueError:
        return b""


def _data(name: str, answer: httpx.Response, text: bytes) -> dict[str, Any]:
    """Return the data of an answer; the body decides, whatever the status (reference 1.1)."""
    try:
        found = read_json(text)
    except ValueError:
        found = None
    errors = found.get("errors") if isinstance(found, dict) else None
    if errors and not (name in CHANGES and _may_have_happened(errors, answer)):
        raise TargetRefused(f"Railway refused {name}: {_said(errors)}")
    data = found.get("data") if isinstance(found, dict) and not errors else None
    if isinstance(data, dict):
        return data
    if name in CHANGES:
        raise OutcomeUnknown(f"Railway answered {answer.status_code} without a result")
    raise TargetUnavailable(f"Railway answered {answer.status_code} without a result")


def _may_have_happened(errors: object, answer: httpx.Response) -> bool:
    """Say whether Railway gave no reason of its own: what was sent may have been carried out (reference 1.1)."""
    broke = answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR and _said(errors) == _NO_REASON
    return broke or "problem processing request" in str(errors).lower()


def _said(errors: object) -> str:
    """Return our own sentence for a vendor's; theirs may quote what was sent."""
    first = errors[0] if isinstance(errors, list) and errors else {}
    text = str(first.get("message", "") if isinstance(first, dict) else "").lower()
    return next((said for word, said in _SAID if word in text), _NO_REASON)


def _deployment(item: Mapping[str, Any]) -> Deployment:
    return Deployment(
        id=item["id"],
        status=item["status"],
        status_at=_moment(item.get("statusUpdatedAt")),
        created_at=_moment(item.get("createdAt")),
        stopped=bool(item.get("deploymentStopped")),
        instances=tuple(sorted((found["id"], found["status"]) for found in item.get("instances") or [])),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _line(item: Mapping[str, Any]) -> LogLine:
    tags = item.get("tags") or {}
    at = re.sub(r"(\.\d{6})\d+", r"\1", item["timestamp"])
    return LogLine(at=datetime.fromisoformat(at), text=item["message"], instance=tags.get("deploymentInstanceId") or "")
