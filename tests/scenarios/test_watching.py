"""Who watches the bot: a process that stood still, a call that got lost, a start with everything open (§16, §20)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.domain.messages import PlanCard
from bot.operations import plans
from bot.operations.issuing import Place
from bot.process import Bot
from bot.sandbox.slack.server import SlackServer, SlackSettings
from bot.store import outbox
from tests.scenarios.conftest import LIVELY
from tests.support.jobs import Target
from tests.support.product import ADA, INCIDENTS, product
from tests.support.running import settings
from tests.support.told import Night, told
from tests.support.waiting import eventually


@pytest.fixture
def target_schema() -> str:
    """Watching is the same on both schemas."""
    return "deployed"


@pytest.fixture
def night(bot_dsn: str, target: Target) -> Iterator[Night]:
    """Give a quiet night."""
    with told(bot_dsn, target) as made:
        yield made


def test_49_scheduler_stall(night: Night) -> None:
    """The process stands still for 20 min: the monitor hears nothing, both calls come late, each once, and it says so."""
    night.fires()
    assert night.pulse.is_well()

    night.clock.passes(1200)
    assert not night.pulse.is_well()
    assert len(night.messages("was called")) == 0

    night.passes(15)
    called = night.rows("SELECT called ->> 0 FROM ops.chatops_escalation WHERE done_at IS NOT NULL ORDER BY level")
    assert called == [("U0ADA",), ("U0BEN",), ("C0OPSALL",)]
    assert [len(night.messages(f"{who}: ingest offline")) for who in ("<@U0BEN>", "<#C0OPSALL>")] == [1, 1]
    [away] = night.messages("Back after 20 m")
    assert "Late calls: 2" in str(away.blocks)
    assert "the process stood still" in str(away.blocks)
    assert night.pulse.is_well()
    night.passes(30)
    assert night.opened("check_blind") == []


def test_56_escalation_gap(night: Night) -> None:
    """Calls that are to come are deleted by hand: the auditor says so within 5 min, loudly, and mends nothing."""
    night.fires()
    night.target.connection.execute("DELETE FROM ops.chatops_escalation WHERE done_at IS NULL")
    night.passes(300)
    assert night.opened("escalation_gap") == ["nobody will be called for A1"]
    [page] = night.paged("escalation_gap")
    assert "Nobody will be called" in str(page["text"])
    assert len([item for item in night.messages("nobody will be called for A1") if not item.thread_ts]) == 1
    assert night.rows("SELECT 1 FROM ops.chatops_escalation WHERE alert_id = 1 AND done_at IS NULL") == []


QUIET = replace(LIVELY, workers=tuple(replace(worker, expected=False) for worker in LIVELY.workers))
"""Nobody's absence is an alert."""


def open_alerts(target: Target, count: int) -> None:
    """Leave alerts open whose cards stand in the channel, each with somebody who has it."""
    target.connection.execute(
        "INSERT INTO ops.chatops_alert (fingerprint, check_id, scenario, state, severity, started_at, fired_at, "
        " last_bad_at, acked_by, acked_at, evidence, channel) "
        "SELECT 'mark ' || n, 'vendor_errors', 'vendor-outage', 'firing', 'critical', now(), now(), now(), "
        "       'slack:T0DRAGON/U0ADA', now(), '{\"label\": \"somebody\"}', %s FROM generate_series(1, %s) AS n",
        (INCIDENTS, count),
    )
    target.connection.execute(
        "INSERT INTO ops.chatops_outbox (kind, destination, message_key, render_from, state, sent_channel, sent_ts, "
        " next_attempt_at, created_at, ended_at) "
        "SELECT 'post', channel, 'alert:' || id, jsonb_build_object('message', 'alert', 'id', id), 'delivered', "
        "       channel, '1.' || id, now(), now(), now() FROM ops.chatops_alert"
    )


def confirmed_runs(bot_dsn: str, target: Target) -> None:
    """Leave three confirmed runs: one just now, two of an hour ago."""
    with product(bot_dsn, QUIET) as services:
        for number in range(3):
            made = plans.make(services, "reset-stuck", {}, ADA, Place(channel=INCIDENTS))
            assert isinstance(made, PlanCard), made
            plans.confirm(services, made.key, ADA, secret=made.secret)
            target.connection.execute(
                "UPDATE ops.chatops_run SET resource = %s WHERE resource NOT LIKE 'queue %%'", (f"queue {number}",)
            )
        target.connection.execute(
            "UPDATE ops.chatops_run SET confirmed_at = confirmed_at - interval '1 hour', "
            "not_before = not_before - interval '1 hour' WHERE resource <> 'queue 2'"
        )


def test_58_cold_start(
    bot_dsn: str, target: Target, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """200 open alerts, 30 messages, 3 runs: nothing is announced again, all is sent once, runs end before commands."""
    caplog.set_level("INFO", logger="dragonfly")
    target.worker(silent_seconds=600)
    target.worker("enforcement_engine-1", silent_seconds=-600, worker_type="enforcement_engine")
    target.stuck(3)
    open_alerts(target, 200)
    confirmed_runs(bot_dsn, target)
    with product(bot_dsn, QUIET) as services, services.db.write() as tx:
        for number in range(30):
            facts = {"message": "status", "by": "cli:a@b"}
            outbox.enqueue(tx, "post", channel=INCIDENTS, message_key=f"status:{number}", render_from=facts)

    states: list[str] = []
    surface = Bot._surface

    def opens(bot: Bot) -> None:
        rows = target.connection.execute("SELECT state FROM ops.chatops_run ORDER BY resource").fetchall()
        states.extend(row[0] for row in rows)
        surface(bot)

    monkeypatch.setattr(Bot, "_surface", opens)
    with SlackServer(SlackSettings(rate_limits=False)) as slack:
        bot = Bot(settings(bot_dsn, slack, QUIET, "http"))
        bot.start()
        try:
            assert states == ["aborted", "aborted", "succeeded"]
            waiting = "SELECT count(*) FROM ops.chatops_outbox WHERE ended_at IS NULL"
            eventually(lambda: target.connection.execute(waiting).fetchone() == (0,), 30)
        finally:
            bot.stop()
        posted = [
            str(message.metadata["event_payload"]["outbox_id"])
            for message in slack.workspace.messages(INCIDENTS)
            if message.metadata
        ]
    assert len(posted) == len(set(posted))
    sent = "SELECT id::text FROM ops.chatops_outbox WHERE kind IN ('post', 'reply') AND state = 'delivered'"
    rows = target.connection.execute(f"{sent} AND sent_ts NOT LIKE '1.%'").fetchall()
    assert {row[0] for row in rows} == set(posted)
    statuses = target.connection.execute(f"{sent} AND message_key LIKE 'status:%'").fetchall()
    assert len(statuses) == 30
    again = "SELECT count(*) FROM ops.chatops_outbox WHERE message_key LIKE 'alert:%' AND sent_ts NOT LIKE '1.%'"
    assert target.connection.execute(again).fetchone() == (0,)
    [started] = [item.getMessage() for item in caplog.records if item.getMessage().startswith("bot_started")]
    assert "open_alerts=200 unfinished_runs=3" in started
    assert f"config_rev={bot.services.config.rev}" in started
