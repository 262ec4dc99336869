"""The release gate on a real database, a real HTTP server and real child processes."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.domain.configuration import Gate, Migrations
from bot.domain.gate import Moment, as_json, word
from bot.domain.messages import GateCheck, GateReport
from bot.errors import InvalidCommand
from bot.operations import gate
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer
from bot.sandbox.slack.limits import check_message
from bot.store import pauses
from bot.store.db import Database, Tx
from tests.support.jobs import Target

Routes = dict[str, tuple[int, object]]
QUIET = "evaluator api workers db migrations alerts pauses"
"""Every check of prod; a test takes out the one it is about."""


@pytest.fixture
def routes() -> Routes:
    """Give what the API answers; a path that is not here is a 404, an `...` never answers."""
    return {
        "/api/health": (200, {"ok": True, "data": {"status": "ok"}}),
        "/readyz": (200, {"status": "ready"}),
        "/": (200, {"service_name": "dragonfly-api"}),
    }


@pytest.fixture
def api_url(routes: Routes) -> Iterator[str]:
    """Give the address of an API."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = routes.get(self.path, (404, {}))
            if content is ...:
                over.wait(10)
                return
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    over.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


def configured(services: Services, *, api_url: str = "", source: str = "", **values: object) -> Services:
    """Return the services with other settings of the gate."""
    config = replace(
        services.config,
        api_url=api_url,
        migrations=Migrations(source=source),
        gate=Gate(**values),  # type: ignore[arg-type]
    )
    return replace(services, config=config)


def only(services: Services, which: str, mode: str = "prod") -> GateCheck:
    """Return one check of prod, or of dev."""
    others = "pytest imports lint evaluator db migrations" if mode == "dev" else QUIET
    skip = " ".join(item for item in others.split() if item != which)
    found = [item for item in gate.read(services, mode, skip).checks if not item.message.startswith("by --skip")]
    assert len(found) == 1
    return found[0]


def listed(target: Target, folder: Path, *more: str) -> str:
    """Write the recorded versions, and more, as a local list, and let everybody read the history; return its name."""
    target.connection.execute("GRANT USAGE ON SCHEMA supabase_migrations TO PUBLIC")
    target.connection.execute("GRANT SELECT ON supabase_migrations.schema_migrations TO PUBLIC")
    rows = target.connection.execute("SELECT version FROM supabase_migrations.schema_migrations").fetchall()
    file = folder / "list"
    file.write_text("\n".join(f"{version}_x.sql" for version in [*(row[0] for row in rows), *more]), encoding="utf-8")
    return str(file)


def alert(dsn: str, severity: str = "critical", state: str = "firing") -> None:
    """Let an alert be open."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO ops.chatops_alert (fingerprint, check_id, labels, scenario, state, severity, started_at,
                                              fired_at, resolved_at, last_bad_at, evidence, channel)
               VALUES ('f' || random(), 'worker_heartbeat', '{}', 'worker-death', %(state)s, %(severity)s, now(),
                       now(), CASE WHEN %(state)s = 'resolved' THEN now() END, now(), '{"label": "ingest"}', 'C1')""",
            {"state": state, "severity": severity},
        )


def shown(report: GateReport) -> tuple[str, str]:
    """Return a report as Slack and a terminal show it, after Slack's own rules have passed it."""
    card = SlackRenderer(names={"U0ADA": "Ada"}).card(report)
    assert check_message([dict(block) for block in card.blocks]) == []
    assert 0 < len(card.text) <= 200
    return repr(card), TerminalRenderer(names={"U0ADA": "Ada"}).text(report)


def test_a_prod_gate_passes(services: Services, target: Target, api_url: str, tmp_path: Path) -> None:
    """Every check of prod, in order, on both target schemas; the report says what was skipped."""
    target.worker("w-1", silent_seconds=5)
    target.worker("w-2", silent_seconds=5, worker_type="enforcement_engine")
    ready = configured(services, api_url=api_url, source=listed(target, tmp_path), service_name="dragonfly-api")
    report = gate.read(ready, "prod")
    assert [(item.name, word(item)) for item in report.checks] == [
        ("AI Evaluator", "skipped"),
        ("API Health", "pass"),
        ("Worker Heartbeats", "pass"),
        ("DB Connectivity", "pass"),
        ("Migration Status", "pass"),
        ("No critical alert open", "pass"),
        ("No pause active", "pass"),
    ]
    assert "gate.evaluator_result" in report.checks[0].message
    assert not report.has_findings and as_json(report)["overall_passed"] is True
    slack, terminal = shown(report)
    assert "🟢 Passed: 6 of 7, 1 skipped · dev" in slack
    assert "skipped · AI Evaluator: not configured" in terminal and "pass · Worker Heartbeats 2 seen" in terminal
    assert "The prod checks looked at dev, not at prod" in terminal


