"""What is left when a process dies, or the server under it: exactly one effect or none, a whole record, people told (§9).

Each bot is a process of its own that is killed as by `kill -9`; a second one, in this process, finds what it left.
"""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from bot.domain import ids
from bot.domain.messages import PlanCard
from bot.operations import delivery, plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.process import Bot
from bot.sandbox.railway.faults import FaultKind
from bot.sandbox.slack.delivery import Kind
from bot.sandbox.slack.entities import Message
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.interactions import Result
from bot.sandbox.slack.server import SlackServer
from bot.sandbox.target.seeds import piece_of
from bot.store.db import Database
from bot.store.runs import CLAIM
from tests.support.books import Books
from tests.support.cards import CHANNEL, card, head, written
from tests.support.crashing import Fleet
from tests.support.databases import OwnServer, own_server
from tests.support.jobs import Target
from tests.support.product import ADA, INCIDENTS, ToldClock
from tests.support.railway import Cloud, cloud
from tests.support.seeds import leaks
from tests.support.waiting import eventually

pytestmark = pytest.mark.crash
SECONDS, MINUTE = 30, 60
"""How long a test waits at most for what takes a moment, and for what the specification gives a minute."""


@pytest.fixture
def target_schema() -> str:
    """A crash is the same on both schemas; this one has more columns."""
    return "deployed"


@pytest.fixture
def railway(target: Target) -> Iterator[Cloud]:
    """Give a simulated Railway."""
    with cloud(target) as found:
        yield found


@pytest.fixture
def fleet(bot_dsn: str, slack: SlackServer, railway: Cloud, tmp_path: Path) -> Iterator[Fleet]:
    """Give a way to start bots, which wait two seconds for an answer."""
    made = Fleet(bot_dsn, slack, tmp_path, railway=railway.server, call_limit="2s")
    yield made
    made.close()


@pytest.fixture
def second(fleet: Fleet) -> Iterator[Bot]:
    """Give the bot that recovers, in this process; it does nothing before it is started."""
    with recovering(fleet) as bot:
        yield bot


@contextmanager
def recovering(fleet: Fleet) -> Iterator[Bot]:
    """Give a bot that is told the same as the others, and not started yet."""
    bot = Bot(fleet.settings())
    bot.chat.check()
    try:
        yield bot
    finally:
        (bot.stop if hasattr(bot, "port") else bot.services.close)()


def started(bot: Bot, slack: SlackServer) -> None:
    """Let the second bot begin; from now on Slack talks to it."""
    bot.start()
    slack.use_request_url(f"http://127.0.0.1:{bot.port}/slack/events")


def planned(bot: Bot, slack: SlackServer, step: str = "reset-stuck", **params: str) -> tuple[str, Message]:
    """Let Ada make a plan; return its id, and its card as it stands in Slack."""
    made = plans.make(bot.services, step, params, ADA, Place(channel=INCIDENTS))
    assert isinstance(made, PlanCard), made
    delivery.deliver_due(bot.services)
    return made.key, card(slack, "🟡 Plan:")


def again(slack: SlackServer, pressed: Result) -> None:
    """Let Slack deliver a press once more, as it was."""
    assert pressed.delivery is not None
    slack.run(slack._courier.deliver(Kind.INTERACTIVE, pressed.delivery.payload, accepts_answer=False))


LEFT = {
    "K1": (0, ""),
    "K2": (1, ""),
    "K3": (1, ""),
    "K4": (1, "confirmed"),
    "K5": (1, "confirmed"),
    "K6": (1, "succeeded"),
    "K7": (1, "succeeded"),
}
"""What is found after each point: deliveries written down, and the state of the run."""
WHEN = {"K7": "SELECT EXISTS (SELECT FROM ops.chatops_run WHERE state = 'succeeded')"}


def killed_at(
    point: str, fleet: Fleet, second: Bot, books: Books, slack: SlackServer, target: Target
) -> tuple[str, Message, Result]:
    """Let Ada confirm a reset of three jobs, and the process that takes her press die; look at what it left."""
    target.worker()
    target.stuck(3)
    key, shown = planned(second, slack)
    first = fleet.start(at=point, when=WHEN.get(point, "SELECT true"))
    slack.use_request_url(first.url)
    pressed = slack.person("U0ADA").presses(shown, ids.CONFIRM)
    first.killed_itself()
    eventually(lambda: len(sessions(books)) == 0, SECONDS)
    assert (len(books.rows("SELECT FROM ops.chatops_inbox")), books.run(key).get("state", "")) == LEFT[point]
    assert (piece_of(first.said), leaks(books.dsn)) == ("", []), "its jobs' rows are full of people (44)"
    return key, shown, pressed


