"""Whose job it is: slow, unknown, gone, exhausted, or finished in the same moment (§12 as amended)."""

from dataclasses import replace
from datetime import datetime, timedelta

import psycopg

from bot.domain.messages import NothingStuck, PlanCard, PlanFace
from bot.domain.timing import PLAYBOOK
from bot.operations import checks, plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.sandbox.target.seeds import ERROR
from tests.support.danger import looked
from tests.support.jobs import ALIVE, DEAD, Target
from tests.support.product import ADA, CONFIG, INCIDENTS, product
from tests.support.told import Clock

HERE = Place(channel=INCIDENTS)
GUARDED = replace(CONFIG, timing=PLAYBOOK)
"""With the guard after a database start, which other tests are without."""


def nothing(services: Services, **params: str) -> NothingStuck:
    """Return why a reset has nothing to plan."""
    made = plans.make(services, "reset-stuck", params, ADA, HERE)
    assert isinstance(made, NothingStuck), made
    return made


def plan(services: Services) -> PlanCard:
    """Return Ada's plan."""
    made = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(made, PlanCard), made
    return made


def run(services: Services, made: PlanCard) -> PlanCard:
    """Confirm a plan and carry it out; return its card."""
    plans.confirm(services, made.key, ADA, secret=made.secret)
    runs.perform_due(services)
    done = plans.card(services, made.key)
    assert isinstance(done, PlanCard)
    return done


def test_31_slow_but_alive(services: Services, target: Target) -> None:
    """Older than any rule, attempts used up or not: while its worker beats a job is never reset, however it is asked for."""
    target.worker(ALIVE, silent_seconds=5)
    target.stuck(2, owner=ALIVE, minutes=3 * 24 * 60)
    target.stuck(1, owner=ALIVE, attempts=5)

    for params in ({}, {"type": target.job_type}, {"older_than": "10m"}):
        made = nothing(services, **params)
        assert (made.stuck, made.slow if target.has_worker_id else made.unknown) == (3, 3)
    target.worker(ALIVE, silent_seconds=120)
    assert nothing(services).stuck == 3

    target.worker(DEAD)
    target.stuck(1)
    if target.has_worker_id:
        assert run(services, plan(services)).rows == 1
        assert target.statuses() == {"pending": 1, "processing": 3}
    else:
        assert nothing(services).unknown == 4, "which of the two has the job is not known"


def test_31_slow_but_alive_after_all(services: Services, target: Target) -> None:
    """A heartbeat between plan and confirm voids every target of that worker."""
    target.worker()
    target.stuck(2)
    made = plan(services)
    target.worker(silent_seconds=0)

    assert run(services, made).face is PlanFace.NOTHING_TO_DO
    assert target.statuses() == {"processing": 2}


def test_32_unknown_owner(services: Services, target: Target) -> None:
    """A job without a worker's id is nobody's to reset while one worker that could have it beats, of whatever type."""
    target.worker()
    for number in range(4):
        target.worker(f"enforcement_engine-{number}", worker_type="enforcement_engine", silent_seconds=5)
    target.stuck(2, owner=None)
    for worker_id, its_type in ((ALIVE, "ingest_processor"), ("importer-1", "a type that stands in no list")):
        target.worker(worker_id, worker_type=its_type, silent_seconds=5)
        assert nothing(services).unknown == 2
        target.worker(worker_id, worker_type=its_type, silent_seconds=600)

    made = plan(services)
    target.worker(ALIVE, silent_seconds=0)
    assert run(services, made).face is PlanFace.NOTHING_TO_DO

    target.worker(ALIVE, silent_seconds=600)
    assert run(services, plan(services)).rows == 2
    assert target.statuses() == {"pending": 2}


def began(target: Target) -> datetime:
    """Return when the server started."""
    row = target.connection.execute("SELECT pg_postmaster_start_time()").fetchone()
    assert row is not None
    started: datetime = row[0]
    return started


def since(target: Target, moment: datetime) -> float:
    """Return how many seconds a moment is past; less than none where it is to come."""
    row = target.connection.execute("SELECT extract(epoch FROM clock_timestamp() - %s)::float8", (moment,)).fetchone()
    assert row is not None
    return float(row[0])


def stale(target: Target, beat_at: datetime) -> None:
    """Let every worker have beaten last at a moment, and hold jobs for long."""
    silent = since(target, beat_at)
    target.worker(DEAD, silent_seconds=silent)
    target.worker(ALIVE, silent_seconds=silent)
    target.stuck(2, minutes=silent / 60 + 20)
    target.stuck(1, owner=ALIVE, minutes=silent / 60 + 20)


