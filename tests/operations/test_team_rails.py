"""The rails of a team's own SQL: they hold whatever is written there, and without anybody having looked at it."""

from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.messages import PlanFace
from bot.errors import InvalidCommand, StatementRefused
from bot.operations import audit, plans
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from runbooks import load
from tests.support.jobs import Target
from tests.support.product import ADA
from tests.support.teams import EFFECT, HERE, PREVIEW, carry_out, example, failed, make, refused, unchecked, write


@pytest.fixture
def target_schema() -> str:
    """The rails look at what a statement does, not at whose tables it touches."""
    return "deployed"


OUTSIDE = [
    pytest.param(
        EFFECT.replace("AND id::text", "AND coalesce(%(ids)s::text[], '{}') IS NOT NULL OR id::text"),
        "not in the plan",
        id="a-row-outside",
    ),
    pytest.param(
        EFFECT.replace("RETURNING id::text AS id", "RETURNING 'x' AS id"), "not in the plan", id="another-key"
    ),
    pytest.param(EFFECT.replace("AS id", "AS key"), "not in the plan", id="no-key"),
]


@pytest.mark.parametrize(("effect", "said"), OUTSIDE)
def test_what_touches_a_row_outside_the_plan_is_taken_back(
    services: Services, target: Target, tmp_path: Path, effect: str, said: str
) -> None:
    """Every row is as it was, those of the plan too; the refusal stands on the card and in the record."""
    failed(target, 2)
    ours = unchecked(services, write(tmp_path, effect=effect))
    card = make(ours)
    failed(target, 3)
    done = carry_out(ours, card)
    assert done.face is PlanFace.REFUSED
    assert f"{said}; all of it was taken back" in done.reason
    assert "*Next* ask its author" in repr(SlackRenderer().card(done).blocks)
    assert target.statuses() == {"failed": 5}
    assert audit.show(ours, card.key).entries[-1].event == "step.aborted"


def test_one_key_for_many_rows_is_taken_back(services: Services, target: Target, tmp_path: Path) -> None:
    """A statement whose key is no key touches more rows than the plan has: none of it stays."""
    failed(target, 3)
    preview = "SELECT DISTINCT job_type::text AS id FROM ops.job_queue WHERE status = 'failed' LIMIT %(most)s"
    effect = EFFECT.replace("id::text", "job_type::text")
    ours = unchecked(services, write(tmp_path, preview=preview, effect=effect))
    done = carry_out(ours, make(ours))
    assert (done.face, "more rows than the plan" in done.reason) == (PlanFace.REFUSED, True)
    assert target.statuses() == {"failed": 3}


ESCAPES = [
    pytest.param(f"{EFFECT}; COMMIT", "42601", id="a-second-statement"),
    pytest.param(f"{EFFECT}; {EFFECT}", "42601", id="two-effects"),
    pytest.param("COMMIT", "begins with", id="commit"),
    pytest.param("-- SELECT\nCOMMIT", "begins with", id="commit-behind-a-comment"),
    pytest.param("/* /* */ SELECT */ COMMIT", "begins with", id="commit-behind-two-comments"),
    pytest.param("ROLLBACK", "begins with", id="rollback"),
    pytest.param("SET ROLE NONE", "begins with", id="another-role"),
    pytest.param("DO $$ BEGIN COMMIT; END $$", "begins with", id="a-block"),
    pytest.param("COPY ops.job_queue TO PROGRAM 'true'", "begins with", id="copy"),
    pytest.param(EFFECT.rpartition("RETURNING")[0], "returns nothing", id="nothing-returned"),
    pytest.param(f"{EFFECT} -- 50 %", "stray percent", id="a-percent-sign"),
    pytest.param("DELETE FROM ops.chatops_audit RETURNING n AS id", "42501", id="the-record"),
]


@pytest.mark.parametrize(("effect", "said"), ESCAPES)
def test_no_effect_escapes_its_transaction(
    services: Services, target: Target, tmp_path: Path, effect: str, said: str
) -> None:
    """Several statements, transaction control and what returns nothing are refused, recorded, and leave nothing."""
    failed(target, 2)
    ours = unchecked(services, write(tmp_path, effect=effect))
    card = make(ours)
    done = carry_out(ours, card)
    assert done.face is PlanFace.FAILED
    assert said in done.reason
    assert target.statuses() == {"failed": 2}
    assert audit.show(ours, card.key).entries[-1].event == "step.failed"
    assert audit.verify(ours).broken_at is None


