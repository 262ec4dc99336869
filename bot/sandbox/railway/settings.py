"""What the simulated Railway is told when it starts: one project, its environments, its tokens, and how fast it is.

Secrets are random unless given. Ids are derived from the names, so that they are known before the start.
"""

import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

NAMES = uuid.UUID("6f0d6b0e-5b58-4c0b-9d2b-7a3f1f4e9c11")
"""The namespace of every id that is made from a name."""


def id_of(*names: str) -> str:
    """Return the id that these names always have."""
    return str(uuid.uuid5(NAMES, "/".join(names)))


def _token() -> str:
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


@dataclass(frozen=True, slots=True, kw_only=True)
class RailwaySettings:
    """One project; its services run in the first environment, the others are empty."""

    port: int = 0
    workspace: str = "Dragonfly"
    project: str = "dragonfly"
    environment: str = "production"
    """Where the services run, and all that the project token sees."""
    other_environments: tuple[str, ...] = ("staging",)
    """Empty; the workspace token sees them, the project token does not."""
    project_token: str = field(default_factory=_token, repr=False)
    workspace_token: str = field(default_factory=_token, repr=False)
    shared_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    sealed: frozenset[str] = frozenset()
    """Names of variables whose values are never given out."""
    webhook_url: str | None = None
    """Where Railway posts what happens; can be set anew while it runs."""
    accept_seconds: float = 0.2
    """How long nothing is to be seen of a restart or a stop that was answered with `true`."""
    restart_seconds: float = 0.5
    """How long instances are at least RESTARTING."""
    deploy_seconds: float = 2.0
    """From QUEUED until the new processes are started: a quarter queued, a quarter building, half deploying."""
    restart_policy: str = "ON_FAILURE"
    restart_retries: int = 10
    """Railway's default (docs, restart policy; 2026-11)."""
    retry_seconds: float = 1.0
    """How long one try of the restart policy takes; Railway names no number."""
    requests_an_hour: int = 1_000
    """Hobby 1,000, Pro 10,000 (docs, public API; 2026-11)."""
    requests_a_second: int = 10
    """Hobby 10, Pro 50."""
    log_lines: int = 1_000
    """The newest lines kept of each instance, and of each build."""
    memory_limit_gb: float = 0.5
    past_deployments: int = 2
    """How many older deployments a service has at the start, to roll back to."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""

    @property
    def workspace_id(self) -> str:
        """Return the workspace's id."""
        return id_of(self.workspace)

    @property
    def project_id(self) -> str:
        """Return the project's id."""
        return id_of(self.workspace, self.project)

    @property
    def environment_id(self) -> str:
        """Return the id of the environment in which the services run."""
        return self.environment_ids[self.environment]

    @property
    def environment_ids(self) -> dict[str, str]:
        """Return the id of every environment by its name."""
        names = (self.environment, *self.other_environments)
        return {name: id_of(self.workspace, self.project, "environment", name) for name in names}

    def service_id(self, service: str) -> str:
        """Return the id of a service by its name."""
        return id_of(self.workspace, self.project, "service", service)
