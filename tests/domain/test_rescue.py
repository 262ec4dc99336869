"""Whose job is it: the owner's verdict as a table (specification §12 as amended)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.configuration import Queue
from bot.domain.rescue import Disposition, Scene, StuckJob, backoff, judge, needs_second_person, too_much_moved
from bot.domain.timing import PLAYBOOK

NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
QUEUE = Queue()


def ago(minutes: float) -> datetime:
    """Return a moment before now."""
    return NOW - timedelta(minutes=minutes)


SCENE = Scene(now=NOW, database_started=ago(600), in_recovery=False, gap_ended=None)
JOB = StuckJob(
    id="1", job_type="ingest", locked_at=ago(20), attempts=1, max_attempts=5, worker_id="w-1", owner_seen_at=ago(10)
)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (JOB, Disposition.RESET),
        (replace(JOB, owner_seen_at=ago(2.9)), Disposition.LEAVE_UNKNOWN),
        (replace(JOB, owner_seen_at=ago(1)), Disposition.LEAVE_SLOW),
        (replace(JOB, owner_seen_at=ago(2), owner_status="stopped"), Disposition.RESET),
        (replace(JOB, owner_seen_at=ago(0.5), owner_status="stopped"), Disposition.LEAVE_SLOW),
        (replace(JOB, owner_seen_at=None), Disposition.RESET),
        (replace(JOB, owner_seen_at=None, locked_at=ago(14)), Disposition.LEAVE_UNKNOWN),
        (replace(JOB, worker_id=None, type_seen_at=None), Disposition.RESET),
        (replace(JOB, worker_id=None, type_seen_at=ago(4)), Disposition.RESET),
        (replace(JOB, worker_id=None, type_seen_at=ago(1)), Disposition.LEAVE_UNKNOWN),
        (replace(JOB, attempts=5), Disposition.FAIL_EXHAUSTED),
        (replace(JOB, rescues=3), Disposition.FAIL_POISON),
        (replace(JOB, attempts=5, owner_seen_at=ago(1)), Disposition.LEAVE_SLOW),
    ],
)
def test_the_owners_verdict(job: StuckJob, expected: Disposition) -> None:
    """Dead, alive and slow, or not known: only the first is touched, and attempts are respected."""
    assert judge(job, SCENE, QUEUE, PLAYBOOK, listed=True).disposition is expected


@pytest.mark.parametrize(
    "scene",
    [
        replace(SCENE, database_started=ago(2)),
        replace(SCENE, gap_ended=ago(1)),
        replace(SCENE, in_recovery=True),
    ],
)
def test_when_the_database_was_away_nobody_is_dead(scene: Scene) -> None:
    """After a start, a gap in our looking, or in recovery every heartbeat is stale and proves nothing (scenario 33)."""
    assert judge(JOB, scene, QUEUE, PLAYBOOK, listed=True).disposition is Disposition.LEAVE_UNKNOWN


def test_a_job_type_in_no_list_is_never_touched() -> None:
    """What no configured worker serves is not ours to reset."""
    assert judge(JOB, SCENE, QUEUE, PLAYBOOK, listed=False).disposition is Disposition.LEAVE_UNLISTED


def test_when_a_second_person_is_needed() -> None:
    """Over 500 jobs, or over half of the workers silent at once."""
    assert not needs_second_person(500, SCENE, QUEUE)
    assert needs_second_person(501, SCENE, QUEUE) == "over 500 jobs"
    assert needs_second_person(1, replace(SCENE, recent_workers=4, recent_dead=3), QUEUE)
    assert not needs_second_person(1, replace(SCENE, recent_workers=4, recent_dead=2), QUEUE)


def test_back_off_doubles_up_to_an_hour() -> None:
    """The wait before the next try is bounded."""
    waits = [backoff(tries, PLAYBOOK).total_seconds() for tries in (1, 2, 3, 12)]
    assert waits == [60, 120, 240, 3600]


def test_fewer_than_half_left_is_too_much_moved() -> None:
    """Exactly half is still enough."""
    assert too_much_moved(14, 6)
    assert not too_much_moved(14, 7)
