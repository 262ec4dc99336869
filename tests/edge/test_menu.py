"""The menu of an alert's card: what is rarely needed, each as if its button had been pressed."""

from bot.domain import ids
from bot.operations import audit
from bot.process import Bot
from bot.sandbox.slack.entities import Message
from bot.sandbox.slack.server import SlackServer
from tests.support.cards import CHANNEL, card, chosen, head, typed, written
from tests.support.jobs import Target


def taken(slack: SlackServer, alert: Message) -> Message | None:
    """Return an alert's card once it shows that somebody has it."""
    return slack.workspace.find(CHANNEL, alert.ts) if head(slack, alert.ts).startswith("🟡 Acknowledged") else None


def test_an_alert_is_resolved_by_hand_from_its_card(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Read, or resolved with a reason, which the card and the record keep; a second one is told that it is over."""
    target.worker("e-1", silent_seconds=-600, worker_type="enforcement_engine")
    target.worker(silent_seconds=30)
    alert = card(slack, "🔴 Offline: ingest worker")
    ada, ben, gil = slack.person("U0ADA"), slack.person("U0BEN"), slack.person("U0GIL")

    ada.presses(alert, ids.ACK)
    acknowledged = slack.workspace.wait_for(lambda: taken(slack, alert), 10)
    assert acknowledged is not None
    alert = acknowledged
    ada.presses(alert, ids.MORE, given=chosen(alert, "Timeline"))
    assert "fired" in str(ada.is_told("Timeline").blocks)
    gil.presses(alert, ids.MORE, given=chosen(alert, "Resolve by hand…"))
    slack.workspace.wait_for(lambda: gil.modal and "a guest may not" in str(gil.modal.blocks), 10)
    for person in (ada, ben):
        person.presses(alert, ids.MORE, given=chosen(alert, "Resolve by hand…"))
        person.sees_modal(ids.VIEW_RESOLVE)
    form = ada.modal
    assert form is not None
    assert ada.submits(form, typed(reason="planned stop")).ok

    slack.workspace.wait_for(lambda: head(slack, alert.ts).startswith("⚪ Resolved by hand"), 10)
    after = slack.workspace.find(CHANNEL, alert.ts)
    assert after is not None and "planned stop" in written(after) and "<@U0ADA>" in written(after)
    assert "resolved by hand" in ada.is_told("fires anew").text
    last = ben.modal
    assert last is not None and ben.submits(last, typed(reason="planned stop")).ok
    assert "Nothing to resolve" in ben.is_told("Already resolved by hand").text

    found = [entry for entry in audit.list_newest(bot.services, 100).entries if entry.event == "alert.resolved"]
    assert [entry.actor for entry in found] == ["slack:T0DRAGON/U0ADA"]
