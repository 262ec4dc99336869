"""Repair a migration's record: one row, by version, with the row of before kept; none of the migration's SQL runs (row 22)."""

from dataclasses import replace

import psycopg
import pytest

from bot.domain.configuration import Migrations
from bot.domain.messages import CannotPlan, Notice, PlanCard, PlanDetails, PlanFace
from bot.errors import InvalidCommand, TargetUnavailable
from bot.operations import audit, plans, proofs
from bot.operations.services import Services
from tests.operations.conftest import Files
from tests.support.danger import approve, carry_out, looked, make, plan, refused, run, shown
from tests.support.people import LOCK_HISTORY, People
from tests.support.product import ADA, SHELL

NEW = "20991231235959"
MAKES = "CREATE TABLE public.made_by_the_migration (id int);\n"
deployed = pytest.mark.parametrize("target_schema", ["deployed"])


@pytest.mark.parametrize("version", ["0099", "20991231", NEW])
def test_row_22_applied_records_one_row_and_runs_nothing(
    repairing: Services, people: People, files: Files, version: str
) -> None:
    """A version of 4, 8 or 14 digits is recorded by name alone; its SQL does not run, and the card says so."""
    files.migration(f"{version}_made.sql", MAKES)
    card = plan(repairing, "repair", {"version": version, "status": "applied"})
    assert (card.face, card.target, card.facts["row"]) == (PlanFace.NEEDS_SECOND, version, None)
    for words in ("No SQL of the migration will run", "Before: no row", "the record hides it"):
        assert words in shown(card)

    done = run(repairing, approve(repairing, card))

    assert (done.face, done.result, done.rows) == (PlanFace.WORKING, {"recorded": 1}, 1)
    assert people.row(version) == (version, "made", None)
    assert not people.has("public.made_by_the_migration")
    assert proofs.watch(repairing) == 1
    proved = plans.card(repairing, card.key)
    assert isinstance(proved, PlanCard)
    assert (proved.face, proved.undo) == (PlanFace.RECOVERED, 1)
    assert audit.verify(repairing).broken_at is None


def test_reverted_removes_the_record_alone_and_undo_restores_it(repairing: Services, people: People) -> None:
    """The row of before is kept whole, its statements too, and the undo puts back exactly that; each by two people."""
    people.record(NEW, "feed", ["CREATE VIEW a AS SELECT '{1,2}'::int[]", "SELECT \"x\", 'it''s'", "", "\\n"])
    before = people.row(NEW)
    done = carry_out(repairing, "repair", {"version": NEW, "status": "reverted"})
    assert (people.row(NEW), done.result) == (None, {"removed": 1})
    assert "4 statements, kept for its way back" in shown(plan_again(repairing, done))

    back = plan(repairing, "undo", {"run": done.key})
    assert (back.face, back.target) == (PlanFace.NEEDS_SECOND, NEW)
    assert run(repairing, approve(repairing, back)).result == {"put_back": 1}
    assert people.row(NEW) == before
    undone = plans.card(repairing, done.key)
    assert isinstance(undone, PlanCard)
    assert (undone.face, undone.undo) == (PlanFace.UNDONE, None)
    assert audit.verify(repairing).broken_at is None


def plan_again(services: Services, done: PlanCard) -> PlanCard:
    """Return a card as it looked when it was issued."""
    return replace(done, face=PlanFace.NEEDS_SECOND)


def test_undo_of_applied_takes_the_record_away(repairing: Services, people: People, files: Files) -> None:
    """The row that the repair wrote goes again; once only."""
    files.migration(f"{NEW}_made.sql")
    done = carry_out(repairing, "repair", {"version": NEW, "status": "applied"})
    undone = carry_out(repairing, "undo", {"run": done.key})
    assert (undone.result, people.row(NEW)) == ({"put_back": 1}, None)
    people.record(NEW, "again", [])
    assert looked(repairing, undone.key) is PlanFace.WORKING, "somebody wrote it again"
    people.owner.execute("DELETE FROM supabase_migrations.schema_migrations WHERE version = %s", (NEW,))
    assert looked(repairing, undone.key) is PlanFace.RECOVERED
    assert "was undone already" in refused(repairing, "undo", {"run": done.key}).reasons[0]


