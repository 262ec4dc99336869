"""What a review found and what must not come back: each named by what went wrong."""

import re
from dataclasses import replace

import pytest

from bot.domain.configuration import DEFAULT_VENDORS
from bot.domain.messages import CannotPlan, PlanCard, PlanFace, VerifyReport, WorkerList
from bot.errors import ConflictError
from bot.operations import (
    alerts,
    checks,
    detection,
    doctor,
    plans,
    proofs,
    queues,
    runs,
    status,
    stuck,
    stuck_jobs,
    verifying,
)
from bot.operations.issuing import Place
from bot.operations.kinds import pause as steps
from bot.operations.services import Services
from bot.store import alerts as stored
from tests.support.danger import shown
from tests.support.jobs import ALIVE, Target
from tests.support.pausing import do
from tests.support.product import ADA, CONFIG, INCIDENTS, product

HERE = Place(channel=INCIDENTS)
QUICK = replace(
    CONFIG,
    timing=replace(
        CONFIG.timing, check_interval=CONFIG.timing.second_look * 0, pending_for=CONFIG.timing.second_look * 0
    ),
)

_EMPTIED = ("job_type", "attempts", "max_attempts", "reap_count", "started_at", "created_at")


def said(services: Services) -> str:
    """Return what `verify` says of the first scenario."""
    return shown(verifying.read(services, "worker-death"))


def test_a_job_without_a_lock_does_not_break_the_others(services: Services, target: Target) -> None:
    """`processing` with no `locked_at`, half undone by hand: judged like any other, or left; the rest is reset."""
    target.worker()
    target.stuck(2)
    if target.has_worker_id:
        [odd] = target.stuck(1)
        target.connection.execute("UPDATE ops.job_queue SET locked_at = NULL WHERE id::text = %s", (odd,))
    done = do(services, "reset-stuck", {})
    assert done.rows == (3 if target.has_worker_id else 2)


def test_a_role_that_may_change_the_lock_alone_can_reset(services: Services, target: Target, worker_id: str) -> None:
    """With UPDATE on status and locked_at only, what doctor calls ready works after Confirm."""
    role = f"dragonfly_test_bot_{worker_id}"
    target.connection.execute(f"REVOKE UPDATE ON ops.job_queue FROM {role}".encode())
    target.connection.execute(f"GRANT UPDATE (status, locked_at) ON ops.job_queue TO {role}".encode())
    target.stuck(3)
    target.worker()
    ready = {line.name: line for line in doctor.examine(services).lines}["reset-stuck"]
    assert ready.verdict == "ok"
    assert do(services, "reset-stuck", {}).face is PlanFace.WORKING


