"""People press, workers die, Slack and Railway fail, the server is restarted, bots are killed: the books balance (§19).

What happens is random, and its seed is printed; `CRASH_SEED` and `STORM_SECONDS` tell it.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from bot.domain import ids
from bot.process import Bot
from bot.sandbox.railway.faults import Fault as RailwayFault
from bot.sandbox.railway.faults import FaultKind
from bot.sandbox.slack.entities import Json, Message
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.server import SlackServer, SlackSettings
from bot.store.db import Database
from bot.store.migrate import migrate
from tests.support.books import Books
from tests.support.cards import CHANNEL
from tests.support.crashing import Fleet, Replica
from tests.support.databases import OwnServer, own_server
from tests.support.jobs import ALIVE, Target
from tests.support.railway import Cloud, cloud
from tests.support.upgrading import LATER, be_newer
from tests.support.waiting import eventually

pytestmark = pytest.mark.crash
SECONDS = float(os.environ.get("STORM_SECONDS", "40"))
MINUTES = 120
COMMANDS = ("reset-stuck", "reset-stuck", "restart ingest", "status", "alerts", "stuck")
PRESSED = (ids.CONFIRM, ids.CONFIRM, ids.CONFIRM, ids.CANCEL, ids.ACK, ids.PLAN_RESET, ids.PLAN_AGAIN)
RESTART = "deploymentRestart"
TAKEN_BETWEEN_FAULTS = 4
"""A slow machine has no more faults for its messages than a fast one: else nothing gets through."""


class Storm:
    """What goes on at the same time, each in a thread of its own, until it is over."""

    def __init__(self, seed: int, own: OwnServer, slack: SlackServer, railway: Cloud) -> None:
        """Keep the world; nothing happens yet."""
        self._seed, self._own, self._slack, self._railway = seed, own, slack, railway
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._stood = 0
        self.random = random.Random(seed)

    @contextmanager
    def blows(self) -> Iterator[None]:
        """Let everything happen until the block ends."""
        acts: list[tuple[float, Callable[[random.Random], None]]] = [
            *[(0.5, self._person(user)) for user in ("U0ADA", "U0BEN", "U0CLEO")],
            (0.6, self._target),
            (0.9, self._fault),
        ]
        for number, (gap, act) in enumerate(acts):
            dice = random.Random(self._seed + number + 1)
            self._threads.append(threading.Thread(target=self._go_on, args=(dice, gap, act)))
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()
            self._slack.workspace.faults.clear()
            self._railway.server.faults.clear()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._over.wait(seconds)

    def _go_on(self, dice: random.Random, gap: float, act: Callable[[random.Random], None]) -> None:
        while not self._over.wait(dice.uniform(0, 2 * gap)):
            with suppress(TimeoutError, psycopg.OperationalError):
                act(dice)

    def _person(self, user: str) -> Callable[[random.Random], None]:
        """Return somebody who types, mentions and presses whatever stands there, by whomever it was asked for."""
        person = self._slack.person(user)

        def act(dice: random.Random) -> None:
            there = [(item, name) for item in self._newest() for name in buttons(item) if name in PRESSED]
            mine = [(item, name) for item, name in there if f"<@{user}>" in item.text]
            if there and dice.random() < 0.7:
                message, name = dice.choice(mine if mine and dice.random() < 0.8 else there)
                person.presses(message, name)
            elif dice.random() < 0.2:
                person.says(f"@dragonfly {dice.choice(COMMANDS)}")
            else:
                person.types(f"/dragonfly {dice.choice(COMMANDS)}")

        return act

    def _newest(self) -> list[Message]:
        return self._slack.workspace.messages(CHANNEL)[-12:]

    def _target(self, dice: random.Random) -> None:
        """Jobs get stuck, are picked up and finish; a worker comes and goes."""
        with closing(Target(self._own.dsn, "deployed")) as target:
            target.worker("enforcement_engine-1", silent_seconds=-600, worker_type="enforcement_engine")
            if dice.random() < 0.7:
                target.complete(target.stuck(dice.randint(1, 4))[: dice.randint(0, 1)])
            if dice.random() < 0.2:
                target.pick_up()
            target.worker(ALIVE, silent_seconds=dice.choice([-20, 30]))

    def _fault(self, dice: random.Random) -> None:
        """Slack or Railway fails once, in one of its ways; Slack only after it has taken a few messages more."""
        method = dice.choice(["chat.postMessage", "chat.postMessage", "chat.update"])
        slack = dice.choice(
            [
                Fault(method=method, answer_seconds=2),
                Fault(method=method, drop_answer=True),
                Fault(method=method, down=True),
                Fault(method=method, retry_after_seconds=1),
                Fault(method=method, refuse_connection=True),
            ]
        )
        railway = dice.choice(
            [
                RailwayFault(kind=FaultKind.NO_ANSWER, operation=RESTART, requests=1, seconds=2),
                RailwayFault(kind=FaultKind.ERROR, operation=RESTART, requests=1, status=502),
                RailwayFault(kind=FaultKind.RATE_LIMITED, operation=RESTART, requests=1, seconds=1),
            ]
        )
        stand = len(self._slack.workspace.messages(CHANNEL))
        if stand >= self._stood + TAKEN_BETWEEN_FAULTS:
            self._stood = stand
            self._slack.workspace.faults.script(slack)
        else:
            self._railway.server.faults.script(railway)


def buttons(message: Message) -> list[str]:
    """Return what can be pressed on a card."""
    blocks: tuple[Json, ...] = message.blocks
    return [str(item.get("action_id", "")) for block in blocks for item in block.get("elements", ())]


@pytest.fixture
def own() -> Iterator[OwnServer]:
    """Give a server that may be restarted."""
    with own_server() as server:
        yield server


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """Give a workspace that says how often it may be called only where a fault does."""
    with SlackServer(SlackSettings(rate_limits=False)) as server:
        yield server


def fleet(own: OwnServer, slack: SlackServer, railway: Cloud, folder: Path, **timing: str) -> Fleet:
    """Return a way to start bots."""
    folder.mkdir()
    told = {"call_limit": "3s", "proof_limit": "10s", **timing}
    return Fleet(own.bot_dsn, slack, folder, railway=railway.server, transport="socket", **told)


def kill_one(storm: Storm, bots: list[Replica], many: Fleet) -> None:
    """Kill one of the bots at a random moment, the other one being there, and start another in its place."""
    victim = storm.random.randrange(len(bots))
    bots[1 - victim].ready()
    bots[victim].kill()
    bots[victim] = many.begin()


def test_the_books_balance_after_a_storm(own: OwnServer, slack: SlackServer, tmp_path: Path) -> None:
    """Two bots, one of them killed again and again: each effect once with its record, no alert lost, no message twice."""
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"the storm's seed is {seed}")  # noqa: T201  # shown where it fails
    Books(own.dsn, own.role).close()
    with closing(Target(own.dsn, "deployed")) as target, cloud(target) as railway:
        target.worker()
        storm = Storm(seed, own, slack, railway)
        many = fleet(own, slack, railway, tmp_path / "storm", check_interval="1s", pending_for="1s")
        bots = [many.start(), many.start()]
        with storm.blows():
            for restarts in (True, False):
                until = time.monotonic() + SECONDS / 2
                while time.monotonic() < until:
                    storm.wait(storm.random.uniform(1, 4))
                    kill_one(storm, bots, many)
                if restarts:
                    own.restart()
        many.close()

        with closing(Books(own.dsn, own.role, watch=False)) as books:
            books.wait_no_longer()
            recover(Bot(fleet(own, slack, railway, tmp_path / "calm").settings()), books)
            books.balance(slack)
            print(books.summary())  # noqa: T201  # shown where it fails
            said = [row["event"] for row in books.rows("SELECT event FROM ops.chatops_audit")]
            assert len(railway.sent(RESTART)) <= said.count("step.started")
            assert said.count("step.succeeded") > 0, "something was done at all"


def test_52_rolling_upgrade(
    own: OwnServer, slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bots are replaced one by one under load, the tables widened before: P1 to P6 hold, whoever does what.

    No version was released before this one. The newer one here is this program with a migration more and with other
    settings of a step, so that its plans are not the older one's (`step_rev`). That both find their way through rows
    of the other is proved for what is stored now; what a later program will store is not.
    """
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"the storm's seed is {seed}")  # noqa: T201  # shown where it fails
    be_newer(monkeypatch)
    Books(own.dsn, own.role).close()
    with closing(Target(own.dsn, "deployed")) as target, cloud(target) as railway:
        target.worker()
        storm = Storm(seed, own, slack, railway)
        lively = {"check_interval": "1s", "pending_for": "1s"}
        old = fleet(own, slack, railway, tmp_path / "old", **lively)
        new = fleet(own, slack, railway, tmp_path / "new", **lively, stuck_after="6m")
        leaving = [old.start(), old.start()]
        with closing(Books(own.dsn, own.role, watch=False)) as books:
            with storm.blows():
                eventually(lambda: versions(books, "step.succeeded"), MINUTES)
                widen(own)
                for bot in leaving:
                    new.start(newer=True)
                    storm.wait(SECONDS / 5)
                    bot.stop()
                eventually(lambda: len(versions(books, "step.succeeded")) > 1, MINUTES)
                assert "it is older than the tables" in old.begin().refused()
            new.close()

            books.wait_no_longer()
            recover(Bot(new.settings()), books)
            books.balance(slack)
            print(books.summary())  # noqa: T201  # shown where it fails
            assert versions(books, "step.succeeded") <= versions(books, "preview.made"), (
                "each carried out its own plans"
            )


def widen(own: OwnServer) -> None:
    """Let the newer version's release widen the tables."""
    with closing(Database(own.dsn).open()) as database:
        assert [item.version for item in migrate(database, "dev")] == [LATER.version]


def versions(books: Books, event: str) -> set[tuple[str, str]]:
    """Return the step's and the writer's configuration of each record of an event, for the step that differs."""
    found = books.rows("SELECT record FROM ops.chatops_audit WHERE event = %s", event)
    return {
        (row["record"]["step_rev"], row["record"]["config_rev"])
        for row in found
        if row["record"]["step"] == "reset-stuck"
    }


def recover(bot: Bot, books: Books) -> None:
    """Let one bot go on with whatever was left, until nothing is."""
    bot.start()
    try:
        eventually(books.is_quiet, MINUTES)
    finally:
        bot.stop()