def test_a_prod_gate_fails_with_the_playbooks_remedies(services: Services, target: Target, tmp_path: Path) -> None:
    """Each failure stands on the card with its remedy, and the JSON says the same."""
    file = tmp_path / "score.json"
    file.write_text('{"score": 0.91, "failed_cases": ["case-7"]}', encoding="utf-8")
    poor = configured(
        services,
        source=listed(target, tmp_path, "20991226000000"),
        evaluator_result=str(file),
        tables=("ops.job_queue", "public.no_such_table"),
    )
    report = gate.read(poor, "prod")
    assert [item.name for item in report.failed] == [
        "AI Evaluator",
        "API Health",
        "Worker Heartbeats",
        "DB Connectivity",
        "Migration Status",
    ]
    assert report.has_findings
    slack, terminal = shown(report)
    assert "🔴 Failed: prod gate, 5 of 7 · dev" in slack
    for said in (
        "Do not deploy. 5 failed, 2 passed",
        "91 %, needs 95 %; 1 case failed",
        "DRAGONFLY_API_URL_DEV is not set",
        "No workers active in last 300 s",
        "Do: check the logs, restart the workers",
        "connected, but not there: public.no_such_table",
        "1 pending, first 20991226000000",
        "Do: ./scripts/db_push.ps1 -SupabaseEnv dev",
        "pass · No critical alert open, No pause active",
    ):
        assert said in terminal
    assert as_json(report)["summary"] == {"passed": 2, "failed": 5, "skipped": 0, "total": 7}


def test_row_31_the_database_is_named(services: Services) -> None:
    """Which database was looked at, and by which variable, stands in the details (target-system 9, row 31)."""
    check = only(services, "db")
    assert check.message == "2 tables found" and check.details is not None
    assert check.details["database"] == services.db.place


def test_rows_10_and_11_a_stopped_worker_passes_the_gate(services: Services, target: Target) -> None:
    """One row of any status is enough for the playbook; ours says that nobody is online."""
    target.worker("w-1", silent_seconds=200, status="stopped")
    check = only(services, "workers")
    assert check.passed and check.message == "warning: 1 seen in last 300 s; 0 of 2 types online (60 s)"
    target.worker("w-1", silent_seconds=301)
    assert only(services, "workers").message == "No workers active in last 300 s"


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_hidden_rows_are_not_an_outage(services: Services, target: Target) -> None:
    """Where row security hides the heartbeats the gate could not tell, and never says "no workers"."""
    target.worker("w-1", silent_seconds=5)
    target.connection.execute("DROP POLICY chatops_heartbeats ON ops.worker_heartbeats")
    check = only(services, "workers")
    assert word(check) == "could not tell" and "No workers" not in check.message
    assert "db grants" in check.remediation


def test_missing_grant_is_not_an_outage(services: Services, target: Target, bot_dsn: str) -> None:
    """A role that may not read the heartbeats could not tell either."""
    target.connection.execute("REVOKE ALL ON ops.worker_heartbeats FROM PUBLIC")
    role = psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"]
    target.connection.execute(f"REVOKE ALL ON ops.worker_heartbeats FROM {role}".encode())
    assert word(only(services, "workers")) == "could not tell"


def test_row_30_and_33_on_the_wire(services: Services, api_url: str, routes: Routes) -> None:
    """Another service, a database that is down behind a living API, and an API that cannot tell."""
    ready = configured(services, api_url=api_url, service_name="dragonfly-api")
    assert word(only(ready, "api")) == "pass"
    routes["/"] = (200, {"service_name": "landing-page"})
    assert only(ready, "api").message == "it is `landing-page`, not `dragonfly-api`"
    assert only(configured(services, api_url=api_url), "api").passed
    routes["/readyz"] = (503, {"status": "not_ready"})
    assert "but /readyz answers 503" in only(configured(services, api_url=api_url), "api").message
    routes["/api/health"] = (200, {"ok": False, "data": {}})
    routes["/readyz"] = (200, {})
    assert word(only(configured(services, api_url=api_url), "api")) == "could not tell"


def test_an_api_that_hangs_is_left_at_the_deadline(services: Services, api_url: str, routes: Routes) -> None:
    """No answer is "could not tell", within the gate's deadline."""
    routes["/api/health"] = (200, ...)
    began = time.monotonic()
    check = only(configured(services, api_url=api_url, deadline=timedelta(seconds=0.5)), "api")
    assert time.monotonic() - began < 5
    assert word(check) == "could not tell" and "/api/health: timed out" in check.message


def test_an_api_that_is_not_there_fails(services: Services, api_url: str) -> None:
    """A refused connection is known, and has the playbook's remedy."""
    port = int(api_url.rpartition(":")[2])
    check = only(configured(services, api_url=f"http://127.0.0.2:{port}"), "api")
    assert (word(check), check.message) == ("FAIL", "/api/health: connection failed")
    assert check.remediation == "check `DRAGONFLY_API_URL_DEV`, then that the API service runs"


