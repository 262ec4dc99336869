"""Delivery in bad times: every message arrives once, in order, or somebody is called another way (§5, §16, §20)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Event, Thread

import pytest

from bot.errors import DeliveryTransient
from bot.operations import delivery
from bot.operations.services import Services
from bot.ports import Chat, Rendered
from bot.process import Bot
from bot.sandbox.pager import Pager
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.server import SlackServer
from bot.store import outbox
from tests.scenarios.conftest import LIVELY
from tests.support.jobs import Target
from tests.support.product import INCIDENTS, product
from tests.support.requests import STRANGER
from tests.support.running import running_bot
from tests.support.told import Night, chat_of, connected, told
from tests.support.waiting import eventually

POST = "chat.postMessage"
SECONDS = 30
"""How long a test waits at most for what takes a moment."""


@pytest.fixture
def target_schema() -> str:
    """Delivery is the same on both schemas."""
    return "deployed"


@pytest.fixture
def night(bot_dsn: str, target: Target) -> Iterator[Night]:
    """Give a quiet night."""
    with told(bot_dsn, target) as made:
        yield made


@pytest.fixture
def replica(night: Night, bot_dsn: str) -> Iterator[Services]:
    """Give another process on the same database."""
    with product(bot_dsn, night.services.config, now=lambda: night.clock.now) as bare:
        made = connected(bare, night.slack, night.pager)
        yield made
        assert made.pager is not None
        made.pager.close()


def queue(services: Services, key: str, priority: int = outbox.NORMAL) -> None:
    """Queue a status card."""
    facts = {"message": "status", "by": "cli:a@b"}
    with services.db.write() as tx:
        outbox.enqueue(tx, "post", channel=INCIDENTS, message_key=key, render_from=facts, priority=priority)


def delivered(night: Night) -> list[object]:
    """Return the keys of what was delivered, in the order in which it stands in the channel."""
    rows = night.rows("SELECT message_key FROM ops.chatops_outbox WHERE state = 'delivered' ORDER BY sent_ts")
    return [row[0] for row in rows]


def test_9_rate_limited(night: Night, replica: Services) -> None:
    """Told to wait 30 s four times: neither replica calls inside a wait, nothing is lost, and the order is kept."""
    night.slack.workspace.faults.script(*[Fault(method=POST, retry_after_seconds=30)] * 4)
    keys = [f"status:{number}" for number in range(5)]
    for key in keys:
        queue(night.services, key)
        night.clock.passes(0.001)
    for _ in range(150):
        night.clock.passes(1)
        for services in (night.services, replica):
            while delivery.deliver_due(services):
                pass
    calls = night.slack.workspace.calls_of(POST)
    refused, taken = calls[:4], calls[4:]
    waits = [later.at - sooner.at for sooner, later in pairwise(calls)][:4]
    assert [call.status for call in refused] == [429] * 4
    assert min(waits) >= 30
    assert len(taken) == 5
    assert delivered(night) == keys


def test_10_accept_then_timeout(night: Night) -> None:
    """Slack stores the post and the answer is lost: it is found in the channel, nothing is sent again."""
    night.slack.workspace.faults.script(Fault(method=POST, drop_answer=True))
    queue(night.services, "status:1")
    night.deliver()
    assert night.rows("SELECT state FROM ops.chatops_outbox") == [("ambiguous",)]
    night.clock.passes(5)
    night.deliver()
    [message] = night.messages()
    assert night.rows("SELECT state, sent_ts FROM ops.chatops_outbox") == [("delivered", message.ts)]
    assert len(night.slack.workspace.calls_of(POST)) == 1


def test_10_a_later_try_that_was_not_sent_forgets_nothing(night: Night) -> None:
    """An answer is lost, then Slack says wait before anybody could look: the message is still looked for first."""
    night.slack.workspace.faults.script(Fault(method=POST, drop_answer=True), Fault(method=POST, retry_after_seconds=3))
    queue(night.services, "status:1")
    night.deliver()
    night.clock.passes(5)
    queue(night.services, "status:2", priority=outbox.CRITICAL)
    for _ in range(10):
        night.deliver()
        night.clock.passes(5)
    assert delivered(night) == ["status:1", "status:2"]
    assert len(night.messages()) == 2


def test_10_told_to_wait_before_the_look(night: Night) -> None:
    """An answer is lost, then Slack asks whoever looks to wait: it is waited for, nothing is sent meanwhile."""
    night.slack.workspace.faults.script(Fault(method=POST, drop_answer=True))
    queue(night.services, "status:1")
    night.deliver()
    night.slack.workspace.faults.script(Fault(method="conversations.history", retry_after_seconds=30))
    for _ in range(5):
        night.clock.passes(10)
        night.deliver()
    assert delivered(night) == ["status:1"]
    assert len(night.slack.workspace.calls_of(POST)) == 1


def test_10_far_back(night: Night) -> None:
    """An answer is lost, then hundreds write in the channel: the message is still found."""
    night.slack.workspace.faults.script(Fault(method=POST, drop_answer=True))
    queue(night.services, "status:1")
    night.deliver()
    ada = night.slack.person("U0ADA")
    for number in range(210):
        ada.says(f"look at this, {number}")
    night.clock.passes(5)
    night.deliver()
    assert delivered(night) == ["status:1"]
    assert len(night.slack.workspace.calls_of(POST)) == 1


@dataclass
class Stalling:
    """A chat whose sender stands still after its message has arrived, until it may go on, with an answer or with none."""

    inner: Chat
    fails: bool
    arrived: Event = field(default_factory=Event)
    may_go_on: Event = field(default_factory=Event)

    def post(self, channel: str, content: Rendered, *, outbox_id: str = "", **_more: object) -> str:
        """Post, stand still, and come back with a place where nothing stands."""
        self.inner.post(channel, content, outbox_id=outbox_id)
        self.arrived.set()
        assert self.may_go_on.wait(SECONDS)
        if self.fails:
            message = "the connection is gone"
            raise DeliveryTransient(message, slack_error="unreachable")
        return "1.000001"


@dataclass
class Looking:
    """A chat that finds the message in the channel, while something else happens."""

    inner: Chat
    meanwhile: Callable[[], None]

    def history(self, channel: str, since: datetime, *, thread_ts: str = "") -> object:
        """Read as ever, later."""
        self.meanwhile()
        return self.inner.history(channel, since, thread_ts=thread_ts)


@pytest.mark.parametrize("fails", [False, True], ids=["with an answer", "without one"])
def test_11_lease_takeover(night: Night, replica: Services, fails: bool) -> None:
    """A stalls 90 s, B takes over, finds the message and marks it; what A then says, before B or after it, changes nothing."""
    assert night.services.chat is not None and replica.chat is not None
    for number, amid in enumerate((True, False), 1):
        night.clock.passes(60)  # a sender without an answer keeps the channel waiting for a moment
        key = f"status:{number}"
        queue(night.services, key)
        stalling = Stalling(night.services.chat, fails)
        sender = Thread(
            target=delivery.deliver_due,
            args=(replace(night.services, chat=stalling),),  # type: ignore[arg-type]  # what it needs
        )
        sender.start()

        def wake(stalling: Stalling = stalling, sender: Thread = sender) -> None:
            stalling.may_go_on.set()
            sender.join(SECONDS)

        assert stalling.arrived.wait(SECONDS)
        night.clock.passes(90)
        looking = Looking(replica.chat, wake if amid else lambda: None)
        assert delivery.deliver_due(replace(replica, chat=looking)) == 1  # type: ignore[arg-type]  # what it needs
        wake()
        assert not sender.is_alive()
        found = night.rows(f"SELECT state, sent_ts, lease_epoch FROM ops.chatops_outbox WHERE message_key = '{key}'")
        assert found == [("delivered", night.messages()[-1].ts, 2)]
    assert len(night.messages()) == 2


def test_12_slack_down_one_hour(night: Night) -> None:
    """Fired and recovered inside: a page within a minute, its end by the same key, then one message that tells both."""
    night.slack.workspace.faults.set(down=True)
    night.alive = False
    night.passes(180)
    [(fired_at, fingerprint)] = night.rows(
        "SELECT fired_at, fingerprint FROM ops.chatops_alert WHERE check_id = 'worker_heartbeat'"
    )
    [page] = night.paged("worker_heartbeat")
    assert isinstance(fired_at, datetime)
    assert (datetime.fromisoformat(str(page["at"])) - fired_at).total_seconds() <= 60
    assert page["dedup_key"] == fingerprint
    assert "ingest workers offline, 0 of 1 online since" in str(page["text"])

    night.alive = True
    night.passes(3600 - 180, tick=60)
    [over] = night.paged("worker_heartbeat", "resolve")
    assert over["dedup_key"] == fingerprint
    assert night.messages() == []

    night.slack.workspace.faults.clear()
    night.passes(300)
    [told_once] = night.messages("ingest worker")
    assert "(Slack was away)" in str(told_once.blocks)
    assert "Fired" in str(told_once.blocks) and "recovered" in str(told_once.blocks)
    assert night.rows("SELECT message_key FROM ops.chatops_outbox WHERE state = 'dead' OR ended_at IS NULL") == []


def test_13_token_revoked(night: Night) -> None:
    """The second path at once; the message arrives with a new token; what is stored was never touched."""
    night.slack.renew_token()
    night.alive = False
    while not night.rows("SELECT 1 FROM ops.chatops_alert WHERE state = 'firing'"):
        night.passes(15)
    assert [page["alert"] for page in night.paged("worker_heartbeat")] == ["A1"]
    assert night.messages() == []

    night.services = replace(night.services, chat=chat_of(night.slack))
    night.passes(60)
    assert len([item for item in night.messages("Offline: ingest worker") if not item.thread_ts]) == 1
    assert len(night.paged("worker_heartbeat")) == 1


def ready(bot: Bot) -> tuple[int, str]:
    """Ask whether a bot is ready, as whoever watches it does."""
    answer = STRANGER.get(f"http://127.0.0.1:{bot.port}/readyz")
    return answer.status_code, answer.text


def test_13_token_revoked_is_not_ready(bot_dsn: str, slack: SlackServer) -> None:
    """Who has the old token is not ready, pages and pings nobody; with the new one, on the same tables, all is well."""
    second = timedelta(seconds=1)
    timing = replace(LIVELY.timing, ping_interval=second, slack_interval=second, page_after=second)
    config = replace(LIVELY, workers=(), pager="webhook", timing=timing)
    with Pager() as pager:
        told = {"dragonfly_pager_url": pager.url, "dragonfly_healthcheck_url": pager.ping_url}
        with running_bot(bot_dsn, slack, config, "http", None, **told) as bot:
            eventually(lambda: pager.pings >= 2, SECONDS)
            assert ready(bot) == (200, "ready")
            slack.renew_token()
            eventually(lambda: ready(bot) == (503, "not ready"), SECONDS)
            eventually(lambda: [page for page in pager.pages if page["check"] == "slack_auth"], SECONDS)
            eventually(lambda: not bot._pulse.is_well(), SECONDS)
            heard, asked = pager.pings, len(slack.workspace.calls_of("auth.test"))
            eventually(lambda: len(slack.workspace.calls_of("auth.test")) > asked + 1, SECONDS)
            assert pager.pings <= heard + 1
        with running_bot(bot_dsn, slack, config, "http", None, **told) as anew:
            eventually(lambda: ready(anew) == (200, "ready") and pager.pings > heard + 1, SECONDS)
