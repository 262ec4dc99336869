"""What the simulated Railway needs of the simulated system: processes that are really started and stopped.

The other way, the system tells the server what it cannot see: `RailwayServer.log`, `crashed`, `recovered`, `memory`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One service as it runs."""

    workers: tuple[str, ...]
    """The ids of its processes; Railway's own instance ids are others."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its processes were started with and the service has set."""


class Platform(Protocol):
    """The processes behind the services.

    Each call blocks until it is done and comes from a thread of the server, one at a time for a service. What it
    raises is a deployment that failed, or a restart after which nothing runs. Meanwhile nothing that is reported as
    crashed is taken for a crash: the processes that go are meant to go.
    """

    def services(self) -> Mapping[str, Running]:
        """Return what runs now, by the service's name; asked once, when the server is made."""
        ...

    def restart(self, service: str) -> Sequence[str]:
        """Every process of the service is ended and started anew as it was; return the new ids."""
        ...

    def redeploy(self, service: str, variables: Mapping[str, str]) -> Sequence[str]:
        """The service's processes are replaced by new ones with exactly these variables; return the new ids."""
        ...

    def stop(self, service: str) -> None:
        """No process of the service runs."""
        ...
