"""The freeze: who may turn changes off and on, and what stops meanwhile (§7)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.configuration import DEFAULT_VENDORS
from bot.domain.messages import Notice, PlanCard, PlanFace
from bot.errors import ChangesOff, InvalidCommand, NotAllowed
from bot.operations import approvals, audit, freezing, pausing, plans, runs, status
from bot.operations.services import Services
from tests.support.danger import HERE, REASON
from tests.support.jobs import Target
from tests.support.product import ADA, BEN, CONFIG, DANA, GIL, SHELL

WHY = "database failover"
deployed = pytest.mark.parametrize("target_schema", ["deployed"])


def planned(services: Services, target: Target, jobs: int) -> PlanCard:
    """Let jobs be stuck, and Ada plan to reset them."""
    target.worker()
    target.stuck(jobs)
    made = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(made, PlanCard)
    return made


def events(services: Services) -> list[str]:
    """Return what was recorded."""
    return [entry.event for entry in audit.list_newest(services, 200).entries]


@deployed
def test_who_may(services: Services) -> None:
    """An operator freezes, from a shell too; a guest does not; another approver ends it, in Slack only."""
    with pytest.raises(NotAllowed, match="a guest may not"):
        freezing.freeze(services, GIL, WHY)
    with pytest.raises(InvalidCommand, match="a reason has 5 characters or more"):
        freezing.freeze(services, SHELL, "        ")
    assert freezing.freeze(services, SHELL, WHY).kind == "frozen"
    again = freezing.freeze(services, ADA, "another reason")
    assert (again.kind, again.facts["by"], again.facts["reason"]) == ("frozen-already", SHELL.key, WHY)
    with pytest.raises(NotAllowed, match="in Slack, never from a shell"):
        freezing.unfreeze(services, SHELL)
    with pytest.raises(NotAllowed, match="needs an approver, you may plan and confirm changes") as told:
        freezing.unfreeze(services, ADA)
    assert told.value.ask == services.config.people.approvers
    assert freezing.unfreeze(services, BEN).kind == "unfrozen"
    assert freezing.unfreeze(services, BEN).kind == "not-frozen"
    assert [event for event in events(services) if event.startswith("freeze")] == ["freeze.set", "freeze.lifted"]


@deployed
def test_another_account_is_not_another_person(services: Services) -> None:
    """Who froze by one account does not end it by another one."""
    people = replace(CONFIG.people, same=(("U0BEN", "U0DANA"),))
    mapped = replace(services, config=replace(CONFIG, people=people))
    freezing.freeze(mapped, BEN, WHY)
    assert [freezing.unfreeze(mapped, who).kind for who in (BEN, DANA)] == ["own-freeze", "own-freeze"]
    assert status.read(mapped).changes_on is False


def test_everything_that_changes_stops(services: Services, target: Target) -> None:
    """No plan, no confirmation, no approval, no effect; the card of the status says who and why; then all goes on."""
    careful = replace(services, config=replace(CONFIG, queue=replace(CONFIG.queue, approve_above=2)))
    card = planned(careful, target, 3)
    approvals.ask(careful, card.key, ADA, REASON)
    freezing.freeze(careful, BEN, WHY)

    acts: tuple[Callable[[], object], ...] = (
        lambda: plans.make(careful, "reset-stuck", {}, ADA, HERE),
        lambda: plans.confirm(careful, card.key, ADA, secret=card.secret),
        lambda: approvals.ask(careful, card.key, ADA, REASON),
        lambda: approvals.approve(careful, card.key, DANA),
    )
    for act in acts:
        with pytest.raises(ChangesOff, match=WHY):
            act()
    shown = status.read(careful)
    assert (shown.changes_on, shown.changes_by, shown.changes_why) == (False, BEN.key, WHY)

    freezing.unfreeze(careful, DANA)
    approved = approvals.approve(careful, card.key, DANA)
    assert isinstance(approved, PlanCard)
    plans.confirm(careful, card.key, ADA, secret=approved.secret, typed="3")
    runs.perform_due(careful)
    assert target.statuses() == {"pending": 3}


def test_a_run_stops_before_its_next_batch(services: Services, target: Target) -> None:
    """Frozen while the second of three batches is under way: its card says how far it came, and nothing goes on by itself."""
    batches = iter(range(9))

    def freezes(point: str) -> None:
        if point == "K5" and next(batches) == 1:
            freezing.freeze(small, BEN, WHY)

    config = replace(CONFIG, queue=replace(CONFIG.queue, batch=2))
    small = replace(services, config=config, crash_hook=freezes)
    card = planned(small, target, 6)
    plans.confirm(small, card.key, ADA, secret=card.secret)
    runs.perform_due(small)
    stopped = plans.card(small, card.key)
    assert isinstance(stopped, PlanCard)
    assert (stopped.face, stopped.rows, WHY in stopped.reason) == (PlanFace.STOPPED, 4, True)
    assert target.statuses() == {"pending": 4, "processing": 2}


def test_a_pause_holds_and_lets_go_nothing_meanwhile(services: Services, target: Target) -> None:
    """New jobs are held only when changes are on again: a freeze is for everything."""
    quick = replace(CONFIG.timing, sweep_interval=timedelta(0))
    paused = replace(services, config=replace(CONFIG, vendors=DEFAULT_VENDORS, timing=quick))
    target.worker(silent_seconds=0)
    target.pending(2)
    made = plans.make(paused, "pause", {"reason": "the vendor is down"}, ADA, HERE)
    assert isinstance(made, PlanCard), made
    plans.confirm(paused, made.key, ADA, secret=made.secret)
    runs.perform_due(paused)
    pausing.tend(paused)
    target.pending(1)
    freezing.freeze(paused, BEN, WHY)
    assert (pausing.tend(paused), target.claimable()) == (0, 1)
    freezing.unfreeze(paused, DANA)
    assert (pausing.tend(paused), target.claimable()) == (1, 0)


@deployed
def test_refusals_of_a_freeze_are_recorded(services: Services) -> None:
    """The own freeze that somebody tries to end stands in the record, once a minute."""
    freezing.freeze(services, BEN, WHY)
    for _ in range(3):
        assert isinstance(freezing.unfreeze(services, BEN), Notice)
    refused = [entry for entry in audit.list_newest(services, 20).entries if entry.event == "request.refused"]
    assert [(entry.actor, "own freeze" in entry.summary) for entry in refused] == [(BEN.key, True)]
