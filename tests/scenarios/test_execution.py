"""Two replicas, a connection that breaks while it commits, and rows that others hold: once, or not at all and said (§9, §15)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

from bot.domain import ids
from bot.domain.messages import PlanCard, PlanFace
from bot.errors import OutcomeLost
from bot.operations import alerts, checks, delivery, escalations, pausing, plans, preflight, proofs, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.process import Bot
from bot.sandbox.slack.people import INCIDENTS
from bot.sandbox.slack.server import SlackServer, SlackSettings
from bot.store.limits import EFFECT_LIMITS
from tests.scenarios.conftest import LIVELY
from tests.support import signed, teams
from tests.support.books import Books
from tests.support.cards import card, head, value_of
from tests.support.cutting import line_to
from tests.support.jobs import Target
from tests.support.product import ADA, SHELL, product
from tests.support.running import running_bot
from tests.support.told import Night, Told, connected, told
from tests.support.waiting import eventually

PATIENT = 30


@pytest.fixture
def target_schema() -> str:
    """Execution is the same on both schemas; this one has more columns."""
    return "deployed"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """Give a workspace that does not count calls."""
    with SlackServer(SlackSettings(rate_limits=False)) as server:
        yield server


def test_16_duplicate_delivery(bot_dsn: str, slack: SlackServer, books: Books, target: Target) -> None:
    """The same mention, and then the same press, three times at once on two replicas: one card, one effect, one reply."""
    target.worker()
    target.stuck(3)
    with running_bot(bot_dsn, slack, LIVELY) as one, running_bot(bot_dsn, slack, LIVELY) as two:
        words = slack.person("U0ADA").says("what now?").message
        assert words is not None
        asked = signed.mentioned("reset-stuck", user="U0ADA", ts=words.ts)
        assert thrice(one, two, lambda bot: signed.send(bot, slack, asked, kind="json").status_code) == [200] * 3
        plan = card(slack, "🟡 Plan: reset 3 stuck jobs")
        press = signed.pressed(ids.CONFIRM, value_of(plan, ids.CONFIRM), message=plan.ts)
        assert thrice(one, two, lambda bot: signed.send(bot, slack, press).status_code) == [200] * 3
        eventually(lambda: head(slack, plan.ts).startswith("🟡 Working: 3 of 3"), PATIENT)
        eventually(books.is_quiet, PATIENT)

    assert target.statuses() == {"pending": 3}
    [stored] = books.rows("SELECT id, state FROM ops.chatops_plan")
    said = [item.event for item in books.events(stored["id"])]
    assert said == ["preview.made", "confirmation.consumed", "step.succeeded"]
    assert len([item for item in slack.workspace.messages(INCIDENTS) if value_of(item, ids.PLAN_UNDO)]) == 1
    assert slack.person("U0ADA").private_messages == [], "a duplicate is not answered"
    books.balance(slack)


def thrice(one: Bot, two: Bot, deliver: Callable[[Bot], int]) -> list[int]:
    """Deliver to two replicas, to one of them twice, at the same time."""
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(deliver, (one, two, one)))


CONSUME, EFFECT = "INSERT INTO ops.chatops_run", "WITH target AS MATERIALIZED"


@pytest.mark.parametrize("lands", [True, False], ids=["it landed", "it did not"])
@pytest.mark.parametrize("of", [CONSUME, EFFECT], ids=["consume", "effect"])
def test_25_commit_answer_lost(
    of: str, lands: bool, bot_dsn: str, slack: SlackServer, books: Books, target: Target
) -> None:
    """The connection is cut while it commits: whether it did is read under the lock, and it is done once either way."""
    target.worker()
    target.stuck(3)
    ada = slack.person("U0ADA")
    with line_to(bot_dsn) as line, running_bot(line.dsn, slack, LIVELY):
        ada.types("/dragonfly reset-stuck")
        plan = card(slack, "🟡 Plan: reset 3 stuck jobs")
        line.cut_commit_of(of, lands=lands)
        ada.presses(plan, ids.CONFIRM)
        assert line.was_cut.wait(PATIENT)
        eventually(lambda: head(slack, plan.ts).startswith("🟡 Working: 3 of 3"), PATIENT)
        eventually(books.is_quiet, PATIENT)
    assert target.statuses() == {"pending": 3}
    assert [item.text for item in ada.private_messages if "Nothing was done" in item.text] == []
    if of == CONSUME and lands:
        assert "Your first press counted" in ada.is_told("counted").text
    books.balance(slack)


@pytest.mark.parametrize("lands", [True, False], ids=["it landed", "it did not"])
def test_25_commit_answer_lost_in_a_shell(lands: bool, bot_dsn: str, services: Services, target: Target) -> None:
    """A shell says that it is not known, and where to look; it never says that nothing was done."""
    target.worker()
    target.stuck(3)
    made = plans.make(services, "reset-stuck", {}, SHELL, Place())
    assert isinstance(made, PlanCard)
    with line_to(bot_dsn) as line, product(line.dsn) as cut:
        line.cut_commit_of(CONSUME, lands=lands)
        with pytest.raises(OutcomeLost, match="not known") as lost:
            plans.confirm(cut, made.key, SHELL, secret=None)
    assert (lost.value.exit_code, "look" in lost.value.hint) == (5, True)
    runs.perform_due(services)
    assert target.statuses() == ({"pending": 3} if lands else {"processing": 3})


def test_29_lock_conflict(services: Services, target: Target, books: Books, tmp_path: Path, bot_dsn: str) -> None:
    """A worker holds the rows: a reset passes them by, a statement that waits gives up in 2 s; both say so, nothing stays."""
    target.worker()
    stuck, failed = target.stuck(2), teams.failed(target, 2)
    here = teams.unchecked(services, teams.write(tmp_path))
    reset, touch = plans.make(here, "reset-stuck", {}, ADA, Place(channel=INCIDENTS)), teams.make(here)
    assert isinstance(reset, PlanCard)
    with psycopg.connect(books.dsn) as worker:
        worker.execute("UPDATE ops.job_queue SET attempts = attempts WHERE id::text = ANY (%s)", ([*stuck, *failed],))
        passed = teams.carry_out(here, reset)
        began = time.monotonic()
        waited = teams.carry_out(here, touch)
        tries, each = 3, EFFECT_LIMITS.lock.total_seconds()
        assert tries * each <= time.monotonic() - began < tries * each + PATIENT
        assert (passed.face, passed.result) == (PlanFace.NOTHING_TO_DO, {"moved_on": 2})
        assert waited.face is PlanFace.FAILED
        assert waited.reason == f"what it would change is locked by somebody else ({tries} tries)"
        ours = books.rows("SELECT FROM pg_stat_activity WHERE usename = %s AND state <> 'idle'", books.role)
        assert (ours, books.effects()) == ([], {})
    assert target.statuses() == {"processing": 2, "failed": 2}


@pytest.fixture
def night(bot_dsn: str, target: Target) -> Iterator[Night]:
    """Give a night that has just begun."""
    with told(bot_dsn, target) as made:
        yield made


@contextmanager
def beside(night: Night, dsn: str) -> Iterator[Services]:
    """Give a second process on the same database, whose clock is an hour behind."""
    with product(dsn, night.services.config, now=lambda: night.clock.now) as bare:
        made = connected(bare, night.slack, night.pager)
        clock = Told(night.clock)
        clock.ahead = -timedelta(hours=1)
        yield replace(made, clock=clock)
        assert made.pager is not None
        made.pager.close()


TICKS: tuple[Callable[[Services], object], ...] = (
    checks.run_due,
    escalations.call_due,
    alerts.remind_due,
    plans.expire,
    proofs.watch,
    pausing.tend,
    preflight.watch,
    runs.reconcile,
    delivery.deliver_due,
)


def test_47_two_leaders(night: Night, bot_dsn: str, books: Books) -> None:
    """Two processes whose clocks are two hours apart do all that is due at the same moments: each thing is done once."""
    night.is_ahead(3600)
    barrier = Barrier(2)

    def tick(services: Services) -> None:
        for act in TICKS:
            barrier.wait(PATIENT)
            act(services)

    with beside(night, bot_dsn) as other, ThreadPoolExecutor(2) as pool:

        def passes(seconds: float) -> None:
            night.clock.passes(seconds)
            night.beat()
            list(pool.map(tick, (night.services, other)))

        night.alive = False
        for _ in range(10):
            passes(15)
        [alert] = night.rows("SELECT id FROM ops.chatops_alert WHERE check_id = 'worker_heartbeat'")
        for minutes in (5, 10):
            passes(minutes * 60)
        alerts.acknowledge(other, int(str(alert[0])), ADA)
        for minutes in (31, 30):
            passes(minutes * 60)
    events = night.rows(
        f"SELECT event, count(*) FROM ops.chatops_alert_event WHERE alert_id = {alert[0]} GROUP BY event"
    )
    once = {(event, 1) for event in ("fired", "acknowledged", "ack_reminder", "ack_lapsed")}
    assert set(events) == once | {("escalated", 2)}
    assert len(night.messages("Offline: ingest worker")) == 1
    books.balance(night.slack)