@deployed
def test_undo_is_refused_when_somebody_has_touched_the_row(repairing: Services, people: People, files: Files) -> None:
    """The tool has recorded its statements, or somebody the version again: both are left as they are."""
    files.migration(f"{NEW}_made.sql")
    applied = carry_out(repairing, "repair", {"version": NEW, "status": "applied"})
    people.owner.execute(
        "UPDATE supabase_migrations.schema_migrations SET statements = '{SELECT 1}' WHERE version = %s", (NEW,)
    )
    assert "changed since by somebody else" in refused(repairing, "undo", {"run": applied.key}).reasons[0]
    reverted = carry_out(repairing, "repair", {"version": NEW, "status": "reverted"})
    people.record(NEW, "by hand")
    assert "changed since by somebody else" in refused(repairing, "undo", {"run": reverted.key}).reasons[0]
    assert people.row(NEW) == (NEW, "by hand", None)


@deployed
@pytest.mark.parametrize("status", ["applied", "reverted"])
def test_undo_looks_again_when_it_runs(repairing: Services, people: People, files: Files, status: str) -> None:
    """Somebody touches the row between the undo's plan and its run: nothing is put back."""
    files.migration(f"{NEW}_made.sql")
    if status == "reverted":
        people.record(NEW, "made")
    done = carry_out(repairing, "repair", {"version": NEW, "status": status})
    back = approve(repairing, plan(repairing, "undo", {"run": done.key}))
    people.grant(f"DELETE FROM supabase_migrations.schema_migrations WHERE version = '{NEW}'")
    people.record(NEW, "by hand", ["SELECT 2"])
    ended = run(repairing, back)
    assert (ended.face, ended.reason) == (PlanFace.REFUSED, "the record was changed since the plan")
    assert people.row(NEW) == (NEW, "by hand", ["SELECT 2"])


@deployed
def test_an_unknown_version_is_refused_with_the_known_ones(repairing: Services, people: People, files: Files) -> None:
    """Applied wants a local file; reverted wants a record or a file; both name what there is."""
    files.migration("0001_initial.sql")
    files.migration("20261105_live_feed_events.sql")
    with pytest.raises(InvalidCommand, match="no local migration 20991231235959; the newest here: 0001, 20261105"):
        make(repairing, "repair", {"version": NEW, "status": "applied"})
    with pytest.raises(InvalidCommand, match=r"no migration 20991231235959; the newest here: .*20261105"):
        make(repairing, "repair", {"version": NEW, "status": "reverted"})


@deployed
def test_there_is_nothing_to_change(repairing: Services, files: Files) -> None:
    """Recorded already, or not recorded: nothing would change, so there is no plan."""
    files.migration("20261105_live_feed_events.sql")
    files.migration(f"{NEW}_made.sql")
    applied = refused(repairing, "repair", {"version": "20261105", "status": "applied"})
    assert applied.reasons == ("20261105 is recorded already; there is nothing to change",)
    reverted = refused(repairing, "repair", {"version": NEW, "status": "reverted"})
    assert reverted.reasons == (f"{NEW} is not recorded; there is nothing to change",)


@deployed
def test_without_a_local_list_nothing_is_recorded(repairing: Services) -> None:
    """Whether it exists locally cannot be asked, so `applied` cannot be planned; the setting is named."""
    blind = replace(repairing, config=replace(repairing.config, migrations=Migrations()))
    found = refused(blind, "repair", {"version": NEW, "status": "applied"})
    assert (found.reasons, found.remedy) == (("no list of local migrations",), ("set migrations.source",))


@deployed
def test_row_22_what_is_no_version_is_refused(repairing: Services) -> None:
    """Nothing typed becomes SQL or a path: a version is 4, 8 or 14 digits."""
    for version in ("1", "123456", "2025122600000", "2025-1226", "../../etc", "20251226;DROP", "٢٠٢٥"):
        with pytest.raises(InvalidCommand):
            make(repairing, "repair", {"version": version, "status": "applied"})


