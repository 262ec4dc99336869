"""Every fault of a declaration is found offline, with its place, before anybody needs the step (design, section 7)."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from bot.domain.catalog import FEATURES, HEARTBEATS_LEAST, Catalog
from bot.domain.needs import _SAID
from bot.domain.params import TYPES, Param
from bot.domain.runbook import Step
from bot.operations.kinds import KINDS
from bot.operations.table import OPERATIONS
from bot.sqlfile import Statement
from runbooks import faults, lint, lint_sql, load
from runbooks.lint import READS, TAKEN
from runbooks.reading import FOR_TEAMS, SHIPPED, shipped
from runbooks.reading import KINDS as DECLARED
from tests.project.test_imports import ROOT
from tests.support.teams import EFFECT, PREVIEW, example, write

pytestmark = pytest.mark.project

PARAM = '\n[[step.param]]\nname = "wanted"\ntype = "name"\n'
STRATEGY = '\n[[step.strategy]]\nid = "one"\nsays = "one way"\nneeds = ["next_run_at"]\n'
READ = """
[[step]]
id = "our-read"
title = "Our read"
kind = "sql_read"
risk = "read"
why = "It shows."
sql = { read = "seen" }
"""
MANUAL = """
[[step]]
id = "by-hand"
title = "By hand"
kind = "manual"
risk = "read"
why = "Somebody does it."
"""
SEEN = "\n-- name: seen\n-- What there is.\nSELECT 1 AS n LIMIT %(most)s;\n"
PROOF = "\n-- name: left\n-- What is left.\nSELECT id FROM ops.job_queue WHERE id::text = ANY (%(ids)s::text[]);\n"


def in_declaration(folder: Path, old: str, new: str) -> None:
    """Change the declaration."""
    path = folder / "our_own" / "runbook.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new), encoding="utf-8")


WHOLE = {"more": PARAM + STRATEGY + READ + MANUAL, "sql": ', proof = "left"', "blocks": SEEN + PROOF}

DECLARATIONS = [
    ('scenario = "our-own"\n', "", "our_own: scenario is missing"),
    ('"our-own"', '"Our Own"', "our_own: a scenario is lower-case words joined by hyphens"),
    ('"our-own"', '"worker-death"', "our_own: scenario worker-death is declared in worker_death too"),
    ('title = "Our own"\n', "", "our_own: title is missing"),
    ('trigger = "A test wants it."\n', "", "our_own: trigger is missing"),
    ('trigger = "A test wants it."\n', "triggers = 3\n", "our_own: unknown key triggers"),
    ('"A test wants it."', "3", "our_own: trigger is a text"),
    ('trigger = "A', 'contacts = "Ada"\ntrigger = "A', "our_own: contacts is a list of texts"),
    ("[[step]]", "[step]", "our_own/runbook.toml: Cannot declare"),
    ("scenario", "scenario =", "our_own/runbook.toml: Invalid"),
    ('id = "our-step"\n', "", "step ?: an id is lower-case words joined by hyphens"),
    ('id = "our-step"', 'id = "Our step"', "step Our step: an id is lower-case words joined by hyphens"),
    ('id = "our-step"', 'id = "our-step\\n"', "an id is lower-case words joined by hyphens"),
    ('id = "our-step"', 'id = ["our-step"]', "id is a text"),
    ('id = "our-step"', 'id = "reset-stuck"', "step reset-stuck is declared in worker_death too"),
    ('id = "our-step"', 'id = "ack"', "step ack has the name of a command"),
    ('id = "our-read"', 'id = "our-step"', "step our-step is declared twice"),
    ('title = "Our step"\n', "", "step our-step has no title"),
    ('why = "It shows what holds."\n', "", "step our-step has no why"),
    ('risk = "change"\n', "", "step our-step has no risk"),
    ('risk = "change"', 'risk = "high"', "step our-step: risk is read, change or danger"),
    ('risk = "change"', 'risk = "read"', "kind sql_change changes something, so its risk is change or danger"),
    ('risk = "change"', 'risk = "danger"', 'is danger and has no approval; write approval = "second person"'),
    ('risk = "change"', 'risk = "change"\napproval = "Ada"', 'approval = "second person" is the only one there is'),
    ('kind = "sql_read"\nrisk = "read"', 'kind = "sql_read"\nrisk = "change"', "kind sql_read changes nothing"),
    ('kind = "sql_change"', 'kind = "shell"', "kind 'shell' is not one of sql_read, sql_change, read, manual"),
    ('kind = "sql_change"', 'kind = "rescue"', "kind rescue is not for a team's runbook"),
    ('kind = "manual"', 'kind = "read"\noperation = "everything"', "operation 'everything' is not one of status"),
    ('kind = "manual"', 'kind = "manual"\nsql = { read = "seen" }', "kind manual takes no sql"),
    ('kind = "manual"', 'kind = "manual"\ncolour = "red"', "step by-hand: unknown key colour"),
    ('proof = "it is done"\n', "", "changes something and has no proof"),
    ('way_back = ""\n', "", "changes something and has no way_back"),
    ('preview = "ours", ', "", "step our-step has no sql.preview"),
    ('effect = "touch", ', "", "step our-step has no sql.effect"),
    ('effect = "touch", ', "", "query touch is used by no step"),
    ('read = "seen"', "", "step our-read has no sql.read"),
    ('read = "seen"', 'read = "seen", undo = "seen"', "sql.undo is not one of read"),
    ('read = "seen"', "read = 3", "sql is a table of names"),
    ('preview = "ours"', 'preview = "theirs"', "query theirs is missing"),
    ("settings = {", "settings = { mots = 3", "unknown setting mots"),
    ("settings = {", "settings = { most = 501", "settings.most is a number from 1 to 500"),
    ("settings = {", "settings = { most = true", "settings.most is a number from 1 to 500"),
    ("settings = {", "settings = { each = 1", "settings.each is true or false"),
    ("settings = { ", "settings = 3 #", "settings is a table"),
    ('name = "wanted"\n', "", "parameter ?: a name is lower-case letters"),
    ('name = "wanted"', 'name = "Wanted One"', "a name is lower-case letters"),
    ('name = "wanted"', 'name = "ids"', "ids is given by the bot"),
    ('name = "wanted"', 'name = "wanted"\ncolour = "red"', "unknown key colour"),
    ('name = "wanted"', 'name = "wanted"\nrequired = "yes"', "required is true or false"),
    ('type = "name"', 'type = "uuid"', "type 'uuid' is not one of job_type"),
    ('type = "name"\n', "", "type None is not one of job_type"),
    ('type = "name"', 'type = "choice"', "a choice has choices"),
    ('type = "name"', 'type = "duration"\nexample = "soon"', "its example 'soon' is not a duration such as 10m"),
    ('says = "one way"\n', "", "strategy one has no says"),
    ('needs = ["next_run_at"]', 'needs = ["a_miracle"]', "need 'a_miracle' is not known"),
    ('needs = ["next_run_at"]', 'needs = "next_run_at"', "needs is a list of texts"),
]


@pytest.mark.parametrize(("old", "new", "said"), DECLARATIONS, ids=[said for _, _, said in DECLARATIONS])
def test_a_fault_of_a_declaration_is_found(tmp_path: Path, old: str, new: str, said: str) -> None:
    """One thing is wrong; the sentence that says so names the folder, and nothing is loaded."""
    folder = write(tmp_path, **WHOLE)
    in_declaration(folder, old, new)
    found = faults(str(folder))
    assert [fault for fault in found if said in fault], found
    assert all(fault.startswith("our_own") for fault in found)
    with pytest.raises(ValueError, match="our_own"):
        load(str(folder))


STATEMENTS = [
    ("effect", EFFECT.replace("SET status", "SET status = 'failed'; UPDATE ops.job_queue SET status"), "one statement"),
    ("effect", f"{EFFECT}; COMMIT", "one statement a block"),
    ("effect", EFFECT.replace("ops.job_queue", "ops.chatops_run"), "ops.chatops_… are Dragonfly's own"),
    ("effect", "COMMIT", "an effect begins with UPDATE or DELETE or INSERT or WITH"),
    ("effect", "DO $$ BEGIN COMMIT; END $$", "an effect begins with"),
    ("effect", EFFECT.rpartition("RETURNING")[0], "an effect ends in RETURNING and the key"),
    ("effect", EFFECT.replace("RETURNING id::text AS id", "RETURNING status"), "an effect returns the key of each row"),
    ("effect", f"WITH x AS ({EFFECT}) SELECT DISTINCT id FROM x", "an effect ends in RETURNING"),
    ("effect", f"WITH x AS (DELETE FROM ops.other RETURNING 1) {EFFECT}", "an effect changes rows once"),
    ("effect", EFFECT.replace(" AND id::text = ANY (%(ids)s::text[])", ""), "an effect names %(ids)s"),
    ("effect", EFFECT.replace("'pending'", "%(status)s"), "%(status)s is no parameter"),
    ("effect", EFFECT.replace("'pending'", "'50 %'"), "a percent sign is written %%"),
    ("effect", f"-- 50 % of them\n{EFFECT}", "a percent sign is written %%"),
    ("effect", EFFECT.replace("'failed'", "'failed'  -- if nxt_run_at\n"), "`nxt_run_at` is nothing that a line can"),
    ("effect", f"{EFFECT}\n-- name: Other-Block\n", "a block's name is lower-case letters"),
    (
        "effect",
        EFFECT.replace("'pending'", "set_config('role', 'x', false)"),
        "set_config() would outlive the statement",
    ),
    ("preview", f"SELECT nextval('s'), {PREVIEW.removeprefix('SELECT')}", "a preview changes and locks nothing"),
    ("preview", PREVIEW.replace("j.last_error", 'j."payload"'), "payload may hold personal data and is never selected"),
    ("preview", EFFECT, "a preview begins with SELECT or WITH"),
    ("preview", f"WITH x AS ({EFFECT}) SELECT id FROM x", "a preview changes and locks nothing"),
    ("preview", f"{PREVIEW} FOR UPDATE", "a preview changes and locks nothing"),
    ("preview", PREVIEW.replace("LIMIT %(most)s", ""), "a preview names %(most)s"),
    ("preview", PREVIEW.partition(" AND ")[0] + " LIMIT %(most)s", "a preview names %(ids)s"),
    (
        "preview",
        PREVIEW.replace("j.id", "j.key").replace("AS id", "AS key"),
        "a preview shows the key of each row as id",
    ),
    ("preview", PREVIEW.replace("AS id", "AS job"), "a preview shows the key of each row as id"),
    ("effect", EFFECT.replace("id::text AS id", "count(id)"), "an effect returns the key of each row as id"),
    (
        "effect",
        EFFECT.replace("'failed'", "'failed' OR status = 'paused'"),
        "an OR stands beside the condition on %(ids)s",
    ),
    (
        "preview",
        f"WITH x AS ({PREVIEW.replace('(%(ids)s::text[] IS', 'j.attempts = 1 OR (%(ids)s::text[] IS')}) SELECT id FROM x",
        "write parentheses around it: (… OR …) AND …",
    ),
    (
        "effect",
        EFFECT.replace("'failed' AND", "'failed' AND (attempts = 1)OR(attempts = 2) AND"),
        "an OR stands beside",
    ),
    ("preview", PREVIEW.replace("(%(ids)s::text[] IS", "(%(ids)s IS"), "the type of %(ids)s; write %(ids)s::text[]"),
    ("effect", EFFECT.replace("'failed'", "'failed' AND %(wanted)s IS NULL"), "write %(wanted)s::text"),
    ("preview", PREVIEW.replace("j.last_error", "j.last_error AS why"), "last_error may hold personal data and would"),
    (
        "preview",
        f"WITH x AS ({PREVIEW.replace('j.last_error', 'left(j.last_error, 40) AS why')}) SELECT id, why FROM x",
        "last_error may hold personal data and would be shown",
    ),
    ("preview", f"{PREVIEW.replace('LIMIT', 'UNION ALL SELECT id, 1, payload FROM x LIMIT')}", "payload may hold"),
    ("preview", PREVIEW.replace("j.last_error", "j.payload"), "payload may hold personal data and is never selected"),
    ("blocks", SEEN.replace("1 AS n", "p.payload->>'name' AS n FROM x AS p") + PROOF, "payload may hold personal data"),
    ("blocks", SEEN.replace("LIMIT %(most)s", "") + PROOF, "a read names %(most)s"),
    ("blocks", SEEN + PROOF.replace("WHERE id::text = ANY (%(ids)s::text[])", ""), "a proof names %(ids)s"),
    ("blocks", SEEN + PROOF + SEEN, "SQL block 'seen' needs one describing comment line and a name of its own"),
    ("blocks", SEEN.replace("-- What there is.\n", "") + PROOF, "SQL block 'seen' needs one describing comment line"),
    ("blocks", SEEN + PROOF + "\n-- name: empty\n", "SQL block 'empty' needs one describing comment line"),
    ("blocks", SEEN + PROOF + SEEN.replace("seen", "unseen"), "query unseen is used by no step"),
]


@pytest.mark.parametrize(("part", "text", "said"), STATEMENTS, ids=[f"{part}: {said}" for part, _, said in STATEMENTS])
def test_a_fault_of_a_statement_is_found(tmp_path: Path, part: str, text: str, said: str) -> None:
    """One statement is wrong; the sentence names the step and the query."""
    found = faults(str(write(tmp_path, **{**WHOLE, part: text})))
    assert [fault for fault in found if said in fault], found


CALLS = [
    ("\"set_config\"('role', 'none', true)", "set_config() would outlive the statement"),
    ("pg_catalog . \"set_config\" ('role', 'none', true)", "set_config() would outlive the statement"),
    ('"pg_catalog"."pg_advisory_lock"(77)', "pg_advisory_lock() would outlive the statement"),
    ("Pg_Try_Advisory_Lock_Shared /* now */ (77)", "pg_try_advisory_lock_shared() would outlive"),
    ("lo_import('/etc/passwd')", "lo_import() would outlive the statement"),
    ("query_to_xml('SELECT 1', true, false, '')", "query_to_xml() runs a text as SQL"),
    ("table_to_xmlschema('x', true, false, '')", "table_to_xmlschema() runs a text as SQL"),
    ("ts_stat('SELECT 1')", "ts_stat() runs a text as SQL"),
    ("dblink_exec('', '')", "dblink_exec() runs a text as SQL"),
    ("pg_read_file('x')", "pg_read_file() is not on the list of server functions a runbook may call"),
    ("pg_terminate_backend(1)", "pg_terminate_backend() is not on the list"),
    ("pg_notify('x', 'y')", "pg_notify() is not on the list"),
    ("pg_sleep(9)", "pg_sleep() is not on the list"),
    ("net.http_post('x')", "http_post() does more than show or change rows"),
    ("(SELECT max(query) FROM pg_stat_activity)", "pg_stat_activity holds the text of other people's queries"),
    ("pg_stat_get_backend_activity(1)", "pg_stat_get_backend_activity holds the text"),
    ("(SELECT max(query) FROM x.pg_stat_statements)", "pg_stat_statements holds the text"),
    (r"""U&"s\0065t_config"('role', 'none', true)""", "no U& before a name"),
    (r"E'\\' , set_config('a', 'b', false), '", "no backslash before a quote"),
    (r"E'\', set_config('a', 'b', false) --'", "no backslash before a quote"),
    ("x AS a$$, set_config('a', 'b', false) AS b$$", "set_config() would outlive the statement"),
    ("x AS €$$, set_config('a', 'b', false) AS €$$", "set_config() would outlive the statement"),
    ("$%(now)s$ ' $$, set_config('a', 'b', false), '' ", "a dollar sign stands in texts only"),
    ("q FROM ops.q, unnest(a), dblink(q) AS (n int)", "dblink() runs a text as SQL"),
    ("/* /* */ ' */ set_config('a', 'b', false) --'", "a comment stands in a comment"),
    ("1 /* ", "a comment stands in a comment, or does not end"),
    ("1 -- \rset_config('a', 'b', false)", "set_config() would outlive the statement"),
    ("'-- if payload\n' || set_config('a', 'b', false) || '-- if payload\n'", "a text or comment ends on its line"),
]


@pytest.mark.parametrize(("called", "said"), CALLS, ids=[called for called, _ in CALLS])
def test_a_call_that_is_hidden_is_found(called: str, said: str) -> None:
    """Quotes, schemas, comments, escapes and lines that may be left out hide no function that is refused."""
    lines = f"SELECT {called} AS n LIMIT %(most)s".split("\n")
    found = list(lint_sql.lint_statement("here", "read", Statement("x", "", tuple(lines)), {}))
    assert [fault for fault in found if said in fault], found


ROWS = [
    ("to_jsonb(j)", "ops.job_queue AS j", "j is a whole row"),
    ("1,to_jsonb(q)", "x JOIN(SELECT * FROM ops.job_queue)q ON(true)", "q is a whole row"),
    ("to_jsonb(j.*)", "ops.job_queue AS j", "j.* is a whole row"),
    ("row_to_json(job_queue)", "ops.job_queue", "job_queue is a whole row"),
    ("DISTINCT j", "ops.other o LEFT JOIN ops.job_queue j USING (id)", "j is a whole row"),
    ("j::text", "ops.other o, ops.job_queue AS j", "j is a whole row"),
    ("(q).*", "(SELECT * FROM ops.job_queue) q", "q is a whole row"),
    ("n", "(SELECT array_agg(j) AS n FROM ops.job_queue j WHERE j.id = (SELECT 1)) AS q", "j is a whole row"),
    ("e.value", "ops.job_queue j, jsonb_each_text(to_jsonb(j)) AS e", "j is a whole row"),
    ("e.value", "ops.job_queue j, jsonb_each_text(j.payload) AS e", "payload may hold personal data"),
    ("e", "ops.job_queue j CROSS JOIN LATERAL (VALUES (j.last_error)) v(e)", "last_error may hold personal data"),
    ("j.*", "ops.job_queue AS j", ""),
    ("j.*", "ops.job_queue AS j JOIN +", ""),
    ("DISTINCT ON (j.job_type, j.status) j.*", "ops.job_queue AS j", ""),
    ("j.attempts * 2 AS j, count(j), j IS NULL AS gone", "ops.job_queue AS j", ""),
    ("j.id, EXISTS (SELECT FROM ops.job_queue q WHERE q.payload = j.payload)", "ops.job_queue AS j", ""),
    ("s.id, %(now)s - s.since", "(SELECT id, locked_at AS since FROM ops.job_queue) AS s", ""),
    ("day, (SELECT max(o.id) FROM ops.other o WHERE o.id = x.id)", "ops.x, generate_series(1, 3) AS day", ""),
    ("n.id, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')", "lo_x AS n, pg_stat_get_wal_senders() AS w", ""),
]


@pytest.mark.parametrize(("shown", "source", "said"), ROWS, ids=[f"{shown} of {of}" for shown, of, _ in ROWS])
def test_a_row_is_not_shown_as_one_value(shown: str, source: str, said: str) -> None:
    """A table's row under its own name, made JSON or cast, and what a FROM makes of private columns, is refused."""
    lines = (f"SELECT {shown} FROM {source} LIMIT %(most)s",)
    found = list(lint_sql.lint_statement("here", "read", Statement("x", "", lines), {}))
    assert [fault for fault in found if said in fault] if said else found == [], found


