"""Pause and resume of ingest: leased, sticky, in small batches, and stopped when errors return (§12; cards, section 5)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.messages import CannotPlan, IngestReport, PlanCard, PlanDetails, PlanFace
from bot.errors import InvalidCommand
from bot.operations import audit, pausing, plans, proofs, queues, status, vendors, verifying
from bot.operations.services import Services
from bot.render.terminal import TerminalRenderer
from bot.sandbox.target.seeds import PAYLOAD
from bot.sandbox.target.vendor import HEALTH, Mood, Vendor
from bot.store import pauses
from tests.support.danger import looked, shown
from tests.support.jobs import Target
from tests.support.pausing import HERE, REASON, asking, card, do, good_answers, pause
from tests.support.product import ADA, product
from tests.support.told import Clock


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


def test_row_02_a_pause_holds_pending_jobs_by_what_the_schema_has(services: Services, target: Target) -> None:
    """`paused` where the status has it, else `next_run_at` far ahead and finite; processing jobs are left to finish."""
    target.worker()
    target.pending(5)
    target.stuck(1)
    done = pause(services)
    assert done.face is PlanFace.WORKING
    assert done.result["held"] == 5
    assert target.claimable() == 0
    strategy = "label" if target.schema == "playbook" else "next-run-at"
    assert done.facts["strategy"] == strategy
    details = plans.details(services, done.key)
    assert isinstance(details, PlanDetails)
    assert ("status = 'paused'" in details.statement) == (strategy == "label"), "what is shown is what ran"
    held = "paused" if strategy == "label" else "pending"
    assert target.statuses() == {held: 5, "processing": 1}
    if strategy == "next-run-at":
        row = target.connection.execute("SELECT max(next_run_at) FROM ops.job_queue").fetchone()
        assert row is not None
        assert isinstance(row[0], datetime), "finite, so that every reader can read it"
    read = queues.ingest(services)
    assert isinstance(read, IngestReport)
    assert {status: jobs for _, status, jobs in read.counts} == {"paused": 5, "processing": 1}, "as `queue` says"
    assert "Paused by U0ADA until" in TerminalRenderer().text(read)
    now = status.read(services)
    assert (now.queue.pending, now.queue.oldest_pending) == (0, None), "what is held is not what waits"
    assert "0 pending · " in (said := TerminalRenderer().text(now)) and "ingest paused (5 jobs held, " in said
    assert audit.verify(services).broken_at is None


def test_row_28_new_and_retried_jobs_are_held_too(services: Services, target: Target, clock: Clock) -> None:
    """A pause is sticky: what comes later is held by the next sweep."""
    target.pending(2)
    done = pause(services)
    target.pending(3)
    pausing.tend(services)
    assert target.claimable() == 0
    found = card(services, done.key)
    assert (found.held, found.held_later) == (2, 3) or found.held_now == 5
    clock.passes(20)
    target.pending(1)
    pausing.tend(services)
    assert target.claimable() == 0
    assert card(services, done.key).held_now == 6


def test_row_01_the_job_types_are_configured_and_live(services: Services, target: Target) -> None:
    """Configured types that the database does not know are named and left out: no statement fails on an enum."""
    target.pending(1)
    made = plans.make(services, "pause", REASON, ADA, HERE)
    assert isinstance(made, PlanCard)
    assert target.job_type in made.facts["job_types"]
    expected = [] if target.schema == "playbook" else ["ingest"]
    assert made.facts["ignored"] == expected


def test_a_pause_needs_a_reason_and_a_life(services: Services) -> None:
    """No reason, too short, too long: refused with a correct example."""
    for params in ({}, {"reason": "x"}, {**REASON, "for": "1m"}, {**REASON, "for": "9d"}, {**REASON, "for": "soon"}):
        with pytest.raises(InvalidCommand):
            plans.make(services, "pause", params, ADA, HERE)


def test_a_pause_can_be_kept_longer(services: Services, target: Target, clock: Clock) -> None:
    """Planning a pause while one is open moves its end, and says so."""
    target.pending(1)
    first = pause(services)
    before = card(services, first.key).ends_at
    kept = do(services, "pause", {**REASON, "for": "2h"})
    assert (kept.facts["keeps"], kept.face) == (first.key, PlanFace.WORKING)
    assert card(services, first.key).ends_at == before + timedelta(hours=2)
    target.connection.execute("UPDATE ops.chatops_pause SET ends_at = ends_at - interval '1 hour'")
    assert looked(services, kept.key) is PlanFace.WORKING
    target.connection.execute("UPDATE ops.chatops_pause SET ends_at = ends_at + interval '1 hour'")
    assert looked(services, kept.key) is PlanFace.RECOVERED


def test_resume_needs_three_good_answers(services: Services, target: Target, vendor: Vendor) -> None:
    """While the vendor fails there is no resume; the refusal says how many answers were good."""
    target.pending(3)
    pause(services)
    vendor.mood = Mood.FAILING
    pausing.tend(services)
    refused = plans.make(services, "resume", {}, ADA, HERE)
    assert isinstance(refused, CannotPlan)
    assert refused.reasons == ("the API gave 0 of 3 good answers",)
    assert target.claimable() == 0


def test_row_03_resume_restores_exactly_what_the_pause_changed(
    services: Services, target: Target, clock: Clock
) -> None:
    """Batch by batch; the prior next try comes back, `last_error` is never touched, moved rows are left alone."""
    ids = target.pending(5)
    target.connection.execute("UPDATE ops.job_queue SET last_error = 'kept as evidence'")
    soon = datetime.now(UTC) + timedelta(minutes=3)
    if target.has_worker_id:
        target.connection.execute("UPDATE ops.job_queue SET next_run_at = %s WHERE id::text = %s", (soon, ids[0]))
    done = pause(services)
    target.complete([ids[1]])
    good_answers(services, clock)
    resumed = do(services, "resume", {})
    assert resumed.result["resumed"] == 1
    for _ in range(4):
        clock.passes(31)
        pausing.tend(services)
        proofs.watch(services)
    ended = card(services, done.key)
    assert (ended.state, ended.held_now, ended.released, ended.moved) == ("ended", 0, 4, 1)
    assert target.statuses() == {"pending": 4, "completed": 1}
    assert {str(target.job(job)["last_error"]) for job in ids} == {"kept as evidence"}
    if target.has_worker_id:
        assert datetime.fromisoformat(str(target.job(ids[0])["next_run_at"])) == soon
        assert target.job(ids[2])["next_run_at"] is None
    final = plans.card(services, resumed.key)
    assert isinstance(final, PlanCard)
    assert final.face is PlanFace.RECOVERED


def test_a_resume_can_be_stopped_by_hand(services: Services, target: Target, clock: Clock) -> None:
    """Stop keeps what is still held and holds again what nobody picked up; a second press says that nothing was done."""
    target.pending(6)
    done = pause(services)
    good_answers(services, clock)
    resumed = do(services, "resume", {})
    assert getattr(pausing.stop(services, done.key, ADA), "kind", "") == "stopped"
    assert looked(services, resumed.key) is PlanFace.STOPPED, "by a person, which is no failure of the step"
    told = shown(plans.card(services, resumed.key))
    assert "Stopped by hand" in told and "Called" not in told and "No effect" not in told
    assert getattr(pausing.stop(services, done.key, ADA), "kind", "") == "not-resuming"
    clock.passes(60)
    pausing.tend(services)
    assert card(services, done.key).held_now == 6, "what nobody had picked up is held again"


def told(services: Services) -> list[str]:
    """Return what the pause told its owner, in its order."""
    with services.db.read() as tx:
        rows = tx.connection.execute(
            "SELECT render_from ->> 'event' AS event FROM ops.chatops_outbox "
            "WHERE render_from ->> 'message' = 'pause_reply' ORDER BY created_at, id"
        ).fetchall()
    return [row["event"] for row in rows]


@pytest.mark.parametrize(("mood", "end"), [(Mood.WELL, "resuming"), (Mood.FAILING, "ended_failing")])
def test_a_lease_reminds_warns_and_ends(
    services: Services, target: Target, clock: Clock, vendor: Vendor, mood: Mood, end: str
) -> None:
    """Hourly reminder, a warning 15 min before the end, and at the end: well = resume, failing = stay paused and tell."""
    vendor.mood = mood
    target.pending(3)
    done = pause(services)
    for _ in range(26):
        clock.passes(300)
        pausing.tend(services)
    assert told(services)[:3] == ["reminder", "ends_soon", end]
    state = card(services, done.key).state
    assert state == ("active" if mood is Mood.FAILING else "ended" if state == "ended" else "resuming")
    if mood is Mood.FAILING:
        assert told(services).count("ended_failing") == 1, "told once"
        assert target.claimable() == 0


def test_a_pause_survives_a_restart(
    services: Services, target: Target, bot_dsn: str, clock: Clock, vendor: Vendor
) -> None:
    """Another process goes on with the same lease; two of them sweep once."""
    target.pending(1)
    pause(services)
    target.pending(2)
    clock.passes(20)
    with product(bot_dsn, services.config, now=lambda: clock.now) as other:
        assert [pausing.tend(other), pausing.tend(services)] == [1, 0]
    assert target.claimable() == 0


def test_undo_of_a_pause_lets_all_of_it_go(services: Services, target: Target) -> None:
    """A pause that was a mistake is taken back at once, previewed, confirmed, recorded; a second undo finds nothing."""
    target.pending(4)
    done = pause(services)
    undone = do(services, "undo", {"run": done.key}, undo=True)
    assert undone.result["put_back"] == 4
    assert target.claimable() == 4
    by_label = target.schema == "playbook"
    held = "status = 'paused'" if by_label else "next_run_at = (SELECT held_until FROM ops.chatops_pause)"
    target.connection.execute(f"UPDATE ops.job_queue SET {held}".encode())
    assert looked(services, undone.key) is PlanFace.WORKING, "held by what the pause wrote"
    assert "4 of 4 not as before" in shown(plans.card(services, undone.key))
    free = "status = 'pending'" if by_label else "next_run_at = now()"
    target.connection.execute(f"UPDATE ops.job_queue SET {free}".encode())
    assert looked(services, undone.key) is PlanFace.RECOVERED
    before = plans.card(services, done.key)
    assert isinstance(before, PlanCard)
    assert before.face is PlanFace.UNDONE
    again = plans.make(services, "undo", plans.undo_params(services, done.key), ADA, HERE)
    assert isinstance(again, CannotPlan)


def test_a_probe_counts_towards_the_resume(services: Services, target: Target, clock: Clock) -> None:
    """Somebody's own probes are good answers too; three in ten seconds are not a minute."""
    target.pending(1)
    pause(services)

    def good() -> int:
        return getattr(vendors.probe(services, ""), "good_in_a_row", -1)

    assert [good() for _ in range(3)] == [1, 2, 2]
    clock.passes(61)
    assert good() == 3


