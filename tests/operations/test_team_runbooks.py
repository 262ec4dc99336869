"""A team's own runbook: declared without Python, under rails that hold whatever the SQL says (design, section 7)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from bot.domain.messages import CannotPlan, PlanCard, PlanDetails, PlanFace, RunbookCard, TableReport
from bot.errors import InvalidCommand
from bot.operations import audit, plans, preflight, proofs, runbooks, runs, team_reads
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer
from bot.sandbox.slack.limits import check_message
from handlers.grammar import Command, parse
from runbooks import load
from tests.render.test_cards import NEVER, texts
from tests.support.jobs import Target
from tests.support.product import ADA, CONFIG, DANA, SHELL, product
from tests.support.teams import (
    EFFECT,
    PREVIEW,
    PROOF,
    PROVED_BY,
    carry_out,
    example,
    failed,
    make,
    refused,
    shown,
    unchecked,
    write,
)


@pytest.fixture
def ours(services: Services, tmp_path: Path) -> Services:
    """Give the product with the shipped example switched on."""
    return replace(services, runbooks=load(example(tmp_path)))


def collide(target: Target, *pairs: tuple[str, str]) -> None:
    """Give jobs a key that is unique among live ones, as the deployed schema has it (target-system, 1.3)."""
    if target.schema == "playbook":
        target.connection.execute("ALTER TABLE ops.job_queue ADD COLUMN dedup_key text")
        target.connection.execute(
            "CREATE UNIQUE INDEX dedup ON ops.job_queue (job_type, dedup_key) WHERE status IN ('pending', 'processing')"
        )
    for job, key in pairs:
        target.connection.execute("UPDATE ops.job_queue SET dedup_key = %s WHERE id::text = %s", (key, job))


def test_preview_confirm_effect_proof(ours: Services, target: Target) -> None:
    """The example puts failed jobs of one type back; the record has all of it; no lock column keeps a value."""
    jobs = failed(target, 3)
    other = target.pending(1, job_type="enforcement_strategy")
    target.fail(other, "no")
    card = make(ours, "reset-failed", type=target.job_type)
    assert (card.face, card.acting) == (PlanFace.ISSUED, 3)
    assert target.statuses() == {"failed": 4}

    done = carry_out(ours, card)
    assert (done.face, done.rows, done.result["touched"]) == (PlanFace.WORKING, 3, 3)
    assert target.statuses() == {"pending": 3, "failed": 1}
    assert target.claimable() == 3
    assert all(target.job(job)["locked_at"] is None for job in jobs)

    assert proofs.watch(ours) == 0
    target.pick_up()
    assert proofs.watch(ours) == 1
    assert shown(ours, card).face is PlanFace.RECOVERED


def test_what_it_was_asked_with_is_shown(ours: Services, target: Target) -> None:
    """Who confirms or approves a plan, and who reads what came of it, sees each parameter; Details have them too."""
    failed(target, 1)
    card = make(ours, "reset-failed", type=target.job_type, since="1h")
    for face in (PlanFace.ISSUED, PlanFace.ASKED, PlanFace.APPROVED):
        said = " ".join(texts(SlackRenderer().card(replace(card, face=face, approved_at=card.created_at)).blocks))
        assert f"`type={target.job_type}`" in said
        assert "`since=1h`" in said
    details = plans.details(ours, card.key)
    assert isinstance(details, PlanDetails)
    assert details.statement.startswith(f"-- type={target.job_type}\n-- since=1h\n")
    assert "since=1h" in TerminalRenderer().text(carry_out(ours, card))


def test_everything_is_in_the_record(ours: Services, target: Target) -> None:
    """Preview with its parameters, confirmation, outcome with its counts, proof; and no private word."""
    failed(target, 2)
    card = make(ours, "reset-failed", type=target.job_type)
    carry_out(ours, card)
    target.pick_up()
    proofs.watch(ours)
    entries = audit.show(ours, card.key).entries
    assert [entry.event for entry in entries] == [
        "preview.made",
        "confirmation.consumed",
        "step.succeeded",
        "proof.proved",
    ]
    assert all("reset-failed" in entry.summary for entry in entries[:3])
    assert target.job_type in entries[0].summary
    assert '"touched": 2' in entries[2].summary
    assert audit.verify(ours).broken_at is None
    assert "Jane Roe" not in "".join(audit.export(ours))


def test_row_14_a_unique_conflict_is_left_alone(ours: Services, target: Target) -> None:
    """A job whose like is live stays failed and is counted; the others go through (target-system 9, row 14)."""
    twin, free, free_too = failed(target, 3)
    [live] = target.pending(1)
    collide(target, (twin, "k1"), (live, "k1"), (free, "k2"))
    done = carry_out(ours, make(ours, "reset-failed", type=target.job_type))
    assert dict(done.result) == {"touched": 2, "conflict": 1}
    assert target.job(twin)["status"] == "failed"
    assert [target.job(job)["status"] for job in (free, free_too)] == ["pending", "pending"]
    assert "1 left alone: an equal one is live" in repr(SlackRenderer().card(done))
    target.pick_up()
    assert proofs.watch(ours) == 1
    assert shown(ours, done).face is PlanFace.RECOVERED


def test_row_14_in_one_statement_a_conflict_takes_all_back(services: Services, target: Target, tmp_path: Path) -> None:
    """Without `each` one conflict fails the whole step, and nothing of it is left."""
    twin, *_ = failed(target, 3)
    [live] = target.pending(1)
    collide(target, (twin, "k1"), (live, "k1"))
    ours = unchecked(services, write(tmp_path))
    done = carry_out(ours, make(ours))
    assert done.face is PlanFace.FAILED
    assert "23505" in done.reason
    assert target.statuses() == {"failed": 3, "pending": 1}


def test_row_by_row_only_a_conflict_is_passed_over(services: Services, target: Target, tmp_path: Path) -> None:
    """Any other error of one row takes all of them back."""
    jobs = failed(target, 3)
    target.fail(jobs[:1], "again")
    effect = EFFECT.replace("RETURNING", "AND 1 / (2 - attempts) IS NOT NULL RETURNING")
    ours = unchecked(services, write(tmp_path, effect=effect, settings="each = true"))
    done = carry_out(ours, make(ours))
    assert (done.face, "22012" in done.reason) == (PlanFace.FAILED, True)
    assert target.statuses() == {"failed": 3}


def test_what_changed_since_the_plan_moved_on(ours: Services, target: Target) -> None:
    """One finished, one failed again with more attempts: both are left alone; the third is put back."""
    one, two, three = failed(target, 3)
    card = make(ours, "reset-failed", type=target.job_type)
    target.complete([one])
    target.fail([two], "again")
    done = carry_out(ours, card)
    assert dict(done.result) == {"touched": 1, "moved_on": 2}
    assert [target.job(job)["status"] for job in (one, two, three)] == ["completed", "failed", "pending"]
    target.pick_up()
    assert proofs.watch(ours) == 1


def test_all_moved_on_is_nothing_to_do(ours: Services, target: Target) -> None:
    """No row is as it was: nothing is sent, nothing is watched."""
    jobs = failed(target, 2)
    card = make(ours, "reset-failed", type=target.job_type)
    target.complete(jobs)
    done = carry_out(ours, card)
    assert (done.face, done.rows) == (PlanFace.NOTHING_TO_DO, 0)
    assert proofs.watch(ours) == 0


def test_a_value_that_differs_beyond_what_is_shown_moved_on(services: Services, target: Target, tmp_path: Path) -> None:
    """The whole row is pinned, private columns and long values too, although none of it stands on the card."""
    jobs = failed(target, 2)
    ours = unchecked(services, write(tmp_path))
    card = make(ours)
    assert "Jane Roe" not in repr(card) + repr(plans.details(ours, card.key))
    target.connection.execute("UPDATE ops.job_queue SET last_error = 'other' WHERE id::text = %s", (jobs[0],))
    assert dict(carry_out(ours, card).result) == {"touched": 1, "moved_on": 1}


def test_a_window_of_time_stays_the_plans(bot_dsn: str, target: Target, tmp_path: Path) -> None:
    """Jobs of the last minute are still those of the plan when it is confirmed two minutes later."""
    old, new = failed(target, 2)
    target.connection.execute("ALTER TABLE ops.job_queue DISABLE TRIGGER ALL")
    target.connection.execute(
        "UPDATE ops.job_queue SET updated_at = now() - interval '1 hour' WHERE id::text = %s", (old,)
    )
    clock = [datetime.now(UTC)]
    with product(bot_dsn, now=lambda: clock[0]) as made:
        ours = replace(made, runbooks=load(example(tmp_path)))
        card = make(ours, "reset-failed", type=target.job_type, since="1m")
        assert card.acting == 1
        clock[0] += timedelta(minutes=2)
        assert carry_out(ours, card).rows == 1
    assert [target.job(job)["status"] for job in (old, new)] == ["failed", "pending"]


def test_failed_again_is_no_effect(bot_dsn: str, target: Target, tmp_path: Path) -> None:
    """Jobs that failed anew are no recovery: the card says so when the limit is over."""
    jobs = failed(target, 2)
    clock = [datetime.now(UTC)]
    with product(bot_dsn, now=lambda: clock[0]) as made:
        ours = replace(made, runbooks=load(example(tmp_path)))
        card = carry_out(ours, make(ours, "reset-failed", type=target.job_type))
        target.fail(jobs[:1], "again")
        target.complete(jobs[1:])
        clock[0] += CONFIG.timing.proof_limit + timedelta(seconds=1)
        assert proofs.watch(ours) == 1
        ended = shown(ours, card)
        assert (ended.face, ended.proof["left"], ended.proof["total"]) == (PlanFace.NO_EFFECT, 1, 2)


def test_more_than_the_cap_is_refused(ours: Services, target: Target) -> None:
    """200 are a plan of the example; one more is none, and nothing was done."""
    failed(target, 200)
    assert make(ours, "reset-failed", type=target.job_type).acting == 200
    failed(target, 1)
    assert refused(ours, "reset-failed", type=target.job_type) == "it would touch more than 200 rows"
    assert target.statuses() == {"failed": 201}


def test_nothing_to_touch_is_no_plan(ours: Services, target: Target) -> None:
    """No failed job: the answer says so."""
    assert refused(ours, "reset-failed", type=target.job_type) == "there is nothing it would touch"


@pytest.fixture
def role(target: Target, worker_id: str, bot_dsn: str) -> Iterator[str]:
    """Give a team's role that may look at the queue and change two columns of it."""
    name = f"dragonfly_test_team_{worker_id}"
    bot = str(psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"])
    run = target.connection.execute
    run(f"DO $$ BEGIN CREATE ROLE {name} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    run(f"GRANT {name} TO {bot}")
    run(f"GRANT USAGE ON SCHEMA ops TO {name}")
    run(f"GRANT SELECT (id, job_type, status, attempts, last_error), UPDATE (status) ON ops.job_queue TO {name}")
    run(f"CREATE POLICY team ON ops.job_queue TO {name} USING (true)")
    yield name
    run(f"DROP OWNED BY {name}")
    run(f"DROP ROLE {name}")


def under(services: Services, role: str) -> Services:
    """Return services whose team SQL runs under a role."""
    return replace(services, config=replace(services.config, team_role=role))


WHO = """
-- name: who
-- Whose rights these are.
SELECT current_user::text AS who, %(word)s::text AS word LIMIT %(most)s;
"""
READ = """
[[step]]
id = "our-read"
title = "Our read"
kind = "sql_read"
risk = "read"
why = "It shows."
sql = { read = "who" }

[[step.param]]
name = "word"
type = "name"
"""


def test_it_works_under_the_teams_role(services: Services, target: Target, tmp_path: Path, role: str) -> None:
    """Preview, effect and read run under it, each batch is written down under ours, and no role is left behind."""
    failed(target, 2)
    ours = under(unchecked(services, write(tmp_path, more=READ, blocks=WHO, settings="each = true")), role)
    report = team_reads.read(ours, "our-read", {"word": "hello"})
    assert isinstance(report, TableReport)
    assert report.rows == ((role, "hello"),)
    assert carry_out(ours, make(ours)).rows == 2
    assert target.statuses() == {"pending": 2}
    with services.db.read() as tx:
        assert tx.guarded("SELECT current_user::text AS who") != [{"who": role}]


def test_the_teams_role_bounds_it(services: Services, target: Target, tmp_path: Path, role: str) -> None:
    """What the role may not do fails, although the bot's own role might; a role that is not there is said at once."""
    failed(target, 2)
    effect = EFFECT.replace("SET status", "SET locked_at = NULL, status")
    ours = under(unchecked(services, write(tmp_path, effect=effect)), role)
    done = carry_out(ours, make(ours))
    assert (done.face, "block touch: " in done.reason, "42501" in done.reason) == (PlanFace.FAILED, True, True)
    said = " ".join(texts(SlackRenderer().card(done).blocks))
    assert "*Next* ask its author, or grant what it needs" in said
    assert "in a minute" not in said
    assert target.statuses() == {"failed": 2}
    assert "refused a statement" in refused(under(ours, "nobody_at_all"))


LEAVES = "set_config('role', 'none', true) IS NOT NULL"


def test_a_statement_that_leaves_its_role_is_taken_back(
    services: Services, target: Target, tmp_path: Path, role: str
) -> None:
    """What it ends as is asked before anything of it counts: a look shows nothing, an effect changes nothing."""
    failed(target, 2)
    looks = unchecked(services, write(tmp_path, preview=PREVIEW.replace("'failed'", f"'failed' AND {LEAVES}")))
    assert f"left its role {role}" in refused(under(looks, role))
    ours = under(
        unchecked(services, write(tmp_path, effect=EFFECT.replace("'failed'", f"'failed' AND {LEAVES}"))), role
    )
    done = carry_out(ours, make(ours))
    assert (done.face, f"left its role {role}" in done.reason) == (PlanFace.FAILED, True)
    assert target.statuses() == {"failed": 2}


def test_another_role_voids_the_plan(services: Services, target: Target, tmp_path: Path, role: str) -> None:
    """A plan was made with certain rights: under others it is made anew."""
    failed(target, 1)
    ours = unchecked(services, write(tmp_path))
    card = make(ours)
    assert not isinstance(plans.confirm(under(ours, role), card.key, ADA, secret=card.secret), PlanCard)


def test_a_plan_crosses_to_a_shell(ours: Services, target: Target) -> None:
    """Made in Slack by Ada, applied by a shell with the database's credential."""
    failed(target, 1)
    card = plans.make(ours, "reset-failed", {"type": target.job_type}, SHELL, Place())
    assert isinstance(card, PlanCard)
    plans.confirm(ours, card.key, SHELL, secret=None)
    runs.perform(ours, card.key)
    assert target.statuses() == {"pending": 1}


def test_a_bot_without_the_runbook_leaves_its_run_alone(bot_dsn: str, target: Target, tmp_path: Path) -> None:
    """A shell's runbook is its own: the bot waits, says that the run was not begun, and that a proof is not known."""
    failed(target, 2)
    clock = [datetime.now(UTC)]
    with product(bot_dsn, now=lambda: clock[0]) as bot:
        shell = replace(bot, runbooks=load(example(tmp_path)))
        card = make(shell, "reset-failed", type=target.job_type)
        plans.confirm(shell, card.key, ADA, secret=card.secret)
        runs.perform_due(bot)
        assert shown(bot, card).face is PlanFace.WORKING
        runs.perform(shell, card.key)
        for message in (shown(bot, card), plans.details(bot, card.key)):
            assert check_message([dict(block) for block in SlackRenderer().card(message).blocks]) == []
        assert target.statuses() == {"pending": 2}
        assert proofs.watch(bot) == 0
        clock[0] += CONFIG.timing.proof_limit + timedelta(seconds=1)
        assert proofs.watch(bot) == 1
        assert shown(shell, card).face is PlanFace.PROOF_UNKNOWN

        failed(target, 1)
        late = make(shell, "reset-failed", type=target.job_type)
        plans.confirm(shell, late.key, ADA, secret=late.secret)
        clock[0] += CONFIG.timing.begin_within + timedelta(seconds=11)
        runs.perform_due(bot)
        assert shown(shell, late).face is PlanFace.NOT_RUN


CANNOT_RUN = [
    pytest.param({"preview": "SELECT id FROM FROM ops.job_queue"}, "ours", "42601", id="a-slip-in-the-preview"),
    pytest.param({"effect": EFFECT.replace("status =", "stat =", 1)}, "touch", "42703", id="no-such-column"),
    pytest.param({"effect": EFFECT.replace("SET", "SET locked_at = NULL,")}, "touch", "42501", id="no-grant"),
    pytest.param({"sql": PROVED_BY, "blocks": PROOF.format("SELECT idd FROM ops.job_queue")}, "waits", "42703"),
    pytest.param({"more": READ, "blocks": WHO.replace("current_user", "nobody")}, "who", "42703", id="a-read"),
]


@pytest.mark.parametrize(("written", "block", "state"), CANNOT_RUN)
def test_what_cannot_run_is_said_by_day(
    services: Services, target: Target, tmp_path: Path, role: str, written: dict[str, str], block: str, state: str
) -> None:
    """The server plans each block under the team's role and runs none; the first refusal is named, with who mends it."""
    failed(target, 1)
    ours = under(unchecked(services, write(tmp_path, **written)), role)
    with ours.db.read() as tx:
        bad = [line for line in preflight.lines(ours, tx) if line.name.startswith("our-") and line.verdict == "bad"]
        assert len(tx.guarded("SELECT id FROM ops.job_queue")) == 1
    assert [line.detail.partition(f"({state}")[0] for line in bad] == [
        f"block {block}: the database refused a statement "
    ]
    assert bad[0].remedy == (f"ask its author, or grant role {role} what it needs",)
    card = runbooks.read(ours, "our-own")
    assert isinstance(card, RunbookCard)
    assert [step.ready for step in card.steps if step.step == bad[0].name] == [f"will not work: {bad[0].detail}"]


def test_danger_takes_a_second_person(services: Services, target: Target, tmp_path: Path) -> None:
    """A team may ask for a second person; without one nothing is confirmed."""
    failed(target, 1)
    folder = write(tmp_path)
    declared = folder / "our_own" / "runbook.toml"
    text = declared.read_text(encoding="utf-8")
    declared.write_text(text.replace('risk = "change"', 'risk = "danger"\napproval = "second person"'))
    ours = unchecked(services, folder)
    card = make(ours)
    assert card.face is PlanFace.NEEDS_SECOND
    assert not isinstance(plans.confirm(ours, card.key, DANA, secret=None), PlanCard)
    assert target.statuses() == {"failed": 1}


def test_the_read_of_the_example(ours: Services, target: Target) -> None:
    """A table for the one who asked, on both schemas; Slack and a shell know it by its name."""
    failed(target, 3)
    report = team_reads.read(ours, "failed-by-type", {})
    assert isinstance(report, TableReport)
    assert report.columns == ("job_type", "failed", "last_failed", "most_attempts")
    assert report.rows[0][:2] == (target.job_type, "3")
    assert parse("failed-by-type", ours.runbooks) == Command("failed-by-type")
    with pytest.raises(InvalidCommand, match="has no option 'colour'"):
        team_reads.read(ours, "failed-by-type", {"colour": "red"})
    with pytest.raises(InvalidCommand, match="reads here: failed-by-type"):
        team_reads.read(ours, "reset-failed", {})


def test_a_read_shows_fifty_rows_and_nothing_private(services: Services, target: Target, tmp_path: Path) -> None:
    """Rows and cells are cut; an error's text is not shown; a read that writes is refused."""
    failed(target, 60)
    whole = """jsonb_build_object('why', last_error) AS a, '[{"why": 1}]'::json AS b, row(id) AS c, array[1] AS d"""
    table = f"SELECT id, last_error, repeat('x', 99) AS long, {whole} FROM ops.job_queue LIMIT %(most)s;"
    ours = unchecked(services, write(tmp_path, more=READ, blocks=WHO.partition("SELECT")[0] + table))
    report = team_reads.read(ours, "our-read", {})
    assert isinstance(report, TableReport)
    assert (len(report.rows), report.more) == (50, True)
    hidden = "(not shown)"
    assert report.rows[0][1:] == (hidden, "x" * 39 + "…", hidden, hidden, hidden, "[1]")
    assert check_message([dict(block) for block in SlackRenderer().card(report).blocks]) == []
    writing = "UPDATE ops.job_queue SET status = 'pending' RETURNING id, %(most)s::int;"
    ours = unchecked(services, write(tmp_path, more=READ, blocks=WHO.partition("SELECT")[0] + writing))
    assert isinstance(team_reads.read(ours, "our-read", {}), CannotPlan)
    assert target.statuses() == {"failed": 60}


def test_the_runbook_is_shown_like_ours(ours: Services, target: Target) -> None:
    """Its card says that each step is ready, in the words of the house."""
    failed(target, 1)
    card = runbooks.read(ours, "failed-jobs")
    assert isinstance(card, RunbookCard)
    assert [(step.step, step.ready) for step in card.steps] == [("failed-by-type", "ready"), ("reset-failed", "ready")]
    assert re.search(r" · checked [\d a-z]+ ago · shell: ", TerminalRenderer().text(card))
    plan = make(ours, "reset-failed", type=target.job_type)
    done = carry_out(ours, plan)
    for message in (card, plan, done, plans.details(ours, plan.key), team_reads.read(ours, "failed-by-type", {})):
        said = " ".join(texts(SlackRenderer().card(message).blocks)).lower()
        assert [word for word in NEVER if word in said.split()] == []
