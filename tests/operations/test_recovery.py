"""What is found after a process died, or the database broke off: gone on with, left, or put to a person (§9)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
import pytest

from bot.domain.messages import PlanCard, PlanFace
from bot.domain.workers import Status
from bot.errors import StoreUnavailable
from bot.operations import alerts, audit, inbox, plans, runs
from bot.operations.alerts import Observation
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.ports import Envelope
from bot.sandbox.railway.faults import FaultKind
from bot.store.db import Tx
from bot.store.runs import CLAIM, Outcome, progress
from handlers import dispatch
from tests.support.crashing import Killed, killed_at
from tests.support.jobs import Target
from tests.support.product import ADA, CONFIG, INCIDENTS, TEAM, Answers, product
from tests.support.railway import carried_out, cloud, on, planned, shown
from tests.support.waiting import eventually

HERE = Place(channel=INCIDENTS)


@pytest.fixture
def target_schema() -> str:
    """Recovery is the same on both schemas."""
    return "deployed"


def confirmed(services: Services) -> str:
    """Return a reset that Ada has confirmed and nobody has begun."""
    made = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(made, PlanCard), made
    assert isinstance(plans.confirm(services, made.key, ADA, secret=made.secret), PlanCard)
    return made.key


@pytest.mark.parametrize(
    ("seconds", "face", "rows"), [(30, PlanFace.WORKING, 250), (61, PlanFace.STOPPED, 100)], ids=["soon", "too late"]
)
def test_half_a_run_is_gone_on_with_for_a_minute(
    bot_dsn: str, target: Target, seconds: int, face: PlanFace, rows: int
) -> None:
    """Killed after the first of three batches: found within the minute it is finished, later it ends where it stands."""
    target.worker()
    target.stuck(250)
    config = replace(CONFIG, queue=replace(CONFIG.queue, batch=100))
    clock = [datetime.now(UTC)]
    with product(bot_dsn, config, now=lambda: clock[0]) as services:
        key = confirmed(services)
        with pytest.raises(Killed):
            runs.perform(replace(services, crash_hook=killed_at("K6")), key)
        clock[0] += timedelta(seconds=seconds)
        assert runs.perform_due(services) == 1
        ended = shown(services, key)
        assert (ended.face, ended.rows) == (face, rows)
    assert target.statuses().get("pending") == rows


def test_a_run_that_somebody_else_holds_is_left_to_them(services: Services, target: Target, target_dsn: str) -> None:
    """Another replica, or what a killed process left on the server, has its row: it is neither begun nor failed."""
    target.worker()
    target.stuck(2)
    key = confirmed(services)
    with psycopg.connect(target_dsn) as other:
        other.execute("SELECT FROM ops.chatops_run WHERE id = %s FOR UPDATE", (key,))
        assert runs.perform_due(services) == 0
        runs.perform(services, key)
        assert target.statuses() == {"processing": 2}
    assert runs.perform_due(services) == 1
    assert target.statuses() == {"pending": 2}


def test_what_a_later_call_did_says_nothing_of_the_one_before(services: Services, target: Target) -> None:
    """A restart without an answer, then another one that worked: only a person can say whether the first happened."""
    with cloud(target) as railway:
        here = on(services, railway)
        railway.fault(FaultKind.ERROR, "deploymentRestart", status=502, requests=1)
        first = carried_out(here, planned(here, "restart", service="ingest"))
        assert first.face is PlanFace.UNKNOWN
        before = railway.running().instance_ids
        second = carried_out(here, planned(here, "restart", service="ingest"))
        assert second.face is PlanFace.WORKING
        eventually(lambda: railway.running().runs and railway.running().instance_ids != before)
        assert runs.reconcile(here) == 0
        assert shown(here, first.key).face is PlanFace.UNKNOWN


@pytest.fixture
def answers() -> Answers:
    """Give what is answered."""
    return Answers()


@pytest.fixture
def here(services: Services, answers: Answers) -> Services:
    """Give services whose answers are kept."""
    return replace(services, chat=cast(Any, answers))


def envelope(kind: str) -> Envelope:
    """Return a delivery of Ada's."""
    return Envelope(key=kind, kind=kind, team_id=TEAM, user_id="U0ADA", channel_id=INCIDENTS, text="status")


