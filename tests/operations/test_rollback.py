"""Roll a migration back: the reviewed script and the record, in one transaction, and never SQL from chat (row 23)."""

import os
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from bot.domain.configuration import Migrations
from bot.domain.messages import Notice, PlanCard, PlanDetails, PlanFace
from bot.errors import InvalidCommand
from bot.operations import approvals, audit, handing_over, plans, proofs
from bot.operations.services import Services
from tests.operations.conftest import Files
from tests.support.danger import approve, carry_out, make, plan, refused, run, shown, still
from tests.support.people import People
from tests.support.product import ADA, DANA, SHELL
from tests.support.waiting import eventually

VERSION = "20261105"
FEED = "public.v_live_feed_events"
DROP = f"-- Reviewed by Ben and Cleo.\nDROP VIEW {FEED};\n"
deployed = pytest.mark.parametrize("target_schema", ["deployed"])


@pytest.fixture
def dropping(repairing: Services, people: People, dba: object) -> Services:
    """Let the DBA's role own what migrations made, as `db grants --dba` asks for."""
    assert repairing.dba is not None
    role = repairing.dba.place.rpartition(" ")[2]
    people.grant(f"ALTER VIEW {FEED} OWNER TO {role}")
    people.grant(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}")
    return repairing


def roll_back(services: Services, version: str = VERSION) -> PlanCard:
    """Carry a rollback out."""
    return carry_out(services, "rollback", {"version": version})


def test_row_23_rollback_runs_only_the_reviewed_script(dropping: Services, people: People, files: Files) -> None:
    """The script of the version runs and the record goes, together; the approver sees the script and its seal."""
    files.rollback(VERSION, DROP)
    files.rollback("20261104", "DROP TABLE ops.job_queue;\n")
    card = plan(dropping, "rollback", {"version": VERSION})
    details = plans.details(dropping, card.key)
    assert isinstance(details, PlanDetails) and details.statement == DROP
    assert (card.face, card.target, card.facts["lines"]) == (PlanFace.NEEDS_SECOND, VERSION, 1)
    for words in ("DANGER", "Emergency only", "Cannot be undone", "make a new one", card.facts["script"]):
        assert words in shown(card)

    done = run(dropping, approve(dropping, card))

    assert (done.face, done.result, done.rows) == (PlanFace.WORKING, {"removed": 1}, 1)
    assert not people.has(FEED) and people.row(VERSION) is None
    assert people.has("ops.job_queue") and people.row("20261104") is not None
    assert proofs.watch(dropping) == 1
    proved = plans.card(dropping, card.key)
    assert isinstance(proved, PlanCard)
    assert (proved.face, proved.undo) == (PlanFace.RECOVERED, None)
    assert refused(dropping, "undo", {"run": card.key}).reasons == ("rollback cannot be undone",)
    assert audit.verify(dropping).broken_at is None


FAILS = (
    f"DROP VIEW {FEED};\nDROP VIEW public.never_was;\n",
    f"DROP VIEW {FEED}; SELECT 1/0;",
    f"DROP VIEW {FEED};\nCOMMIT;\nSELECT 1;",
    f"BEGIN;\nDROP VIEW {FEED};\nCOMMIT;\n",
    f"DROP VIEW {FEED};\nROLLBACK;\n",
    f"DROP VIEW {FEED};\nSAVEPOINT a;\n",
    f"DROP VIEW {FEED};\nEND;",
    f"DROP VIEW {FEED}; DO $$ BEGIN COMMIT; END $$;",
    f"DROP VIEW {FEED}; CREATE INDEX CONCURRENTLY i ON ops.job_queue (status);",
    f"DROP VIEW {FEED}; VACUUM ops.job_queue;",
    f"DROP VIEW {FEED}'; END; COMMIT; DO 'BEGIN EXECUTE 'SELECT 1",
    f"DROP VIEW {FEED}; SELEC;",
    f"DROP VIEW {FEED}; CREATE TABLE public.late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO public.late VALUES (1), (1);",
)


