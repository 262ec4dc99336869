"""App Home: what waits for one person, what is broken, what they did; no button that they may not press."""

from bot.domain import ids
from bot.operations import preflight
from bot.process import Bot
from bot.sandbox.slack.entities import View
from bot.sandbox.slack.server import SlackServer
from tests.support.cards import card, head, shows_home, typed
from tests.support.jobs import Target


def buttons(view: View) -> dict[str, str]:
    """Return the labels of a view's buttons by action id."""
    rows = [block["elements"] for block in view.blocks if block["type"] == "actions"]
    return {item["action_id"]: item["text"]["text"] for row in rows for item in row}


def part(view: View, name: str) -> str:
    """Return the words of one part of a view."""
    found = next(block for block in view.blocks if block["block_id"] == name)
    return str(found["elements"][0]["text"] if name == "foot" else found["text"]["text"])


def test_a_plan_waits_in_home_until_it_is_done(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Its own plan with its end and a link; after it ran, it stands among the last changes; Refresh builds it anew."""
    for worker, kind in (("i-1", "ingest_processor"), ("e-1", "enforcement_engine")):
        target.worker(worker, silent_seconds=-600, worker_type=kind)
    target.worker(silent_seconds=600)
    target.stuck(2)
    preflight.watch(bot.services)
    ada = slack.person("U0ADA")
    ada.types("/dragonfly reset-stuck")
    plan = card(slack, "🟡 Plan: reset 2 stuck jobs")
    ada.opens_home()
    view = shows_home(slack, ada, "Waits for you")
    assert "Operator" in part(view, "you") and "on call" in part(view, "you")
    assert "reset 2 stuck jobs, ends" in part(view, "wait")
    assert part(view, "mine") == "*Your last changes*\nnothing"
    assert "steps ready" in part(view, "foot")
    labels = buttons(view)
    assert labels[ids.OPEN_PLAN].startswith("Plan ") and labels[ids.REFRESH] == "Refresh"

    ada.presses(plan, ids.CONFIRM)
    slack.workspace.wait_for(lambda: head(slack, plan.ts).startswith("🟡 Working: 2 of 2"), 10)
    ada.presses(view, ids.REFRESH)
    after = shows_home(slack, ada, ": watched")
    assert part(after, "wait") == "*Waits for you*\nnothing"
    assert ids.OPEN_PLAN not in buttons(after)


def test_a_status_read_in_home_is_a_modal(bot: Bot, slack: SlackServer) -> None:
    """Home has no place for an answer: the card is shown in a modal, without its controls."""
    ben = slack.person("U0BEN")
    ben.opens_home()
    view = shows_home(slack, ben, "Your last changes")
    ben.presses(view, ids.READ_STATUS)
    shown = slack.workspace.wait_for(
        lambda: ben.modal if ben.modal and "Workers" in str(ben.modal.blocks) else None, 10
    )
    assert shown is not None
    assert not [block for block in shown.blocks if block["type"] == "actions"]
    assert not [item for item in slack.workspace.messages("C0INCIDENTS") if "Workers*" in str(item.blocks)]
    assert bot.services.config.alert_channel == "C0INCIDENTS"


def test_what_is_asked_waits_for_those_who_approve(bot: Bot, slack: SlackServer) -> None:
    """Ben may approve, so the request stands in his Home, with who asks; a reader's Home does not show it."""
    ada, ben = slack.person("U0ADA"), slack.person("U0BEN")
    ada.types("/dragonfly gate prod --skip evaluator")
    card(slack, "🔴 Failed: prod gate")
    ada.types("/dragonfly allow-release fix for A31")
    ada.presses(card(slack, "🟡 Plan: allow the release"), ids.ASK)
    ben.opens_home()
    before = shows_home(slack, ben, "Waits for you")
    assert "allow the release" not in part(before, "wait")
    ada.submits(ada.sees_modal(ids.VIEW_ASK), typed(reason="the fix for the incident is in it"))
    card(slack, "⚠️ Second person")
    ben.presses(before, ids.REFRESH)
    asked = shows_home(slack, ben, "allow the release, asked by")
    assert "<@U0ADA>" in part(asked, "wait")
    assert bot.services.config.people.approvers


def test_a_guest_sees_nothing(bot: Bot, slack: SlackServer) -> None:
    """Whoever may not read is told so, and has no button."""
    gil = slack.person("U0GIL")
    gil.opens_home()
    view = shows_home(slack, gil, "may not read here")
    assert buttons(view) == {}
    assert [block["block_id"] for block in view.blocks] == ["head", "you", "foot"]
    assert bot.services.config.env == "dev"