def test_texts_and_comments_are_no_statements(tmp_path: Path) -> None:
    """A semicolon, a word or a parenthesis inside a text or a comment is no fault."""
    effect = EFFECT.replace(
        "'failed'",
        "'failed' AND job_type <> 'a;(UPDATE'' RETURNING pg_sleep(1)' /* ; DELETE */  -- it's (fine; set_config(\n"
        "AND job_type NOT IN ($$it's $1; set_config($$, $a$ \" $$ $a$, E'a\\n')",
    )
    assert faults(str(write(tmp_path, **{**WHOLE, "effect": effect}))) == ()


WELL = [
    ("preview", PREVIEW.replace("j.id::text AS id", "(j.id)::text")),
    ("preview", PREVIEW.replace("j.id::text AS id", "CAST(j.id AS text)")),
    (
        "preview",
        PREVIEW.replace("j.id::text AS id", 'DISTINCT j.attempts IS DISTINCT FROM 3 AS spent, j.id::text AS "id"'),
    ),
    ("preview", f"WITH x AS ({PREVIEW}) SELECT * FROM x"),
    ("preview", PREVIEW.replace("j.last_error", 'j."last_error", pg_typeof(j.id) AS "Type, of (id"')),
    ("preview", PREVIEW.replace("'failed'", "'failed' AND (j.attempts = 1 OR j.attempts = 2)")),
    ("preview", PREVIEW.replace("'failed'", "'failed' AND CASE WHEN j.attempts = 1 OR j.attempts = 2 THEN true END")),
    (
        "preview",
        PREVIEW.replace("j.last_error", "j.last_error LIKE '%%timeout%%' AS timed_out, count(j.last_error) AS n"),
    ),
    (
        "preview",
        PREVIEW.replace(
            "j.last_error", "CASE WHEN coalesce(j.last_error, '') LIKE '%%a%%' THEN 'a' ELSE 'b' END AS kind"
        ),
    ),
    ("preview", PREVIEW.replace("(%(ids)s::text[] IS NULL OR j.id", "(%(ids)s::text[] IS NULL) OR (j.id")),
    ("effect", EFFECT.replace("'failed'", "'failed' AND payload IS NOT NULL AND job_type = %(wanted)s")),
    ("effect", EFFECT.replace("RETURNING id::text AS id", "RETURNING status, id::text")),
    (
        "effect",
        """WITH lo_ids (id) AS (SELECT 1), http_errors (job, n) AS MATERIALIZED (SELECT 1, 2)
        INSERT INTO ops.http_requests (id) SELECT id FROM lo_ids WHERE id = ANY (%(ids)s::int[]) RETURNING id""",
    ),
    ("preview", PREVIEW.replace("j.last_error", "pg_is_wal_replay_paused(), pg_last_xact_replay_timestamp()")),
]


