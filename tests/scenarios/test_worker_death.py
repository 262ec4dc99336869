"""The story of worker death, from the kill to the proof, as people see it in Slack."""

import pytest

from bot.domain import ids
from bot.operations import audit
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from tests.support.cards import CHANNEL, card, head, written
from tests.support.jobs import Target

STORY = (
    "alert.fired",
    "alert.acked",
    "preview.made",
    "confirmation.refused",
    "confirmation.consumed",
    "step.succeeded",
    "proof.proved",
    "alert.resolved",
)


@pytest.mark.parametrize(("target_schema", "transport"), [("deployed", "socket"), ("playbook", "http")], indirect=True)
def test_from_the_kill_to_the_proof(bot: Bot, slack: SlackServer, target: Target) -> None:
    """One card, acknowledged in place, a plan confirmed once, recovery on the same card, everything in the record."""
    ada, ben = slack.person("U0ADA"), slack.person("U0BEN")
    target.worker(silent_seconds=30)
    target.worker("enforcement_engine-1", silent_seconds=-600, worker_type="enforcement_engine")
    target.worker("enforcement_engine-2", silent_seconds=-600, worker_type="enforcement_engine")
    target.stuck(14)

    alert = card(slack, "🔴 Offline: ingest worker")
    assert "<@U0ADA>" in written(alert)
    assert ids.ACK in written(alert)
    assert ids.PLAN_RESET in written(alert)

    ada.presses(alert, ids.ACK)
    slack.workspace.wait_for(lambda: head(slack, alert.ts).startswith("🟡 Acknowledged"), 10)

    ada.presses(slack.workspace.find(CHANNEL, alert.ts) or alert, ids.PLAN_RESET)
    plan = card(slack, "🟡 Plan: reset 14 stuck jobs")
    assert target.statuses() == {"processing": 14}

    ben.presses(plan, ids.CONFIRM)
    assert "only <@U0ADA> may confirm" in ben.is_told("Nothing was done").text
    ada.presses(plan, ids.CONFIRM)
    slack.workspace.wait_for(lambda: head(slack, plan.ts).startswith("🟡 Working: 14 of 14"), 10)
    assert target.statuses() == {"pending": 14}

    target.pick_up()
    target.worker("ingest_processor-new0001", silent_seconds=-600)
    slack.workspace.wait_for(lambda: head(slack, plan.ts).startswith("🟢 Done: 14 reset"), 10)
    slack.workspace.wait_for(lambda: head(slack, alert.ts).startswith("🟢 Recovered"), 15)

    events = [entry.event for entry in audit.list_newest(bot.services, 100).entries]
    assert set(STORY) <= set(events)
    assert audit.verify(bot.services).broken_at is None
    headers = [head(slack, item.ts) for item in slack.workspace.messages(CHANNEL) if not item.thread_ts]
    assert [text for text in headers if "ingest worker" in text] == [head(slack, alert.ts)]