WRITING = [
    "WITH x AS (UPDATE ops.job_queue SET status = 'pending' RETURNING id) SELECT id FROM x",
    "COMMIT",
    "SELECT id FROM ops.job_queue FOR UPDATE",
    "SELECT 1 AS id; SELECT 2 AS id",
]


@pytest.mark.parametrize("preview", WRITING)
def test_a_preview_changes_nothing(services: Services, target: Target, tmp_path: Path, preview: str) -> None:
    """What looks may not touch: there is no plan, and the database refused."""
    failed(target, 1)
    ours = unchecked(services, write(tmp_path, preview=preview))
    assert (why := refused(ours)).startswith("block ours: ")
    assert "refused a statement (25006)" in why or "42601" in why or "begins with" in why
    assert target.statuses() == {"failed": 1}


def test_a_look_inside_a_change_changes_nothing(services: Services, target: Target) -> None:
    """The second look before an effect stands in a writing transaction and can still write, set or keep nothing."""
    failed(target, 1)
    with services.db.write() as tx:
        with tx.looking():
            tx.guarded("SELECT set_config('work_mem', '99MB', false) AS x")
        assert tx.guarded("SELECT current_setting('work_mem') AS x") != [{"x": "99MB"}]
        with pytest.raises(StatementRefused, match="25006"), tx.looking():
            [tx.guarded(text, ids=[]) for text in ("SELECT 1 AS x", EFFECT)]
        assert len(tx.guarded("UPDATE ops.job_queue SET status = 'pending' RETURNING id")) == 1
    assert target.statuses() == {"pending": 1}


LEAVING = (
    "SELECT set_config('default_transaction_read_only', 'on', false), set_config('lock_timeout', '0', true), "
    "pg_advisory_lock(77)::text, 1 / (%(by)s::integer * pg_backend_pid())"
)
LEFT = """\
SELECT current_setting('default_transaction_read_only') AS read_only, current_setting('lock_timeout') AS lock,
  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
  (SELECT setting::integer BETWEEN 1 AND 29999 FROM pg_settings WHERE name = 'transaction_timeout') AS ends
"""


@pytest.mark.parametrize("looks", [False, True])
@pytest.mark.parametrize("by", [1, 0])
def test_what_a_statement_sets_or_locks_ends_with_it(services: Services, by: int, looks: bool) -> None:
    """Done or refused, in a change or a look: what comes after it meets our limits, no lock, and the same end of the whole."""
    with services.db.write() as tx:
        with suppress(StatementRefused), tx.looking() if looks else nullcontext():
            tx.guarded(LEAVING, by=by)
        [left] = tx.connection.execute(LEFT).fetchall()
        assert left.pop("ends") in (not looks, None), "PostgreSQL before 17 has no end of the whole"
        assert left == {"read_only": "off", "lock": "2s", "locks": 0}


HOSTILE = ["'; DROP TABLE ops.job_queue; --", "x' OR '1'='1", "$1); COMMIT; --", "%(ids)s", "{{7*7}} %s"]
NAMED = """
[[step.param]]
name = "text"
type = "text"

[[step.param]]
name = "role"
type = "choice"
choices = ["a", "b"]

[[step.param]]
name = "step"
type = "flag"
"""


@pytest.mark.parametrize("typed", HOSTILE)
def test_what_is_typed_stays_a_value(services: Services, target: Target, tmp_path: Path, typed: str) -> None:
    """SQL in a parameter is a text like any other, and a parameter may be called as the bot's own words are."""
    failed(target, 1)
    preview = PREVIEW.replace(
        "'failed' AND",
        "'failed' AND j.last_error = %(text)s AND %(role)s::text = 'b' AND NOT %(step)s::boolean AND",
    )
    ours = unchecked(services, write(tmp_path, preview=preview, more=NAMED))
    assert refused(ours, text=typed, role="B") == "there is nothing it would touch"
    target.connection.execute("UPDATE ops.job_queue SET last_error = %s", (typed,))
    assert carry_out(ours, make(ours, text=typed, role="B")).rows == 1
    assert target.statuses() == {"pending": 1}
    with pytest.raises(InvalidCommand, match="is not a job type"):
        plans.make(replace(services, runbooks=load(example(tmp_path))), "reset-failed", {"type": typed}, ADA, HERE)