@pytest.mark.parametrize(("part", "text"), WELL)
def test_what_is_well_is_no_fault(tmp_path: Path, part: str, text: str) -> None:
    """The key under its name by every way, an OR that changes nothing, an error's text that is only asked about."""
    assert faults(str(write(tmp_path, **{**WHOLE, part: text}))) == ()


def _link(folder: Path) -> None:
    (folder / "our_own" / "queries.sql").rename(folder.parent / "elsewhere.sql")
    (folder / "our_own" / "queries.sql").symlink_to(folder.parent / "elsewhere.sql")


def _linked_folder(folder: Path) -> None:
    (folder / "linked").symlink_to(folder / "our_own")


def _twice(folder: Path) -> None:
    (folder / "our_own" / "more.sql").write_text(SEEN, encoding="utf-8")


PLACES: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "our_own" / "runbook.toml").unlink(), "our_own/runbook.toml is missing"),
    (lambda folder: (folder / "our_own" / "queries.sql").unlink(), "query ours is missing"),
    (lambda folder: (folder / "our_own" / "queries.sql").chmod(0o664), "our_own/queries.sql may be written by others"),
    (
        lambda folder: (folder / "our_own" / "runbook.toml").chmod(0o646),
        "our_own/runbook.toml may be written by others",
    ),
    (lambda folder: (folder / "our_own").chmod(0o777), "team/our_own may be written by others; chmod go-w"),
    (lambda folder: folder.chmod(0o777), "team may be written by others; chmod go-w"),
    (_link, "our_own/queries.sql is a link; put the file itself there"),
    (_linked_folder, "team/linked is a link"),
    (_twice, "our_own/queries.sql: SQL block 'seen' stands in another file of the folder too"),
    (lambda folder: (folder / "our_own" / "runbook.toml").write_text("a = " * 99_999), "is larger than 200000 bytes"),
    (lambda folder: (folder / "our_own" / "runbook.toml").write_bytes(b"\xff"), "our_own/runbook.toml: 'utf-8' codec"),
    (lambda folder: (folder / "our_own" / "more.sql").mkdir(), "our_own/more.sql cannot be read: Is a directory"),
    (lambda folder: (folder / "our_own").rename(folder / ".hidden"), "holds no runbook"),
    (lambda folder: (folder / "runbook.toml").touch(), "is one runbook; name the directory that holds it"),
    (lambda folder: folder.rename(folder.with_name("gone")), "is no directory that can be read"),
]


