"""What the gate's answers mean: modes, skips, verdicts and the shape a pipeline reads."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain import gate
from bot.domain.gate import Reply
from bot.domain.history import compare
from bot.domain.messages import GateCheck, GateReport
from bot.errors import InvalidCommand

NOW = datetime(2026, 11, 24, 3, 50, 31, tzinfo=UTC)
URL = "DRAGONFLY_API_URL_PROD"
OK = Reply(status=200, content={"ok": True, "data": {"status": "ok"}}, took=timedelta(milliseconds=84))
READY = Reply(status=200, content={"status": "ready"})


def report(*checks: GateCheck, mode: str = "prod") -> GateReport:
    """Return a report of some checks."""
    return GateReport(env="prod", as_of=NOW, mode=mode, checks=checks, took=timedelta(seconds=31))


def workers(rows: list[dict[str, object]], expected: tuple[str, ...]) -> GateCheck:
    """Judge workers with the playbook's numbers."""
    return gate.workers(rows, expected, window=timedelta(seconds=300), offline_after=timedelta(seconds=60))


def test_the_checks_are_the_playbooks() -> None:
    """Names and order by mode are those of the playbook's table, ours after them."""
    assert [kind.name for kind in gate.of_mode("dev")] == [
        "PyTest Suite",
        "Import Graph",
        "Lint (Ruff)",
        "AI Evaluator",
        "DB Connectivity",
        "Migration Status",
    ]
    assert [kind.name for kind in gate.of_mode("prod")] == [
        "AI Evaluator",
        "API Health",
        "Worker Heartbeats",
        "DB Connectivity",
        "Migration Status",
        "No critical alert open",
        "No pause active",
    ]
    with pytest.raises(InvalidCommand, match="dev, prod"):
        gate.of_mode("stage")


@pytest.mark.parametrize("text", ["pytest evaluator", "pytest,evaluator", " PyTest ,  evaluator "])
def test_skips_are_read(text: str) -> None:
    """Blanks or commas stand between the words."""
    assert gate.parse_skip(text, "dev") == {"pytest", "evaluator"}


def test_an_unknown_skip_names_the_known_ones() -> None:
    """A word that names no check is refused with all that do."""
    with pytest.raises(InvalidCommand) as refused:
        gate.parse_skip("lint tests", "dev")
    assert "'tests'" in refused.value.message and "'lint'" not in refused.value.message
    assert "pytest imports lint evaluator api workers db migrations alerts pauses" in refused.value.message


def test_skipping_everything_is_refused() -> None:
    """A gate that looked at nothing is never green."""
    with pytest.raises(InvalidCommand, match="says nothing"):
        gate.parse_skip("evaluator api workers db migrations alerts pauses", "prod")
    assert not gate.is_pass(report(gate.skipped("AI Evaluator", "by --skip")))


@pytest.mark.parametrize(
    ("content", "code", "word", "message"),
    [
        ({"score": 0.972}, 0, "pass", "97.2 %, needs 95 %"),
        ({"score": 0.95}, 0, "pass", "95 %, needs 95 %"),
        ({"score": 1}, 0, "pass", "100 %, needs 95 %"),
        ({"score": 0.9499}, 0, "FAIL", "94.9 %, needs 95 %"),
        ({"score": 0.2, "failed_cases": ["a", "b"]}, 1, "FAIL", "20 %, needs 95 %; 2 cases failed"),
        ({"score": 0.99}, 1, "could not tell", "ended with 1"),
        ({"score": 97.2}, 0, "could not tell", "no score"),
        ({"score": True}, 0, "could not tell", "no score"),
        ({"score": float("nan")}, 0, "could not tell", "no score"),
        ({"score": "0.99"}, 0, "could not tell", "no score"),
        ({}, 0, "could not tell", "no score"),
        (None, 0, "could not tell", "no score"),
    ],
)
def test_the_evaluator(content: Mapping[str, Any] | None, code: int, word: str, message: str) -> None:
    """Below 95 % fails; a score that is none could not tell; nothing is rounded up."""
    check = gate.evaluator(content, 0.95, code)
    assert gate.word(check) == word and message in check.message