def test_a_resume_waits_for_every_vendor_whose_jobs_are_held(services: Services, target: Target, clock: Clock) -> None:
    """One of two fails: the pause says so, no answer of the other counts, and verify tells of each; then both are well."""
    other = Vendor().start()
    first = services.config.vendors[0]
    second = replace(first, name="beta", title="Beta API", endpoint=other.url + HEALTH, contact="Beta support")
    services = replace(services, config=replace(services.config, vendors=(first, second)))
    target.pending(1)
    pause(services)
    other.mood = Mood.FAILING
    good_answers(services, clock)
    assert getattr(vendors.probe(services, first.name), "good_in_a_row", -1) == 0
    with services.db.read() as tx:
        held = pauses.open_one(tx)
    assert held is not None
    shows = card(services, held.id)
    assert (shows.vendor, shows.verdict, shows.good) == (f"{first.title} and Beta API", "failing", 0)
    assert "Beta support" in shows.contact
    assert isinstance(plans.make(services, "resume", {}, ADA, HERE), CannotPlan)
    seen = {
        (line.facts["title"], line.thing): line.verdict
        for line in verifying._vendors(services)
        if "title" in line.facts
    }
    assert (seen[first.title, "vendor"], seen["Beta API", "vendor"]) == (verifying.RECOVERED, verifying.NOT_YET)
    other.mood = Mood.WELL
    good_answers(services, clock)
    assert isinstance(plans.make(services, "resume", {}, ADA, HERE), PlanCard)
    other.stop()


