"""End one session: what is refused, who must agree, and that exactly the pinned session is ended (§13; row 21)."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from bot.domain.messages import Notice, PlanCard, PlanDetails, PlanFace
from bot.operations import audit, plans, proofs, runs, sessions
from bot.operations.services import Services
from bot.store import runs as stored
from bot.store.db import APPLICATION_NAME, Database
from tests.support.crashing import Killed, killed_at
from tests.support.danger import approve, asked, carry_out, plan, refused, run, shown, still
from tests.support.people import LOCK_HISTORY, People
from tests.support.pooler import session_of
from tests.support.product import ADA, SHELL
from tests.support.waiting import eventually

deployed = pytest.mark.parametrize("target_schema", ["deployed"])
ONE, TWO = "SELECT pg_advisory_xact_lock(1)", "SELECT pg_advisory_xact_lock(2)"


def why(services: Services, pid: int) -> str:
    """Return why a session may not be ended."""
    return refused(services, "unlock", {"pid": str(pid)}).reasons[0]


def test_row_21_exactly_the_pinned_session_is_ended(at_once: Services, people: People) -> None:
    """Two sessions look alike; the confirmed one ends, the migration goes on, the other stays; the record has both people."""
    holder, other = people.hold(), people.hold("SELECT 1")
    waiter = people.wait()
    pid = holder.info.backend_pid

    card = plan(at_once, "unlock", {"pid": str(pid)})
    assert card.face is PlanFace.NEEDS_SECOND and card.way_back == ""
    assert card.facts["username"] == people.role and card.facts["application_name"] == "psql"
    assert (card.facts["state"], card.facts["cancel"]) == ("idle in transaction", False)
    assert (card.facts["blocks"], card.facts["holds_history"]) == ([waiter.pid], True)
    assert card.facts["locks"] >= 1
    for words in ("Cannot be undone", "another client of the pooler", f"as {people.role}", "Blocks 1 session"):
        assert words in shown(card).replace("`", "")

    done = run(at_once, approve(at_once, card))

    assert (done.face, done.result) == (PlanFace.WORKING, {"ended": 1})
    eventually(lambda: waiter.went_on)
    assert not people.is_there(pid) and people.is_there(other.info.backend_pid)
    assert proofs.watch(at_once) == 1
    proved = plans.card(at_once, card.key)
    assert isinstance(proved, PlanCard)
    assert (proved.face, proved.approved_by) == (PlanFace.RECOVERED, "slack:T0DRAGON/U0DANA")
    assert proved.proof["gone"] and proved.proof["wait"] == 0
    records = {entry.event: entry for entry in audit.list_newest(at_once, 20).entries}
    assert records["step.succeeded"].actor == ADA.key
    assert audit.verify(at_once).broken_at is None


@deployed
def test_who_still_waits_is_said(at_once: Services, people: People) -> None:
    """Another session holds the same lock: the session is gone, whoever waited waits on, and that is no success."""
    holder, second = (
        people.hold("SELECT pg_advisory_xact_lock_shared(1)"),
        people.hold("SELECT pg_advisory_xact_lock_shared(1)"),
    )
    waiter = people.wait(ONE)
    done = carry_out(at_once, "unlock", {"pid": str(holder.info.backend_pid)})
    eventually(lambda: not people.is_there(holder.info.backend_pid))
    assert proofs.watch(at_once) == 0
    watched = plans.card(at_once, done.key)
    assert isinstance(watched, PlanCard) and watched.proof_limit == at_once.config.timing.session_gone
    assert watched.face is PlanFace.WORKING and not waiter.went_on
    assert people.is_there(second.info.backend_pid)


@deployed
@pytest.mark.parametrize("kind", ["superuser", "platform", "replication"])
def test_row_21_a_platform_owned_role_is_left_to_its_operator(
    at_once: Services, people: People, kind: str, worker_id: str
) -> None:
    """A superuser's session, one of a role the platform owns, one that may replicate: refused before anybody is asked."""
    role = "owner"
    if kind != "superuser":
        role = f"{'supabase' if kind == 'platform' else 'dragonfly'}_test_{worker_id}"
        people.make_role(role, "REPLICATION" if kind == "replication" else "")
    holder = people.hold(ONE, role=role)
    people.wait(ONE)
    found = why(at_once, holder.info.backend_pid)
    assert "a role of the platform: only its operator can end it" in found