@deployed
def test_row_23_a_script_that_fails_leaves_nothing_behind(dropping: Services, people: People, files: Files) -> None:
    """Half-way, by an error or by transaction control that the server refuses: the view and the record are there."""
    before = people.row(VERSION)
    for script in FAILS:
        files.rollback(VERSION, script)
        done = roll_back(dropping)
        assert (done.face, done.rows) == (PlanFace.FAILED, 0), script
        assert people.has(FEED) and people.row(VERSION) == before, script
        assert "all of it was taken back" in shown(done)
        assert audit.list_newest(dropping, 1).entries[0].event == "step.failed"


@deployed
def test_several_statements_are_one(dropping: Services, people: People, files: Files) -> None:
    """Each builds on the one before; quotes, dollars, per cent signs and backslashes are as they were written."""
    files.rollback(
        VERSION,
        "CREATE TABLE public.kept (line text);\n"
        "INSERT INTO public.kept VALUES ('100 % of it''s \\n'), ($a$ %(version)s $1 $a$), (E'a\\tb');\n"
        "DO $$ BEGIN INSERT INTO public.kept VALUES ('nested'); END $$;\n"
        f"DROP VIEW {FEED}; -- the end",
    )
    assert roll_back(dropping).rows == 1
    rows = people.owner.execute("SELECT line FROM public.kept").fetchall()
    assert [row[0] for row in rows] == ["100 % of it's \\n", " %(version)s $1 ", "a\tb", "nested"]
    assert not people.has(FEED)


@deployed
def test_row_23_a_script_may_remove_the_record_itself(dropping: Services, people: People, files: Files) -> None:
    """The playbook's block deletes the record too: that is no reason to fail."""
    files.rollback(
        VERSION, f"DELETE FROM supabase_migrations.schema_migrations WHERE version = '{VERSION}';\nDROP VIEW {FEED};\n"
    )
    assert roll_back(dropping).rows == 1
    assert not people.has(FEED) and people.row(VERSION) is None


@deployed
def test_a_setting_of_the_script_does_not_outlive_it(dropping: Services, files: Files) -> None:
    """A `SET` in the script would stay in the session: it is set back."""
    files.rollback(VERSION, f"SET search_path = nowhere;\nSET lock_timeout = '4s';\nDROP VIEW {FEED};\n")
    assert roll_back(dropping).rows == 1
    assert dropping.dba is not None
    with dropping.dba.read() as tx:
        row = tx.connection.execute("SHOW search_path").fetchone()
    assert row is not None and "nowhere" not in row["search_path"]


@deployed
def test_a_session_lock_of_a_script_that_fails_is_let_go(dropping: Services, people: People, files: Files) -> None:
    """A rollback does not give it back: it is let go by itself."""
    files.rollback(VERSION, "SELECT pg_advisory_lock(4711);\nSELECT 1/0;\n")
    assert roll_back(dropping).face is PlanFace.FAILED
    held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"
    assert eventually(lambda: people.owner.execute(held).fetchone() is None)


@deployed
@pytest.mark.parametrize("change", ["script", "gone", "link", "record"])
def test_what_changed_since_the_approval_is_not_run(
    dropping: Services, people: People, files: Files, change: str
) -> None:
    """Another script, none, a link in its place, or another record: refused, with nothing done."""
    path = files.rollback(VERSION, DROP)
    card = approve(dropping, plan(dropping, "rollback", {"version": VERSION}))
    assert still(dropping, card) is True
    if change == "script":
        files.rollback(VERSION, DROP + "DROP TABLE ops.job_queue;\n")
    elif change == "record":
        people.grant(f"UPDATE supabase_migrations.schema_migrations SET name = 'x' WHERE version = '{VERSION}'")
    else:
        path.rename(path.with_suffix(".old"))
    if change == "link":
        path.symlink_to(path.with_suffix(".old"))
    assert not still(dropping, card)
    done = run(dropping, card)
    assert done.face is PlanFace.REFUSED
    assert done.reason == (
        "the record was changed since the plan"
        if change == "record"
        else "the script was changed since it was approved"
    )
    assert people.has(FEED) and people.row(VERSION) is not None and people.has("ops.job_queue")