def test_row_26_sources_are_file_names_in_a_shell_only(services: Services, target: Target, target_dsn: str) -> None:
    """Without the right to read payloads files are not known; with it their names, without folders, stay in the shell."""
    target.pending(2)
    hidden = queues.ingest(services, names=True)
    assert isinstance(hidden, IngestReport) and hidden.files_hidden
    with product(target_dsn, services.config) as owner:
        in_slack, in_a_shell = queues.ingest(owner), queues.ingest(owner, names=True)
    assert isinstance(in_slack, IngestReport) and in_slack.files is None
    assert "names only in a shell" in shown(in_slack)
    assert isinstance(in_a_shell, IngestReport) and in_a_shell.files == ((PAYLOAD["file_path"].rpartition("/")[2], 2),)


def test_what_is_held_and_hidden_is_not_let_go(services: Services, target: Target, clock: Clock) -> None:
    """Rows hidden while a resume is under way: it stops and says why; the pause does not end, and is not undone unseen."""
    target.pending(5)
    done = pause(services)
    good_answers(services, clock)
    do(services, "resume", {})
    target.hide("job_queue")
    for _ in range(4):
        clock.passes(31)
        pausing.tend(services)
    after = card(services, done.key)
    assert after.state == "stopped"
    assert after.held_now == 5 - after.released
    assert after.held_now > 0
    undone = plans.make(services, "undo", {"run": done.key}, ADA, HERE)
    assert isinstance(undone, CannotPlan)
    assert "row security hides rows" in undone.reasons[0]
