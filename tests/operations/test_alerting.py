"""From heartbeats to one alert, on both target schemas, with time told to the database's clock."""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from bot.cli.alerts import _why
from bot.domain.messages import AlertCard, AlertFace, AlertReply
from bot.operations import alert_cards, alerts, checks, escalations
from bot.operations.services import Services
from tests.support.jobs import Target
from tests.support.product import ADA, CONFIG, product

ENFORCEMENT = "enforcement_engine-1"


class Night:
    """A night whose time is told: heartbeats of the enforcement worker go on, the ingest worker's stop."""

    def __init__(self, services: Services, target: Target, clock: list[datetime]) -> None:
        """Begin with both workers well."""
        self.services, self.target, self.clock = services, target, clock
        self.began = clock[0]
        self.beat("ingest_processor-1", "ingest_processor")

    def beat(self, worker_id: str, worker_type: str, status: str = "running") -> None:
        """Let a worker beat now."""
        self.target.connection.execute(
            "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, status, last_seen_at) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (worker_id) DO UPDATE SET last_seen_at = excluded.last_seen_at, status = excluded.status",
            (worker_id, worker_type, status, self.clock[0]),
        )

    def passes(self, seconds: float, *, ingest: str = "", tick: float = 15) -> None:
        """Let time pass with a look each tick; `ingest` is a status with which the ingest worker goes on beating."""
        until = self.clock[0] + timedelta(seconds=seconds)
        while self.clock[0] < until:
            self.clock[0] += timedelta(seconds=tick)
            self.beat(ENFORCEMENT, "enforcement_engine")
            if ingest:
                self.beat("ingest_processor-1", "ingest_processor", ingest)
            checks.run_due(self.services)
            escalations.call_due(self.services)

    def open(self) -> list[str]:
        """Return the keys of the open alerts."""
        return [line.key for line in alerts.list_open(self.services).alerts]

    def card(self, number: int = 1) -> AlertCard:
        """Return an alert's card."""
        found = alerts.card(self.services, number)
        assert isinstance(found, AlertCard)
        return found

    def faces(self) -> list[AlertFace]:
        """Return how every alert stands."""
        rows = self.target.connection.execute("SELECT id FROM ops.chatops_alert ORDER BY id").fetchall()
        return [self.card(row[0]).face for row in rows]

    def happened(self) -> Counter[str]:
        """Return how often each thing happened to alerts."""
        rows = self.target.connection.execute("SELECT event FROM ops.chatops_alert_event").fetchall()
        return Counter(row[0] for row in rows)

    def events(self, event: str) -> list[int]:
        """Return the numbers of what happened to alerts, in order."""
        said = "SELECT id FROM ops.chatops_alert_event WHERE event = %s ORDER BY id"
        return [row[0] for row in self.target.connection.execute(said, (event,)).fetchall()]

    def replied(self, event: int, number: int = 1) -> AlertReply:
        """Return the reply that tells of one event."""
        with self.services.db.read() as tx:
            found = alert_cards.alert_reply(self.services, tx, {"id": number, "event": event})
        assert isinstance(found, AlertReply)
        return found

    def outbox(self, kind: str) -> int:
        """Return how many messages of a kind were queued."""
        row = self.target.connection.execute(
            "SELECT count(*) FROM ops.chatops_outbox WHERE kind = %s", (kind,)
        ).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def clock() -> list[datetime]:
    """Give the time, as the only item of a list."""
    return [datetime.now(UTC)]


@pytest.fixture
def night(bot_dsn: str, target: Target, clock: list[datetime]) -> Iterator[Night]:
    """Give a quiet night."""
    now: Callable[[], datetime] = lambda: clock[0]  # noqa: E731  # typed for the fixture
    with product(bot_dsn, now=now) as services:
        yield Night(services, target, clock)


def test_1_first_fire_bound(night: Night) -> None:
    """From the last heartbeat to the queued card at most 110 s pass at the production defaults, and it is the only one."""
    night.passes(110)
    assert night.outbox("post") == 1
    night.passes(60)
    assert night.outbox("post") == 1
    card = night.card()
    assert (card.face, card.label, card.online) == (AlertFace.FIRING, "ingest", 0)
    assert [call.who for call in card.calls] == [("U0ADA",)]


def test_whose_the_jobs_are_is_said_where_the_queue_says_it(night: Night) -> None:
    """Without worker ids no number stands beside a worker: not known is never 0."""
    night.target.stuck(2, owner="ingest_processor-1")
    night.passes(120)
    [worst] = night.card().worst
    assert worst.jobs_held == (2 if night.target.has_worker_id else None)


def test_2_blip_is_silent(night: Night) -> None:
    """Bad for less than `for`: nobody is told."""
    night.passes(75)
    night.passes(30, ingest="running")
    assert night.open() == []
    assert night.outbox("post") == 0


