"""The machine of plans and runs on real rows, under random presses, people, times and replicas (§8, C2 to C7)."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from bot.domain.actor import Actor
from bot.domain.ids import SecretValue
from bot.domain.messages import Notice, PlanCard
from bot.errors import NotAllowed
from bot.operations import plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from tests.support.jobs import Target
from tests.support.product import ADA, BEN, CONFIG, GIL, INCIDENTS, product

FORGED = "A" * 43
TIMING = CONFIG.timing
DAY = 24 * 60
"""In minutes: whatever is stuck has been for so long that no jump of the clock makes it fresh."""


@dataclass
class Known:
    """What we expect of one plan."""

    key: str
    secret: str
    owner: Actor
    ends: datetime
    state: str = "issued"
    confirmed: datetime | None = None
    performed: bool = False


class Plans(RuleBasedStateMachine):
    """Ada and Ben plan and press, Gil tries, two replicas answer in turn, and time moves, backwards too."""

    replicas: tuple[Services, Services]
    clock: list[datetime]
    target: Target

    def __init__(self) -> None:
        """Begin with jobs that are stuck, and no plan."""
        super().__init__()
        self.turns = itertools.cycle(self.replicas)
        self.known: list[Known] = []
        self.changed = 0

    @property
    def now(self) -> datetime:
        """Return the time that is told."""
        return self.clock[0]

    def holder(self) -> Known | None:
        """Return the run that holds the queue."""
        return next((item for item in self.known if item.confirmed and not item.performed), None)

    @rule(owner=st.sampled_from([ADA, BEN]))
    def plan(self, owner: Actor) -> None:
        """Somebody plans a reset; their own earlier one is replaced (C4)."""
        if "processing" not in self.target.statuses():
            self.target.stuck(1, minutes=DAY)
        made = plans.make(next(self.turns), "reset-stuck", {}, owner, Place(channel=INCIDENTS))
        assert isinstance(made, PlanCard), made
        for item in self.known:
            if item.owner == owner and item.state == "issued":
                item.state = "superseded"
        self.known.append(Known(made.key, made.secret, owner, self.now + TIMING.plan_life))

    @precondition(lambda self: self.known)
    @rule(
        which=st.integers(0, 20),
        who=st.sampled_from([ADA, BEN, GIL]),
        secret=st.sampled_from(["own", "own", "forged", "another's"]),
    )
    def press(self, which: int, who: Actor, secret: str) -> None:
        """Somebody presses Confirm on one of the cards; only its requester's press with its own secret counts (C2, C3, C5)."""
        item, other = self.known[-1 - which % len(self.known)], self.known[0]
        value = {"own": item.secret, "forged": SecretValue(item.key, FORGED).encode(), "another's": other.secret}[
            secret
        ]
        services = next(self.turns)
        if who is GIL:
            with pytest.raises(NotAllowed):
                plans.confirm(services, item.key, who, secret=value)
            return
        answer = plans.confirm(services, item.key, who, secret=value)
        counts = item.state == "issued" and self.now < item.ends and who == item.owner and value == item.secret
        if counts and self.holder() is None:
            assert isinstance(answer, PlanCard), answer
            item.state, item.confirmed = "consumed", self.now
        else:
            assert isinstance(answer, Notice)
            assert not counts or answer.kind == "someone-else"

    @precondition(lambda self: self.known)
    @rule(which=st.integers(0, 20), who=st.sampled_from([ADA, BEN]))
    def cancel(self, which: int, who: Actor) -> None:
        """Any operator cancels a plan that is still open; an ended one stays as it is."""
        item = self.known[-1 - which % len(self.known)]
        answer = plans.cancel(next(self.turns), item.key, who)
        assert isinstance(answer, PlanCard) is (item.state == "issued")
        item.state = "revoked" if item.state == "issued" else item.state

    @rule(seconds=st.sampled_from([5, 30, 61, 130, 301]))
    def time_passes(self, seconds: int) -> None:
        """Time passes, and every plan whose time is over is ended within the second."""
        self.clock[0] += timedelta(seconds=seconds)
        self.expire()

    @rule()
    def clock_jumps_back(self) -> None:
        """The database's clock jumps back ten minutes: what has ended stays ended (§1, T4)."""
        self.clock[0] -= timedelta(minutes=10)
        self.expire()

    def expire(self) -> None:
        """Let the tick of plans run."""
        plans.expire(next(self.turns))
        for item in self.known:
            if item.state == "issued" and item.ends <= self.now:
                item.state = "expired"

    @rule()
    def perform(self) -> None:
        """The loops of both replicas look: what waits is carried out once, or not at all when it is found too late."""
        item = self.holder()
        runs.perform_due(self.replicas[0])
        runs.perform_due(self.replicas[1])
        if item is not None and item.confirmed is not None and item.confirmed <= self.now:
            item.performed = True

    @invariant()
    def plans_are_as_expected(self) -> None:
        """Each plan is in the state we expect, and no state that ended is left again."""
        for item in self.known:
            assert self.state(item.key) == item.state

    def state(self, key: str) -> str:
        """Return a plan's state."""
        row = self.target.connection.execute("SELECT state FROM ops.chatops_plan WHERE id = %s", (key,)).fetchone()
        assert row is not None
        return str(row[0])

    @invariant()
    def a_run_is_a_used_plan(self) -> None:
        """A run exists for exactly the plans that were used, recorded once, with one outcome each; at most one is open."""
        keys = [item.key for item in self.known]
        used = {item.key for item in self.known if item.state == "consumed"}
        found = self.target.connection.execute(
            "SELECT id, state FROM ops.chatops_run WHERE id = ANY (%s)", (keys,)
        ).fetchall()
        assert {row[0] for row in found} == used
        assert len([row for row in found if row[1] in ("confirmed", "executing")]) <= 1
        said = self.target.connection.execute(
            "SELECT record ->> 'plan', event FROM ops.chatops_audit WHERE record ->> 'plan' = ANY (%s)", (keys,)
        ).fetchall()
        events = Counter((str(key), str(event)) for key, event in said)
        assert {key: events[key, "confirmation.consumed"] for key in keys} == {key: int(key in used) for key in keys}
        for key, state in found:
            outcomes = [name for plan, name in events.elements() if plan == key and name.startswith("step.")]
            assert outcomes == ([] if state == "confirmed" else [f"step.{state}"])

    def teardown(self) -> None:
        """Leave nothing open for the next story."""
        self.clock[0] = max(self.clock[0], datetime.now(UTC)) + timedelta(days=1)
        self.expire()
        self.perform()


@pytest.fixture
def target_schema() -> str:
    """A plan is the same on both schemas."""
    return "playbook"


@pytest.fixture
def machine(bot_dsn: str, target: Target) -> Iterator[type[Plans]]:
    """Give the machine on two replicas of a fresh database, whose time is told."""
    clock = [datetime.now(UTC)]
    target.worker(silent_seconds=60 * DAY)
    with product(bot_dsn, now=lambda: clock[0]) as one, product(bot_dsn, now=lambda: clock[0]) as two:
        yield type("OnRows", (Plans,), {"replicas": (one, two), "clock": clock, "target": target})


def test_under_random_presses(machine: type[Plans]) -> None:
    """Whoever presses what, whenever, on whichever replica: used once, by its requester, in time, or nothing was done."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
