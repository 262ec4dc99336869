"""The alert machine on real rows, under random observations, times, people and restarts (§3, P1 and A1 to A6)."""

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bot.domain.alerts import fingerprint
from bot.domain.workers import Status
from bot.operations import alerts
from bot.operations.alerts import Observation
from bot.operations.services import Services
from tests.support.product import ADA, BEN, CONFIG, product

_numbers = itertools.count(1)
TIMING = CONFIG.timing
ANNOUNCED = {"fired": "post", "reopened": "reply", "recovered": "reply", "resolved_by_hand": "reply"}
"""By which kind of message people hear of each event."""


class Alerts(RuleBasedStateMachine):
    """One thing that is looked at, by two replicas in turn."""

    replicas: tuple[Services, Services]
    clock: list[datetime]

    def __init__(self) -> None:
        """Begin with a thing that nobody has looked at."""
        super().__init__()
        self.turns = itertools.cycle(self.replicas)
        self.labels = {"worker_type": f"type{next(_numbers)}"}
        self.mark = fingerprint(CONFIG.env, "worker_heartbeat", self.labels)
        self.bad_since: datetime | None = None

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Return what a query finds."""
        with self.replicas[0].db.read() as tx:
            return tx.connection.execute(statement.encode(), values).fetchall()

    def alert(self) -> dict[str, Any]:
        """Return the newest alert of the thing, or nothing."""
        found = self.rows("SELECT * FROM ops.chatops_alert WHERE fingerprint = %s ORDER BY id DESC", self.mark)
        return found[0] if found else {}

    def events(self) -> Counter[str]:
        """Return how often each thing happened."""
        found = self.rows("SELECT event FROM ops.chatops_alert_event WHERE fingerprint = %s", self.mark)
        return Counter(row["event"] for row in found)

    @rule(status=st.sampled_from(Status), seconds=st.sampled_from([1, 7, 15, 16, 31, 61, 301, 901, 1800]))
    def look(self, status: Status, seconds: int) -> None:
        """Look after some time; nothing fires before `for`, and what cannot be told changes nothing (O2)."""
        self.clock[0] += timedelta(seconds=seconds)
        services, before, happened = next(self.turns), self.alert(), self.events()
        seen = Observation(
            check="worker_heartbeat",
            labels=self.labels,
            status=status,
            started_at=self.clock[0],
            evidence={"label": "a worker", "reason": "no heartbeat"},
        )
        with services.db.write() as tx:
            alerts.observe(services, tx, seen)
        new = self.events() - happened
        if status is Status.UNKNOWN:
            assert (self.alert().get("state"), new) == (before.get("state"), Counter())
            return
        self.bad_since = (self.bad_since or self.clock[0]) if status is Status.BAD else None
        if new["fired"] or new["reopened"]:
            assert self.bad_since is not None
            assert self.clock[0] - self.bad_since >= TIMING.pending_for - TIMING.check_interval / 2
        if new["reopened"]:
            assert self.alert()["acked_by"] is None, "whoever had it has it no more"
        if new["recovered"]:
            assert status is Status.OK

    @rule(person=st.sampled_from([ADA, BEN]))
    def acknowledge(self, person: Any) -> None:
        """Somebody takes it, if it is open; whoever has it keeps it."""
        before = self.alert()
        alerts.acknowledge(next(self.turns), int(before.get("id", 0)), person)
        if before.get("state") in ("firing", "resolving"):
            assert self.alert()["acked_by"] == (before["acked_by"] or person.key)
        else:
            assert self.alert() == before

    @rule()
    def resolve(self) -> None:
        """Somebody resolves it by hand, if it is open."""
        before = self.alert()
        alerts.resolve(next(self.turns), int(before.get("id", 0)), ADA, "seen to by hand, it is well")
        if before.get("state") not in ("firing", "resolving"):
            assert self.alert() == before

    @invariant()
    def one_is_open(self) -> None:
        """At most one alert of a thing is not resolved (A5), and none is forgotten that was announced."""
        found = self.rows("SELECT id, state FROM ops.chatops_alert WHERE fingerprint = %s", self.mark)
        assert len([row for row in found if row["state"] != "resolved"]) <= 1
        fired = self.rows(
            "SELECT DISTINCT alert_id FROM ops.chatops_alert_event WHERE fingerprint = %s AND event = 'fired'",
            self.mark,
        )
        assert {row["alert_id"] for row in fired} == {row["id"] for row in found if row["state"] != "pending"}

    @invariant()
    def each_event_is_announced_once(self) -> None:
        """What fired or recovered is queued with it, once (P1, A6); what never fired is never told of (A1, A2)."""
        happened = self.rows(
            "SELECT alert_id, id, event FROM ops.chatops_alert_event WHERE fingerprint = %s ORDER BY id", self.mark
        )
        queued = self.rows(
            "SELECT kind, message_key FROM ops.chatops_outbox WHERE kind <> 'update' AND split_part(message_key, ':', 2) IN "
            "(SELECT id::text FROM ops.chatops_alert WHERE fingerprint = %s)",
            self.mark,
        )
        expected = Counter(
            ("post", f"alert:{row['alert_id']}")
            if row["event"] == "fired"
            else ("reply", f"alert:{row['alert_id']}:{row['id']}")
            for row in happened
            if row["event"] in ANNOUNCED
        )
        assert Counter((row["kind"], row["message_key"]) for row in queued) == expected
        open_now: set[int] = set()
        for row in happened:
            if row["event"] in ("fired", "reopened"):
                assert row["alert_id"] not in open_now
                open_now.add(row["alert_id"])
            if row["event"] in ("recovered", "resolved_by_hand"):
                open_now.remove(row["alert_id"])


@pytest.fixture
def target_schema() -> str:
    """An alert is the same on both schemas."""
    return "playbook"


@pytest.fixture
def machine(bot_dsn: str) -> Iterator[type[Alerts]]:
    """Give the machine on two replicas of a fresh database, whose time is told."""
    clock = [datetime.now(UTC)]
    with product(bot_dsn, now=lambda: clock[0]) as one, product(bot_dsn, now=lambda: clock[0]) as two:
        yield type("OnRows", (Alerts,), {"replicas": (one, two), "clock": clock})


def test_under_random_observations(machine: type[Alerts]) -> None:
    """Whatever is seen, whenever, by whichever replica: told once, in order, and never of what did not fire."""
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