def sessions(books: Books) -> list[dict[str, object]]:
    """Return the server's sessions that are at work for a bot, or may be."""
    return books.rows("SELECT pid FROM pg_stat_activity WHERE usename = %s AND state <> 'idle'", books.role)


@pytest.mark.parametrize("point", LEFT)
def test_23_crash_matrix_sql(
    point: str, fleet: Fleet, second: Bot, books: Books, slack: SlackServer, target: Target
) -> None:
    """Killed at K1 to K7 of a reset: found within the minute it is carried out once, and Ada sees the result."""
    key, shown, pressed = killed_at(point, fleet, second, books, slack, target)
    assert pressed.ok is (point not in ("K1", "K2"))

    started(second, slack)
    if point == "K1":
        assert slack.person("U0ADA").presses(shown, ids.CONFIRM).ok
    again(slack, pressed)
    books.wait_no_longer()
    eventually(lambda: head(slack, shown.ts).startswith("🟡 Working: 3 of 3"), SECONDS)
    eventually(books.is_quiet, SECONDS)

    assert target.statuses() == {"pending": 3}
    assert [item.event for item in books.events(key) if item.event != "confirmation.refused"] == [
        "preview.made",
        "confirmation.consumed",
        "step.succeeded",
    ]
    books.balance(slack)


@pytest.mark.parametrize("point", ["K3", "K4", "K5"])
def test_23_crash_matrix_sql_too_late(
    point: str, fleet: Fleet, second: Bot, books: Books, slack: SlackServer, target: Target
) -> None:
    """Found more than a minute after Confirm, or after the plan ended: nothing was done, said so, with a way to try again."""
    key, shown, _ = killed_at(point, fleet, second, books, slack, target)
    books.rows("UPDATE ops.chatops_run SET not_before = not_before - interval '61 seconds' RETURNING id")
    if point == "K3":
        books.rows("UPDATE ops.chatops_plan SET expires_at = now() RETURNING id")

    started(second, slack)
    books.wait_no_longer()
    if point == "K3":
        assert "Nothing was done" in slack.person("U0ADA").is_told("ended at", timeout_seconds=SECONDS).text
    expected = "⚪ Expired" if point == "K3" else "⚪ Not run"
    eventually(lambda: head(slack, shown.ts).startswith(expected), SECONDS)
    eventually(books.is_quiet, SECONDS)

    found = slack.workspace.find(CHANNEL, shown.ts)
    assert found is not None and ids.PLAN_AGAIN in written(found)
    assert target.statuses() == {"processing": 3}
    assert books.run(key).get("state", "") == ("" if point == "K3" else "aborted")
    books.balance(slack)


_HOLD = """
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    WHILE NOT pg_try_advisory_xact_lock_shared(4711) LOOP PERFORM pg_sleep(0.02); END LOOP;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold AFTER UPDATE ON ops.chatops_run DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'succeeded') EXECUTE FUNCTION public.hold();
"""
"""The commit of an effect takes as long as somebody holds a lock."""


