"""The alert state machine as a table, and under random observations (specification §3)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.alerts import Change, State, changes_lately, decide, fingerprint, is_unsteady
from bot.domain.timing import PLAYBOOK
from bot.domain.workers import Status

NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
OK, BAD, UNKNOWN = Status.OK, Status.BAD, Status.UNKNOWN


def ago(seconds: float) -> datetime:
    """Return a moment before now."""
    return NOW - timedelta(seconds=seconds)


FIRING = State(state="firing")
RESOLVED = State(state="resolved", resolved_at=ago(300))
BY_HAND = State(state="resolved", resolved_at=ago(300), by_hand=True)


@pytest.mark.parametrize(
    ("alert", "status", "change"),
    [
        (None, OK, Change.NOTHING),
        (None, BAD, Change.BEGIN),
        (None, UNKNOWN, Change.NOTHING),
        (State(state="pending", pending_since=ago(10)), BAD, Change.KEEP),
        (State(state="pending", pending_since=ago(30)), BAD, Change.FIRE),
        (State(state="pending", pending_since=ago(23)), BAD, Change.FIRE),
        (State(state="pending", pending_since=ago(30)), OK, Change.FORGET),
        (State(state="pending", pending_since=ago(30)), UNKNOWN, Change.NOTHING),
        (FIRING, BAD, Change.KEEP),
        (FIRING, OK, Change.RECOVER),
        (FIRING, UNKNOWN, Change.NOTHING),
        (State(state="resolving", resolving_since=ago(59)), OK, Change.NOTHING),
        (State(state="resolving", resolving_since=ago(60)), OK, Change.RESOLVE),
        (State(state="resolving", resolving_since=ago(60), unsteady=True), OK, Change.NOTHING),
        (State(state="resolving", resolving_since=ago(60)), BAD, Change.RELAPSE),
        (RESOLVED, BAD, Change.WAIT_TO_REOPEN),
        (State(state="resolved", resolved_at=ago(300), pending_since=ago(30)), BAD, Change.REOPEN),
        (State(state="resolved", resolved_at=ago(300), pending_since=ago(10)), OK, Change.CALM),
        (State(state="resolved", resolved_at=ago(901)), BAD, Change.BEGIN),
        (BY_HAND, BAD, Change.NOTHING),
        (State(state="resolved", resolved_at=ago(601), by_hand=True), BAD, Change.BEGIN),
    ],
)
def test_the_table(alert: State | None, status: Status, change: Change) -> None:
    """Each row of the state table gives its change."""
    assert decide(alert, status, NOW, PLAYBOOK)[0] is change


def test_the_fingerprint_vector() -> None:
    """The specification's test vector (F1) comes out."""
    labels = {"worker_id": "ingest-1a2b", "worker_type": "ingest_processor"}
    expected = "333ce7caaaa9619bc21c595a04f97a97e9fab161fac2d1b189db63bfc6ad668b"
    assert fingerprint("prod", "worker_heartbeat", labels) == expected


def test_four_changes_in_half_an_hour_are_unsteady() -> None:
    """Four changes within the window count, older ones do not."""
    assert is_unsteady((ago(60), ago(120), ago(180), ago(240)), NOW, PLAYBOOK)
    assert not is_unsteady((ago(60), ago(120), ago(180), ago(2400)), NOW, PLAYBOOK)
    assert changes_lately((ago(60), ago(120), ago(180), ago(2400)), NOW, PLAYBOOK) == 3


@given(st.lists(st.sampled_from([OK, BAD, UNKNOWN]), max_size=200), st.integers(1, 40))
def test_under_random_observations(observed: list[Status], step_seconds: int) -> None:
    """Nothing fires before `for`, `unknown` changes nothing, recovery is told only of what was told (A1, A2, O2)."""
    state: State | None = None
    told, bad_since, now = False, None, NOW
    for status in observed:
        now += timedelta(seconds=step_seconds)
        change, _ = decide(state, status, now, PLAYBOOK)
        if status is UNKNOWN:
            assert change is Change.NOTHING
        if change in (Change.FIRE, Change.REOPEN):
            assert bad_since is not None
            assert now - bad_since >= PLAYBOOK.pending_for - PLAYBOOK.check_interval / 2
            told = True
        if change is Change.RESOLVE:
            assert told
        bad_since = (bad_since or now) if status is BAD else None if status is OK else bad_since
        state = _next(state, change, now)


def _next(state: State | None, change: Change, now: datetime) -> State | None:
    """Return the state that a store would hold after a change."""
    resolved = state.resolved_at if state else None
    made = {
        Change.BEGIN: State(state="pending", pending_since=now),
        Change.FORGET: None,
        Change.FIRE: FIRING,
        Change.REOPEN: FIRING,
        Change.RELAPSE: FIRING,
        Change.RECOVER: State(state="resolving", resolving_since=now),
        Change.RESOLVE: State(state="resolved", resolved_at=now),
        Change.WAIT_TO_REOPEN: State(state="resolved", resolved_at=resolved, pending_since=now),
        Change.CALM: State(state="resolved", resolved_at=resolved),
    }
    return made.get(change, state)
