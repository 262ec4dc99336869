"""What was shown is what is done, however much there is of it (§8, §14)."""

import re

import psycopg
import pytest

from bot.domain import ids
from bot.domain.messages import Message
from bot.process import Bot
from bot.render import limits
from bot.render.slack import SlackRenderer
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.limits import check_message
from bot.sandbox.slack.server import SlackServer
from tests.support.cards import CHANNEL, card, head, result, written
from tests.support.examples import ALERT
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

    assert result(slack, plan.ts).startswith("🟡 Working: 7 of 10")
    changed = [job for job in (*shown, *new) if target.job(job)["status"] == "pending"]
    assert changed == shown[3:]
    assert target.statuses() == {"completed": 3, "pending": 7, "processing": 5}
    with psycopg.connect(target_dsn) as owner:
        row = owner.execute("SELECT state, rows_affected, cardinality(moved) FROM ops.chatops_run").fetchone()
    assert row == ("succeeded", 7, 3)
    found = slack.workspace.find(CHANNEL, plan.ts)
    assert found is not None
    assert "3" in written(found)


def refused(slack: SlackServer) -> list[str]:
    """Return what Slack refused of what it was sent."""
    return [f"{call.method}: {call.answer.get('error')}" for call in slack.workspace.calls if not call.answer.get("ok")]


def test_59_oversize(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Two hundred jobs on a card and in its list, three hundred workers with long names: cut and paged, never refused."""
    ada = slack.person("U0ADA")
    target.worker()
    target.stuck(200)
    ada.types("/dragonfly reset-stuck")
    plan = card(slack, "🟡 Plan: reset 200 stuck jobs")

    ada.presses(plan, ids.READ_PLAN)
    ada.sees_modal(ids.VIEW_PLAN, timeout_seconds=20)
    ada.presses(plan, ids.CONFIRM)

    eventually(lambda: head(slack, plan.ts).startswith("🟡 Working: 200 of 200"), 20)
    assert target.statuses() == {"pending": 200}

    for number in range(300):
        target.worker(f"ingest_processor-{'n' * 200}-{number:04}", silent_seconds=-600)
    ada.types("/dragonfly workers")
    ada.is_told("Show more", timeout_seconds=20)
    assert refused(slack) == []


def test_59_oversize_all_the_same(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Slack finds a card too long that we did not: it comes as plain text of at most 2,000 characters."""
    target.worker()
    target.stuck(20)
    for word in ("invalid_blocks", "msg_blocks_too_long"):
        slack.workspace.faults.script(Fault(method="chat.postMessage", error=word))
    slack.person("U0ADA").types("/dragonfly reset-stuck")

    plain = eventually(
        lambda: [item for item in slack.workspace.messages(CHANNEL) if item.text and not item.blocks], 20
    )
    assert all(len(item.text) <= 2000 for item in plain)


@pytest.mark.parametrize("text", ["x" * 10_000, "&lt;" * 4000, "<!date^1795000000^{time_secs}|03:12:00> " * 400])
def test_59_oversize_parts(text: str) -> None:
    """Sixty parts of ten thousand characters: each within a section, all within a message, no entity cut in two."""
    fitted = limits.fit([(f"part{number}", text) for number in range(60)])
    assert max(len(part) for _, part in fitted) <= limits.SECTION
    assert sum(len(part) for _, part in fitted) <= limits.TOTAL + 60
    for _, part in fitted:
        assert not re.search(r"&[a-z]*…$|<[^>]*…$", part)


class Wordy(SlackRenderer):
    """A renderer whose templates have sixty parts."""

    def _parts(self, message: Message) -> dict[str, str]:
        return {"fallback": message.env, **{f"part{number}": "x" * 100 for number in range(60)}}


def test_59_oversize_blocks() -> None:
    """Sixty blocks become as many as a card may have, which Slack takes; the card's controls are among them."""
    blocks = [dict(block) for block in Wordy().card(ALERT).blocks]
    assert (len(blocks), check_message(blocks)) == (limits.BLOCKS, [])
    rows = [block for block in SlackRenderer().card(ALERT).blocks if block["type"] == "actions"]
    assert rows and blocks[-len(rows) :] == rows
    assert blocks[0]["block_id"] == "part0"
