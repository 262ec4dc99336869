"""Where the playbook and the deployed system disagree (target-system, section 9): each row has its number in a test's name.

The rows of the migration block, the vendor outage, Railway and the gate stand beside those steps; here are the others.
`test_every_row_has_a_test` counts them all.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.domain.configuration import Level
from bot.domain.ids import decode_request
from bot.domain.messages import CannotPlan, FailureReport, PlanCard, QueueReport, StatusCard
from bot.errors import ConfigurationError
from bot.operations import alerts, checks, doctor, escalations, looking, plans, queues, runs, status
from bot.operations.issuing import Place
from bot.operations.reads import page
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer
from bot.sandbox.serving import Served
from bot.settings import load
from bot.store import alerts as alerts_of
from bot.store import checks as checks_of
from bot.targets.api import StatusApi
from tests.support.jobs import ALIVE, Target
from tests.support.product import ADA, CONFIG, INCIDENTS, NAMES, product

HERE = Place(channel=INCIDENTS)
ENFORCEMENT = "enforcement_engine"


@contextmanager
def api(answer: object, code: int = 200) -> Iterator[StatusApi]:
    """Give a client of a status endpoint that answers this, or too deep a list, over the network."""

    async def say(_request: object) -> Response:
        return JSONResponse(answer, code) if answer is not None else Response("[" * 200_000)

    served = Served(Starlette(routes=[Route("/api/v1/system/status", say)]), "api").start()
    client = StatusApi(served.url, "key")
    yield client
    client.close()
    served.stop()


def both_online(target: Target) -> None:
    """Let both expected types beat."""
    target.worker(ALIVE, silent_seconds=2)
    target.worker("enforcement_engine-1", silent_seconds=2, worker_type=ENFORCEMENT)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ({"ok": True, "data": {"ingest_worker": {"status": "offline"}}}, 200, "offline"),
        ({"ok": True, "data": {"ingest_worker": {"status": "online"}}}, 200, "online"),
        ({"ok": False, "data": {"ingest_worker": {"status": "offline"}}}, 200, "unknown"),
        ({"ok": True, "data": {"ingest_worker": {"status": "unknown"}}}, 200, "unknown"),
        ({"ingest_status": "offline"}, 200, "unknown"),
        ({"ok": True, "data": {}}, 500, "unknown"),
    ],
)
def test_row_07_the_api_has_an_envelope_and_three_states(answer: object, code: int, said: str) -> None:
    """`data.ingest_worker.status`, not `ingest_status`; a 200 with `ok: false` is unknown, never offline."""
    with api(answer, code) as client:
        assert client.worker_verdicts()["ingest_processor"].verdict == said


@pytest.mark.parametrize(
    ("answer", "fires"),
    [
        ({"ok": True, "data": {"ingest_worker": {"status": "unknown"}}}, False),
        ({"ok": False, "degraded": True, "data": {}}, False),
        ({"ingest_status": "offline"}, True),
        (None, True),
    ],
)
@pytest.mark.parametrize("target_schema", ["deployed"])
def test_row_07_an_api_that_cannot_tell_has_answered(services: Services, answer: object, fires: bool) -> None:
    """`unknown` with a 200 is an answer, however often; what is no answer, or nested without end, is a failed probe."""
    with api(answer) as client:
        asking = replace(services, api=client)
        for _ in range(4):
            with services.db.write() as tx:
                checks_of.make_due(tx, ["api_health"])
            checks.run_due(asking)
    with services.db.read() as tx:
        begun = alerts_of.begun_of(tx, "api_health")
    assert bool(begun) is fires


def test_row_08_degraded_and_alive_is_said_apart(services: Services, target: Target) -> None:
    """A fresh heartbeat of a worker that is not `running` is "alive but unwell", not dead."""
    both_online(target)
    if target.schema == "playbook":
        target.connection.execute(
            "ALTER TABLE ops.worker_heartbeats DROP CONSTRAINT IF EXISTS worker_heartbeats_status_check"
        )
    target.worker(ALIVE, silent_seconds=1, status="degraded")
    seen = {line.worker_type: line for line in status.read(services).workers}
    assert (seen["ingest_processor"].status, seen["ingest_processor"].reason) == ("bad", "alive but unwell")


def test_row_09_one_definition_and_the_others_are_evidence(services: Services, target: Target) -> None:
    """The verdict is ours, by heartbeats; a view that says otherwise is shown on the card."""
    both_online(target)
    target.worker(ALIVE, silent_seconds=70)
    card = status.read(services)
    line = next(item for item in card.workers if item.worker_type == "ingest_processor")
    assert line.status == "bad"
    assert [(item.source, item.verdict) for item in line.verdicts] == [("view", "offline")]


def test_row_10_view_and_gate_are_both_reported(services: Services, target: Target) -> None:
    """Offline by 60 s and a gate that would pass by 300 s: both are said."""
    target.worker(ALIVE, silent_seconds=100)
    target.worker("enforcement_engine-1", silent_seconds=2, worker_type=ENFORCEMENT)
    assert status.read(services).gate_verdict.startswith("online")


def test_row_11_a_gate_that_passes_is_not_worker_health(services: Services, target: Target) -> None:
    """Any single worker passes the gate; the status card says which types are offline all the same."""
    target.worker("enforcement_engine-1", silent_seconds=2, worker_type=ENFORCEMENT)
    target.worker(silent_seconds=900)
    card = status.read(services)
    assert card.gate_verdict.startswith("online")
    assert card.has_findings


def test_row_12_a_healthy_long_job_is_left_alone(services: Services, target: Target) -> None:
    """Stuck by age, but its worker beats: never part of a plan."""
    target.worker(ALIVE, silent_seconds=2)
    target.stuck(1, owner=ALIVE, minutes=40)
    made = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert not isinstance(made, PlanCard)
    assert target.statuses() == {"processing": 1}


def test_row_13_every_lock_field_is_cleared_and_attempts_are_respected(services: Services, target: Target) -> None:
    """Reset clears `started_at` and `worker_id` too; a job out of attempts fails instead of looping."""
    target.worker()
    [again] = target.stuck(1)
    [out] = target.stuck(1, attempts=5)
    made = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(made, PlanCard)
    plans.confirm(services, made.key, ADA, secret=made.secret)
    runs.perform_due(services)
    reset, failed = target.job(again), target.job(out)
    assert (reset["status"], reset["locked_at"]) == ("pending", None)
    assert failed["status"] == "failed"
    if target.has_worker_id:
        assert (reset["worker_id"], reset["started_at"]) == (None, None)
        assert str(failed["last_error"]).startswith("[DLQ] dragonfly run")


def test_row_15_updated_at_may_be_a_triggers(services: Services, target: Target) -> None:
    """With a trigger or without one, a reset job's `updated_at` is new."""
    target.worker()
    [job] = target.stuck(1)
    before = target.job(job)["updated_at"]
    made = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(made, PlanCard)
    plans.confirm(services, made.key, ADA, secret=made.secret)
    runs.perform_due(services)
    assert str(target.job(job)["updated_at"]) > str(before)