@deployed
def test_a_second_person_types_nothing_the_requester_the_version(
    repairing: Services, people: People, files: Files
) -> None:
    """Before the approval, and with another version typed, nothing happens."""
    files.migration(f"{NEW}_made.sql")
    card = plan(repairing, "repair", {"version": NEW, "status": "applied"})
    early = plans.confirm(repairing, card.key, SHELL, secret=None, typed=NEW)
    assert isinstance(early, Notice) and early.kind == "needs-second"
    approved = approve(repairing, card)
    wrong = plans.confirm(repairing, card.key, ADA, secret=approved.secret, typed="20261105")
    assert isinstance(wrong, Notice) and wrong.kind == "wrong-typed"
    assert people.row(NEW) is None


@deployed
def test_columns_of_the_platform_come_back_too(repairing: Services, people: People) -> None:
    """The dashboard's extra columns are part of the row that is kept and restored."""
    table = "supabase_migrations.schema_migrations"
    people.grant(f"ALTER TABLE {table} ADD created_by text, ADD idempotency_key text UNIQUE, ADD rollback text[]")
    people.record(NEW, "feed", ["SELECT 1"])
    people.grant(
        f"UPDATE {table} SET created_by = 'eva', idempotency_key = 'k1', rollback = '{{DROP VIEW a}}' WHERE version = '{NEW}'"
    )
    whole = f"SELECT h::text FROM {table} AS h WHERE version = '{NEW}'"
    before = people.owner.execute(whole.encode()).fetchone()
    done = carry_out(repairing, "repair", {"version": NEW, "status": "reverted"})
    carry_out(repairing, "undo", {"run": done.key})
    assert people.owner.execute(whole.encode()).fetchone() == before


@deployed
def test_a_history_of_one_column(repairing: Services, people: People, files: Files) -> None:
    """An old tool's table has versions alone: they are recorded, removed and restored all the same."""
    people.grant("DROP VIEW public.v_migration_status")
    people.grant("ALTER TABLE supabase_migrations.schema_migrations DROP statements, DROP name")
    files.migration(f"{NEW}_made.sql")
    count = "SELECT count(*) FROM supabase_migrations.schema_migrations WHERE version = '20991231235959'"
    applied = carry_out(repairing, "repair", {"version": NEW, "status": "applied"})
    assert people.owner.execute(count).fetchone() == (1,)
    carry_out(repairing, "undo", {"run": applied.key})
    assert people.owner.execute(count).fetchone() == (0,)


@deployed
def test_a_locked_history_is_said(repairing: Services, people: People, files: Files) -> None:
    """While a migration waits for the history nobody can read it: that is said, with where to look, and nothing is tried."""
    files.migration(f"{NEW}_made.sql")
    people.hold(LOCK_HISTORY)
    people.wait()
    with pytest.raises(TargetUnavailable, match="the migration history is locked by somebody else"):
        make(repairing, "repair", {"version": NEW, "status": "applied"})


@deployed
def test_without_the_right_the_statement_is_for_the_dba(
    repairing: Services, people: People, files: Files, bot_dsn: str
) -> None:
    """No DBA's connection and no right to write: the grant, and a guarded statement that does the same."""
    files.migration(f"{NEW}_made.sql")
    alone = replace(repairing, dba=None)
    found = refused(alone, "repair", {"version": NEW, "status": "applied"})
    role = psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"]
    assert "may not write" in found.reasons[0]
    assert f"GRANT INSERT, UPDATE, DELETE ON supabase_migrations.schema_migrations TO {role}" in found.remedy[0]
    people.owner.execute(found.statement.encode())
    assert people.row(NEW) == (NEW, "made", None)
    removing = refused(alone, "repair", {"version": NEW, "status": "reverted"})
    people.grant(f"UPDATE supabase_migrations.schema_migrations SET name = 'other' WHERE version = '{NEW}'")
    people.owner.execute(removing.statement.encode())
    assert people.row(NEW) == (NEW, "other", None)


@deployed
def test_row_22_the_details_show_the_statement(repairing: Services, files: Files) -> None:
    """Whoever approves sees the one statement, its values in place; the danger stands on the card."""
    files.migration(f"{NEW}_it's.sql")
    card = plan(repairing, "repair", {"version": NEW, "status": "applied"})
    details = plans.details(repairing, card.key)
    assert isinstance(details, PlanDetails)
    assert f"VALUES ('{NEW}', 'it''s')" in details.statement
    assert "CAUTION" in shown(card) and "make a new one" in shown(card)
    assert not isinstance(make(repairing, "repair", {"version": NEW, "status": "APPLIED"}), CannotPlan)