@deployed
def test_my_own_sessions_are_left_alone(at_once: Services, people: People, bot_dsn: str) -> None:
    """A session under the bot's name is the bot's; an engineer under the bot's role is not."""
    role = str(psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"])
    mine = people.hold(ONE, name=APPLICATION_NAME, role=role)
    people.wait(ONE)
    assert why(at_once, mine.info.backend_pid).endswith("it is one of my own sessions")
    with at_once.db.read() as tx:
        assert "one of my own sessions" in why(at_once, session_of(tx))
    engineer = people.hold(TWO, role=role)
    people.wait(TWO)
    assert plan(at_once, "unlock", {"pid": str(engineer.info.backend_pid)})


@deployed
def test_another_database_is_not_ours(at_once: Services, people: People) -> None:
    """A session of another database is refused, whatever it holds."""
    elsewhere = people.connect(dbname="postgres")
    elsewhere.execute("SELECT 1")
    assert why(at_once, elsewhere.info.backend_pid).endswith("it works in another database")


@deployed
def test_a_background_process_is_no_session(at_once: Services, people: People) -> None:
    """The checkpointer is no client."""
    row = people.owner.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'").fetchone()
    assert row is not None
    assert "it is no client session (checkpointer)" in why(at_once, row[0])


@deployed
def test_a_session_that_blocks_nobody_is_left_alone(at_once: Services, people: People) -> None:
    """Idle in a transaction is no reason by itself; a lock on the history is."""
    idle = people.hold("SELECT 1")
    assert "it blocks nobody" in why(at_once, idle.info.backend_pid)
    idle.execute(LOCK_HISTORY)
    assert plan(at_once, "unlock", {"pid": str(idle.info.backend_pid)})


@deployed
def test_a_session_that_was_busy_a_moment_ago_is_left_alone(at_once: Services, people: People) -> None:
    """Less than the limit idle in a transaction, or between two statements under an advisory lock: it may be at work."""
    patient = replace(at_once.config.timing, idle_limit=timedelta(minutes=5))
    services = replace(at_once, config=replace(at_once.config, timing=patient))
    holder = people.hold()
    assert "idle in a transaction for 0 s, less than 300 s" in why(services, holder.info.backend_pid)
    tool = people.connect()
    tool.autocommit = True
    tool.execute("SELECT pg_advisory_lock(1)")
    people.wait(ONE)
    assert "idle for 0 s, less than 300 s" in why(services, tool.info.backend_pid)


@deployed
def test_the_waiting_migration_is_never_ended(at_once: Services, people: People) -> None:
    """It blocks those behind it; the one to end is the one that it waits for (M2)."""
    people.hold()
    migration = people.wait()
    people.wait("SELECT count(*) FROM supabase_migrations.schema_migrations")
    assert "a migration that waits itself" in why(at_once, migration.pid)


@deployed
def test_a_pid_that_is_gone(at_once: Services) -> None:
    """Before the plan: already gone, nothing was ended."""
    assert why(at_once, 4_000_000) == "session 4000000 is already gone; nothing was ended"
    assert why(at_once, 9_999_999_999).endswith("already gone; nothing was ended")


@deployed
def test_a_second_person_and_the_pid(at_once: Services, people: People) -> None:
    """Without approval nothing runs; with another number typed nothing runs; both are recorded."""
    holder = people.hold()
    card = plan(at_once, "unlock", {"pid": str(holder.info.backend_pid)})
    assert card.secret == "" and card.target == str(holder.info.backend_pid)
    early = plans.confirm(at_once, card.key, SHELL, secret=None, typed=card.target)
    assert isinstance(early, Notice) and early.kind == "needs-second"
    approved = approve(at_once, card)
    wrong = plans.confirm(at_once, card.key, ADA, secret=approved.secret, typed="1")
    assert isinstance(wrong, Notice) and wrong.kind == "wrong-typed"
    assert runs.perform_due(at_once) == 0 and people.is_there(holder.info.backend_pid)
    assert "confirmation.refused" in [entry.event for entry in audit.list_newest(at_once, 5).entries]


@deployed
@pytest.mark.parametrize("change", ["gone", "another transaction", "another statement", "busy"])
def test_a_session_that_has_changed_is_left_alone(at_once: Services, people: People, change: str) -> None:
    """Gone or at work again since the plan: zero effect, "already gone"."""
    holder = people.hold()
    pid = holder.info.backend_pid
    card = approve(at_once, plan(at_once, "unlock", {"pid": str(pid)}))
    assert still(at_once, card, "Still idle in transaction: ") is True
    if change == "gone":
        holder.close()
        eventually(lambda: not people.is_there(pid))
    elif change == "another transaction":
        holder.rollback()
        holder.execute(LOCK_HISTORY)
    elif change == "another statement":
        holder.execute("SELECT 1")
    else:
        people.hold(TWO)
        people.go_on(holder, TWO)
    assert not still(at_once, card)

    done = run(at_once, card)

    assert (done.face, done.result, done.rows) == (PlanFace.NOTHING_TO_DO, {"gone": 1}, 0)
    assert people.is_there(pid) == (change != "gone")
    assert "Already gone" in shown(done) and "Nothing was ended" in shown(done)
    assert "step.noop" in [entry.event for entry in audit.list_newest(at_once, 5).entries]


@deployed
@pytest.mark.parametrize("now", ["blocks nobody", "not seen"])
def test_the_form_promises_nothing_that_the_run_does_not_look_at(
    at_once: Services, people: People, bot_dsn: str, now: str
) -> None:
    """Its waiter went away, or our role sees no sessions any more: the form says so, and the pinned session is ended."""
    holder, waiter = people.hold(ONE), people.wait(ONE)
    card = approve(at_once, plan(at_once, "unlock", {"pid": str(holder.info.backend_pid)}))
    if now == "blocks nobody":
        waiter.close()
    else:
        role = psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"]
        people.grant(f"REVOKE pg_read_all_stats FROM {role}")
        with at_once.db.read() as tx:
            at_once.catalog.get(tx, fresh=True)
    said = asked(at_once, card)
    assert "*Now*: " in said and "nothing would be done" not in said
    assert run(at_once, card).result == {"ended": 1}


@deployed
def test_what_an_active_session_does_is_cancelled(at_once: Services, people: People) -> None:
    """A session at work is not ended: its statement is cancelled, which is a change and no danger; it may log on."""
    people.hold(TWO)
    busy = people.wait(TWO, first=ONE)
    waiter = people.wait(ONE)
    card = plan(at_once, "unlock", {"pid": str(busy.pid)})
    assert card.facts["cancel"] and "pg_cancel_backend" in card.facts["statement"]
    assert (card.face, card.approval_why) == (PlanFace.ISSUED, "")
    done = run(at_once, card)
    assert done.result == {"ended": 1}
    eventually(lambda: waiter.went_on)
    assert people.is_there(busy.pid)
    assert proofs.watch(at_once) == 1


@deployed
def test_another_statement_is_not_cancelled(at_once: Services, people: People) -> None:
    """The statement that was looked at has ended, another one runs: it is left alone."""
    people.hold(TWO)
    busy = people.wait(TWO, first="SELECT pg_advisory_lock(1)")
    people.wait(ONE)
    card = plan(at_once, "unlock", {"pid": str(busy.pid)})
    busy.connection.cancel_safe()
    eventually(lambda: not people.blockers(busy.pid))
    busy.connection.rollback()
    people.go_on(busy.connection, TWO)
    assert run(at_once, card).face is PlanFace.NOTHING_TO_DO


@deployed
def test_it_cannot_be_undone(at_once: Services, people: People) -> None:
    """The preview says so, the card has no undo, and an undo that is asked for is refused with the reason."""
    done = carry_out(at_once, "unlock", {"pid": str(people.hold().info.backend_pid)})
    assert done.undo is None
    assert refused(at_once, "undo", {"run": done.key}).reasons == ("unlock cannot be undone",)


@deployed
@pytest.mark.parametrize(
    ("point", "is_gone", "state"), [("K8", False, "reconciled_not_done"), ("K10", True, "reconciled_done")]
)
def test_a_process_that_dies_around_the_signal(
    at_once: Services, people: People, point: str, *, is_gone: bool, state: str
) -> None:
    """Killed before or after the signal: it is never sent again, and what is read back is what the record says."""
    holder = people.hold()
    pid = holder.info.backend_pid
    card = approve(at_once, plan(at_once, "unlock", {"pid": str(pid)}))
    plans.confirm(at_once, card.key, ADA, secret=card.secret, typed=card.target)
    with pytest.raises(Killed):
        runs.perform(replace(at_once, crash_hook=killed_at(point)), card.key)
    eventually(lambda: people.is_there(pid) != is_gone)
    later = replace(at_once.config.timing, call_limit=timedelta(0))
    services = replace(at_once, config=replace(at_once.config, timing=later))
    runs.perform(services, card.key)
    runs.reconcile(services)
    with at_once.db.read() as tx:
        found = stored.find(tx, card.key)
    assert found is not None
    assert (found.state, people.is_there(pid)) == (state, not is_gone)


@deployed
def test_all_of_it_is_the_dbas(at_once: Services, people: People, dba: Database) -> None:
    """The bot's own role may end nobody; the intent, the effect, the outcome, the message and the record are the DBA's."""
    holder = people.hold()
    card = approve(at_once, plan(at_once, "unlock", {"pid": str(holder.info.backend_pid)}))
    people.grant("CREATE TABLE public.who (n bigint, role text)")
    people.grant("GRANT INSERT ON public.who TO PUBLIC")
    people.grant(
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO public.who VALUES (txid_current(), session_user); RETURN NEW; END $$"
    )
    for table in ("chatops_run", "chatops_outbox", "chatops_audit"):
        people.grant(
            f"CREATE TRIGGER note AFTER INSERT OR UPDATE ON ops.{table} FOR EACH ROW EXECUTE FUNCTION public.note()"
        )
    plans.confirm(at_once, card.key, ADA, secret=card.secret, typed=card.target)
    people.grant("TRUNCATE public.who")
    runs.perform(at_once, card.key)
    rows = people.owner.execute("SELECT DISTINCT n, role FROM public.who").fetchall()
    assert len({row[0] for row in rows}) == 2, "the intent is committed before the signal, the outcome after it"
    assert {row[1] for row in rows} == {dba.place.rpartition(" ")[2]}
    with at_once.db.read() as tx:
        assert at_once.catalog.get(tx).role != dba.place.rpartition(" ")[2]


@deployed
def test_without_the_right_it_is_unavailable(services: Services, people: People) -> None:
    """No DBA's connection and no pg_signal_backend: the grant to run, and the statement for the DBA, before any plan."""
    timing = replace(services.config.timing, idle_limit=timedelta(0))
    alone = replace(services, config=replace(services.config, timing=timing))
    holder, waiter = people.hold(), people.wait()
    found = refused(alone, "unlock", {"pid": str(holder.info.backend_pid)})
    with services.db.read() as tx:
        role = services.catalog.get(tx).role
    assert "missing: pg_signal_backend" in found.reasons[0]
    assert found.remedy == (f"GRANT pg_signal_backend TO {role}",)
    assert found.statement in shown(found)
    people.owner.execute(found.statement.encode())
    eventually(lambda: waiter.went_on)
    found_locks = sessions.locks(alone)
    assert "pg_signal_backend" in shown(found_locks) or "nobody waits" in shown(found_locks)


@deployed
def test_the_main_role_does_it_where_it_may(services: Services, people: People) -> None:
    """Where the bot's own role may end sessions, no DBA's connection is needed."""
    with services.db.read() as tx:
        role = services.catalog.get(tx).role
    people.grant(f"GRANT pg_signal_backend TO {role}")
    timing = replace(services.config.timing, idle_limit=timedelta(0))
    holder = people.hold()
    alone = replace(services, config=replace(services.config, timing=timing))
    assert carry_out(alone, "unlock", {"pid": str(holder.info.backend_pid)}).rows == 1
    people.grant(f"REVOKE pg_signal_backend FROM {role}")


@deployed
def test_the_details_show_the_statement_pinned(at_once: Services, people: People) -> None:
    """Whoever approves sees exactly what will be sent, its values in place."""
    holder = people.hold()
    card = plan(at_once, "unlock", {"pid": str(holder.info.backend_pid)})
    details = plans.details(at_once, card.key)
    assert isinstance(details, PlanDetails)
    for part in (f"s.pid = {holder.info.backend_pid}", people.role, "s.state_change = '", "s.backend_start = '"):
        assert part in details.statement