@pytest.mark.parametrize("commits", [True, False])
def test_24_zombie_transaction(
    commits: bool,
    fleet: Fleet,
    second: Bot,
    books: Books,
    slack: SlackServer,
    target: Target,
    target_dsn: str,
    bot_dsn: str,
) -> None:
    """Killed while the server still commits: nobody goes on before it is known how that ended; one effect either way."""
    target.worker()
    target.stuck(3)
    key, shown = planned(second, slack)
    books.connection.execute(_HOLD)
    first = fleet.start()
    slack.use_request_url(first.url)
    with psycopg.connect(target_dsn, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(4711)")
        slack.person("U0ADA").presses(shown, ids.CONFIRM)
        [zombie] = eventually(lambda: committing(books), SECONDS)
        first.kill()
        assert (committing(books), books.run(key)["state"]) == ([zombie], "confirmed")

        with told_later(bot_dsn, second) as later:
            assert runs.perform_due(later) == 0, "a row that is held is not taken"
            runs.perform(later, key)
        assert (books.run(key)["state"], books.effects()) == ("confirmed", {}), "nor gone on with"
        if not commits:
            books.rows("SELECT pg_terminate_backend(%s)", zombie)
            eventually(lambda: not committing(books), SECONDS)
    started(second, slack)
    books.wait_no_longer()
    eventually(lambda: head(slack, shown.ts).startswith("🟡 Working: 3 of 3"), SECONDS)
    eventually(books.is_quiet, SECONDS)
    assert target.statuses() == {"pending": 3}
    books.balance(slack)


@contextmanager
def told_later(dsn: str, bot: Bot) -> Iterator[Services]:
    """Give a bot's services when the claim on a run is over."""
    database = Database(dsn, now=lambda: datetime.now(UTC) + CLAIM).open()
    yield replace(bot.services, db=database, clock=ToldClock(lambda: datetime.now(UTC) + CLAIM))
    database.close()


def committing(books: Books) -> list[int]:
    """Return the sessions of bots whose commit is under way."""
    found = books.rows(
        "SELECT pid FROM pg_stat_activity WHERE usename = %s AND state = 'active' AND query = 'COMMIT'", books.role
    )
    return [row["pid"] for row in found]


CALLED = {
    "K8": (0, "executing"),
    "K9": (1, "executing"),
    "waiting": (1, "executing"),
    "K10": (1, "executing"),
    "K11": (1, "unknown"),
}
"""What is found after each point, or while it waits for an answer: requests that reached Railway, and the run's state."""


@pytest.mark.parametrize("point", CALLED)
def test_26_crash_matrix_http(
    point: str, fleet: Fleet, second: Bot, books: Books, slack: SlackServer, railway: Cloud
) -> None:
    """Killed at K8 to K11 of a restart: one request at most; it is read back, or the one on call is asked what they see."""
    key, shown = planned(second, slack, "restart", service="ingest")
    if point in ("K9", "K11", "waiting"):
        patience = 0.0 if point == "waiting" else 0.05
        railway.fault(FaultKind.NO_ANSWER, "deploymentRestart", seconds=patience)
    first = fleet.start(at=point)
    slack.use_request_url(first.url)
    slack.person("U0ADA").presses(shown, ids.CONFIRM)
    if point == "waiting":
        eventually(lambda: railway.sent("deploymentRestart"), SECONDS)
        first.kill()
    else:
        first.killed_itself()
    assert (len(railway.sent("deploymentRestart")), books.run(key)["state"]) == CALLED[point]

    started(second, slack)
    books.wait_no_longer()
    if point == "K8":
        eventually(lambda: head(slack, shown.ts).startswith("⚪ Not known: restart"), SECONDS)
        found = slack.workspace.find(CHANNEL, shown.ts)
        assert found is not None
        assert "<@U0ADA>" in written(found) and ids.SETTLE_YES in written(found)
        assert runs.reconcile(second.services) == 0, "nothing was seen, so nothing is said"
    else:
        eventually(lambda: head(slack, shown.ts).startswith("🟢 Done"), SECONDS)
    eventually(books.is_quiet, SECONDS)
    assert len(railway.sent("deploymentRestart")) == CALLED[point][0]
    ended = [] if point == "K8" else ["step.reconciled_done"]
    said = [item.event for item in books.events(key) if item.event.startswith("step.")]
    assert said == ["step.started", "step.unknown", *ended]
    books.balance(slack)


@pytest.mark.parametrize("moment", ["kill_after_commit", "kill_before_mark"])
def test_08_kill(moment: str, bot_dsn: str, slack: SlackServer, books: Books, target: Target, tmp_path: Path) -> None:
    """Killed when the alert is stored and not sent, or taken by Slack and not marked: it appears, and stays one copy."""
    target.worker(silent_seconds=30)
    for number in range(2):
        target.worker(f"enforcement_engine-{number}", silent_seconds=-600, worker_type="enforcement_engine")
    fleet = Fleet(bot_dsn, slack, tmp_path, check_interval="1s", pending_for="1s")
    stored = "SELECT EXISTS (SELECT FROM ops.chatops_alert WHERE state = 'firing')"
    if moment == "kill_after_commit":
        fleet.start(at="K7", when=stored).killed_itself()
        assert slack.workspace.messages(CHANNEL) == []
    else:
        slack.workspace.faults.script(Fault(method="chat.postMessage", answer_seconds=SECONDS))
        first = fleet.start()
        card(slack, "🔴 Offline: ingest worker")
        first.kill()
    [alert] = books.rows("SELECT state FROM ops.chatops_outbox WHERE message_key LIKE 'alert:%%' AND kind = 'post'")
    assert alert == {"state": "leased"}

    with recovering(fleet) as second:
        started(second, slack)
        books.wait_no_longer()
        card(slack, "🔴 Offline: ingest worker")
        eventually(books.is_quiet, SECONDS)
        assert len([item for item in slack.workspace.messages(CHANNEL) if not item.is_reply]) == 1
        books.balance(slack)


@pytest.fixture
def own() -> Iterator[OwnServer]:
    """Give a server that may be restarted."""
    with own_server() as server:
        yield server


@contextmanager
def restart(server: OwnServer, table: str, mode: str, waiting: str) -> Iterator[None]:
    """Let a statement of what is begun inside wait for a table, and restart the server under it."""
    with (
        closing(psycopg.connect(server.dsn, autocommit=True)) as watcher,
        closing(psycopg.connect(server.dsn)) as holder,
    ):
        holder.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
        yield
        waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
        eventually(lambda: watcher.execute(waits, (f"%{waiting}%",)).fetchone() is not None, SECONDS)
        server.restart()


@contextmanager
def beating(dsn: str) -> Iterator[None]:
    """Let a worker beat, except while the database is away."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.3):
            with suppress(psycopg.OperationalError), closing(Target(dsn, "deployed")) as target:
                target.worker("enforcement_engine-1", silent_seconds=0, worker_type="enforcement_engine")

    thread = threading.Thread(target=beat)
    thread.start()
    yield
    ended.set()
    thread.join()


def posted(slack: SlackServer, beginning: str) -> list[Message]:
    """Return the messages in the channel whose header begins so."""
    there = [item for item in slack.workspace.messages(CHANNEL) if not item.is_reply]
    return [item for item in there if head(slack, item.ts).startswith(beginning)]


def test_27_postgres_restart(own: OwnServer, slack: SlackServer, tmp_path: Path) -> None:
    """A restart in the middle of a look, a confirm, an effect and a marking: nothing lost, nothing twice, nobody dead."""
    ada, dsn = slack.person("U0ADA"), own.dsn
    fleet = Fleet(own.bot_dsn, slack, tmp_path, check_interval="1s", pending_for="1s", unknown_after_start="8s")
    Books(dsn, own.role).close()
    with closing(Target(dsn, "deployed")) as target:
        target.worker(silent_seconds=30)
        target.stuck(3)
    with beating(dsn), recovering(fleet) as bot:
        with restart(own, "ops.chatops_alert", "EXCLUSIVE", "ops.chatops_alert"):
            started(bot, slack)
        eventually(lambda: posted(slack, "🔴 Offline: ingest worker"), MINUTE)

        ada.types("/dragonfly reset-stuck")
        [first] = eventually(lambda: posted(slack, "🟡 Plan:"), MINUTE)
        with restart(own, "ops.chatops_run", "EXCLUSIVE", "INSERT INTO ops.chatops_run"):
            ada.presses(first, ids.CONFIRM)
        eventually(lambda: head(slack, first.ts).startswith("🟡 Working: 3 of 3"), MINUTE)

        with closing(Target(dsn, "deployed")) as target:
            target.stuck(2)
        ada.types("/dragonfly reset-stuck")
        [next_one] = eventually(lambda: posted(slack, "🟡 Plan:"), MINUTE)
        with restart(own, "ops.job_queue", "SHARE", "WITH target AS"):
            ada.presses(next_one, ids.CONFIRM)
        eventually(lambda: head(slack, next_one.ts).startswith("🟡 Working: 2 of 2"), MINUTE)

        slack.workspace.faults.script(Fault(method="chat.postMessage", answer_seconds=3))
        there = len(posted(slack, ""))
        ada.types("/dragonfly status")
        eventually(lambda: len(posted(slack, "")) > there, MINUTE)
        with restart(own, "ops.chatops_outbox", "EXCLUSIVE", "SET state = 'delivered'"):
            pass
        books = Books(dsn, own.role, watch=False)
        eventually(books.is_quiet, MINUTE)

        headers = [head(slack, item.ts) for item in posted(slack, "")]
        assert [text.partition(": ")[2].partition(" ·")[0] for text in headers if "worker" in text] == ["ingest worker"]
        books.balance(slack)
        books.close()