@pytest.mark.parametrize(
    ("kind", "times", "said"),
    [
        ("action", 1, ""),
        ("action", 2, "Not known how far it came"),
        ("submission", 2, "Not known how far it came"),
        ("command", 2, "Nothing was done: the database"),
    ],
)
def test_a_delivery_under_which_the_database_broke_off(
    here: Services, answers: Answers, monkeypatch: pytest.MonkeyPatch, kind: str, times: int, said: str
) -> None:
    """Begun once more at once; still away, a press is kept and its outcome left open, and a command did nothing."""
    failures = [StoreUnavailable("the database cannot be reached")] * times
    handled: list[int] = []

    def handler(_asked: object) -> None:
        handled.append(1)
        if failures:
            raise failures.pop()

    monkeypatch.setitem(dispatch._HANDLERS, kind, handler)
    if times > 1 and kind != "command":
        with pytest.raises(StoreUnavailable):
            dispatch.handle(here, envelope(kind))
    else:
        dispatch.handle(here, envelope(kind))
    assert len(handled) == 2
    assert [said in text for text in answers.shown] == ([True] if said else [])


def test_a_kept_delivery_is_handled_again(here: Services, answers: Answers) -> None:
    """What met the database away stays, and is handled when its claim is over."""
    inbox.receive(here, envelope("action"))
    seen: list[str] = []

    def away(item: Envelope) -> None:
        seen.append(item.key)
        if len(seen) == 1:
            raise StoreUnavailable("the database cannot be reached")

    def give_up(*_: object) -> None:
        raise AssertionError("it is not given up")

    assert [inbox.work(here, away, give_up) for _ in range(2)] == [1, 0]
    over(here)
    assert [inbox.work(here, away, give_up) for _ in range(2)] == [1, 0]
    assert seen == ["action", "action"]


def over(services: Services) -> None:
    """Let the claims on deliveries be over."""
    with services.db.write() as tx:
        tx.connection.execute("UPDATE ops.chatops_inbox SET claimed_until = now() WHERE state = 'pending'")


def test_a_delivery_that_ends_the_process_is_left_at_last(here: Services, answers: Answers) -> None:
    """Three processes died under it: the fourth does not begin it, and says that it is not known how far it came."""
    inbox.receive(here, envelope("action"))

    def dies(_item: Envelope) -> None:
        raise Killed

    for _ in range(3):
        with pytest.raises(Killed):
            inbox.work(here, dies, lambda *_: None)
        over(here)
    assert inbox.work(here, dies, lambda item, report: dispatch.give_up(here, item, report)) == 1
    [said] = answers.shown
    assert "Not known how far it came: I was stopped" in said
    over(here)
    assert inbox.work(here, dies, lambda *_: None) == 0


def test_a_long_batch_keeps_its_claim(services: Services, target: Target, bot_dsn: str) -> None:
    """A claim counts from the end of a batch: however long that took, no other replica goes on with it at once."""
    target.worker()
    target.stuck(3)
    key = confirmed(services)
    with product(bot_dsn, now=lambda: datetime.now(UTC) - CLAIM) as slow, slow.db.write() as tx:
        progress(tx, key, Outcome(state="executing", result={"reset": 1}, rows=1, done_to=1))
    assert runs.perform_due(services) == 0


def test_a_look_at_several_alerts_holds_the_record_of_nobody(services: Services, bot_dsn: str) -> None:
    """One replica's look fires an alert and comes to the next, at which another is: neither waits, both are recorded."""
    at_once = replace(services.config, timing=replace(CONFIG.timing, pending_for=timedelta(0)))
    with product(bot_dsn, at_once) as one, product(bot_dsn, at_once) as other:
        with one.db.write() as tx:
            alerts.observe(one, tx, offline(tx, "ingest_processor"))
            with other.db.write() as theirs:
                alerts.observe(other, theirs, offline(theirs, "enforcement_engine"))
            alerts.observe(one, tx, offline(tx, "enforcement_engine"))
        events = [entry.event for entry in audit.list_newest(one, 10).entries]
    assert events.count("alert.fired") == 2


def offline(tx: Tx, worker_type: str) -> Observation:
    """Return a look that finds a worker type offline."""
    return Observation(
        check="worker_heartbeat",
        labels={"worker_type": worker_type},
        status=Status.BAD,
        started_at=tx.now,
        evidence={"label": worker_type, "reason": "no heartbeat"},
    )