def test_row_16_pending_is_not_the_same_as_claimable(services: Services, target: Target) -> None:
    """Due, delayed and lock-held are counted apart where the queue keeps a next try; failed ones too, and no completed one."""
    due, delayed, held, spent, done = target.pending(5)
    target.fail([spent], "timed out")
    target.complete([done])
    if target.has_worker_id:
        execute = target.connection.execute
        execute("UPDATE ops.job_queue SET next_run_at = now() + interval '1 hour' WHERE id::text = %s", (delayed,))
        execute("UPDATE ops.job_queue SET locked_at = now() - interval '2 minutes' WHERE id::text = %s", (held,))
    report = queues.queue(services)
    assert isinstance(report, QueueReport)
    [state] = report.states
    wanted = {"due": 1, "delayed": 1, "lock-held": 1} if target.has_worker_id else {"due": 3}
    assert state.counts == {**wanted, "failed": 1}
    assert report.next[0].why == "due"
    if target.has_worker_id:
        assert (report.next[0].id, {job.why for job in report.next}) == (due, {"due", "delayed", "lock held"})


def test_row_20_every_type_that_beats_is_shown(services: Services, target: Target) -> None:
    """A worker that the health view does not know stands on the card too."""
    both_online(target)
    target.worker("simplicity_ingest_worker-1", silent_seconds=2, worker_type="simplicity_ingest_worker")
    assert "simplicity" in [line.label for line in status.read(services).workers]


def test_row_32_the_mode_does_not_choose_a_database_silently() -> None:
    """Only the other mode's database is set: an error, never a fall-through; the place is named on every plan."""
    with pytest.raises(ConfigurationError) as refused:
        load({"SUPABASE_MODE": "prod", "SUPABASE_DB_URL_DEV": "postgresql://x@y/z"})
    assert "only SUPABASE_DB_URL_DEV is set and SUPABASE_MODE is prod" in str(refused.value.faults)


