"""What is pressed on an alert's card is about that alert."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from bot.domain import ids
from bot.domain.configuration import DEFAULT_VENDORS
from bot.domain.messages import AlertCard, Link
from bot.domain.workers import Status
from bot.operations import alerts, pausing, plans
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.ports import Envelope
from bot.render import forms
from bot.render.slack import SlackRenderer
from handlers import dispatch, submissions
from handlers.answers import Asked
from tests.support.jobs import Target
from tests.support.pausing import HERE, REASON, do
from tests.support.product import ADA, CONFIG, INCIDENTS, TEAM, Answers

BETA = replace(DEFAULT_VENDORS[0], name="beta", title="Beta API")


@pytest.fixture
def target_schema() -> str:
    """A card's buttons are the same on both schemas."""
    return "deployed"


@pytest.fixture
def answers() -> Answers:
    """Give what one person is shown."""
    return Answers()


@pytest.fixture
def here(services: Services, answers: Answers) -> Services:
    """Give the product with two vendors, in which an alert fires at the first look."""
    timing = replace(CONFIG.timing, pending_for=timedelta(0))
    config = replace(CONFIG, vendors=(*DEFAULT_VENDORS, BETA), timing=timing)
    return replace(services, config=config, chat=cast(Any, answers), beside=lambda act: act())


def fired(services: Services, target: Target, check: str, labels: dict[str, str], label: str) -> AlertCard:
    """Let an alert fire and return its card."""
    with services.db.write() as tx:
        evidence = {"label": label, "reason": "as seen"}
        seen = Observation(check=check, labels=labels, status=Status.BAD, started_at=tx.now, evidence=evidence)
        alerts.observe(services, tx, seen)
    number = (target.connection.execute("SELECT max(id) FROM ops.chatops_alert").fetchone() or (0,))[0]
    card = alerts.card(services, number)
    assert isinstance(card, AlertCard)
    return card


def controls(blocks: object) -> dict[str, str]:
    """Return the value of each control by its action id, those in the menu too."""
    found = [item for block in cast(Any, blocks) if block["type"] == "actions" for item in block["elements"]]
    inside = [option["value"].partition(" ") for item in found for option in item.get("options", ())]
    return {item["action_id"]: item.get("value", "") for item in found} | {item[0]: item[2] for item in inside}


def press(services: Services, action: str, value: str) -> None:
    """Press a control in the incident channel."""
    sent = Envelope(key="k", kind="action", team_id=TEAM, user_id="U0ADA", channel_id=INCIDENTS)
    dispatch.handle(services, replace(sent, action_id=action, value=value))


def test_runbook_is_the_alerts_own(here: Services, target: Target, answers: Answers) -> None:
    """*Runbook* opens the runbook of the alert's scenario, and that one's *Verify* verifies the same."""
    card = fired(here, target, "migration_blocked", {}, "migrations")
    press(here, ids.READ_RUNBOOK, controls(SlackRenderer().card(card).blocks)[ids.READ_RUNBOOK])
    [shown] = answers.shown
    assert "Runbook Migration block" in shown
    assert f"'{card.key}?scenario=migration-block'" in shown


def test_a_plan_made_from_what_an_alert_showed_is_the_alerts(here: Services, target: Target, answers: Answers) -> None:
    """*Status* on its card, then *Reset stuck jobs…* there: the alert tells of the run; asked for elsewhere it does not."""
    card = fired(here, target, "migration_blocked", {}, "migrations")
    target.worker()
    target.stuck(1)
    for subject, begins in ((card.key, card.key), ("-", "-")):
        press(here, ids.READ_STATUS, subject)
        assert f"'action_id': '{ids.PLAN_RESET}'" in answers.shown[-1]
        assert f"'value': '{begins}'" in answers.shown[-1]
    assert f"'{card.key}'" not in answers.shown[-1]


def test_the_vendor_that_fails_is_asked(here: Services, target: Target, answers: Answers) -> None:
    """*Probe* asks the alert's vendor, on its card and on the runbook that the card opens."""
    card = fired(here, target, "vendor_errors", {"vendor": BETA.name}, BETA.title)
    on_card = controls(SlackRenderer().card(card).blocks)
    press(here, ids.READ_PROBE, on_card[ids.READ_PROBE])
    press(here, ids.READ_RUNBOOK, on_card[ids.READ_RUNBOOK])
    assert "Beta API" in answers.shown[0]
    assert "Runbook Vendor outage" in answers.shown[1]
    assert f"'{card.key}?vendor=beta'" in answers.shown[1]


