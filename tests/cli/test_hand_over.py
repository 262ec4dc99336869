"""`apply --hand-over`: with Slack away a danger step prints its statement, pinned and guarded, for a DBA to run."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.operations import approvals
from bot.operations.services import Services
from tests.support import shell
from tests.support.jobs import Target
from tests.support.people import People
from tests.support.product import DANA, product
from tests.support.waiting import eventually

Run = Callable[..., "subprocess.CompletedProcess[str]"]
FEED = "public.v_live_feed_events"
NEW = "20991231235959"
SETTINGS = """
[timing]
start_guard = "0s"
unknown_after_start = "0s"
stuck_after = "0s"
idle_limit = "0s"
[queue]
approve_above = 1
[migrations]
source = "{home}/migrations"
rollbacks = "{home}/rollbacks"
"""
pytestmark = pytest.mark.parametrize("target_schema", ["deployed"])


@pytest.fixture
def people(target_dsn: str, worker_id: str) -> Iterator[People]:
    """Give other people's sessions."""
    made = People(target_dsn, f"dragonfly_test_engineer_{worker_id}")
    yield made
    made.close()


@pytest.fixture
def dragonfly(target_dsn: str, tmp_path: Path) -> Run:
    """Give the command, with a folder of migrations and one of rollback scripts."""
    for folder, name, text in (
        ("migrations", f"{NEW}_made.sql", "SELECT 1;\n"),
        ("rollbacks", "20261105.sql", f"-- It's reviewed.\nDROP VIEW {FEED};\n"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text, encoding="utf-8")
        (tmp_path / folder / name).chmod(0o644)
    settings = tmp_path / "dragonfly.toml"
    settings.write_text(SETTINGS.format(home=tmp_path), encoding="utf-8")
    env = {
        "PATH": os.environ["PATH"],
        "DRAGONFLY_DATABASE_URL": target_dsn,
        "DRAGONFLY_CONFIG": str(settings),
        "SUPABASE_MODE": "dev",
        "DRAGONFLY_OPERATORS": "U0ADA",
        "DRAGONFLY_ALERT_CHANNEL": "C0INCIDENTS",
    }

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return shell.run(words, env)

    return run


def plan(dragonfly: Run, *words: str) -> str:
    """Make a plan and return its id."""
    made = dragonfly("plan", *words, "--json")
    assert made.returncode == 0, made.stdout + made.stderr
    return str(json.loads(made.stdout)["key"])


def handed_over(dragonfly: Run, *words: str) -> str:
    """Make a plan and hand it over; return what was printed."""
    done = dragonfly("apply", plan(dragonfly, *words), "--hand-over")
    assert done.returncode == 0, done.stderr
    assert re.match(r"-- HANDED OVER \w{4} ", done.stdout), done.stdout
    return done.stdout


def test_a_session_is_ended_by_the_dba(dragonfly: Run, people: People, target: Target) -> None:
    """What is printed is one text that can be run: the session ends, the migration goes on; nothing ran before that."""
    holder, waiter = people.hold(), people.wait()
    pid = holder.info.backend_pid
    text = handed_over(dragonfly, "unlock", f"pid={pid}")
    assert people.is_there(pid) and f"s.pid = {pid}" in text and "s.backend_start = '" in text
    key = text.split()[3]
    state = "SELECT state, ended_at IS NOT NULL, rows_affected, approver FROM ops.chatops_run WHERE id = %s"
    assert target.connection.execute(state, (key,)).fetchone() == ("handed_over", True, 0, None)
    assert "step.handed_over" in dragonfly("audit", "show", key).stdout
    assert dragonfly("audit", "verify").returncode == 0

    assert dragonfly("apply", key, "--hand-over").returncode == 4
    people.owner.execute(text.encode())
    eventually(lambda: waiter.went_on)


def test_the_statement_does_nothing_where_the_world_has_moved(dragonfly: Run, people: People) -> None:
    """Run late, it leaves a session alone that has done something since."""
    holder = people.hold()
    pid = holder.info.backend_pid
    text = handed_over(dragonfly, "unlock", f"pid={pid}")
    holder.execute("SELECT 1")
    people.owner.execute(text.encode())
    assert people.is_there(pid)


def test_a_record_and_a_rollback(dragonfly: Run, people: People) -> None:
    """A repair is one guarded statement; a rollback is the script and the record in one, or nothing."""
    people.owner.execute(handed_over(dragonfly, "repair", f"version={NEW}", "status=applied").encode())
    assert people.row(NEW) == (NEW, "made", None)
    reverting = handed_over(dragonfly, "repair", f"version={NEW}", "status=reverted")
    people.grant(f"UPDATE supabase_migrations.schema_migrations SET name = 'other' WHERE version = '{NEW}'")
    people.owner.execute(reverting.encode())
    assert people.row(NEW) == (NEW, "other", None)

    text = handed_over(dragonfly, "rollback", "version=20261105")
    people.grant("UPDATE supabase_migrations.schema_migrations SET name = 'other' WHERE version = '20261105'")
    with pytest.raises(psycopg.errors.RaiseException, match="changed since the plan; nothing was done"):
        people.owner.execute(text.encode())
    assert people.has(FEED)
    people.owner.execute(handed_over(dragonfly, "rollback", "version=20261105").encode())
    assert not people.has(FEED) and people.row("20261105") is None


def test_what_is_not_handed_over(dragonfly: Run, target: Target, target_dsn: str) -> None:
    """Nothing a requester may confirm, nothing only large, nothing approved, nothing unknown; the plan stays as it was."""
    target.worker()
    target.stuck(1)
    small = plan(dragonfly, "reset-stuck")
    target.stuck(2)
    large = plan(dragonfly, "reset-stuck", "older_than=1m")
    for key in (small, large):
        refused = dragonfly("apply", key, "--hand-over")
        assert (refused.returncode, "nothing that only a DBA may run" in refused.stderr) == (2, True)
    approved = plan(dragonfly, "repair", f"version={NEW}", "status=applied")
    with product(target_dsn) as services:
        approvals.approve(services, approved, DANA)
    refused = dragonfly("apply", approved, "--hand-over")
    assert (refused.returncode, "has been approved" in refused.stderr) == (2, True)
    unknown = dragonfly("apply", "ZZZZ", "--hand-over")
    assert (unknown.returncode, "no plan 'ZZZZ'" in unknown.stderr) == (4, True)
    assert target.statuses() == {"processing": 3}
    assert dragonfly("apply", small, "--yes").returncode == 0


def test_its_facts_for_programs(dragonfly: Run, services: Services) -> None:
    """`--json` has the face and the statement; the channel is told when Slack is back."""
    key = plan(dragonfly, "rollback", "version=20261105")
    facts = json.loads(dragonfly("apply", key, "--hand-over", "--json").stdout)
    assert facts["face"] == "handed_over" and facts["facts"]["hand_over"].startswith("DO $dragonfly$")
    with services.db.read() as tx:
        rows = tx.connection.execute("SELECT kind FROM ops.chatops_outbox WHERE message_key = %s", (f"plan:{key}",))
        assert {row["kind"] for row in rows} == {"post", "update"}