class Away(Database):
    """A database that is not there, and counts how often it was waited for."""

    tried = 0

    @contextmanager
    def read(self, **how: Any) -> Iterator[Tx]:
        """Count, and wait in vain."""
        self.tried += 1
        with super().read(**how) as tx:
            yield tx


def test_a_database_that_is_away(services: Services) -> None:
    """Connectivity fails with its remedy; what needs the database could not tell, and waits no second time."""
    away = Away("postgresql://nobody@127.0.0.1:1/none").open()
    try:
        gone = configured(replace(services, db=away), deadline=timedelta(seconds=0.3))
        report = gate.read(gone, "prod", "api")
    finally:
        away.close()
    found = {item.name: word(item) for item in report.checks}
    assert found["DB Connectivity"] == "FAIL"
    cannot = ("Worker Heartbeats", "Migration Status", "No critical alert open", "No pause active")
    assert [found[name] for name in cannot] == ["could not tell"] * 4
    assert away.tried == 1
    _slack, terminal = shown(report)
    assert "Connection failed: the database cannot be reached" in terminal
    assert "maintenance mode, then dragonfly doctor" in terminal


def test_row_6_a_history_that_cannot_be_read(services: Services, target: Target, tmp_path: Path, bot_dsn: str) -> None:
    """Without the right to read the history nothing is pending or applied: it could not tell (target-system 9, row 6)."""
    source = listed(target, tmp_path)
    role = psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"]
    target.connection.execute(f"REVOKE ALL ON supabase_migrations.schema_migrations FROM PUBLIC, {role}".encode())
    blind = configured(services, source=source, checkout=str(tmp_path))
    check = only(blind, "migrations")
    assert word(check) == "could not tell" and "may not read" in check.message and "db grants" in check.remediation
    assert word(only(blind, "migrations", "dev")) == "warn"


def test_row_24_pending_migrations(services: Services, target: Target, tmp_path: Path) -> None:
    """Pending fails in prod and warns in dev; without a local list prod could not tell."""
    checkout = {"checkout": str(tmp_path)}
    behind = configured(services, source=listed(target, tmp_path, "20991226000000"), **checkout)
    assert word(only(behind, "migrations")) == "FAIL"
    assert word(only(behind, "migrations", "dev")) == "warn"
    blind = configured(services, **checkout)
    assert word(only(blind, "migrations")) == "could not tell"
    assert word(only(blind, "migrations", "dev")) == "warn"


def test_open_critical_alerts_and_pauses_close_the_gate(services: Services, target: Target, target_dsn: str) -> None:
    """Our own two checks: an alert by its key, a pause by its owner and end; warnings do not count."""
    alert(target_dsn, severity="warning")
    alert(target_dsn, state="resolved")
    assert only(services, "alerts").passed and only(services, "pauses").passed
    alert(target_dsn)
    found = only(services, "alerts")
    assert found.message.startswith("1 critical alert open: `A")
    with services.db.write() as tx:
        pauses.insert(
            tx,
            id="7F3K",
            thing="ingest",
            job_types=["ingest"],
            strategy="next-run-at",
            held_until=tx.now + timedelta(days=1),
            owner="slack:T0DRAGON/U0ADA",
            reason="vendor down",
            channel="C1",
            ends_at=tx.now + timedelta(hours=2),
        )
    assert only(services, "pauses").message == "ingest is paused"
    slack, terminal = shown(gate.read(services, "prod", "evaluator api workers db migrations"))
    assert "ask <@U0ADA>, paused until <!date^" in slack
    assert "ask Ada, paused until" in terminal and "ingest workers offline" in terminal


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a checkout with one test that passes."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "test_one.py").write_text("def test_one():\n    assert True\n", encoding="utf-8")
    return folder


