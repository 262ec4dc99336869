"""What has moved on since a plan was made: counted on its card by the conditions of its run, which leaves the same alone."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from bot.domain import ids
from bot.domain.messages import PlanCard
from bot.operations import plans
from bot.operations.services import Services
from tests.support.danger import HERE, plan, run, shown
from tests.support.jobs import ALIVE, Target
from tests.support.product import ADA, BEN

deployed = pytest.mark.parametrize("target_schema", ["deployed"])
OTHER = "ingest_processor-dead0003"


def moved(services: Services, key: str) -> tuple[int, bool]:
    """Return how many a card says have moved on, and whether these are too many."""
    card = plans.card(services, key)
    assert isinstance(card, PlanCard)
    return card.moved, card.stale


def test_whatever_changed_is_counted_and_left(services: Services, target: Target) -> None:
    """Done, locked anew, tried once more, held by another worker: each alone is enough, in the count and in the run."""
    target.worker()
    jobs = target.stuck(8)
    card = plan(services, "reset-stuck", {})
    plans.make(services, "reset-stuck", {}, BEN, HERE)
    assert moved(services, card.key) == (0, False), "what another plan pinned is not counted"
    changes = ["status = 'failed'", "locked_at = locked_at + interval '1 ms'", "attempts = attempts + 1"]
    changes += [f"worker_id = '{OTHER}'"] if target.has_worker_id else []
    for n, (job, change) in enumerate(zip(jobs, changes, strict=False), start=1):
        target.connection.execute(f"UPDATE ops.job_queue SET {change} WHERE id::text = %s".encode(), (job,))
        assert moved(services, card.key) == (n, False), change
    assert run(services, card).result == {"reset": 8 - len(changes), "moved_on": len(changes)}


@deployed
def test_jobs_whose_worker_beats_again_are_counted_and_left(services: Services, target: Target) -> None:
    """Their own worker, or, where they name none, any that serves their type; jobs left alone are no part of the count."""
    for worker_id in (ALIVE, f"{ALIVE}-too"):
        target.worker(worker_id, silent_seconds=0, worker_type="enforcement_engine")
    target.worker()
    target.worker(OTHER)
    jobs = target.stuck(4)
    target.connection.execute("UPDATE ops.job_queue SET locked_at = NULL WHERE id::text = %s", (jobs[0],))
    target.stuck(2, owner=OTHER)
    target.stuck(2, owner=None)
    target.stuck(1, owner=ALIVE)
    card = plan(services, "reset-stuck", {})
    assert (card.acting, moved(services, card.key)) == (8, (0, False))
    target.worker("ingest_processor-beef0004", silent_seconds=0)
    assert moved(services, card.key) == (2, False)
    target.connection.execute(
        "UPDATE ops.worker_heartbeats SET worker_type = 'other', last_seen_at = clock_timestamp() WHERE worker_id = %s",
        (OTHER,),
    )
    assert moved(services, card.key) == (4, False)
    assert run(services, card).result == {"reset": 4, "moved_on": 4}


def test_what_has_moved_on_is_said_before_it_is_confirmed(services: Services, target: Target) -> None:
    """Counted anew whenever the card is built; fewer than half left: nothing is offered any more but a new plan."""
    target.worker()
    jobs = target.stuck(5)
    card = plan(services, "reset-stuck", {})
    assert "Moved on" not in shown(card) and ids.REFRESH not in shown(card)

    target.complete(jobs[:2])
    some = plans.refresh(services, card.key)
    assert isinstance(some, PlanCard) and (some.moved, some.stale) == (2, False)
    assert "2 of 5" in shown(some) and ids.REFRESH in shown(some) and ids.CONFIRM in shown(some)

    target.worker(silent_seconds=0)
    assert moved(services, card.key) == (5, True), "their worker beats again"
    gone = shown(plans.card(services, card.key))
    assert "Too much has moved on" in gone and "too much has moved on (5 of 5)" in gone and ids.PLAN_AGAIN in gone
    unsaid = ["Would reset", "would go back", "Good to know", "dragonfly apply", ids.CONFIRM, card.secret]
    assert [words for words in unsaid if words in gone] == []
    plans.cancel(services, card.key, ADA)
    assert "moved on" not in shown(plans.card(services, card.key))


@deployed
@pytest.mark.parametrize(
    ("hide", "show"),
    [
        ("REVOKE SELECT ON ops.worker_heartbeats FROM {role}", "GRANT SELECT ON ops.worker_heartbeats TO {role}"),
        ("DROP POLICY chatops_queue ON ops.job_queue", ""),
    ],
    ids=["no right", "no policy"],
)
def test_what_cannot_be_seen_has_not_moved_on(
    services: Services, target: Target, bot_dsn: str, hide: str, show: str
) -> None:
    """Hidden a moment after the catalog was read: nothing is said to have moved on, but that it cannot be seen."""
    target.worker()
    target.stuck(4)
    card = plan(services, "reset-stuck", {})
    assert "cannot be seen" not in shown(card)
    role = str(conninfo_to_dict(bot_dsn)["user"])
    target.connection.execute(hide.format(role=role).encode())
    seen = plans.card(services, card.key)
    assert isinstance(seen, PlanCard) and (seen.moved, seen.stale, seen.unseen) == (0, False, True)
    assert "What has moved on since cannot be seen now" in shown(seen) and ids.CONFIRM in shown(seen)
    target.connection.execute(show.format(role=role).encode())
