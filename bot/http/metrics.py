"""What this process counts and what the rows say, in Prometheus' text: names, words and labels stand here once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bot.domain.watch import Measured

_COUNTED = {
    "commands": ("Commands taken from Slack.", "command"),
    "presses": ("Buttons pressed in Slack.", "verb"),
    "rejections": ("Requests that were not Slack's, or not in order.", "reason"),
    "deliveries": ("Messages sent, by what came of it.", "outcome"),
}
_MEASURED = {
    "up": ("Whether the database answered this question.", ()),
    "runs": ("Runs by state.", ("state",)),
    "alerts_open": ("Open alerts.", ("check", "severity")),
    "messages_waiting": ("Messages that wait to be delivered.", ()),
    "oldest_critical_seconds": ("Age of the oldest critical message that nobody has got.", ()),
    "check_age_seconds": ("Since the last look of each check.", ("check",)),
    "breaker_open": ("Whether log-ins to the database are held back after a refusal.", ()),
    "late_seconds": ("How late this process's latest tick is.", ()),
}


class Metrics(Collector):
    """The numbers of one process; what rows say is read when somebody asks."""

    def __init__(self, measure: Callable[[], Iterable[Measured]]) -> None:
        """Count from nothing."""
        self._measure = measure
        self._registry = CollectorRegistry()
        self._counters = {
            name: Counter(f"dragonfly_{name}", said, [label], registry=self._registry)
            for name, (said, label) in _COUNTED.items()
        }
        self._registry.register(self)

    def count(self, what: str, label: str) -> None:
        """Count one more."""
        self._counters[what].labels(label).inc()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Return nothing: the names are known without a question to the database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what is measured now."""
        found = defaultdict(list)
        for item in self._measure():
            found[item.name].append(item)
        for name, (said, labels) in _MEASURED.items():
            family = GaugeMetricFamily(f"dragonfly_{name}", said, labels=labels)
            for item in found[name]:
                family.add_metric(item.labels, item.value)
            yield family

    def text(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self._registry)