def test_an_undone_pause_never_ends_with_jobs_in_it(
    services: Services, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More was held between plan and confirm than one undo can let go: refused, nothing is lost."""
    monkeypatch.setattr(steps, "MOST", 3)
    config = replace(services.config, vendors=DEFAULT_VENDORS)
    here = replace(services, config=config)
    target.pending(3)
    paused = do(here, "pause", {"reason": "Simplicity API down"})
    undo = plans.make(here, "undo", plans.undo_params(here, paused.key), ADA, HERE)
    assert isinstance(undo, PlanCard)
    with here.db.write() as tx:
        tx.connection.execute(
            "INSERT INTO ops.chatops_pause_job (pause_id, job_id, prior, held_at) SELECT %s, gen_random_uuid()::text, '{}', now() "
            "FROM generate_series(1, 4)",
            (paused.key,),
        )
    plans.confirm(here, undo.key, ADA, secret=undo.secret)
    runs.perform_due(here)
    assert getattr(plans.card(here, undo.key), "face", None) is PlanFace.REFUSED
    with here.db.read() as tx:
        row = tx.connection.execute("SELECT state FROM ops.chatops_pause WHERE id = %s", (paused.key,)).fetchone()
    assert row == {"state": "active"}


def test_what_a_dead_worker_left_is_seen_after_its_type_came_back(bot_dsn: str, target: Target) -> None:
    """A new worker id beats, the old one's jobs stay: verify says so, and an alert of their own fires and resolves."""
    target.worker()
    jobs = target.stuck(4)
    target.worker(ALIVE, silent_seconds=1)
    for n in range(3):
        target.worker(f"enforcement_engine-{n}", silent_seconds=1, worker_type="enforcement_engine")
    with product(bot_dsn, QUICK) as services:
        if target.has_worker_id:
            report = verifying.read(services, "worker-death")
            assert isinstance(report, VerifyReport)
            assert ("jobs", "not yet") in [(line.thing, line.verdict) for line in report.lines]
            assert [
                item.status.value for item in stuck_jobs.look(services)[0] if item.labels["job_type"] == target.job_type
            ] == ["bad"]
            for _ in range(3):
                detection.watch(services, stuck_jobs.CHECK)
            assert "stuck" in str(alerts.list_open(services))
            assert "\nNOT WORKING worker-death · dev\n" in said(services)
            do(services, "reset-stuck", {})
            [left] = target.stuck(1)
            assert re.search(r"\nNO EFFECT .*\nNo effect, [\dms ]+ after the last step\n", said(services))
            target.complete([*jobs, left])
            assert all(item.status.value == "ok" for item in stuck_jobs.look(services)[0])
            assert re.search(r"\nRECOVERED .*\nRecovered in [\dms ]+\n", said(services))
        lines = checks.run_all(services).lines
        assert {line.check for line in lines} >= {"worker_heartbeat", "migration_blocked", "jobs_stuck"}


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_stuck_jobs_are_seen_until_they_are_well(bot_dsn: str, target: Target) -> None:
    """Of a type that no list names: hidden rows end nothing and say nothing of it; a look that sees none ends it."""
    target.worker("enforcement_engine-gone", worker_type="enforcement_engine")
    target.worker("enforcement_engine-here", silent_seconds=1, worker_type="enforcement_engine")
    jobs = target.stuck(2, owner="enforcement_engine-gone", job_type="enforcement_generate_packet")
    now = QUICK.timing.pending_for
    timing = replace(QUICK.timing, keep_firing_for=now, stuck_interval=now)
    with product(bot_dsn, replace(QUICK, timing=timing)) as services:

        def looked(times: int) -> list[tuple[str, bool]]:
            for _ in range(times):
                checks.run_due(services)
            with services.db.read() as tx:
                told = [
                    alert
                    for alert in stored.list_open(tx)
                    if stuck_jobs.CHECK in (alert.check_id, *alert.labels.values())
                ]
            return [(alert.check_id, bool(alert.evidence.get("hidden"))) for alert in told]

        assert looked(2) == [("jobs_stuck", False)]
        target.connection.execute("DROP POLICY chatops_queue ON ops.job_queue")
        assert looked(5) == [("jobs_stuck", True), ("check_blind", False)]
        assert ("jobs_stuck", "unknown") in [(line.check, line.status) for line in checks.run_all(services).lines]
        card = status.read(services)
        assert (card.blind, card.queue.stuck, card.has_findings) == ("hidden", None, True), (
            "a worker that beats is no queue"
        )
        target.connection.execute("CREATE POLICY chatops_queue ON ops.job_queue USING (true)")
        assert looked(2) == [("jobs_stuck", False)]
        target.complete(jobs)
        assert looked(3) == []


def test_columns_that_hold_nothing_break_no_read(services: Services, target: Target) -> None:
    """A foreign catalog may leave out type, attempts, limit, status or heartbeat: such a job is nobody's, the others go on."""
    jobs = target.stuck(3)
    target.worker()
    for table, names in (("job_queue", _EMPTIED), ("worker_heartbeats", ("worker_type", "status", "last_seen_at"))):
        found = target.connection.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attname = ANY(%s)",
            (f"ops.{table}", list(names)),
        )
        for (name,) in found.fetchall():
            target.connection.execute(f"ALTER TABLE ops.{table} ALTER COLUMN {name} DROP NOT NULL".encode())
            if name not in ("job_type", "last_seen_at"):
                target.connection.execute(f"UPDATE ops.{table} SET {name} = NULL".encode())
    target.connection.execute("UPDATE ops.job_queue SET job_type = NULL WHERE id::text = %s", (jobs[0],))
    target.connection.execute("INSERT INTO ops.worker_heartbeats (worker_id, last_seen_at) VALUES ('none-1', NULL)")
    target.worker(silent_seconds=600)
    checks.run_all(services)
    card = status.read(services)
    assert (card.queue.stuck, card.queue.stuck_dead) == (3, 2)
    assert "no type" in str(stuck.read(services)) and "no type" in str(queues.workers(services))
    assert not any(isinstance(read(services), CannotPlan) for read in (queues.queue, queues.failed, queues.ingest))
    done = do(services, "reset-stuck", {})
    assert dict(done.result) == {"reset": 2}
    assert proofs.watch(services) == 0, "they wait to be picked up"
    assert do(services, "undo", plans.undo_params(services, done.key)).result["put_back"] == 2


def test_an_expected_type_is_never_left_out(services: Services, target: Target) -> None:
    """Silent for hours, or never seen: it is offline, never missing; who is expected nowhere and long gone is."""
    target.worker(ALIVE, silent_seconds=7200)
    target.worker("simplicity-1", silent_seconds=7200, worker_type="simplicity_ingest_worker")
    target.worker("other-1", silent_seconds=1, worker_type="other")
    found = queues.workers(services)
    assert isinstance(found, WorkerList)
    assert [(item.worker_type, item.online) for item in found.workers] == [
        ("ingest_processor", False),
        ("enforcement_engine", False),
        ("other", True),
    ]
    assert "never seen" in shown(found) and "All well" not in shown(found)


def test_the_other_environments_tables_refuse_changes(services: Services, target: Target) -> None:
    """Tables marked dev and a process that says prod: no plan, no confirm, from a shell or from Slack."""
    target.worker()
    target.stuck(1)
    made = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(made, PlanCard)
    prod = replace(services, config=replace(services.config, env="prod"))
    with pytest.raises(ConflictError):
        plans.make(prod, "reset-stuck", {}, ADA, HERE)
    with pytest.raises(ConflictError):
        plans.confirm(prod, made.key, ADA, secret=made.secret)
    assert target.statuses() == {"processing": 1}


def test_doctor_says_that_nobody_is_on_call(services: Services) -> None:
    """Alerts that call nobody are found by day."""

    def said(ours: Services) -> tuple[str, tuple[str, ...]]:
        line = {line.name: line for line in doctor.examine(ours).lines}["on call"]
        return line.verdict, line.remedy

    assert said(services) == ("ok", ())
    assert said(replace(services, config=replace(services.config, rotation=None))) == ("bad", ("set [oncall] people",))
