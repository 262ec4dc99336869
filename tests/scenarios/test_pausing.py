"""A vendor's outage: what is held, what is let go again, and what happens when its errors come back (§12)."""

from collections.abc import Iterator

import pytest

from bot.domain.messages import CannotPlan
from bot.operations import detection, pausing, plans
from bot.operations.services import Services
from bot.sandbox.target.vendor import Mood, Vendor
from tests.support.jobs import Target
from tests.support.pausing import BATCH, HERE, REASON, asking, card, do, good_answers, pause
from tests.support.product import ADA
from tests.support.told import Clock

VENDOR_ERROR = "Simplicity API returned 500: Internal Server Error for Jane Debtor"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """Give a vendor that answers over the network."""
    made = Vendor().start()
    yield made
    made.stop()


@pytest.fixture
def clock() -> Clock:
    """Give the time."""
    return Clock()


@pytest.fixture
def services(bot_dsn: str, vendor: Vendor, clock: Clock) -> Iterator[Services]:
    """Give the product with a vendor to ask, on a clock of the test's own."""
    with asking(bot_dsn, vendor, clock) as made:
        yield made


def kept_back(target: Target, job: str) -> tuple[object, object]:
    """Return by what a job is kept from being claimed: its status and its next try."""
    row = target.job(job)
    return row["status"], row.get("next_run_at")


def set_aside(target: Target, job: str) -> tuple[object, object]:
    """Let somebody else keep a job back, in the way that the schema has; return by what."""
    change = (
        "status = 'paused'" if target.schema == "playbook" else "next_run_at = clock_timestamp() + interval '9 days'"
    )
    target.connection.execute(f"UPDATE ops.job_queue SET {change} WHERE id::text = %s".encode(), (job,))
    return kept_back(target, job)


def test_36_sticky_pause_and_own_resume(services: Services, target: Target, clock: Clock) -> None:
    """New jobs are held as well, other types are not; a resume lets the pause's own go, and leaves what others keep back."""
    _ours, theirs, later = target.pending(3)
    target.pending(3, job_type="enforcement_strategy")
    kept, labelled = set_aside(target, theirs), target.schema == "playbook"
    done = pause(services)
    assert (done.result["held"], card(services, done.key).not_ours) == ((2, 1) if labelled else (3, 0))
    target.pending(2)
    assert target.claimable() == 5
    clock.passes(20)
    pausing.tend(services)
    assert target.claimable() == 3
    theirs_too = None if labelled else set_aside(target, later)

    good_answers(services, clock)
    do(services, "resume", {})
    for _ in range(4):
        clock.passes(31)
        pausing.tend(services)
    assert card(services, done.key).state == "ended"
    assert target.claimable() == (7 if labelled else 6)
    assert kept_back(target, theirs) == kept
    assert labelled or kept_back(target, later) == theirs_too


CANNOT = {
    "playbook": "ALTER TABLE ops.job_queue DROP CONSTRAINT job_queue_status_check, ADD CONSTRAINT job_queue_status_check "
    "CHECK (status IN ('pending', 'processing', 'completed', 'failed'))",
    "deployed": "ALTER TABLE ops.job_queue DROP COLUMN next_run_at CASCADE",
}


def test_36_nothing_to_hold_a_job_by(services: Services, target: Target) -> None:
    """No label `paused` and no next try: unavailable, with the reason, before anything is written."""
    target.pending(2)
    target.connection.execute(CANNOT[target.schema].encode())
    before = target.connection.execute("SELECT to_jsonb(j) FROM ops.job_queue AS j ORDER BY id").fetchall()
    found = plans.make(services, "pause", REASON, ADA, HERE)
    assert isinstance(found, CannotPlan)
    assert found.reasons
    assert target.connection.execute("SELECT to_jsonb(j) FROM ops.job_queue AS j ORDER BY id").fetchall() == before
    assert target.connection.execute("SELECT FROM ops.chatops_plan").fetchall() == []


class Night:
    """Time that passes with the looks and the tending that a bot would do."""

    def __init__(self, services: Services, clock: Clock) -> None:
        """Begin now."""
        self.services, self.clock = services, clock

    def passes(self, seconds: int) -> None:
        """Let time pass, by twenty seconds at most."""
        while seconds > 0:
            self.clock.passes(min(seconds, 20))
            pausing.tend(self.services)
            detection.watch(self.services, detection.VENDOR)
            seconds -= 20

    def alert(self) -> tuple[str, int]:
        """Return the state of the one alert there has been, and how often it was reopened."""
        with self.services.db.read() as tx:
            [row] = tx.connection.execute("SELECT state, reopens FROM ops.chatops_alert").fetchall()
        return row["state"], row["reopens"]


def released(target: Target) -> list[str]:
    """Return the jobs that were let go, the latest first."""
    rows = target.connection.execute(
        "SELECT job_id FROM ops.chatops_pause_job WHERE outcome = 'released' ORDER BY released_at DESC"
    )
    return [row[0] for row in rows.fetchall()]


DONE = (
    "UPDATE ops.job_queue SET status = 'completed', attempts = attempts + 1, updated_at = clock_timestamp() "
    "WHERE id::text = ANY (%s)"
)


def test_60_vendor_recovers_then_fails(services: Services, target: Target, clock: Clock, vendor: Vendor) -> None:
    """Errors return in the second batch: no more are let go, the rest stays paused, it says why, and the alert is back."""
    night = Night(services, clock)
    target.pending(8)
    vendor.mood = Mood.FAILING
    night.passes(60)
    assert night.alert() == ("firing", 0)
    done = pause(services)
    vendor.mood = Mood.WELL
    night.passes(120)
    assert night.alert() == ("resolved", 0)

    do(services, "resume", {})
    target.connection.execute(DONE, (released(target),))
    night.passes(31)
    second = released(target)[:BATCH]
    target.fail(second, VENDOR_ERROR)
    night.passes(31)

    stopped = card(services, done.key)
    assert (stopped.state, stopped.held_now, stopped.released) == ("stopped", 8 - 2 * BATCH, 2 * BATCH)
    assert stopped.why_stopped == "2 of 2 calls failed in the last batch"
    assert isinstance(plans.make(services, "resume", {}, ADA, HERE), CannotPlan)
    night.passes(40)
    assert night.alert() == ("firing", 1)
    assert card(services, done.key).held_now == 8 - 2 * BATCH
    assert len(released(target)) == 2 * BATCH
