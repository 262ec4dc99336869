"""A night whose time is told: to the database, the process and Slack at once; pages and messages really arrive."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.clock import SystemClock
from bot.domain.configuration import Configuration
from bot.domain.watch import Said
from bot.operations import checks, delivery, escalations, record
from bot.operations.selfchecks import Pulse
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.sandbox.pager import Pager
from bot.sandbox.slack.entities import Message
from bot.sandbox.slack.server import SlackServer, SlackSettings
from bot.slack.app import client
from bot.slack.chat import SlackChat
from bot.targets.pager import HttpPager
from tests.support.jobs import Target
from tests.support.product import CONFIG, INCIDENTS, NAMES, product

WORKER, OTHER = "ingest_processor-1", "enforcement_engine-1"


@dataclass
class Clock:
    """The one clock of the night."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def seconds(self) -> float:
        """Return the time as Slack counts it."""
        return self.now.timestamp()


class Told(SystemClock):
    """The process's own clocks, told the same time."""

    def __init__(self, clock: Clock) -> None:
        """Keep the clock; `ahead` is how far this process is from everybody else's."""
        self._clock = clock
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the time it is told."""
        return self._clock.now + self.ahead

    def monotonic(self) -> float:
        """Return the time it is told, in seconds."""
        return self._clock.seconds()


@dataclass
class Night:
    """One process of the product, its Slack, its pager, and a target whose ingest worker may die."""

    services: Services
    target: Target
    clock: Clock
    slack: SlackServer
    pager: Pager
    said: Said = field(default_factory=Said)
    alive: bool = True

    def __post_init__(self) -> None:
        """Begin with both workers well."""
        self.pulse = Pulse(self.services, lambda: self.said)
        self.record = record.Watch(self.services)

    def beat(self) -> None:
        """Let the workers that live beat."""
        for worker in (WORKER, OTHER) if self.alive else (OTHER,):
            self.target.connection.execute(
                "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, last_seen_at) VALUES (%s, %s, %s) "
                "ON CONFLICT (worker_id) DO UPDATE SET last_seen_at = excluded.last_seen_at",
                (worker, worker.partition("-")[0], self.clock.now),
            )

    def passes(self, seconds: float, *, tick: float = 15) -> None:
        """Let time pass, and everything be done that is due at each tick."""
        until = self.clock.now + timedelta(seconds=seconds)
        while self.clock.now < until:
            self.clock.passes(tick)
            self.beat()
            checks.run_due(self.services)
            self.record.look()
            self.pulse.beat()
            escalations.call_due(self.services)
            self.deliver()

    def deliver(self) -> None:
        """Send what may be sent now."""
        while delivery.deliver_due(self.services) + delivery.deliver_pages(self.services):
            pass

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Return what a query of ours finds."""
        return self.target.connection.execute(statement.encode()).fetchall()

    def messages(self, containing: str = "", channel: str = INCIDENTS) -> list[Message]:
        """Return the messages of a channel that contain some words."""
        return [item for item in self.slack.workspace.messages(channel) if containing in str(item.blocks) + item.text]

    def opened(self, check: str) -> list[str]:
        """Return why each open alert of one check is one."""
        found = self.target.connection.execute(
            "SELECT evidence ->> 'reason' FROM ops.chatops_alert WHERE check_id = %s AND state = 'firing'", (check,)
        )
        return [str(row[0]) for row in found]

    def fires(self) -> None:
        """Let the ingest worker die and its alert fire."""
        self.alive = False
        while not self.opened("worker_heartbeat"):
            self.passes(15)

    def is_ahead(self, seconds: float) -> None:
        """Let this process's clock be ahead of everybody else's."""
        assert isinstance(self.services.clock, Told)
        self.services.clock.ahead = timedelta(seconds=seconds)

    def paged(self, check: str, action: str = "trigger") -> list[dict[str, object]]:
        """Return the pages about one check."""
        return [page for page in self.pager.pages if (page["check"], page["action"]) == (check, action)]


def chat_of(slack: SlackServer) -> SlackChat:
    """Return a chat under the app's token of now."""
    chat = SlackChat(client(slack.settings.bot_token, slack.api_url), env="dev")
    chat.check()
    return chat


def connected(services: Services, slack: SlackServer, pager: Pager) -> Services:
    """Return services that reach Slack and the pager."""
    return replace(services, chat=chat_of(slack), pager=HttpPager(pager.url, "webhook"))


@contextmanager
def told(dsn: str, target: Target, config: Configuration = CONFIG) -> Iterator[Night]:
    """Give a night that has just begun."""
    clock = Clock()
    slack_settings = SlackSettings(rate_limits=False, clock=clock.seconds)
    paging = replace(config, pager="webhook")
    with (
        SlackServer(slack_settings) as slack,
        Pager() as pager,
        product(dsn, paging, now=lambda: clock.now) as bare,
    ):
        renderer = SlackRenderer(names=NAMES, mode=lambda: night.pulse.mode)
        services = replace(connected(bare, slack, pager), clock=Told(clock), renderer=renderer)
        night = Night(services, target, clock, slack, pager)
        night.beat()
        yield night
        assert services.pager is not None
        services.pager.close()