@pytest.mark.parametrize(("spoil", "said"), PLACES, ids=[said for _, said in PLACES])
def test_a_fault_of_the_files_is_found(tmp_path: Path, spoil: Callable[[Path], object], said: str) -> None:
    """What others may write, what is elsewhere, missing, unreadable or too large is not read at all."""
    folder = write(tmp_path, **WHOLE)
    assert faults(str(folder)) == ()
    spoil(folder)
    found = faults(str(folder))
    assert [fault for fault in found if said in fault], found


def test_files_of_somebody_else_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that belongs neither to the bot's user nor to root is a fault."""
    folder = write(tmp_path, **WHOLE)
    if os.getuid() == 0:
        os.chown(folder / "our_own" / "queries.sql", 65534, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 65534)
    assert "our_own/queries.sql belongs to somebody else; chown it to the bot's user or root" in faults(str(folder))


def test_two_runbooks_may_not_share_a_command(tmp_path: Path) -> None:
    """The second folder with the same step or scenario is named, with the first."""
    folder = write(tmp_path, **WHOLE)
    (folder / "our_own").rename(folder / "first")
    write(tmp_path, **WHOLE)
    assert faults(str(folder)) == (
        "our_own: scenario our-own is declared in first too",
        "our_own: step our-step is declared in first too",
        "our_own: step our-read is declared in first too",
    )