def test_it_recovers_on_the_same_card(night: Night) -> None:
    """Well for a minute: resolved, with the downtime, and one reply."""
    night.passes(120)
    night.passes(105, ingest="running")
    assert night.open() == []
    assert night.card().face is AlertFace.RECOVERED
    assert (night.outbox("post"), night.outbox("reply")) == (1, 1)


def test_a_shell_tells_why_and_what_happened(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    """`alerts why` shows the card, and below it each event in words: people by name, durations as everywhere."""
    night.passes(120)
    alerts.acknowledge(night.services, 1, ADA)
    why = argparse.Namespace(command="alerts", alert="A1", json=False)
    assert _why(why, night.services) == 0
    card, timeline = capsys.readouterr().out.split("Timeline A1 ingest · dev: ")
    assert card.startswith("ACKNOWLEDGED A1 ingest worker · dev\n")
    assert "0 of 2 online" in card or "0 of 1 online" in card
    night.passes(105, ingest="running")
    assert timeline.startswith("offline 2 m 00 s\n")
    assert re.search(r" fired; called Ada: bad for long enough\n.* acknowledged by Ada after \d+ s\n", timeline)
    assert "The record: not looked at yet; no copy outside yet" in timeline
    assert _why(why, night.services) == 0
    ended = capsys.readouterr().out
    assert re.search(r"A1 ingest · dev: offline \d m \d\d s, recovered\n", ended)
    assert re.search(r" recovered, offline \d m \d\d s: well for long enough\n", ended)


def test_6_reopen_clears_ack(night: Night) -> None:
    """Acknowledged, recovered, bad after five minutes: the same card, unacknowledged, and the chain from its first level."""
    night.passes(120)
    alerts.acknowledge(night.services, 1, ADA)
    night.passes(60 + 300, ingest="running")
    assert night.card().face is AlertFace.RECOVERED
    night.passes(150)
    card = night.card()
    assert (card.face, card.acked_by) == (AlertFace.REOPENED, "")
    assert card.recovered_at is not None and card.recovered_at < card.fired_at
    assert night.outbox("post") == 1
    assert [call.label for call in card.calls] == ["on call"]
    night.passes(300)
    assert [call.label for call in night.card().calls] == ["on call", "team lead"]
    night.passes(60 + 300, ingest="running", tick=60)
    night.passes(180, tick=60)
    assert [night.replied(event).ack_gone for event in night.events("reopened")] == [True, False]


def test_55_escalation_ladder(night: Night, bot_dsn: str, clock: list[datetime]) -> None:
    """Nobody acknowledges: levels at 0, 5 and 15 minutes, each once, by a new process each time; what comes after stands elsewhere."""
    while not night.open():
        night.passes(15)
    fired = clock[0]
    for minute, replies in ((0, 0), (5, 1), (15, 2)):
        clock[0] = fired + timedelta(minutes=minute, seconds=-1)
        with product(bot_dsn, now=lambda: clock[0]) as another:
            early = escalations.call_due(another)
            clock[0] += timedelta(seconds=2)
            late = [escalations.call_due(another) for _ in range(2)]
        assert (early, late) == (0, [int(minute > 0), 0]), minute
        assert night.outbox("reply") == replies
    assert [call.label for call in night.card().calls] == ["on call", "team lead", "everyone"]


@pytest.mark.parametrize(("seconds", "called"), [(299, 0), (301, 1)])
def test_55_acknowledged(night: Night, clock: list[datetime], seconds: int, called: int) -> None:
    """Acknowledged at 4:59 the second level is never called; at 5:01 it was, and nobody after it is."""
    while not night.open():
        night.passes(15)
    clock[0] += timedelta(seconds=seconds)
    escalations.call_due(night.services)
    alerts.acknowledge(night.services, 1, ADA)
    night.passes(900)
    assert night.outbox("reply") == called


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_3_unknown_never_resolves(night: Night, target_dsn: str, clock: list[datetime]) -> None:
    """It fires, then nobody can look for ten minutes: it fires still, that nobody can is an alert too, and both end as they should."""
    night.passes(120)
    with psycopg.connect(target_dsn) as other:
        other.execute("LOCK TABLE ops.worker_heartbeats IN ACCESS EXCLUSIVE MODE")
        for _ in range(3):
            clock[0] += timedelta(seconds=200)
            checks.run_due(night.services)
    rows = night.target.connection.execute(
        "SELECT check_id, labels ->> 'check' FROM ops.chatops_alert WHERE state = 'firing' ORDER BY id"
    ).fetchall()
    assert rows == [("worker_heartbeat", None), ("check_blind", "worker_heartbeat"), ("check_blind", "jobs_stuck")]
    night.passes(300)
    assert [face for face in night.faces() if face is not AlertFace.RECOVERED] == [AlertFace.ESCALATED]


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_5_flap(night: Night) -> None:
    """Up and down every two minutes for an hour: after four changes one notice, then quiet, but for the calling, which goes on."""
    for _ in range(15):
        night.passes(120, ingest="degraded", tick=30)
        night.passes(120, ingest="running", tick=30)
    happened = night.happened()
    assert (happened["fired"], happened["recovered"], happened["reopened"]) == (1, 2, 2)
    assert happened["escalated"] >= 2
    assert happened["unsteady"] == 1
    assert night.outbox("reply") == 5 + happened["escalated"]
    night.passes(15, ingest="degraded")
    assert night.card().face is AlertFace.UNSTEADY
    night.passes(14 * 60, ingest="running", tick=30)
    assert len(night.open()) == 1
    night.passes(90, ingest="running")
    assert night.open() == []


def test_alive_but_unwell_is_not_dead(night: Night) -> None:
    """A degraded worker that beats is offline in a way that a restart may not mend, and the card says so."""
    night.passes(120, ingest="degraded")
    assert night.card().reason == "alive but unwell"


def test_4_no_rows_is_bad(bot_dsn: str, target: Target, clock: list[datetime]) -> None:
    """An expected type without any row fires."""
    with product(bot_dsn, now=lambda: clock[0]) as services:
        night = Night(services, target, clock)
        target.connection.execute("DELETE FROM ops.worker_heartbeats")
        night.passes(60)
        assert len(night.open()) == 1
        assert night.card().reason == "never seen"


def test_two_bots_make_one_alert(night: Night, bot_dsn: str, clock: list[datetime]) -> None:
    """Two replicas looking at the same ticks queue one card and call each level once."""
    with product(bot_dsn, now=lambda: clock[0]) as other:
        for _ in range(30):
            clock[0] += timedelta(seconds=15)
            night.beat(ENFORCEMENT, "enforcement_engine")
            for services in (night.services, other):
                checks.run_due(services)
                escalations.call_due(services)
    assert (night.outbox("post"), night.outbox("reply")) == (1, 1)


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_7_ten_thousand(bot_dsn: str, target: Target, clock: list[datetime]) -> None:
    """10,000 failing workers of 20 types are 20 alerts with the ten worst each, few edits, and one message each when all are well."""
    types = [f"type_{number}" for number in range(20)]
    workers = tuple(replace(CONFIG.workers[0], name=name, label=name) for name in types)
    target.connection.execute(
        "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, last_seen_at) "
        "SELECT 'w-' || n, 'type_' || n %% 20, %s FROM generate_series(1, 10000) AS n",
        (clock[0],),
    )
    with product(bot_dsn, replace(CONFIG, workers=workers), now=lambda: clock[0]) as services:
        night = Night(services, target, clock)
        night.passes(120)
        assert len(night.open()) == 20
        assert night.outbox("post") == 20
        assert len(night.card().worst) == 10
        assert night.card().total == 500
        night.passes(480, tick=60)
        assert (night.outbox("post"), night.outbox("update") <= 60) == (20, True)
        called = night.outbox("reply")
        for _ in range(10):
            clock[0] += timedelta(seconds=15)
            target.connection.execute("UPDATE ops.worker_heartbeats SET last_seen_at = %s", (clock[0],))
            checks.run_due(services)
        assert (night.open(), night.outbox("post"), night.outbox("reply") - called) == ([], 20, 20)


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_hidden_rows_are_no_outage(target_dsn: str, target: Target, worker_id: str) -> None:
    """A role from which row security hides everything sees nothing wrong: it cannot see (target-system 1.4)."""
    role = f"dragonfly_test_blind_{worker_id}"
    target.connection.execute(
        f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'x'; "
        f"GRANT USAGE ON SCHEMA ops TO {role}; "
        f"GRANT ALL ON ALL TABLES IN SCHEMA ops TO {role}; "
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ops TO {role}"
    )
    target.worker()
    blind = psycopg.conninfo.make_conninfo(target_dsn, user=role, password="x")
    with product(blind) as services:
        for _ in range(4):
            target.connection.execute("UPDATE ops.chatops_check SET due_at = now() - interval '1 minute'")
            checks.run_due(services)
        with services.db.read() as tx:
            found = tx.connection.execute(
                "SELECT check_id, evidence ->> 'reason' AS why FROM ops.chatops_alert"
            ).fetchall()
    assert {row["check_id"] for row in found} <= {"check_blind"}
    assert found and "row security hides" in found[0]["why"], "it says why"
    target.connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_an_acknowledgement_is_asked_after_and_lapses(night: Night, clock: list[datetime]) -> None:
    """After half an hour the one who has it is asked, once; renewed, it holds; else calling begins anew."""
    night.passes(120)
    alerts.acknowledge(night.services, 1, ADA)
    clock[0] += timedelta(minutes=31)
    assert [alerts.remind_due(night.services) for _ in range(2)] == [1, 0]
    alerts.acknowledge(night.services, 1, ADA)
    clock[0] += timedelta(minutes=29)
    assert alerts.remind_due(night.services) == 0
    clock[0] += timedelta(minutes=32)
    alerts.remind_due(night.services)
    assert (night.card().acked_by, night.card().lapsed_by) == ("", ADA.key)