NOT_TAKEN = {
    "missing": "no reviewed script rollbacks/20261105.sql; the newest scripts here: 0001, 20261104",
    "link": "is a link",
    "folder": "is no file",
    "pipe": "is no file",
    "huge": "is larger than 200000 bytes",
    "writable": "may be written by others",
    "binary": "is no text in UTF-8",
    "null": "is empty, or no text",
    "empty": "is empty, or no text",
    "tag": "must not contain $dragonfly$",
}


def put(files: Files, kind: str) -> Path:
    """Put something in the script's place."""
    path = files.rollbacks / f"{VERSION}.sql"
    if kind == "link":
        path.symlink_to(files.rollbacks / "20261104.sql")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\x00S")
    elif kind != "missing":
        body = {"huge": DROP + " " * 200_000, "empty": "  \n", "tag": "SELECT '$dragonfly$';", "null": "SELECT 1;\x00"}
        files.rollback(VERSION, body.get(kind, DROP)).chmod(0o666 if kind == "writable" else 0o644)
    return path


@deployed
def test_row_23_a_script_that_is_not_taken(dropping: Services, files: Files) -> None:
    """Only a plain file of its own, of reasonable size, that nobody else may write."""
    files.rollback("0001", DROP)
    files.rollback("20261104", DROP)
    for kind, words in NOT_TAKEN.items():
        path = put(files, kind)
        assert words in refused(dropping, "rollback", {"version": VERSION}).reasons[0], kind
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)


@deployed
def test_row_23_nothing_typed_becomes_a_path(dropping: Services) -> None:
    """A version is digits: path characters cannot be typed."""
    for version in ("../../etc/passwd", "20261105.sql", "/etc/x", "2026 1105", "20261105\n", "..", "%2e%2e", "٢٠٢٥"):
        with pytest.raises(InvalidCommand):
            make(dropping, "rollback", {"version": version})


@deployed
def test_a_version_that_is_not_recorded(dropping: Services, files: Files) -> None:
    """There is nothing to roll back, whatever script lies there."""
    files.rollback("20991231", DROP)
    found = refused(dropping, "rollback", {"version": "20991231"})
    assert found.reasons == ("20991231 is not recorded as applied",)


@deployed
def test_without_a_folder_it_is_unavailable(dropping: Services) -> None:
    """The setting is named."""
    bare = replace(dropping, config=replace(dropping.config, migrations=Migrations()))
    found = refused(bare, "rollback", {"version": VERSION})
    assert found.remedy == ("set migrations.rollbacks",)


@deployed
def test_a_press_after_it_was_handed_over_says_so(dropping: Services, files: Files) -> None:
    """Nothing runs here: a second hand-over, a confirm and an approval all hear to whom it went."""
    files.rollback(VERSION, DROP)
    card = plan(dropping, "rollback", {"version": VERSION})
    handing_over.hand_over(dropping, card.key, SHELL)
    for answer in (
        handing_over.hand_over(dropping, card.key, SHELL),
        plans.confirm(dropping, card.key, SHELL, secret=None, typed=VERSION),
        plans.confirm(dropping, card.key, ADA, secret=card.secret),
        approvals.approve(dropping, card.key, DANA),
    ):
        assert isinstance(answer, Notice) and answer.kind == "handed-over"
        assert "was handed over to the DBA by" in shown(answer)


@deployed
def test_without_the_right_the_dba_gets_it_whole(dropping: Services, people: People, files: Files) -> None:
    """Script and record in one statement, guarded by the record as it was seen: it does all of it, or nothing."""
    files.rollback(VERSION, DROP)
    alone = replace(dropping, dba=None)
    first = refused(alone, "rollback", {"version": VERSION}).statement
    people.grant(f"UPDATE supabase_migrations.schema_migrations SET name = 'x' WHERE version = '{VERSION}'")
    with pytest.raises(psycopg.errors.RaiseException, match="changed since the plan"):
        people.owner.execute(first.encode())
    assert people.has(FEED)
    again = refused(alone, "rollback", {"version": VERSION})
    assert again.statement in shown(again)
    people.owner.execute(again.statement.encode())
    assert not people.has(FEED) and people.row(VERSION) is None