def dev(services: Services, folder: Path, **commands: tuple[str, ...]) -> Services:
    """Return services whose dev gate runs some commands in a folder."""
    ours: dict[str, tuple[str, ...]] = {"pytest": (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")}
    ours["lint"] = (str(Path(sys.executable).with_name("ruff")), "check", "--isolated", "--no-cache", "--select=F", ".")
    return configured(services, checkout=str(folder), commands=ours | commands, deadline=timedelta(seconds=60))


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_a_dev_gate_runs_the_commands(services: Services, checkout: Path) -> None:
    """Real pytest and ruff in the checkout, told line by line; imports have no default and say which setting."""
    moments: list[Moment] = []
    ready = dev(services, checkout, evaluator=(sys.executable, "-c", 'print("INFO x"); print(\'{"score": 0.96}\')'))
    report = gate.read(ready, "dev", progress=moments.append)
    assert [(item.name, word(item)) for item in report.checks] == [
        ("PyTest Suite", "pass"),
        ("Import Graph", "skipped"),
        ("Lint (Ruff)", "pass"),
        ("AI Evaluator", "pass"),
        ("DB Connectivity", "pass"),
        ("Migration Status", "warn"),
    ]
    assert report.checks[0].message == "1 passed"
    assert "gate.commands.imports" in report.checks[1].message
    assert report.checks[3].message == "96 %, needs 95 %"
    begun = [item.running for item in moments if item.running and not item.line]
    assert begun == [item.name for item in report.checks]
    assert any(item.running == "PyTest Suite" and "1 passed" in item.line for item in moments)
    assert moments[-1].running == "" and moments[-1].done == report.checks
    slack, terminal = shown(report)
    assert "🟢 Passed: 5 of 6, 1 skipped · dev" in slack and "warn · Migration Status" in terminal


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_a_dev_gate_names_the_first_failure(services: Services, checkout: Path) -> None:
    """File and line of what failed, for tests and for lint."""
    (checkout / "test_two.py").write_text("import os\n\n\ndef test_two():\n    assert 1 == 2\n", encoding="utf-8")
    failing = dev(services, checkout)
    suite, lint = only(failing, "pytest", "dev"), only(failing, "lint", "dev")
    assert (word(suite), suite.message) == ("FAIL", "1 failed, 1 passed")
    assert suite.remediation == "first failure: `test_two.py:5`"
    assert (word(lint), lint.message) == ("FAIL", "1 error")
    assert lint.remediation == "first failure: `test_two.py:1`"


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_a_dev_gate_that_hangs_is_stopped(services: Services, checkout: Path) -> None:
    """A command past the deadline could not tell, and one that is not there says so."""
    hanging = configured(
        services,
        checkout=str(checkout),
        commands={"pytest": ("sleep", "60"), "lint": ("no-such-linter",)},
        deadline=timedelta(seconds=0.5),
    )
    suite, lint = only(hanging, "pytest", "dev"), only(hanging, "lint", "dev")
    assert word(suite) == "could not tell" and "no end in 0.5 s" in suite.message
    assert word(lint) == "could not tell" and "`no-such-linter` cannot be started" in lint.message


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_a_caller_may_stop_a_gate(services: Services, checkout: Path) -> None:
    """What the callback raises ends the gate at once."""

    def stop(moment: Moment) -> None:
        if moment.running == "Lint (Ruff)":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gate.read(dev(services, checkout, pytest=("true",)), "dev", progress=stop)


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_no_dev_gate_without_a_checkout(services: Services, tmp_path: Path) -> None:
    """It is refused with the setting that is missing; prod needs none."""
    for settings in (configured(services), configured(services, checkout=str(tmp_path / "none"))):
        with pytest.raises(InvalidCommand, match=r"gate\.checkout.*dragonfly\.toml") as refused:
            gate.read(settings, "dev")
        assert refused.value.hint == "", "the same command again would be refused again"


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_an_old_result_of_the_evaluator_does_not_count(services: Services, tmp_path: Path) -> None:
    """Younger than its age it is read; older, missing or broken it could not tell."""
    file = tmp_path / "score.json"
    ready = configured(services, evaluator_result=str(file))
    assert word(only(ready, "evaluator")) == "could not tell"
    file.write_text('{"score": 0.97}', encoding="utf-8")
    assert only(ready, "evaluator").message == "97 %, needs 95 %"
    old = time.time() - 25 * 3600
    os.utime(file, (old, old))
    assert "not of the last 24 h" in only(ready, "evaluator").message
    file.write_text("not json", encoding="utf-8")
    assert word(only(ready, "evaluator")) == "could not tell"


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_the_evaluators_command(services: Services) -> None:
    """Its output is read for a score; a crash could not tell."""
    python: Callable[[str], tuple[str, ...]] = lambda code: (sys.executable, "-c", code)  # noqa: E731  # a short name

    def check(code: str) -> GateCheck:
        return only(configured(services, commands={"evaluator": python(code)}), "evaluator")

    assert word(check("print('{\"score\": 0.949}'); raise SystemExit(1)")) == "FAIL"
    assert word(check("raise SystemExit(3)")) == "could not tell"
    assert word(check("import sys; sys.stderr.write('{\"score\": 1}')")) == "could not tell"


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_the_verdict_holds_for_a_commit(services: Services, checkout: Path) -> None:
    """The checkout's commit stands on the card; without one nothing is said."""
    ready = configured(services, checkout=str(checkout), commands={"evaluator": ("true",)})
    assert gate.read(ready, "prod", "api workers db migrations alerts").commit == ""
    here = configured(services, checkout=str(Path(__file__).parents[2]))
    assert len(gate.read(here, "prod", "evaluator api workers db migrations alerts").commit) >= 7
