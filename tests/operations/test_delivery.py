"""The outbox against a Slack that fails in every way: nothing lost, nothing twice, in order (§5)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.workers import Status
from bot.operations import alerts, delivery
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.server import SlackServer, SlackSettings
from bot.slack.app import client
from bot.slack.chat import SlackChat
from bot.store import outbox
from tests.support.product import CONFIG, INCIDENTS, product
from tests.support.waiting import eventually


@pytest.fixture
def target_schema() -> str:
    """Delivery is the same on both schemas."""
    return "playbook"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """Give a workspace of its own."""
    with SlackServer(SlackSettings(rate_limits=False)) as server:
        yield server


def connected(services: Services, slack: SlackServer) -> Services:
    """Return services that reach the workspace, without a gap between edits."""
    chat = SlackChat(client(slack.settings.bot_token, slack.api_url), env="dev")
    chat.check()
    quick = replace(CONFIG, timing=replace(CONFIG.timing, edit_gap=timedelta(0)))
    return replace(services, chat=chat, config=quick)


@pytest.fixture
def sender(services: Services, slack: SlackServer) -> Services:
    """Give services that reach the workspace."""
    return connected(services, slack)


def queue(services: Services, key: str = "status:1", kind: str = "post") -> None:
    """Queue a status card."""
    with services.db.write() as tx:
        outbox.enqueue(tx, kind, channel=INCIDENTS, message_key=key, render_from={"message": "status", "by": "cli:a@b"})


def due(services: Services) -> int:
    """Let every wait be over, then deliver."""
    with services.db.write() as tx:
        tx.connection.execute("DELETE FROM ops.chatops_rate_gate")
        tx.connection.execute("UPDATE ops.chatops_outbox SET next_attempt_at = now() WHERE ended_at IS NULL")
    return delivery.deliver_due(services)


def states(services: Services) -> list[str]:
    """Return the state of each message in its order."""
    with services.db.read() as tx:
        return [
            row["state"] for row in tx.connection.execute("SELECT state FROM ops.chatops_outbox ORDER BY created_at")
        ]


def test_a_message_is_delivered_once(sender: Services, slack: SlackServer) -> None:
    """Delivered after Slack said yes, and never again."""
    queue(sender)
    assert [delivery.deliver_due(sender) for _ in range(3)] == [1, 0, 0]
    assert len(slack.workspace.messages(INCIDENTS)) == 1


def test_not_accepted_and_no_answer(sender: Services, slack: SlackServer) -> None:
    """Slack failed before it stored anything: looked for twice, then sent again."""
    slack.workspace.faults.script(Fault(method="chat.postMessage", down=True))
    queue(sender)
    for _ in range(4):
        due(sender)
    assert states(sender) == ["delivered"]
    assert len(slack.workspace.messages(INCIDENTS)) == 1


def test_slack_away_keeps_order(sender: Services, slack: SlackServer) -> None:
    """While Slack is down messages wait; afterwards each arrives once."""
    slack.workspace.faults.set(down=True)
    queue(sender, "status:1")
    queue(sender, "status:2")
    for _ in range(3):
        due(sender)
    slack.workspace.faults.clear()
    eventually(lambda: due(sender) == 0 and states(sender) == ["delivered"] * 2)
    assert len(slack.workspace.messages(INCIDENTS)) == 2


def test_what_is_younger_does_not_overtake(bot_dsn: str, slack: SlackServer) -> None:
    """Slack cannot be reached for a minute, and a second message comes in between: at the end both stand in their order."""
    moment = [datetime(2026, 11, 20, 3, 12, tzinfo=UTC)]
    with product(bot_dsn, now=lambda: moment[0]) as made:
        told = connected(made, slack)
        away = replace(told, chat=SlackChat(client("xoxb-1", "http://127.0.0.1:9/api/"), env="dev"))
        queue(away, "status:1")
        for second in range(60):
            if second == 50:
                queue(away, "status:2")
            delivery.deliver_due(away)
            moment[0] += timedelta(seconds=1)
        for _ in range(15):
            delivery.deliver_due(told)
            moment[0] += timedelta(seconds=1)
        with told.db.read() as tx:
            sent = tx.connection.execute("SELECT sent_ts FROM ops.chatops_outbox ORDER BY created_at").fetchall()
    stamps = [row["sent_ts"] for row in sent]
    assert stamps == sorted(stamps)
    assert all(stamps)


def test_two_senders_send_one_copy(sender: Services, slack: SlackServer, bot_dsn: str) -> None:
    """Two bots on one database: each message is claimed by one."""
    for number in range(6):
        queue(sender, f"status:{number}")
    with product(bot_dsn) as bare:
        other = connected(bare, slack)
        while delivery.deliver_due(sender) + delivery.deliver_due(other):
            pass
    assert len(slack.workspace.messages(INCIDENTS)) == 6


def test_refused_blocks_go_as_plain_text(sender: Services, slack: SlackServer) -> None:
    """A message whose blocks Slack refuses arrives as text, once."""
    slack.workspace.faults.script(Fault(method="chat.postMessage", error="invalid_blocks"))
    queue(sender)
    for _ in range(2):
        due(sender)
    [message] = slack.workspace.messages(INCIDENTS)
    assert not message.blocks
    assert message.text


def test_an_edit_waits_for_its_message(sender: Services, slack: SlackServer) -> None:
    """An update of a message that is not posted yet is not sent before it, and many updates are one."""
    for _ in range(3):
        queue(sender, kind="update")
    assert delivery.deliver_due(sender) == 0
    queue(sender)
    while due(sender):
        pass
    assert len(slack.workspace.calls_of("chat.update")) == 1


def test_an_edit_is_drawn_after_the_change_it_shows(sender: Services, slack: SlackServer) -> None:
    """A change that finds an edit waiting keeps it waiting until it is committed: its own numbers are not lost."""
    queue(sender)
    due(sender)
    queue(sender, kind="update")
    with sender.db.write() as tx:
        outbox.enqueue(
            tx, "update", channel=INCIDENTS, message_key="status:1", render_from={"message": "status", "by": "cli:a@b"}
        )
        assert delivery.deliver_due(sender) == 0
    assert states(sender) == ["delivered", "pending"]
    assert delivery.deliver_due(sender) == 1


def test_critical_messages_go_first(sender: Services, slack: SlackServer) -> None:
    """An alert that comes after a crowd of answers stands before what waits of them (Q10)."""
    for number in range(9):
        queue(sender, f"status:{number}")
    with sender.db.write() as tx:
        seen = Observation(
            check="outbox_lag",
            labels={},
            status=Status.BAD,
            started_at=tx.now,
            evidence={"label": "Dragonfly itself", "reason": "late"},
        )
        alerts.observe(sender, tx, seen)
    delivery.deliver_due(sender)
    [first, *_] = slack.workspace.messages(INCIDENTS)
    assert "Dragonfly itself" in str(first.blocks)
