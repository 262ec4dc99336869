"""What was shown is what is done, however much there is of it (§8, §14)."""

import psycopg
import pytest

from bot.domain import ids
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer
from tests.support.cards import CHANNEL, card, head, written
from tests.support.jobs import Target
from tests.support.waiting import eventually


@pytest.fixture
def transport() -> str:
    """The same over both; both are walked elsewhere."""
    return "http"


def test_19_drift(bot: Bot, slack: SlackServer, target: Target, target_dsn: str) -> None:
    """Of ten jobs that were shown three finish and five new ones get stuck: exactly the seven others change."""
    ada = slack.person("U0ADA")
    target.worker()
    shown = target.stuck(10)
    ada.types("/dragonfly reset-stuck")
    plan = card(slack, "🟡 Plan: reset 10 stuck jobs")
    target.complete(shown[:3])
    new = target.stuck(5)

    ada.presses(plan, ids.CONFIRM)

    eventually(lambda: head(slack, plan.ts).startswith("🟡 Working: 7 of 10"), 20)
    changed = [job for job in (*shown, *new) if target.job(job)["status"] == "pending"]
    assert changed == shown[3:]
    assert target.statuses() == {"completed": 3, "pending": 7, "processing": 5}
    with psycopg.connect(target_dsn) as owner:
        row = owner.execute("SELECT state, rows_affected, cardinality(moved) FROM ops.chatops_run").fetchone()
    assert row == ("succeeded", 7, 3)
    found = slack.workspace.find(CHANNEL, plan.ts)
    assert found is not None
    assert "3" in written(found)
