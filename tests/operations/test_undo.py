"""The way back of every step: previewed, confirmed, audited, once, and only for what nobody has touched since."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import pytest

from bot.domain import ids
from bot.domain.messages import AlertCard, CannotPlan, PlanCard, PlanFace
from bot.errors import InvalidCommand
from bot.operations import alerts, audit, plans, runs, timeline
from bot.operations.kinds import KINDS
from bot.operations.kinds.base import Kind
from bot.operations.services import Services
from tests.support.danger import HERE, approve, looked, make, plan, refused, run, shown
from tests.support.firing import fired, recovered
from tests.support.jobs import Target
from tests.support.product import ADA, BEN

deployed = pytest.mark.parametrize("target_schema", ["deployed"])
TRIGGERED = ("updated_at",)
"""What the target's own trigger writes at each change."""


def reset(services: Services) -> PlanCard:
    """Reset what is stuck."""
    return run(services, plan(services, "reset-stuck", {}))


def exactly(job: dict[str, object]) -> dict[str, object]:
    """Return a job without what the target itself writes."""
    return {name: value for name, value in job.items() if name not in TRIGGERED}


def with_error(target: Target, job: str, text: str | None) -> None:
    """Give a job the error of an earlier try."""
    target.connection.execute("UPDATE ops.job_queue SET last_error = %s WHERE id::text = %s", (text, job))


def test_a_reset_is_taken_back_exactly(services: Services, target: Target) -> None:
    """Each job is as it was: lock, worker, start, next try, attempts, error; those set to failed without our prefix."""
    target.worker()
    jobs = [*target.stuck(2), *target.stuck(1, attempts=5), *target.stuck(1, owner=None)]
    errored = "Max retries exceeded. Was: something else"
    with_error(target, jobs[0], errored)
    with_error(target, jobs[2], errored)
    if target.has_worker_id:
        set_up = (
            "UPDATE ops.job_queue SET started_at = NULL, next_run_at = now() - interval '1 hour' WHERE id::text = %s"
        )
        target.connection.execute(set_up, (jobs[1],))
    before = {job: exactly(target.job(job)) for job in jobs}

    done = reset(services)
    assert done.rows == 4 and target.statuses() == {"pending": 3, "failed": 1}
    assert str(target.job(jobs[2])["last_error"]).startswith(f"[DLQ] dragonfly run {done.key}")

    card = plan(services, "undo", {"run": done.key})
    assert (card.face, card.facts["can"], card.facts["cannot"]) == (PlanFace.ISSUED, 4, 0)
    assert "They will be stuck again" in shown(card) and "I then watch for 5 min that" in shown(card)
    assert target.statuses() == {"pending": 3, "failed": 1}
    undone = run(services, card)

    assert (undone.face, undone.result) == (PlanFace.WORKING, {"put_back": 4})
    assert looked(services, undone.key) is PlanFace.RECOVERED
    assert {job: exactly(target.job(job)) for job in jobs} == before
    first = plans.card(services, done.key)
    assert isinstance(first, PlanCard)
    assert (first.face, first.undo) == (PlanFace.UNDONE, None)
    events = [entry.event for entry in audit.list_newest(services, 4).entries]
    assert set(events) == {"preview.made", "confirmation.consumed", "step.succeeded", "proof.proved"}
    assert audit.verify(services).broken_at is None


@deployed
def test_what_was_undone_is_told_as_undone(services: Services, target: Target) -> None:
    """On its card, on its alert's, in the timeline, and to whoever presses late: never as done, never as picked up."""
    number = fired(services)
    target.worker()
    target.stuck(3)
    made = plans.make(services, "reset-stuck", {}, ADA, HERE, number)
    assert isinstance(made, PlanCard)
    done = run(services, made)
    undo = plan(services, "undo", {"run": done.key})
    delivered = "UPDATE ops.chatops_outbox SET state = 'delivered', ended_at = created_at, sent_channel = destination, sent_ts = '1.1'"
    target.connection.execute(delivered)
    run(services, undo)

    edits = "SELECT message_key FROM ops.chatops_outbox WHERE kind = 'update' AND state = 'pending'"
    edited = {row[0] for row in target.connection.execute(edits).fetchall()}
    assert edited == {f"plan:{undo.key}", f"plan:{done.key}", f"alert:{number}"}
    assert "Undone: 3 of 3 put back" in shown(plans.card(services, done.key))
    late = shown(plans.confirm(services, done.key, BEN, secret=made.secret))
    assert "it was undone by" in late and "Already done" not in late
    shown_now = alerts.card(services, number)
    assert isinstance(shown_now, AlertCard)
    assert [step.state for step in shown_now.steps] == [f"3 jobs reset, undone by {undo.key}"]
    assert f"3 jobs reset, undone by {undo.key}" in shown(timeline.read(services, number))
    told = shown(recovered(services, number))
    assert "3 jobs put back as they were, stuck again" in told
    assert "picked up" not in told and "Nobody has to do anything" not in told


def test_every_change_is_watched() -> None:
    """A kind, and its way back, has a proof of what it did, and says how long it is watched."""
    kinds = [kind for known in KINDS.values() for kind in (known, known.undo) if kind and (kind.act or kind.call)]
    never = next(item.default for item in fields(Kind) if item.name == "proof_for")
    assert [kind for kind in kinds if kind.prove is None or kind.proof_for is never] == []


