"""Two people allow a release that the gate refused: a reason, a second person, typed, and it ends by itself."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.configuration import DEFAULT_VENDORS
from bot.domain.gate import as_json
from bot.domain.messages import CannotPlan, GateReport, PlanCard, PlanFace
from bot.errors import InvalidCommand
from bot.operations import approvals, audit, gate_runs, plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from tests.support.danger import looked
from tests.support.jobs import Target
from tests.support.product import ADA, BEN, CONFIG, INCIDENTS, product

HERE = Place(channel=INCIDENTS)
REASON = {"reason": "fix for A31", "for": "30m"}


def failed(services: Services) -> GateReport:
    """Run a gate that fails, in the channel."""
    return gate_runs.run(services, "prod", "evaluator", ADA, channel=INCIDENTS)


def shown(services: Services, report: GateReport) -> GateReport:
    """Return the gate's card as it stands now."""
    with services.db.read() as tx:
        card = gate_runs.gate_card(services, tx, {"id": int(report.key[1:])})
    assert isinstance(card, GateReport)
    return card


def test_nothing_to_allow(services: Services) -> None:
    """No gate run, or an allowance that is too long: refused with what to do."""
    made = plans.make(services, "allow-release", REASON, ADA, HERE)
    assert isinstance(made, CannotPlan)
    assert made.remedy == ("dragonfly gate --mode prod",)
    with pytest.raises(InvalidCommand):
        plans.make(services, "allow-release", {**REASON, "for": "9h"}, ADA, HERE)


def test_two_people_say_yes_to_a_no(services: Services) -> None:
    """Asked, approved by another, the number of failures typed; the card is never green; undo ends it at once."""
    report = failed(services)
    assert report.has_findings
    made = plans.make(services, "allow-release", REASON, ADA, HERE)
    assert isinstance(made, PlanCard)
    assert (made.face, made.target) == (PlanFace.NEEDS_SECOND, str(len(report.failed)))
    approvals.ask(services, made.key, ADA, "the fix for the incident is in this release")
    approvals.approve(services, made.key, BEN)
    ready = plans.card(services, made.key)
    assert isinstance(ready, PlanCard)
    plans.confirm(services, made.key, ADA, secret=ready.secret, typed=made.target)
    runs.perform_due(services)
    assert shown(services, report).allowed_why == "fix for A31"
    assert shown(services, report).allowed_until is not None
    assert shown(services, report).has_findings, "the list of failures stays"
    assert looked(services, made.key) is PlanFace.RECOVERED
    undo = plans.make(services, "undo", plans.undo_params(services, made.key), ADA, HERE)
    assert isinstance(undo, PlanCard)
    plans.confirm(services, undo.key, ADA, secret=undo.secret)
    runs.perform_due(services)
    assert shown(services, report).allowed_until is None
    assert looked(services, undo.key) is PlanFace.RECOVERED
    events = [entry.event for entry in audit.list_newest(services, 50).entries]
    assert {"gate.failed", "approval.granted", "step.succeeded"} <= set(events)
    assert audit.verify(services).broken_at is None


@pytest.mark.parametrize(("passes", "face"), [(31, PlanFace.REFUSED), (29, PlanFace.RECOVERED)])
def test_an_allowance_ends_when_they_were_told_it_would(bot_dsn: str, passes: int, face: PlanFace) -> None:
    """Decided too late it is refused, not begun; one that ended before anybody looked had its effect."""
    now = [datetime.now(UTC)]
    waits = replace(CONFIG.timing, approval_life=timedelta(hours=1))
    with product(bot_dsn, replace(CONFIG, timing=waits), now=lambda: now[0]) as services:
        failed(services)
        made = plans.make(services, "allow-release", REASON, ADA, HERE)
        assert isinstance(made, PlanCard)
        approvals.ask(services, made.key, ADA, "the fix for the incident is in this release")
        now[0] += timedelta(minutes=passes)
        approvals.approve(services, made.key, BEN)
        ready = plans.card(services, made.key)
        assert isinstance(ready, PlanCard)
        plans.confirm(services, made.key, ADA, secret=ready.secret, typed=made.target)
        runs.perform_due(services)
        now[0] += timedelta(minutes=2)
        assert looked(services, made.key) is face


def test_a_gate_while_the_database_is_away_still_answers(services: Services) -> None:
    """Nothing can be kept, so nothing is; the checks say that they could not tell."""
    services.db.close()
    report = gate_runs.run(replace(services), "prod", "evaluator", ADA)
    assert report.has_findings
    assert report.key == ""


def test_an_open_pause_fails_the_gate_and_is_kept(services: Services, target: Target) -> None:
    """The verdict of a gate that found a pause can be stored, shown and read as JSON."""
    here = replace(services, config=replace(services.config, vendors=DEFAULT_VENDORS))
    target.pending(1)
    made = plans.make(here, "pause", {"reason": "Simplicity API down"}, ADA, HERE)
    assert isinstance(made, PlanCard)
    plans.confirm(here, made.key, ADA, secret=made.secret)
    runs.perform_due(here)
    report = failed(here)
    assert "No pause active" in [item.name for item in report.failed]
    assert [item.name for item in shown(here, report).failed] == [item.name for item in report.failed]
    assert "is paused" in str(SlackRenderer().card(shown(here, report)).blocks)
    assert json.loads(json.dumps(as_json(report), default=str))["overall_passed"] is False