def test_ours_and_the_example_have_no_fault(tmp_path: Path) -> None:
    """What is shipped is well, and the whole is loaded, ours first."""
    assert faults() == ()
    assert [folder.name for folder in shipped()] == list(SHIPPED)
    folder = example(tmp_path)
    assert faults(folder) == ()
    assert [book.scenario for book in load(folder).runbooks][-1] == "failed-jobs"


def test_the_runbook_of_the_manual_is_whole(tmp_path: Path) -> None:
    """What `docs/how-to/write-a-runbook.md` lets people write has no fault, and its tables name all there is."""
    page = (ROOT / "docs" / "how-to" / "write-a-runbook.md").read_text(encoding="utf-8")
    worked = page.partition("## From nothing")[2]
    folder = tmp_path / "our-runbooks"
    (folder / "retry").mkdir(parents=True, mode=0o755)
    for name, language in {"runbook.toml": "toml", "queries.sql": "sql"}.items():
        text = worked.partition(f"```{language}\n")[2].partition("```")[0]
        (folder / "retry" / name).write_text(text, encoding="utf-8")
        (folder / "retry" / name).chmod(0o644)
    folder.chmod(0o755)
    assert faults(str(folder)) == ()
    keys = {*lint._RUNBOOK, *lint._STEP, *lint._PARAM, *lint._STRATEGY} - {"step", "param", "strategy"}
    named = {name if not name.startswith("can_set_") else "can_set_COLUMN" for name in FEATURES}
    for name in {*keys, *TYPES, *FOR_TEAMS, *READS, *named, *_SAID}:
        assert f"`{name}`" in page or f"{name} = " in page, name