@deployed
def test_what_was_touched_since_is_left(services: Services, target: Target) -> None:
    """Jobs that were picked up, done or paused since stay as they are; the preview and the card count them."""
    target.worker()
    jobs = target.stuck(5)
    done = reset(services)
    target.connection.execute(
        "UPDATE ops.job_queue SET status = 'processing', attempts = attempts + 1, locked_at = now() WHERE id::text = %s",
        (jobs[0],),
    )
    target.complete(jobs[1:2])
    card = plan(services, "undo", {"run": done.key})
    assert (card.facts["can"], card.facts["cannot"]) == (3, 2)
    assert "2 cannot" in shown(card)
    assert "Undo 3 not started…" in shown(plans.card(services, done.key))
    target.complete(jobs[2:3])
    left = [target.job(job) for job in jobs[:3]]

    undone = run(services, card)

    assert undone.result == {"put_back": 2, "moved_on": 1}
    assert [target.job(job) for job in jobs[:3]] == left
    assert [target.job(job)["status"] for job in jobs[3:]] == ["processing"] * 2
    target.connection.execute(
        "UPDATE ops.job_queue SET status = 'pending', locked_at = NULL WHERE id::text = %s", (jobs[3],)
    )
    assert looked(services, undone.key) is PlanFace.WORKING, "one is as the reset had left it"
    assert "1 of 2 not as before" in shown(plans.card(services, undone.key))
    target.connection.execute("DROP POLICY chatops_queue ON ops.job_queue")
    target.connection.execute(
        "UPDATE ops.chatops_run SET proof_until = now() - interval '1 s' WHERE proof = 'watching'"
    )
    assert looked(services, undone.key) is PlanFace.PROOF_UNKNOWN, "hidden rows prove nothing"


@deployed
def test_nothing_is_left_to_put_back(services: Services, target: Target) -> None:
    """Everything was picked up: there is no button, no plan, and the reason."""
    target.worker()
    target.stuck(2)
    done = reset(services)
    assert "Undo 2 not started…" in shown(done)
    target.pick_up()
    assert ids.PLAN_UNDO not in shown(plans.card(services, done.key))
    assert "picked up or done since" in refused(services, "undo", {"run": done.key}).reasons[0]


@deployed
def test_once_only(services: Services, target: Target) -> None:
    """Two plans of one undo, both confirmed, at the same time: one is carried out; a third is not even planned."""
    target.worker()
    target.stuck(3)
    done = reset(services)
    one = plan(services, "undo", {"run": done.key})
    other = make(services, "undo", {"run": done.key}, replace(ADA, key="slack:T0DRAGON/U0BEN"))
    assert isinstance(other, PlanCard)
    plans.confirm(services, one.key, ADA, secret=one.secret)
    runs.perform_due(services)
    target.connection.execute(
        "UPDATE ops.job_queue SET status = 'pending', locked_at = NULL WHERE status = 'processing'"
    )
    plans.confirm(services, other.key, replace(ADA, key="slack:T0DRAGON/U0BEN"), secret=other.secret)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: runs.perform(services, other.key), range(2)))
    late = plans.card(services, other.key)
    assert isinstance(late, PlanCard)
    assert (late.face, late.reason) == (PlanFace.REFUSED, f"it was undone already, by {one.key}")
    assert target.statuses() == {"pending": 3}
    assert f"was undone already, by {one.key}" in refused(services, "undo", {"run": done.key}).reasons[0]


@deployed
def test_a_run_without_an_effect_has_nothing_to_put_back(services: Services, target: Target) -> None:
    """Nothing was written, it has not ended, or it was never confirmed: each says so."""
    target.worker()
    target.stuck(1)
    card = plan(services, "reset-stuck", {})
    with pytest.raises(InvalidCommand, match="no run"):
        make(services, "undo", {"run": card.key})
    plans.confirm(services, card.key, ADA, secret=card.secret)
    assert "has not ended yet" in refused(services, "undo", {"run": card.key}).reasons[0]
    target.worker(silent_seconds=0)
    runs.perform_due(services)
    assert "it changed nothing" in refused(services, "undo", {"run": card.key}).reasons[0]
    with pytest.raises(InvalidCommand, match="no run 'zzzz'"):
        make(services, "undo", {"run": "zzzz"})


@deployed
def test_the_undo_of_an_undo_is_refused(services: Services, target: Target) -> None:
    """A step without a way back says so; the undo is one."""
    target.worker()
    target.stuck(1)
    done = reset(services)
    undone = run(services, plan(services, "undo", {"run": done.key}))
    assert undone.undo is None
    found = make(services, "undo", {"run": undone.key})
    assert isinstance(found, CannotPlan)
    assert found.reasons == ("undo cannot be undone",)


@deployed
def test_many_jobs_take_two_people_back_too(services: Services, target: Target) -> None:
    """What took a second person takes one back as well."""
    careful = replace(services, config=replace(services.config, queue=replace(services.config.queue, approve_above=2)))
    target.worker()
    target.stuck(3)
    done = run(careful, approve(careful, plan(careful, "reset-stuck", {})))
    back = plan(careful, "undo", {"run": done.key})
    assert (back.face, back.target) == (PlanFace.NEEDS_SECOND, "3")
    assert run(careful, approve(careful, back)).result == {"put_back": 3}


@deployed
def test_rows_that_are_hidden_are_not_done(services: Services, target: Target) -> None:
    """Where the queue cannot be seen the undo is not known, never "picked up since"."""
    target.worker()
    target.stuck(1)
    done = reset(services)
    target.connection.execute("DROP POLICY chatops_queue ON ops.job_queue")
    assert "row security hides rows" in refused(services, "undo", {"run": done.key}).reasons[0]
