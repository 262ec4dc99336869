"""What the platform says of a service, and what its logs are evidence of. Pure.

Patterns are word-bounded and ranked: "room" and "memory usage 40%" are no evidence (railway-supabase reference 1.5,
Railway docs on logs and deployments, 2026-08). An out-of-memory kill often leaves no line at all, so instance states count.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

RESTARTABLE = ("SUCCESS", "CRASHED", "SLEEPING")
"""What has a process, or had one until it crashed (reference 1.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment of a service."""

    id: str
    status: str
    status_at: datetime | None
    created_at: datetime | None
    stopped: bool = False
    instances: tuple[tuple[str, str], ...] = ()
    """(id, status) of each container."""

    @property
    def instance_ids(self) -> tuple[str, ...]:
        """Return the ids of its containers: a crash keeps them, a restart gives new ones."""
        return tuple(found for found, _ in self.instances)

    @property
    def runs(self) -> bool:
        """Say whether it runs: `SUCCESS` alone may be from before, or of one that was stopped."""
        return self.status == "SUCCESS" and not self.stopped and all(said == "RUNNING" for _, said in self.instances)

    @property
    def why_not_restart(self) -> str:
        """Return why there is nothing to restart, or an empty string."""
        if self.stopped:
            return "it was stopped; deploy it anew in Railway"
        if self.status in RESTARTABLE:
            return ""
        return f"its deployment is {self.status.lower()}: there is no process to restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """What runs of a service now."""

    service: str
    service_id: str
    replicas: int
    latest: Deployment | None
    active: tuple[Deployment, ...]
    url: str

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """Return the latest and every active deployment, once each: logs belong to a deployment, not to a service."""
        found = {item.id: item for item in (*self.active, *([self.latest] if self.latest else ()))}
        return tuple(found.values())

    @property
    def running(self) -> Deployment | None:
        """Return the deployment that a restart would restart."""
        alive = [item for item in self.active if not item.stopped]
        newest = sorted(alive, key=lambda item: item.created_at.timestamp() if item.created_at else 0.0)
        return newest[-1] if newest else self.latest


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line; its text goes no further than a shell."""

    at: datetime
    text: str
    instance: str


_PATTERNS = (
    (
        "OOM",
        re.compile(
            r"\bOOM(?:-?kill(?:ed|er)?)?\b|\bout of memory\b|\bMemoryError\b|\bCannot allocate memory\b"
            r"|\bexit(?:ed)?(?: with)?(?: code| status)?:? 137\b|\bSIGKILL\b|(?:^|\s)(?-i:Killed)\s*$"
            r"|JavaScript heap out of memory|Perhaps out of memory\?",
            re.IGNORECASE,
        ),
    ),
    ("crash loop", re.compile(r"Crash loop detected|WORKER_CRASH")),
    (
        "database trouble",
        re.compile(
            r"Transient DB failure|server_login_retry|password authentication failed|no pg_hba\.conf entry",
            re.IGNORECASE,
        ),
    ),
    ("job failed", re.compile(r"\bJob \S+ \(\w+\) failed\b|DLQ FAILURE")),
    ("shutdown", re.compile(r"WORKER_SHUTDOWN|\bSIGTERM\b")),
    ("started", re.compile(r"WORKER_BOOT")),
)
_SIGN_IN = re.compile(
    r"password authentication failed|no pg_hba\.conf entry|ECIRCUITBREAKER|EWRONGPASSWORD|server_login_retry"
    r"|Tenant or user not found|tenant/user \S+ not found",
    re.IGNORECASE,
)
_DROPPED = re.compile(r"rate limit of \d+ logs/sec reached .*Messages dropped: (?P<count>\d+)", re.IGNORECASE)


def evidence(lines: Sequence[LogLine]) -> list[tuple[str, int, datetime]]:
    """Return which patterns were seen, how often, and when last; the strongest first."""
    found = []
    for name, pattern in _PATTERNS:
        times = [line.at for line in lines if pattern.search(line.text)]
        if times:
            found.append((name, len(times), max(times)))
    return found


def out_of_memory(lines: Iterable[LogLine]) -> list[LogLine]:
    """Return the lines that speak of an out-of-memory kill."""
    [pattern] = [pattern for name, pattern in _PATTERNS if name == "OOM"]
    return [line for line in lines if pattern.search(line.text)]


def instances_in(status: str, deployments: Iterable[Deployment]) -> int:
    """Return how many containers are in a state."""
    return sum(state == status for item in deployments for _, state in item.instances)


def sign_in_fails(lines: Iterable[LogLine]) -> bool:
    """Say whether a service cannot sign in to the database (target-system, 8.4)."""
    return any(_SIGN_IN.search(line.text) for line in lines)


def dropped(lines: Sequence[LogLine]) -> int:
    """Return how many lines the platform dropped: with any, an absent match proves nothing."""
    return sum(int(found["count"]) for line in lines if (found := _DROPPED.search(line.text)))


def matches(patterns: Sequence[str], texts: Iterable[str]) -> int:
    """Return how many texts match one of some configured patterns."""
    compiled = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
    return sum(any(pattern.search(text) for pattern in compiled) for text in texts)
