"""Other people's sessions and the record of migrations: found by locks, known by identity, left alone when they moved (§13)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain.messages import LockTree, PlanCard, PlanFace
from bot.operations import audit, sessions
from bot.operations.services import Services
from tests.operations.conftest import Files
from tests.support.danger import approve, plan, refused, run
from tests.support.people import HISTORY, People
from tests.support.waiting import eventually

VERSION = "20991231235959"
ONE, TWO = "SELECT pg_advisory_xact_lock(1)", "SELECT pg_advisory_xact_lock(2)"
deployed = pytest.mark.parametrize("target_schema", ["deployed"])


EARLIER = {
    "backend_start": "(preview ->> 'backend_start')::timestamptz - interval '1 second'",
    "xact_start": "(preview ->> 'xact_start')::timestamptz - interval '1 second'",
    "username": "'somebody else'",
}
"""What of the session that had the number before may differ from the one that has it now."""


def planned(services: Services, pid: int) -> PlanCard:
    """Return a plan to end a session, approved where it must be."""
    card = plan(services, "unlock", {"pid": str(pid)})
    return approve(services, card) if card.face is PlanFace.NEEDS_SECOND else card


def planned_before(services: Services, people: People, pid: int, fact: str) -> PlanCard:
    """Return a plan for an earlier session of the same number, which has gone since; one fact tells them apart."""
    card = planned(services, pid)
    people.grant(
        f"UPDATE ops.chatops_plan SET preview = preview || jsonb_build_object('{fact}', {EARLIER[fact]}) "
        f"WHERE id = '{card.key}'"
    )
    return card


def planned_here(services: Services, people: People, pid: int, elsewhere: int) -> PlanCard:
    """Return a plan whose session has gone since: all that is known of it holds for one of another database."""
    card = planned(services, pid)
    people.grant(
        "UPDATE ops.chatops_plan SET preview = preview || (SELECT jsonb_build_object('pid', pid, 'state', state, "
        "'backend_start', backend_start, 'xact_start', xact_start, 'state_change', state_change) "
        f"FROM pg_stat_activity WHERE pid = {elsewhere}) WHERE id = '{card.key}'"
    )
    return card


def nothing_signalled(services: Services, card: PlanCard) -> None:
    """Run a plan, and fail unless it found nobody."""
    done = run(services, card)
    assert (done.face, done.result, done.rows) == (PlanFace.NOTHING_TO_DO, {"gone": 1}, 0)
    assert "step.noop" in [entry.event for entry in audit.list_newest(services, 5).entries]


@deployed
def test_37_pid_reuse(at_once: Services, people: People) -> None:
    """The session that was planned has gone and another has its number: it is left alone, whichever fact tells them apart.

    That is its start, its transaction's, its role or its database; whether it was to be ended or its statement cancelled.
    """
    idle = people.hold()
    idle_there = people.connect(dbname="postgres")
    idle_there.execute(f"SELECT pg_advisory_xact_lock({idle.info.backend_pid})".encode())
    people.hold(TWO)
    busy = people.wait(TWO, first=ONE)
    people.wait(ONE)
    busy_there = people.go_on(
        people.connect(dbname="postgres"), f"SELECT pg_advisory_xact_lock({idle.info.backend_pid})"
    )

    for pid, there in ((idle.info.backend_pid, idle_there.info.backend_pid), (busy.pid, busy_there.pid)):
        for fact in EARLIER:
            nothing_signalled(at_once, planned_before(at_once, people, pid, fact))
        nothing_signalled(at_once, planned_here(at_once, people, pid, there))
    for session in (idle, idle_there):
        session.execute("SELECT 1")
    assert people.blockers(busy.pid) and people.blockers(busy_there.pid), "what they do goes on"


@deployed
def test_38_idle_holder_by_lock(at_once: Services, people: People) -> None:
    """Its last statement names no migration, it is found by its lock; one that only speaks of the table is not."""
    holder = people.hold()
    holder.execute("SELECT 'something else'")
    bystander = people.hold(f"SELECT 'ALTER TABLE {HISTORY}'")
    migration = people.wait()

    found = sessions.locks(at_once)

    assert isinstance(found, LockTree)
    lines = [(line.session.pid, line.depth) for line in found.tree.lines]
    assert lines == [(holder.info.backend_pid, 0), (migration.pid, 1)]
    assert found.endable == holder.info.backend_pid
    assert plan(at_once, "unlock", {"pid": str(holder.info.backend_pid)}).facts["blocks"] == [migration.pid]
    [why] = refused(at_once, "unlock", {"pid": str(bystander.info.backend_pid)}).reasons
    assert "it blocks nobody and holds no lock on the migration history" in why


def left_alone(services: Services, ended: PlanCard) -> None:
    """Fail unless a run was aborted because the record had changed."""
    assert (ended.face, ended.reason) == (PlanFace.REFUSED, "the record was changed since the plan")
    assert "step.aborted" in [entry.event for entry in audit.list_newest(services, 5).entries]


@pytest.mark.parametrize("status", ["applied", "reverted"])
def test_39_mark_applied_race(repairing: Services, people: People, files: Files, status: str) -> None:
    """A deployment applies the version between plan and run: what Dana agreed to is not there, the record stays as it is."""
    files.migration(f"{VERSION}_made.sql")
    if status == "reverted":
        people.record(VERSION, "made", ["SELECT 1"])
    card = approve(repairing, plan(repairing, "repair", {"version": VERSION, "status": status}))
    people.grant(f"DELETE FROM {HISTORY} WHERE version = '{VERSION}'")
    people.record(VERSION, "made", ["SELECT 1", "SELECT 2"])

    left_alone(repairing, run(repairing, card))

    assert people.row(VERSION) == (VERSION, "made", ["SELECT 1", "SELECT 2"])


@deployed
def test_39_mark_applied_race_in_the_same_moment(repairing: Services, people: People, files: Files) -> None:
    """The deployment has applied it and not committed yet: the run waits for it, and then leaves its record as it is."""
    files.migration(f"{VERSION}_made.sql")
    card = approve(repairing, plan(repairing, "repair", {"version": VERSION, "status": "applied"}))
    deployment = people.hold(f"INSERT INTO {HISTORY} (version, name) VALUES ('{VERSION}', 'by the deployment')")
    with ThreadPoolExecutor(1) as other:
        running = other.submit(run, repairing, card)
        eventually(lambda: people.waiters(deployment.info.backend_pid))
        deployment.commit()
        left_alone(repairing, running.result(30))
    assert people.row(VERSION) == (VERSION, "by the deployment", None)
