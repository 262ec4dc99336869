"""Log lines and memory samples: bounded, in the order of time, each of one deployment and one instance."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.sandbox.railway.log_filter import parse

CEILING = 5_000
"""The most lines one query gives, by report (reference, 1.5)."""
SAMPLES = 2_000
BUILD = "build"
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; `at` in nanoseconds since 1970, never twice the same."""

    at: int
    message: str
    severity: str
    service_id: str
    deployment_id: str
    instance_id: str

    @property
    def timestamp(self) -> str:
        """Return the time as RFC 3339 with nanoseconds."""
        seconds, rest = divmod(self.at, NANOSECONDS)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"

    @property
    def attributes(self) -> dict[str, str]:
        """Return what a filter may ask for by name."""
        return {
            "level": self.severity,
            "service": self.service_id,
            "deployment": self.deployment_id,
            "replica": self.instance_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The memory of one instance at one moment."""

    at: int
    """Seconds since 1970."""
    gigabytes: float
    service_id: str
    deployment_id: str
    instance_id: str


class Logs:
    """Everything written; safe to use from any thread."""

    def __init__(self, lines: int) -> None:
        """Start with nothing; of each instance the newest lines are kept."""
        self._lock = threading.Lock()
        self._last = 0
        self._lines: dict[tuple[str, str], deque[Line]] = defaultdict(lambda: deque(maxlen=lines))
        self._samples: dict[tuple[str, str], deque[Sample]] = defaultdict(lambda: deque(maxlen=SAMPLES))

    def write(
        self, message: str, severity: str, *, now: float, service_id: str, deployment_id: str, instance_id: str
    ) -> None:
        """Each line of the message is kept; a build's lines are those of the instance BUILD."""
        with self._lock:
            for text in message.splitlines() or [""]:
                self._last = max(self._last + 1, int(now * NANOSECONDS))
                self._lines[deployment_id, instance_id].append(
                    Line(
                        at=self._last,
                        message=text,
                        severity=severity,
                        service_id=service_id,
                        deployment_id=deployment_id,
                        instance_id=instance_id,
                    )
                )

    def measure(self, sample: Sample) -> None:
        """The sample is kept."""
        with self._lock:
            self._samples[sample.deployment_id, sample.instance_id].append(sample)

    def samples(self, *, since: datetime, until: datetime | None) -> list[Sample]:
        """Return the samples of a span in their order."""
        with self._lock:
            found = [each for kept in self._samples.values() for each in kept]
        last = until.timestamp() if until else float("inf")
        return sorted((each for each in found if since.timestamp() <= each.at <= last), key=lambda each: each.at)

    def of_deployment(
        self,
        deployment_id: str,
        *,
        build: bool,
        filter_text: str | None,
        limit: int | None,
        since: datetime | None,
        until: datetime | None,
    ) -> list[Line]:
        """Return the newest lines, one more than the limit when there are that many, as Railway does."""
        lines = self._wanted(filter_text, build=build)
        lines = [each for each in lines if each.deployment_id == deployment_id]
        kept = [each for each in lines if _nanoseconds(since, 0) <= each.at <= _nanoseconds(until, None)]
        return kept[-min(CEILING, CEILING if limit is None else limit + 1) :]

    def around(
        self,
        *,
        filter_text: str | None,
        anchor: datetime | None,
        before: tuple[datetime | None, int | None],
        after: tuple[datetime | None, int | None],
    ) -> list[Line]:
        """Return lines of every service around an anchor, the end when there is none; builds are left out.

        Args:
            filter_text: what is wanted of them.
            anchor: where before ends and after begins.
            before: the earliest moment, and how many lines; with neither, 100.
            after: the latest moment, and how many lines; with neither, none.
        """
        lines = self._wanted(filter_text, build=False)
        middle = _nanoseconds(anchor, None)
        earlier = [each for each in lines if _nanoseconds(before[0], 0) <= each.at <= middle]
        later = [each for each in lines if middle < each.at <= _nanoseconds(after[0], None)]
        some = CEILING if before[0] else 100
        first = min(CEILING, some if before[1] is None else before[1])
        last = min(CEILING, (CEILING if after[0] else 0) if after[1] is None else after[1])
        return [*(earlier[-first:] if first > 0 else []), *later[: max(0, last)]]

    def _wanted(self, filter_text: str | None, *, build: bool) -> list[Line]:
        match = parse(filter_text)
        with self._lock:
            found: Iterable[Line] = [
                each
                for (_, instance_id), kept in self._lines.items()
                if (instance_id == BUILD) is build
                for each in kept
            ]
        return sorted((each for each in found if match(each.message, each.attributes)), key=lambda each: each.at)


def _nanoseconds(moment: datetime | None, otherwise: int | None) -> float:
    if moment is not None:
        return moment.timestamp() * NANOSECONDS
    return float("inf") if otherwise is None else otherwise
