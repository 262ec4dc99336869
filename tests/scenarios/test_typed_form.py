"""The target of a dangerous step is typed: what is mistyped stays in the form, is recorded, and ends the request at last."""

import pytest

from bot.domain import ids
from bot.operations import audit
from bot.process import Bot
from bot.sandbox.slack.entities import Message, View
from bot.sandbox.slack.person import Person
from bot.sandbox.slack.server import SlackServer
from tests.support.cards import card, head, typed, written
from tests.support.waiting import eventually


@pytest.fixture
def target_schema() -> str:
    """A form is the same on both schemas."""
    return "deployed"


@pytest.fixture
def approved(bot: Bot, slack: SlackServer) -> Message:
    """Give the card of a plan that Ada made and Ben approved: a release that the gate refused."""
    ada, ben = slack.person("U0ADA"), slack.person("U0BEN")
    ada.types("/dragonfly gate prod --skip evaluator")
    card(slack, "🔴 Failed: prod gate")
    ada.types("/dragonfly allow-release fix for A31")
    plan = card(slack, "🟡 Plan: allow the release")
    ada.presses(plan, ids.ASK)
    ada.submits(ada.sees_modal(ids.VIEW_ASK), typed(reason="the fix for the incident is in it"))
    ben.presses(card(slack, "⚠️ Second person: release"), ids.APPROVE)
    return card(slack, "⚠️ Approved: allow release")


def opened(ada: Person, card_of_plan: Message) -> tuple[View, str]:
    """Open the form of an approved plan; return it with the target to type."""
    ada.presses(card_of_plan, ids.RUN)
    form = ada.sees_modal(ids.VIEW_TYPED)
    label = str(form.blocks[-1]["label"]["text"])
    return form, label.removeprefix("Type ").removesuffix(" to go on")


def refusals(bot: Bot) -> int:
    """Return how many refused presses the record holds."""
    return [entry.event for entry in audit.list_newest(bot.services, 100).entries].count("confirmation.refused")


def test_a_mistyped_target_stays_in_the_form(bot: Bot, slack: SlackServer, approved: Message) -> None:
    """It is said under the field, once, and recorded; the same form then takes the right one."""
    ada = slack.person("U0ADA")
    form, target = opened(ada, approved)
    answer = ada.submits(form, typed(typed="48213"))
    assert answer.errors == {"typed": f"That is not {target}. Nothing was done."}
    assert ada.modal is not None and ada.modal.id == form.id
    eventually(lambda: refusals(bot) == 1, 10)
    assert head(slack, approved.ts).startswith("⚠️ Approved")

    assert ada.submits(form, typed(typed=f" {target} ")).ok
    slack.workspace.wait_for(lambda: head(slack, approved.ts).startswith("⚠️ Failed but allowed"), 10)
    assert ada.private_messages == []
    assert audit.verify(bot.services).broken_at is None


def test_five_wrong_entries_end_the_request(bot: Bot, slack: SlackServer, approved: Message) -> None:
    """The fifth answer says so, the card too; the right one comes too late, and nothing was done."""
    ada = slack.person("U0ADA")
    form, target = opened(ada, approved)
    for _ in range(4):
        assert "ended" not in ada.submits(form, typed(typed="0")).errors["typed"]
    fifth = ada.submits(form, typed(typed="0")).errors["typed"]
    assert fifth == f"That is not {target}. Nothing was done. Five wrong entries: the request has ended."
    slack.workspace.wait_for(lambda: head(slack, approved.ts).startswith("⚪ Cancelled: plan"), 10)
    now = slack.workspace.find("C0INCIDENTS", approved.ts)
    assert now is not None and "5 wrong entries" in written(now)

    assert ada.submits(form, typed(typed=target)).ok
    assert "was ended by Dragonfly" in ada.is_told("Nothing was done").text
    events = [entry.event for entry in audit.list_newest(bot.services, 100).entries]
    assert events.count("approval.ended") == 1
    assert "confirmation.consumed" not in events
