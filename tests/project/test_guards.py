"""Every guard is needed: the product without it fails the scenario that the guard is there for (§19).

Each mutant is a copy of the product with one guard taken out, and one scenario run against it. A guard that another one
covers is taken out together with that one.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project.test_imports import ROOT

pytestmark = pytest.mark.project
COPIED = ("bot", "handlers", "runbooks", "templates", "tests")
SCENARIO_SECONDS = 240
"""What one scenario may take on a busy machine; a mutant fails in some ten."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text that stands in one file of the product exactly once, and what stands there in a mutant."""

    file: str
    text: str
    mutant: str


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard: how it is taken out, which scenario must fail then, and a piece of how that failure reads."""

    name: str
    edits: tuple[Edit, ...]
    scenario: str
    reads: str


GUARDS = (
    Guard(
        "row lock in recovery",
        (
            Edit(
                "bot/store/runs.sql",
                "WHERE id = %(id)s\nFOR UPDATE  -- if locked\n;",
                "WHERE id = %(id)s;",
            ),
        ),
        "test_crash.py::test_24_zombie_transaction[True]",
        "StatementTimedOut",
    ),
    Guard(  # covered by the look at the plan under its row lock, which answers before
        "state='issued' in consume",
        (
            Edit(
                "bot/store/plans.sql",
                "WHERE id = %(id)s AND state = 'issued' AND expires_at > %(now)s\n  AND approval IN ('none', 'approved')",
                "WHERE id = %(id)s AND expires_at > %(now)s\n  AND approval IN ('none', 'approved')",
            ),
            Edit(
                "bot/domain/plan.py",
                'if plan.state != "issued":',
                'if plan.state not in ("issued", "consumed"):',
            ),
        ),
        "test_authority.py::test_17_double_click",
        "is resetting stuck jobs since",
    ),
    Guard(
        "owner-dead test",
        (Edit("bot/domain/rescue.py", "    if silent > timing.dead_after:\n", "    if silent >= timedelta(0):\n"),),
        "test_rescue.py::test_31_slow_but_alive[deployed]",
        "AssertionError: PlanCard(",
    ),
    Guard(
        "compare-and-set on lease epoch: delivered",
        (
            Edit(
                "bot/store/outbox.sql",
                "AND lease_epoch = %(epoch)s AND state = 'leased'\nRETURNING id;",
                "AND state = 'leased'\nRETURNING id;",
            ),
        ),
        "test_delivery.py::test_11_lease_takeover[with an answer]",
        "At index 0 diff: ('delivered', ",
    ),
    Guard(
        "compare-and-set on lease epoch: not delivered",
        (
            Edit(
                "bot/store/outbox.sql",
                "WHERE o.id = %(id)s::uuid AND o.lease_epoch = %(epoch)s AND o.state = 'leased';",
                "WHERE o.id = %(id)s::uuid AND o.state = 'leased';",
            ),
        ),
        "test_delivery.py::test_11_lease_takeover[without one]",
        "('pending', '', 2)",
    ),
    Guard(  # covered by the delivery's key: whoever has a signature can only send the body that was signed
        "replay table",
        (
            Edit(
                "bot/store/migrations/0001_pre_initial.sql",
                "key          text        NOT NULL UNIQUE,      -- trigger_id",
                "key          text        NOT NULL,             -- trigger_id",
            ),
            Edit(
                "bot/store/migrations/0001_pre_initial.sql",
                "signature    bytea       UNIQUE,",
                "signature    bytea,",
            ),
        ),
        "test_inbound.py::test_14_replayed_signature",
        "== (1, 0, 1)",
    ),
    Guard(
        "re-check of role at execution",
        (
            Edit(
                "bot/operations/runs.py",
                "not_allowed = _why_not_allowed(services, run, plan)",
                'not_allowed = ""',
            ),
        ),
        "test_authority.py::test_20_role_removed_midway",
        "Working: 2 of 2",
    ),
    Guard(
        "mass-stall guard",
        (
            Edit(
                "bot/domain/rescue.py",
                "return until if until > self.now else None",
                "return None",
            ),
        ),
        "test_rescue.py::test_33_database_was_away[deployed]",
        "AssertionError: PlanCard(",
    ),
    *(
        Guard(
            f"backend_start in {call}",
            (
                Edit(
                    "bot/targets/sessions.sql",
                    f"SELECT {call}(s.pid) AS signalled\nFROM pg_stat_activity AS s\n"
                    "WHERE s.pid = %(pid)s AND s.backend_start = %(backend_start)s::timestamptz\n",
                    f"SELECT {call}(s.pid) AS signalled\nFROM pg_stat_activity AS s\nWHERE s.pid = %(pid)s\n",
                ),
            ),
            "test_termination.py::test_37_pid_reuse[deployed]",
            "PlanFace.WORKING",
        )
        for call in ("pg_terminate_backend", "pg_cancel_backend")
    ),
    Guard(
        "head lock in audit append",
        (
            Edit(
                "bot/store/migrations/0012_pre_record_canonical.sql",
                "SELECT * INTO STRICT head FROM ops.chatops_audit_head FOR UPDATE;",
                "SELECT * INTO STRICT head FROM ops.chatops_audit_head;",
            ),
        ),
        "test_record.py::test_40_chain_concurrency",
        "23505",
    ),
    Guard(
        "mark-after-send",
        (
            Edit(
                "bot/operations/delivery.py",
                '        services.crash_hook("K7")\n',
                '        _mark(services, item, item.destination, "1.1")\n        services.crash_hook("K7")\n',
            ),
        ),
        "test_crash.py::test_08_kill[kill_after_commit]",
        "'state': 'delivered'",
    ),
    Guard(
        "allow-list selection",
        (
            Edit(
                "bot/operations/queues.py",
                'key = (row["job_type"], classify(text), fingerprint(text), text.startswith(EXHAUSTED))',
                'key = (row["job_type"], text, fingerprint(text), text.startswith(EXHAUSTED))',
            ),
        ),
        "test_privacy.py::test_44_debtor_data[deployed]",
        "AssertionError: failed",
    ),
    Guard(  # a job that has finished shows by its status, and by its lock
        "drift `subset`",
        (
            Edit(
                "runbooks/worker_death/queries.sql",
                "    WHERE j.status = 'processing'\n      AND j.locked_at IS NOT DISTINCT FROM t.locked_at\n",
                "    WHERE true\n",
            ),
        ),
        "test_previews.py::test_19_drift[deployed]",
        "Working: 10 of 10",
    ),
)


def taken_out(edit: Edit, whole: str) -> str:
    """Return a file of a mutant; a text that is not there exactly once is a fault of the table."""
    assert whole.count(edit.text) == 1, f"{edit.file} does not hold this once: {edit.text!r}"
    return whole.replace(edit.text, edit.mutant)


def mutant(guard: Guard, place: Path) -> Path:
    """Return a copy of the product without a guard."""
    for name in COPIED:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    for edit in guard.edits:
        path = place / edit.file
        path.write_text(taken_out(edit, path.read_text(encoding="utf-8")), encoding="utf-8")
    return place


def outcome(place: Path, scenario: str) -> tuple[int, str]:
    """Run one scenario alone, on a server of its own, and return pytest's exit code and all that it said."""
    names = ("PYTEST_", "DRAGONFLY_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    options = ["-q", "-rfE", "-p", "no:randomly", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, scenario],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SCENARIO_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_every_guard_is_where_the_table_says() -> None:
    """Each text stands in its file once, and each scenario in its module: what is renamed is noticed at once."""
    for guard in GUARDS:
        for edit in guard.edits:
            taken_out(edit, (ROOT / edit.file).read_text(encoding="utf-8"))
        module, _, test = guard.scenario.partition("::")
        scenario = f"def {test.partition('[')[0]}("
        assert scenario in (ROOT / "tests/scenarios" / module).read_text(encoding="utf-8"), guard.scenario


@pytest.mark.guards
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_without_it_its_scenario_fails(guard: Guard, tmp_path: Path) -> None:
    """The scenario fails, itself and for the reason that is expected; nothing else about the copy is broken."""
    scenario = f"tests/scenarios/{guard.scenario}"
    code, said = outcome(mutant(guard, tmp_path), scenario)
    assert (code, f"FAILED {scenario}" in said, guard.reads in said) == (1, True, True), said