@pytest.mark.parametrize("form", [ids.VIEW_ASK, ids.VIEW_SETTLE_YES, ids.VIEW_SETTLE_NO, ids.VIEW_REVIEW])
def test_no_form_takes_spaces_for_a_reason(here: Services, answers: Answers, form: str) -> None:
    """Slack holds people to the least length, a hand-made submission is held to it here; nothing is looked up for it."""
    sent = Envelope(
        key="k", kind="submission", team_id=TEAM, user_id="U0BEN", callback_id=form, private_metadata="A3F9"
    )
    for inputs in ({}, {ids.INPUT_REASON: "        "}, {ids.INPUT_REASON: "\u3164" * 20}):
        made = replace(sent, inputs=inputs)
        least = submissions.LEAST_SAID[form]
        said = submissions.faults(Asked(services=here, envelope=made))["reason"]
        assert f"a reason has {least} characters or more" in SlackRenderer().card(said).text
        dispatch.handle(here, made)
        assert f"a reason has {least} characters or more" in answers.shown[-1], "where it comes past the field too"


def test_the_button_that_was_pressed_becomes_the_plan(here: Services, target: Target) -> None:
    """*Restart ingest…* turns into *Open plan*, *Reset stuck jobs…* stays; the reset's plan turns that one."""
    target.stuck(1)
    card = fired(here, target, "worker_heartbeat", {"worker_type": "ingest_processor"}, "ingest")
    taken = replace(card, acked_by="slack:T0DRAGON/U0ADA", service="ingest")
    labelled = ("Reset stuck jobs…", "Restart ingest…")
    for step, left in (("restart", (1, 0)), ("reset-stuck", (0, 1)), ("unlock", (1, 1))):
        blocks = repr(SlackRenderer().card(replace(taken, open_plan=Link(key="7F3K"), open_step=step)).blocks)
        assert tuple(blocks.count(f"'{words}'") for words in labelled) == left
        assert blocks.count("'Open plan 7F3K'") == 2 - sum(left)
    plans.make(here, "reset-stuck", {}, ADA, HERE, alert_id=int(card.key[1:]))
    made = alerts.card(here, int(card.key[1:]))
    assert isinstance(made, AlertCard) and made.open_step == "reset-stuck" and made.open_plan is not None


@pytest.mark.parametrize(("way", "then"), [("resume", "it stops if errors return"), ("undo", "then pause ingest")])
def test_what_is_paused_is_not_paused_again(here: Services, target: Target, way: str, then: str) -> None:
    """Once ingest is paused, by whatever way, the vendor's alert says what comes then, and offers it."""
    card = fired(here, target, "vendor_errors", {"vendor": BETA.name}, BETA.title)
    assert "then pause ingest" in repr(SlackRenderer().card(card))
    target.pending(1)
    paused = do(here, "pause", REASON)
    pausing.tend(here)
    edits = "SELECT count(*) FROM ops.chatops_outbox WHERE kind = 'update' AND message_key LIKE 'alert:%'"
    assert target.connection.execute(edits).fetchone() == (1,)
    again = alerts.card(here, int(card.key[1:]))
    shown = SlackRenderer().card(again)
    assert "wait for the API,\\nthen resume in small batches" in repr(shown)
    assert ids.PLAN_RESUME in controls(shown.blocks) and ids.PLAN_PAUSE not in controls(shown.blocks)
    target.connection.execute("DELETE FROM ops.chatops_outbox WHERE kind = 'update'")
    if way == "resume":
        do(here, "resume", {})
    else:
        do(here, "undo", {"run": paused.key}, undo=True)
    assert target.connection.execute(edits).fetchone() == (1,)
    assert then in repr(SlackRenderer().card(alerts.card(here, int(card.key[1:]))))


def test_an_alert_is_resolved_by_hand_with_a_reason_only(here: Services, target: Target, answers: Answers) -> None:
    """A form without a reason, or with spaces for one, resolves nothing, and its sender is told."""
    card = fired(here, target, "slack_auth", {}, "sign-in")
    sent = Envelope(key="k", kind="submission", team_id=TEAM, user_id="U0ADA", callback_id=ids.VIEW_RESOLVE)
    for inputs in ({}, {ids.INPUT_REASON: "        "}):
        dispatch.handle(here, replace(sent, private_metadata=card.key, inputs=inputs))
    assert [("a reason has 5 characters or more" in shown) for shown in answers.shown] == [True, True]
    assert [line.state for line in alerts.list_open(here).alerts] == ["firing"]


def test_a_form_of_an_earlier_outage_does_not_resolve_the_next(
    here: Services, target: Target, answers: Answers
) -> None:
    """Opened before the alert fired again: refused with the time; opened since, it resolves."""
    card = fired(here, target, "slack_auth", {}, "sign-in")
    form = alerts.resolve_form(here, int(card.key[1:]), ADA)
    target.connection.execute("UPDATE ops.chatops_alert SET fired_at = now() + interval '1 s'")
    sent = Envelope(key="k", kind="submission", team_id=TEAM, user_id="U0ADA", callback_id=ids.VIEW_RESOLVE)
    old = replace(sent, private_metadata=forms.identity(form)[1], inputs={ids.INPUT_REASON: "planned stop"})
    dispatch.handle(here, old)
    assert "fired again at" in answers.shown[-1]
    later = replace(form, as_of=form.as_of + timedelta(seconds=2))
    dispatch.handle(here, replace(old, private_metadata=forms.identity(later)[1]))
    assert alerts.list_open(here).alerts == ()
