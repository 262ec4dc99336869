"""What stands under a gate's card: restart what it missed, run it again, stop it, allow it all the same."""

import sys
from dataclasses import replace

import pytest

from bot.domain import ids
from bot.domain.configuration import DEFAULT_SERVICES, Configuration, Gate
from bot.process import Bot
from bot.sandbox.slack.entities import Message
from bot.sandbox.slack.server import SlackServer
from tests.scenarios.conftest import LIVELY
from tests.support.cards import CHANNEL, card, head, typed, written

SLOW = (sys.executable, "-c", "import time; time.sleep(120)")


@pytest.fixture
def config() -> Configuration:
    """Give an evaluator that takes two minutes, and the playbook's services."""
    return replace(LIVELY, services=DEFAULT_SERVICES, gate=Gate(commands={"evaluator": SLOW}))


def buttons(message: Message) -> dict[str, dict[str, str]]:
    """Return the buttons of a card by action id."""
    rows = [block["elements"] for block in message.blocks or () if block["type"] == "actions"]
    return {element["action_id"]: element for row in rows for element in row}


def test_a_failed_gate_offers_what_mends_it(bot: Bot, slack: SlackServer) -> None:
    """Restart first; run again posts a card of its own; deploying anyway asks why and needs a second person."""
    ada = slack.person("U0ADA")
    ada.types("/dragonfly gate prod --skip evaluator")
    failed = card(slack, "🔴 Failed: prod gate")
    found = buttons(failed)
    assert list(found) == [ids.PLAN_RESTART, ids.GATE, ids.PLAN_ALLOW, ids.READ_STATUS]
    assert (found[ids.PLAN_RESTART]["style"], found[ids.PLAN_ALLOW]["style"]) == ("primary", "danger")
    assert found[ids.PLAN_RESTART]["value"] == "-?service=ingest"

    ada.presses(failed, ids.PLAN_ALLOW)
    form = ada.sees_modal(ids.VIEW_STEP)
    ada.submits(form, typed(reason="fix for A31"))
    plan = card(slack, "🟡 Plan: allow the release")
    assert "fix for A31" in written(plan) and ids.ASK in written(plan)
    assert bot.services.config.alert_channel == CHANNEL


def test_a_running_gate_is_stopped_from_its_card(bot: Bot, slack: SlackServer) -> None:
    """The card says who stopped it and what was not run; *Run again* begins a new one."""
    ada, ben = slack.person("U0ADA"), slack.person("U0BEN")
    ada.types("/dragonfly gate prod")
    going = card(slack, "🟡 Working: release gate")
    ben.presses(going, ids.STOP_GATE)
    slack.workspace.wait_for(lambda: head(slack, going.ts).startswith("🔴 Stopped: prod gate, 0 of 7"), 10)
    stopped = slack.workspace.find(CHANNEL, going.ts)
    assert stopped is not None and list(buttons(stopped)) == [ids.GATE]
    assert "<@U0BEN>" in written(stopped) and "not run · AI Evaluator" in written(stopped)

    ben.presses(stopped, ids.GATE)
    again = card(slack, "🟡 Working: release gate")
    assert again.ts != going.ts
    ben.presses(again, ids.STOP_GATE)
    slack.workspace.wait_for(lambda: head(slack, again.ts).startswith("🔴 Stopped"), 10)
    assert bot.services.config.env == "dev"


def test_long_gates_hold_nothing_up(bot: Bot, slack: SlackServer) -> None:
    """As many as there are hands for presses run at once: each can still be stopped."""
    ada = slack.person("U0ADA")
    for _ in range(4):
        ada.types("/dragonfly gate prod")
    heads = slack.workspace.messages

    def going() -> list[Message]:
        return [item for item in heads(CHANNEL) if head(slack, item.ts).startswith("🟡 Working: release gate")]

    slack.workspace.wait_for(lambda: len(going()) == 4, 30)
    for item in going():
        ada.presses(item, ids.STOP_GATE)
    slack.workspace.wait_for(lambda: not going(), 30)
    assert bot.services.config.env == "dev"
