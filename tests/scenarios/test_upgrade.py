"""Two versions side by side: each does what it knows, and leaves to the other what only that one knows (§15, L5)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.messages import Notice, PlanCard
from bot.errors import ConflictError
from bot.operations import cards, delivery, inbox, plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.operations.status import status_card
from bot.ports import Envelope
from bot.sandbox.slack.server import SlackServer
from bot.slack.app import client
from bot.slack.chat import SlackChat
from bot.store import outbox
from tests.support.jobs import Target
from tests.support.product import ADA, INCIDENTS, TEAM
from tests.support.upgrading import LATER

HERE = Place(channel=INCIDENTS)


@pytest.fixture
def target_schema() -> str:
    """Our own rows are the same on both."""
    return "deployed"


def with_other_settings(services: Services) -> Services:
    """Return another version, for which a step is another one than for this."""
    timing = services.config.timing
    return replace(services, config=replace(services.config, timing=replace(timing, stuck_after=timedelta(minutes=6))))


def test_52_a_step_that_differs(services: Services, target: Target) -> None:
    """A plan of another version is refused, whatever its age; its run, once confirmed, is left to who planned it."""
    other = with_other_settings(services)
    target.worker()
    target.stuck(2)
    card = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(card, PlanCard)
    refused = plans.confirm(other, card.key, ADA, secret=card.secret)
    assert isinstance(refused, Notice) and refused.kind == "step-changed"

    assert isinstance(plans.confirm(services, card.key, ADA, secret=card.secret), PlanCard)
    runs.perform(other, card.key)
    assert target.statuses() == {"processing": 2}
    runs.perform(services, card.key)
    assert target.statuses() == {"pending": 2}


def test_52_a_message_that_only_the_newer_one_makes(
    services: Services, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the newer one, and what was queued behind it does not wait."""
    chat = SlackChat(client(slack.settings.bot_token, slack.api_url), env="dev")
    older = replace(services, chat=chat)
    for made in ("later", "status"):
        with services.db.write() as tx:
            facts = {"message": made, "by": "cli:a@b"}
            outbox.enqueue(tx, "post", channel=INCIDENTS, message_key=f"{made}:1", render_from=facts)

    assert delivery.deliver_due(older) == 2
    assert len(slack.workspace.messages(INCIDENTS)) == 1
    monkeypatch.setattr(cards, "BUILDERS", {**cards.BUILDERS, "later": status_card})
    with services.db.write() as tx:
        tx.connection.execute("UPDATE ops.chatops_outbox SET next_attempt_at = now() WHERE state = 'pending'")
    assert delivery.deliver_due(older) == 1
    assert len(slack.workspace.messages(INCIDENTS)) == 2


def test_52_a_delivery_that_the_newer_one_wrote(services: Services) -> None:
    """What the newer version knows of a delivery besides does not keep the older one from handling it."""
    sent = Envelope(key="t-1", kind="command", team_id=TEAM, user_id="U0ADA", channel_id=INCIDENTS, text="status")
    assert inbox.receive(services, sent)
    with services.db.write() as tx:
        tx.connection.execute("UPDATE ops.chatops_inbox SET envelope = envelope || '{\"later\": 1}'")
    seen: list[Envelope] = []
    assert inbox.work(services, seen.append, lambda *_: None) == 1
    assert seen == [sent]


def test_52_tables_of_the_newer_one(services: Services, target: Target) -> None:
    """Once they are widened the older one plans and confirms nothing, and says which version to start."""
    target.worker()
    target.stuck(2)
    card = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(card, PlanCard)
    target.connection.execute(LATER.text.encode())
    target.connection.execute(
        "INSERT INTO ops.chatops_schema_version SELECT %s, %s, checksum, applied_at, mode, database_identity "
        "FROM ops.chatops_schema_version WHERE version = 1",
        (LATER.version, LATER.name),
    )
    with pytest.raises(ConflictError, match="older than the tables") as refused:
        plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert refused.value.hint == "start the newer version"
    with pytest.raises(ConflictError, match="older than the tables"):
        plans.confirm(services, card.key, ADA, secret=card.secret)
    assert target.statuses() == {"processing": 2}