def test_many_failed_cases_are_counted() -> None:
    """Sixty failed cases are a count and ten ids."""
    check = gate.evaluator({"score": 0.5, "failed_cases": [f"case-{n}" for n in range(60)]}, 0.95)
    assert check.details is not None
    assert check.details["failed_total"] == 60 and len(str(check.details["failed_cases"]).split(",")) == 10


def test_a_score_is_found_between_log_lines() -> None:
    """The outermost object counts; one case's score never does."""
    pretty = json.dumps({"score": 0.4, "cases": [{"id": "a", "score": 1.0}]}, indent=2).splitlines()
    assert gate.score_in(["INFO start", *pretty, "INFO end {}"]) == {"score": 0.4, "cases": [{"id": "a", "score": 1.0}]}
    assert gate.score_in(['{"event": "log"}', '{"score": 0.97}', '{"event": "bye"}']) == {"score": 0.97}
    assert gate.score_in([pretty[0], "a line of another thread", *pretty[1:]]) is None
    assert gate.score_in(["nothing"]) is None


def test_a_command_is_judged_by_its_exit_code() -> None:
    """Only counts and the first failing place leave the output."""
    took = timedelta(seconds=2)
    good = gate.command("PyTest Suite", 0, ["....", "12 passed, 1 skipped in 0.3s"], took)
    assert (gate.word(good), good.message) == ("pass", "12 passed, 1 skipped")
    lines = ["secret=hunter2", "tests/test_a.py:3: AssertionError", "tests/test_b.py:9: E", "2 failed, 1 passed in 1s"]
    bad = gate.command("PyTest Suite", 1, lines, took)
    assert (gate.word(bad), bad.message) == ("FAIL", "2 failed, 1 passed")
    assert bad.remediation == "first failure: `tests/test_a.py:3`"
    assert "hunter2" not in repr(bad)
    assert gate.word(gate.command("Lint (Ruff)", -9, [], took)) == "could not tell"
    trace = ['  File "/x/run.py", line 1, in <module>', '  File "/x/backend/a.py", line 7, in <module>', "ImportError"]
    assert "/x/backend/a.py:7" in gate.command("Import Graph", 1, trace, took).remediation


@pytest.mark.parametrize(
    ("health", "ready", "word", "message"),
    [
        (OK, READY, "pass", "200, 84 ms, ready"),
        (OK, Reply(status=404), "warn", "no /readyz"),
        (OK, Reply(status=503), "FAIL", "but /readyz answers 503"),
        (Reply(status=500), READY, "FAIL", "/api/health answers 500"),
        (Reply(status=301), READY, "FAIL", "/api/health answers 301"),
        (Reply(status=200, content={"ok": False}), READY, "could not tell", "cannot tell"),
        (Reply(status=None, why="connection failed", refused=True), READY, "FAIL", "connection failed"),
        (Reply(status=None, why="timed out after 10 s"), READY, "could not tell", "timed out after 10 s"),
        (OK, Reply(status=None, why="timed out after 10 s"), "could not tell", "/readyz: timed out"),
    ],
)
def test_row_33_alive_is_not_ready(health: Reply, ready: Reply, word: str, message: str) -> None:
    """`/api/health` stays 200 with its database down, so `/readyz` is asked too (target-system 9, row 33)."""
    check = gate.api(URL, health, ready, None, "")
    assert gate.word(check) == word and message in check.message
    assert bool(check.remediation) == (not check.passed)


