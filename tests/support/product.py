"""The product as tests build it: the real operations on a real database, with the sandbox's people."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.bootstrap import stamp
from bot.clock import SystemClock
from bot.domain.actor import Actor, cli_actor, slack_actor
from bot.domain.configuration import DEFAULT_WORKERS, Configuration, People, Rotation
from bot.domain.redaction import Redactor
from bot.domain.timing import PLAYBOOK
from bot.errors import DeliveryPermanent
from bot.operations.services import Services
from bot.ports import Identity
from bot.render.slack import SlackRenderer
from bot.store.db import Database
from bot.targets.catalog import CatalogCache

TEAM = "T0DRAGON"
ADA = slack_actor(TEAM, "U0ADA", "Ada")
BEN = slack_actor(TEAM, "U0BEN", "Ben")
DANA = slack_actor(TEAM, "U0DANA", "Dana")
GIL = slack_actor(TEAM, "U0GIL", "Gil")
SHELL = cli_actor("ada", "laptop")
INCIDENTS = "C0INCIDENTS"
NAMES = {"U0ADA": "Ada", "U0BEN": "Ben", "U0CLEO": "Cleo", "U0DANA": "Dana", "U0GIL": "Gil"}

CONFIG = Configuration(
    env="dev",
    alert_channel=INCIDENTS,
    fallback_channel="C0OPSALL",
    people=People(operators=("U0ADA", "U0BEN", "U0CLEO"), approvers=("U0BEN", "U0CLEO", "U0DANA"), names=NAMES),
    rotation=Rotation(people=("U0ADA", "U0BEN"), starts=datetime(2026, 1, 5, 8, tzinfo=UTC)),
    workers=DEFAULT_WORKERS,
    timing=replace(PLAYBOOK, start_guard=PLAYBOOK.start_guard * 0, unknown_after_start=PLAYBOOK.start_guard * 0),
)
"""As in the sandbox; without the guard after a database start, because a test's server has always just started."""


class ToldClock(SystemClock):
    """The process's clock, told the same time as the database's."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Keep who tells the time."""
        self._now = now

    def now(self) -> datetime:
        """Return the time it is told."""
        return self._now()


class Members:
    """A directory that knows the cast."""

    def identify(self, user_id: str, *, fresh: bool) -> Identity:
        """Return a member, or a guest for Gil."""
        if user_id not in NAMES:
            message = "no such user"
            raise DeliveryPermanent(message, slack_error="user_not_found")
        guest = user_id == "U0GIL"
        return Identity(user_id=user_id, team_id=TEAM, name=NAMES[user_id], why_not="a guest" if guest else "")

    def members(self, group_or_user: str, *, fresh: bool) -> frozenset[str]:
        """Return the user itself."""
        return frozenset({group_or_user})

    def why_not_here(self, channel_id: str, *, fresh: bool) -> str:
        """Return nothing: every channel is ours alone."""
        return ""


@dataclass
class Answers:
    """A chat of which only what one person is shown is looked at."""

    shown: list[str] = field(default_factory=list)

    def ephemeral(self, channel: str, user: str, content: object, thread_ts: str = "") -> None:
        """Keep it."""
        self.shown.append(repr(content))


@contextmanager
def product(
    dsn: str, config: Configuration = CONFIG, *, now: Callable[[], datetime] | None = None
) -> Iterator[Services]:
    """Give the services on a database, and close them at the end."""
    net = Redactor(public=config.contact_texts)
    database = Database(dsn, now=now, stamp=stamp(config), redact=net).open()
    try:
        yield Services(
            config=config,
            db=database,
            catalog=CatalogCache(config.timing.catalog_age),
            renderer=SlackRenderer(names=NAMES, redact=net),
            directory=Members(),
            clock=ToldClock(now) if now else SystemClock(),
            plan_key=b"test key of plans",
        )
    finally:
        database.close()


def as_person(name: str) -> Actor:
    """Return one of the cast as an actor."""
    return slack_actor(TEAM, f"U0{name.upper()}", name)