def test_34_exhausted_and_poison(services: Services, target: Target) -> None:
    """Attempts used up, or reset three times and stuck again: failed, with the reason, and never pending."""
    target.worker()
    [exhausted] = target.stuck(1, attempts=5)
    made = plan(services)
    assert made.facts["counts"] == {"fail_exhausted": 1}
    run(services, made)
    is_failed(target, exhausted, made, "attempts used up")
    assert looked(services, made.key) is PlanFace.RECOVERED

    [poison] = target.stuck(1, attempts=1)
    for _ in range(3):
        assert run(services, plan(services)).result["reset"] == 1
        target.pick_up()
        stuck_again(target)
    made = plan(services)
    assert made.facts["counts"] == {"fail_poison": 1}
    run(services, made)
    is_failed(target, poison, made, "reset 3 times already")
    target.connection.execute("UPDATE ops.job_queue SET status = 'pending' WHERE id::text = %s", (poison,))
    assert looked(services, made.key) is PlanFace.WORKING, "somebody put it back among the pending"

    if target.has_worker_id:
        target.connection.execute(
            "UPDATE ops.job_queue SET reap_count = 3 WHERE id::text = ANY (%s)", (target.stuck(1),)
        )
        assert plan(services).facts["counts"] == {"fail_poison": 1}, "the queue's own reaper counts too"


def is_failed(target: Target, job: str, made: PlanCard, why: str) -> None:
    """Fail unless a job was set to failed by a plan, for this reason, its last error kept behind it."""
    row = target.job(job)
    assert (row["status"], row["locked_at"]) == ("failed", None)
    assert str(row["last_error"]).startswith(f"[DLQ] dragonfly run {made.key}: {why}")
    assert str(row["last_error"]).endswith(ERROR)


def stuck_again(target: Target) -> None:
    """Let the dead worker have held for long what was picked up."""
    extra = ", worker_id = %(owner)s, started_at = NULL" if target.has_worker_id else ""
    target.connection.execute(
        "UPDATE ops.job_queue SET locked_at = clock_timestamp() - interval '20 minutes'"
        + extra
        + " WHERE status = 'processing'",
        {"owner": DEAD},
    )


COMPLETE = "UPDATE ops.job_queue SET status = 'completed' WHERE id::text = ANY (%s)"
"""A worker's last word, in a database whose worker leaves the lock's columns as they are."""


def test_35_finishing_race(services: Services, target: Target, target_dsn: str) -> None:
    """One job is done between plan and run, two are being done while it runs: what the worker says stands, the others go."""
    target.worker()
    done_before, done_meanwhile, exhausted, *others = [*target.stuck(2), *target.stuck(1, attempts=5), *target.stuck(3)]
    made = plan(services)
    target.connection.execute(COMPLETE, ([done_before],))
    with psycopg.connect(target_dsn) as worker:
        worker.execute(COMPLETE, ([done_meanwhile, exhausted],))
        assert run(services, made).result == {"reset": 3, "moved_on": 3}

    finished = [target.job(job)["status"] for job in (done_before, done_meanwhile, exhausted)]
    assert finished == ["completed"] * 3
    assert [target.job(job)["status"] for job in others] == ["pending"] * 3


def others_beat(target: Target, clock: Clock) -> None:
    """Let workers of another type beat now: what has died is not over half of all."""
    for number in range(2):
        silent = since(target, clock.now)
        target.worker(f"enforcement_engine-{number}", worker_type="enforcement_engine", silent_seconds=silent)


def test_33_database_was_away(bot_dsn: str, target: Target) -> None:
    """Ten minutes without a database make every heartbeat stale: nobody is dead until `dead_after` past its start."""
    start = began(target)
    clock = Clock(start + timedelta(seconds=1))
    stale(target, start - timedelta(minutes=10))
    with product(bot_dsn, GUARDED, now=lambda: clock.now) as services:
        made = nothing(services)
        assert (made.stuck, made.unknown, made.guard_until) == (3, 3, start + PLAYBOOK.dead_after)
        clock.passes(178)
        assert nothing(services).unknown == 3
        clock.passes(2)
        assert plan(services).facts["counts"] == {"reset": 3}
    assert target.statuses() == {"processing": 3}


def test_33_the_database_could_not_be_reached(bot_dsn: str, target: Target) -> None:
    """It did not start anew, it was away: the first plan waits as the last one does, and what was planned before is not run."""
    clock = Clock(began(target) + timedelta(days=1))
    stale(target, clock.now)
    with product(bot_dsn, GUARDED, now=lambda: clock.now) as services:
        checks.run_due(services)
        clock.passes(600)
        assert nothing(services).guard_until == clock.now + PLAYBOOK.dead_after
        checks.run_due(services)
        clock.passes(60)
        target.worker(ALIVE, silent_seconds=since(target, clock.now))
        clock.passes(119)
        assert nothing(services).stuck == 3
        checks.run_due(services)
        clock.passes(2)
        if target.has_worker_id:
            assert plan(services).facts["counts"] == {"reset": 2, "leave_unknown": 1}
        clock.passes(90)
        others_beat(target, clock)
        made = plan(services)

        clock.passes(240)
        done = run(services, made)
        assert (done.face, "was away" in done.reason) == (PlanFace.REFUSED, True)
    assert target.statuses() == {"processing": 3}


def test_33_no_bot_has_looked(bot_dsn: str, target: Target) -> None:
    """Nobody looks, and it is a shell that asks: the wait begins with the first plan, and it ends."""
    clock = Clock(began(target) + timedelta(days=1))
    stale(target, clock.now)
    with product(bot_dsn, GUARDED, now=lambda: clock.now) as services:
        checks.run_due(services)
        clock.passes(3600)
        assert nothing(services).unknown == 3
        clock.passes(181)
        assert plan(services).facts["counts"] == {"reset": 3}
