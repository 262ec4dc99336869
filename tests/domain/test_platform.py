"""What a service's logs and states are evidence of: word-bounded, ranked, and never more than "consistent with"."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.platform import (
    Deployment,
    LogLine,
    ServiceState,
    dropped,
    evidence,
    instances_in,
    matches,
    sign_in_fails,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def lines(*texts: str) -> list[LogLine]:
    """Return lines, a second apart."""
    return [LogLine(at=NOON + timedelta(seconds=n), text=text, instance="i-1") for n, text in enumerate(texts)]


def deployment(name: str = "d-1", status: str = "SUCCESS", *instances: str, **facts: object) -> Deployment:
    """Return a deployment with instances in these states."""
    found = tuple((f"{name}-{n}", state) for n, state in enumerate(instances or ("RUNNING",)))
    values: dict[str, object] = {"status_at": NOON, "created_at": NOON, "instances": found, **facts}
    return Deployment(id=name, status=status, **values)  # type: ignore[arg-type]  # facts are the dataclass's own


@pytest.mark.parametrize(
    "text",
    [
        "OOM",
        "OOMKilled",
        "oom-killer invoked",
        "worker 3 was OOM-killed",
        "Out of memory: kill process 17",
        "MemoryError",
        "OSError: Cannot allocate memory",
        "exit code 137",
        "exited with code 137",
        "exit status 137",
        "exited with code: 137",
        "received SIGKILL",
        "Killed",
        "/app/run.sh: line 3: 17 Killed",
        "FATAL ERROR: JavaScript heap out of memory",
        "[CRITICAL] WORKER TIMEOUT: was sent SIGKILL! Perhaps out of memory?",
    ],
)
def test_out_of_memory_is_seen(text: str) -> None:
    """Each wording of the reference, 1.5."""
    assert next(name for name, _, _ in evidence(lines("all is well", text))) == "OOM"


@pytest.mark.parametrize(
    "text",
    [
        "room 17 is full",
        "zoom call at noon",
        "memory usage 40%",
        "the process was not killed",
        "3 duplicates killed",
        "Killed 3 duplicates",
        "mushroom soup",
        "exit code 1370",
        "exit code 0",
        "boomerang",
        "in-memory cache warmed",
    ],
)
def test_what_only_looks_like_it_is_nothing(text: str) -> None:
    """The playbook's pattern `oom|killed|memory` would take each of these."""
    assert evidence(lines(text)) == []


def test_evidence_is_counted_and_ranked() -> None:
    """How often, and when last; the strongest first, whatever came first."""
    found = evidence(lines("WORKER_BOOT", "Killed", "DLQ FAILURE", "exit code 137", "WORKER_BOOT"))
    assert found == [
        ("OOM", 2, NOON + timedelta(seconds=3)),
        ("job failed", 1, NOON + timedelta(seconds=2)),
        ("started", 2, NOON + timedelta(seconds=4)),
    ]


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ('FATAL: password authentication failed for user "x"', True),
        ("FATAL: no pg_hba.conf entry for host", True),
        ("server_login_retry", True),
        ("FATAL: Tenant or user not found", True),
        ("ECIRCUITBREAKER", True),
        ("FATAL: (EWRONGPASSWORD) password is wrong", True),
        ("FATAL: (ENOTFOUND) tenant/user postgres.abc not found", True),
        ("getaddrinfo ENOTFOUND api.example.com", False),
        ("connection refused", False),
        ("Transient DB failure", False),
        ("password changed", False),
    ],
)
def test_sign_in_that_fails(text: str, *, fails: bool) -> None:
    """The signatures of target-system 8.4; a database that is only away is not that."""
    assert sign_in_fails(lines("started", text)) is fails


def test_crash_states_count_where_no_line_is_left() -> None:
    """An out-of-memory kill often writes nothing: the states of containers are evidence of their own."""
    found = [deployment("a", "SUCCESS", "RUNNING", "CRASHED"), deployment("b", "CRASHED", "CRASHED", "RESTARTING")]
    assert (instances_in("CRASHED", found), instances_in("RESTARTING", found)) == (2, 1)
    assert instances_in("CRASHED", [deployment()]) == 0


def test_dropped_lines_are_added_up() -> None:
    """Railway's own sentence about it; with any, an absent match proves nothing."""
    said = "Railway rate limit of 500 logs/sec reached for replica r-1, update your application. Messages dropped: 41"
    assert dropped(lines(said, "Messages dropped: 9", said)) == 82
    assert dropped(lines("rate limit reached")) == 0


def test_patterns_match_whatever_the_case() -> None:
    """A text counts once, whichever and however many patterns it matches."""
    patterns = (r"returned 5\d\d", r"max retries exceeded")
    texts = ("Returned 503: Max retries exceeded", "returned 404", "MAX RETRIES EXCEEDED")
    assert matches(patterns, texts) == 2


def state(*active: Deployment, latest: Deployment | None = None) -> ServiceState:
    """Return a service's state."""
    newest = latest or (active[-1] if active else None)
    return ServiceState(service="s", service_id="1", replicas=1, latest=newest, active=active, url="")


def test_the_running_deployment_is_the_newest_active_one() -> None:
    """Not the latest, which may have failed; not one that was stopped; logs are read of all."""
    old, new = deployment("old"), deployment("new", created_at=NOON + timedelta(hours=1))
    failed = deployment("failed", "FAILED", created_at=NOON + timedelta(hours=2))
    found = state(new, old, latest=failed)
    assert found.running == new
    assert [item.id for item in found.deployments] == ["new", "old", "failed"]
    assert state(deployment("stopped", stopped=True), old).running == old
    assert state().running is None


@pytest.mark.parametrize(
    ("found", "runs", "restartable"),
    [
        (deployment(), True, True),
        (deployment("d", "SUCCESS", "RUNNING", "RESTARTING"), False, True),
        (deployment("d", "CRASHED", "CRASHED"), False, True),
        (deployment("d", "SUCCESS", "STOPPED", stopped=True), False, False),
        (deployment("d", "FAILED"), False, False),
        (deployment("d", "BUILDING"), False, False),
        (deployment("d", "REMOVED"), False, False),
    ],
)
def test_what_runs_and_what_may_be_restarted(found: Deployment, *, runs: bool, restartable: bool) -> None:
    """`SUCCESS` alone is neither (reference 1.2, 1.6)."""
    assert found.runs is runs
    assert (found.why_not_restart == "") is restartable