def test_row_30_the_address_is_the_one_that_is_meant() -> None:
    """Two hosts are about, and no address is a default (target-system 9, row 30)."""
    unset = gate.api_unset(URL)
    assert not unset.passed and URL in unset.message and "no default" in unset.remediation
    right = Reply(status=200, content={"service_name": "dragonfly-api"})
    other = Reply(status=200, content={"service_name": "an`other"})
    assert gate.api(URL, OK, READY, right, "dragonfly-api").passed
    check = gate.api(URL, OK, READY, other, "dragonfly-api")
    assert (gate.word(check), check.message) == ("FAIL", "it is `another`, not `dragonfly-api`")
    assert gate.word(gate.api(URL, OK, READY, Reply(status=200), "dragonfly-api")) == "could not tell"


def test_rows_10_and_11_a_gate_pass_is_not_health() -> None:
    """Any worker of any status passes the gate; the message says what our own definition says."""
    one = {"worker_type": "ingest_processor", "seen": 2, "online": 1}
    gone = {"worker_type": "ingest_processor", "seen": 1, "online": 0}
    assert workers([one], ("ingest_processor",)).message == "2 seen in last 300 s; 1 of 1 type online (60 s)"
    check = workers([gone], ("ingest_processor", "enforcement_engine"))
    assert check.passed and check.message == "warning: 1 seen in last 300 s; 0 of 2 types online (60 s)"
    none = workers([{**gone, "seen": 0}], ("ingest_processor",))
    assert (gate.word(none), none.message) == ("FAIL", "No workers active in last 300 s")


def test_row_24_pending_is_a_difference_of_sets() -> None:
    """Counts may match while a version is missing (target-system 9, row 24)."""
    found = compare({"0001": "a", "20990101000000": "b"}, {"0001": "a", "20251226000000": "c"})
    bad = gate.migrations("prod", "prod", found)
    assert gate.word(bad) == "FAIL"
    assert bad.message == "1 pending, first `20251226000000`, 1 without a local file"
    assert bad.remediation == "`./scripts/db_push.ps1 -SupabaseEnv prod`"
    soft = gate.migrations("dev", "dev", found)
    assert soft.passed and soft.message.startswith("warning: 1 pending")
    assert gate.migrations("prod", "prod", compare({"0001": "a"}, {"0001": "a"})).message == "1 recorded, 0 pending"


def test_no_local_list_is_not_zero_pending() -> None:
    """Without a list to compare with prod could not tell, and dev warns."""
    found = compare({"0001": "a"}, None)
    assert gate.word(gate.migrations("prod", "prod", found)) == "could not tell"
    assert gate.word(gate.migrations("dev", "dev", found)) == "warn"


def test_row_29_the_json_has_the_deployed_tools_shape() -> None:
    """Exactly its keys; the time can be parsed, and no mark of a card is in it."""
    checks = (
        gate.passed("API Health", "200, 84 ms"),
        gate.skipped("AI Evaluator", "by --skip"),
        gate.failed("Migration Status", "1 pending, first `0001`", "`push`", pending=["0001"]),
        gate.pauses("ingest", "slack:T1/U1", NOW),
    )
    found = json.loads(json.dumps(gate.as_json(report(*checks))))
    assert list(found) == ["mode", "timestamp", "environment", "overall_passed", "summary", "checks"]
    assert found["summary"] == {"passed": 1, "failed": 2, "skipped": 1, "total": 4}
    assert datetime.fromisoformat(found["timestamp"]) == NOW
    assert found["overall_passed"] is False
    for item in found["checks"]:
        assert list(item) == ["name", "passed", "skipped", "message", "remediation", "details"]
    assert found["checks"][2]["message"] == "1 pending, first 0001"
    assert found["checks"][3]["details"]["ends_at"] == NOW.isoformat()
    assert found["checks"][0]["remediation"] is None


def test_skipped_checks_do_not_fail_a_gate() -> None:
    """Passed, warned and skipped is a pass."""
    made = report(gate.passed("API Health", "200"), gate.skipped("AI Evaluator", "not configured"))
    assert gate.is_pass(made) and not made.has_findings
