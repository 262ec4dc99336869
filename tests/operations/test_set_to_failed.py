"""Jobs that a plan sets to failed, and jobs that are gone: told as what they are, never as reset and picked up."""

import pytest

from bot.domain.messages import AlertCard, PlanCard, PlanFace
from bot.operations import alerts, plans
from bot.operations.issuing import Place
from bot.operations.services import Services
from tests.support.danger import looked, plan, run, shown
from tests.support.firing import fired, recovered
from tests.support.jobs import Target
from tests.support.product import ADA, INCIDENTS


@pytest.fixture
def target_schema() -> str:
    """Who is failed and what is looked at afterwards is the same on both schemas."""
    return "deployed"


def steps(services: Services, number: int) -> list[str]:
    """Return what an alert's card says was done about it."""
    card = alerts.card(services, number)
    assert isinstance(card, AlertCard)
    return [step.state for step in card.steps]


def test_what_is_only_set_to_failed_is_never_told_as_reset(services: Services, target: Target) -> None:
    """Planned, confirmed, watched, proved, on the alert and in its recovery: two jobs that nobody tries again."""
    number = fired(services)
    target.worker()
    target.stuck(2, attempts=5)
    made = plans.make(services, "reset-stuck", {}, ADA, Place(channel=INCIDENTS), number)
    assert isinstance(made, PlanCard)
    planned = shown(made)
    assert "Would set 2 to failed in dev." in planned and "Confirm: set 2 to failed" in planned
    assert "reset 2" not in planned

    done = run(services, made)
    working = shown(done)
    assert "🟡 Working: 2 set to failed · dev" in working and "I look whether all stay failed" in working
    assert "2 of 2 reset" not in working and "0 not failed" not in working and "not started" not in working
    assert looked(services, done.key) is PlanFace.RECOVERED
    ended = shown(plans.card(services, done.key))
    assert "🟢 Done: 2 set to failed · dev" in ended and "Recovered." not in ended and "2 reset" not in ended
    assert steps(services, number) == ["2 jobs set to failed"]
    told = shown(recovered(services, number))
    assert "2 jobs set to failed: not tried again" in told and "picked up" not in told


def test_the_proof_of_a_mixed_run_looks_at_both_halves(services: Services, target: Target) -> None:
    """The reset one is picked up, and somebody put the failed ones back: that is not "recovered"."""
    number = fired(services)
    target.worker()
    jobs, used_up = target.stuck(1), target.stuck(2, attempts=5)
    made = plans.make(services, "reset-stuck", {}, ADA, Place(channel=INCIDENTS), number)
    assert isinstance(made, PlanCard)
    assert (
        "🟡 Plan: reset 1 stuck job · dev" in shown(made)
        and "2 would be set to failed" in shown(made)
        and "Confirm: 3 jobs" in shown(made)
    )
    done = run(services, made)
    assert "2 set to failed" in shown(done) and "Plan was: 1 reset, 2 to fail, 0 left alone" in shown(done)
    target.pick_up()
    to = "UPDATE ops.job_queue SET status = %s WHERE id::text = ANY(%s)"
    target.connection.execute(to, ("pending", used_up))
    assert looked(services, done.key) is PlanFace.WORKING
    seen = shown(plans.card(services, done.key))
    assert "Picked up again: 1 of 1" in seen and "2 not failed any more: somebody put them back" in seen
    target.connection.execute(to, ("failed", used_up))
    assert looked(services, done.key) is PlanFace.RECOVERED
    assert target.job(jobs[0])["status"] == "processing"
    assert steps(services, number) == ["2 jobs set to failed, 1 job reset, picked up"]


@pytest.mark.parametrize(("deleted", "said"), [(1, "2 picked up in"), (3, "3 gone: deleted since")])
def test_a_job_that_is_gone_was_not_picked_up(services: Services, target: Target, deleted: int, said: str) -> None:
    """Deleted since: nobody waits for it, it is counted apart, and nobody is told that it was picked up."""
    number = fired(services)
    target.worker()
    jobs = target.stuck(3)
    made = plans.make(services, "reset-stuck", {}, ADA, Place(channel=INCIDENTS), number)
    assert isinstance(made, PlanCard)
    done = run(services, made)
    target.connection.execute("DELETE FROM ops.job_queue WHERE id::text = ANY(%s)", (jobs[:deleted],))
    target.pick_up()
    assert looked(services, done.key) is PlanFace.RECOVERED
    ended = shown(plans.card(services, done.key))
    assert said in ended and f"{deleted} gone: deleted since" in ended and "All picked up" not in ended
    assert ("recovered · dev" in ended, "Recovered." in ended) == (deleted < 3, deleted < 3)
    assert steps(services, number)[0].endswith(f"{deleted} gone")
    assert ("all picked up" in shown(recovered(services, number))) == (deleted < 3)


def test_a_plan_that_only_resets_says_so(services: Services, target: Target) -> None:
    """The words of most plans stay as they were."""
    target.worker()
    target.stuck(2)
    assert "Confirm: reset 2" in shown(plan(services, "reset-stuck", {}))