def test_the_command_names_every_fault(tmp_path: Path) -> None:
    """`dragonfly runbook lint FOLDER` prints a line a fault and exits with 1, with 0 where there is none."""

    def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "bot", "runbook", "lint", str(folder)]
        return subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False)

    folder = write(tmp_path, **WHOLE)
    assert (lint(folder).returncode, lint(folder).stdout) == (0, "every runbook is well\n")
    in_declaration(folder, 'risk = "change"', 'risk = "high"')
    in_declaration(folder, "settings = {", "settings = { mots = 3")
    done = lint(folder)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "our_own: step our-step: risk is read, change or danger",
        "our_own: step our-step: unknown setting mots",
    ]


def test_lint_knows_what_the_product_knows() -> None:
    """Names that stand in two places are the same: commands, kinds, keys of a step and a parameter, features."""
    commands = {name for item in OPERATIONS for name in (item.name, *item.aliases)}
    assert commands | {"show"} <= TAKEN | set(READS)
    assert set(DECLARED) - set(KINDS) == {"read", "manual", "sql_read"}
    assert set(FOR_TEAMS) <= set(DECLARED)
    every = Catalog(
        queue_columns={**dict.fromkeys(FEATURES, "text"), "id": "uuid"},
        heartbeat_columns=dict.fromkeys((*HEARTBEATS_LEAST, "status"), "text"),
        health_view=True,
        updatable=frozenset(name.removeprefix("can_set_") for name in FEATURES if name.startswith("can_set_")),
        extra=frozenset({"signal", "sees_sessions", "history_readable", "history_writable"}),
    )
    assert FEATURES - every.features == {"id_bigint", "id_integer", "id_text", "id_other", "worker_id_uuid"}
    assert {name for name in every.features if not name.startswith("updatable:")} <= FEATURES
    assert set(lint._STEP) | {"params", "strategies", "statements"} - {"sql"} >= {item.name for item in fields(Step)}
    assert set(lint._PARAM) == {item.name for item in fields(Param)}