def test_row_34_those_out_of_attempts_are_counted_apart(services: Services, target: Target) -> None:
    """`[DLQ]` is a convention in the text, not a status; the text itself goes no further than its class."""
    jobs = target.pending(3)
    target.fail(jobs[:1], "[DLQ] Max attempts (5) exceeded: timeout for Jane Debtor")
    target.fail(jobs[1:], "ValueError: row 3 of Jane Debtor")
    report = queues.failed(services)
    assert isinstance(report, FailureReport)
    assert [(group.count, group.exhausted) for group in report.groups] == [(2, False), (1, True)]
    assert "Jane" not in str(report)
    assert "Jane" not in str(SlackRenderer(names=NAMES).card(report).blocks)


def test_row_35_contacts_are_configuration(bot_dsn: str) -> None:
    """Who is called for a migration block is data: by scenario, a person, a group, or a card that is not in Slack."""
    levels = (
        Level(after=CONFIG.timing.plan_life * 0, label="backend lead", call=("U0CLEO",)),
        Level(after=CONFIG.timing.plan_life, label="DBA", call=("S0DBAS", "night desk +1 555 0100")),
    )
    config = replace(CONFIG, contacts={"migration-block": levels})
    with product(bot_dsn, config) as services, services.db.read() as tx:
        called = escalations.chain_for(services.config, "migration-block", tx.now)
        others = escalations.chain_for(services.config, "worker-death", tx.now)
    assert [call.who for call in called] == [("U0CLEO",), ("S0DBAS", "night desk +1 555 0100")]
    assert others[0].label == "on call"


def test_rows_hidden_meanwhile_are_no_outage(services: Services, target: Target, worker_id: str) -> None:
    """Row security that appears while the catalog is remembered gives no error and no rows: no alert may come of it."""
    both_online(target)
    checks.run_due(services)
    role = f"dragonfly_test_bot_{worker_id}"
    for table in ("job_queue", "worker_heartbeats"):
        target.connection.execute(f"ALTER TABLE ops.{table} ENABLE ROW LEVEL SECURITY".encode())
        target.connection.execute(f"DROP POLICY IF EXISTS chatops_queue ON ops.{table}".encode())
        target.connection.execute(f"DROP POLICY IF EXISTS chatops_heartbeats ON ops.{table}".encode())
    target.connection.execute("DELETE FROM ops.chatops_check")
    checks.run_due(services)
    assert "offline" not in str(alerts.list_open(services))
    with services.db.read() as tx:
        catalog, look = looking.look(services, tx)
    assert (catalog.hidden, catalog.role, look.types) == (True, role, ())
    card = status.read(services)
    assert isinstance(card, StatusCard)
    assert card.blind == "hidden"
    assert isinstance(queues.queue(services), CannotPlan)
    assert isinstance(plans.make(services, "reset-stuck", {}, ADA, HERE), CannotPlan)
    bad = [line.name for line in doctor.examine(services).lines if line.verdict == "bad"]
    assert {"row security", "reset-stuck", "pause"} <= set(bad)
    assert "allow-release" not in bad, "what needs no rows is not called broken"


def test_every_row_has_a_test() -> None:
    """All 35 rows are named by a test somewhere in this suite."""
    here = Path(__file__).parents[1]
    text = "\n".join(path.read_text(encoding="utf-8") for path in here.rglob("test_*.py"))
    named = {int(number) for name in re.findall(r"def (test_\w+)", text) for number in re.findall(r"row_(\d+)", name)}
    named |= {
        int(number) for name in re.findall(r"def (test_\w+)", text) for number in re.findall(r"_and_(\d+)_", name)
    }
    assert sorted(set(range(1, 36)) - named) == []


def test_long_lists_are_shown_page_by_page(services: Services, target: Target) -> None:
    """In Slack twenty rows and a button for the next; a terminal shows all of them."""
    target.pending(45)
    first = page(services, "queue", {"next": "45"})
    assert isinstance(first, QueueReport)
    assert first.next_page is not None
    buttons = [item for block in SlackRenderer().card(first).blocks for item in dict(block).get("elements", ())]  # type: ignore[attr-defined]
    [more] = [item for item in buttons if item.get("action_id") == "read.queue:v1"]
    _, asked = decode_request(more["value"])
    third = page(services, "queue", {**asked, "from": "40"})
    assert isinstance(third, QueueReport)
    assert (len(first.next), len(third.next), third.next_page) == (45, 5, None)
    assert not {job.id for job in first.next[:20]} & {job.id for job in third.next}
    assert TerminalRenderer().text(queues.queue(services, most=45)).count(target.job_type) > 45
