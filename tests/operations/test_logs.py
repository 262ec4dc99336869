"""What a service's logs show: classes, counts and times; whole lines in a shell only, and nobody's data anywhere."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg.conninfo import make_conninfo

from bot.domain.ids import parse_alert_key
from bot.domain.messages import AlertCard, LogReport
from bot.domain.workers import Status
from bot.errors import InvalidCommand
from bot.operations import alerts, logs
from bot.operations.alerts import Observation
from bot.operations.reads import READS
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer, to_json
from bot.sandbox.railway.faults import FaultKind
from bot.sandbox.target.seeds import ERROR, SEEDS
from tests.support.databases import TestServer
from tests.support.jobs import Target
from tests.support.product import product
from tests.support.railway import INGEST, Cloud, cloud, on
from tests.support.seeds import ours
from tests.support.waiting import eventually

DROPPED = "Railway rate limit of 500 logs/sec reached for replica r-1, update your application. Messages dropped: 41"


@pytest.fixture(scope="module")
def target(server: TestServer) -> Iterator[Target]:
    """Give one database for all: logs are only read, and the same on both schemas."""
    with server.database("deployed") as dsn:
        made = Target(dsn, "deployed")
        yield made
        made.close()


@pytest.fixture(scope="module")
def services(target: Target) -> Iterator[Services]:
    """Give the product on that database."""
    with product(make_conninfo(target.connection.info.dsn, password=target.connection.info.password)) as made:
        yield made


@pytest.fixture
def railway(target: Target) -> Iterator[Cloud]:
    """Give a simulated Railway."""
    with cloud(target) as found:
        yield found


@pytest.fixture
def here(services: Services, railway: Cloud) -> Services:
    """Give the product with that Railway."""
    return on(services, railway)


def report(services: Services, word: str = "ingest", **facts: object) -> LogReport:
    """Return what the logs show."""
    found = logs.read(services, word, **facts)  # type: ignore[arg-type]  # facts are the read's own
    assert isinstance(found, LogReport)
    return found


def card_text(found: LogReport) -> str:
    """Return what Slack shows."""
    return repr(SlackRenderer().card(found))


def fired(services: Services, target: Target, case: str) -> dict[str, str]:
    """Let an alert fire, and return what *Check logs* on its card asks."""
    with services.db.write() as tx:
        labels, evidence = {"case": case}, {"label": "ingest"}
        seen = Observation(check="slack_auth", labels=labels, status=Status.BAD, started_at=tx.now, evidence=evidence)
        alerts.observe(services, tx, seen)
    number = (target.connection.execute("SELECT max(id) FROM ops.chatops_alert").fetchone() or (0,))[0]
    return {"service": "ingest", "oom": "yes", "alert": f"A{number}"}


def causes(services: Services, asked: dict[str, str]) -> tuple[tuple[str, int], ...] | None:
    """Return what an alert's card says the logs showed."""
    card = alerts.card(services, parse_alert_key(asked["alert"]) or 0)
    assert isinstance(card, AlertCard)
    return card.in_logs


def test_oom_is_told_with_count_and_last_time(here: Services, railway: Cloud) -> None:
    """Two hits, when last, and what to do; other evidence is left out where only OOM is asked for."""
    railway.log("room 17 is full", "DLQ FAILURE", "Killed", "memory usage 40%", "exit code 137")
    lines = railway.client.logs(railway.running().id, 10)
    found = report(here, oom=True)
    assert found.evidence == (("OOM", 2, lines[-1].at),)
    assert (found.lines, found.since, found.until) == (5, lines[0].at, lines[-1].at)
    text = card_text(found)
    assert "*OOM*: 2 hits, last" in text and "more memory, then restart" in text
    assert {name for name, _, _ in report(here).evidence} == {"OOM", "job failed"}


def test_no_sign_is_no_proof(here: Services, railway: Cloud) -> None:
    """A quiet log says how much was looked at, and that a kill often leaves no line."""
    railway.log("room 17 is full")
    text = card_text(report(here, oom=True))
    assert "0 of 1 line speak of OOM" in text and "An OOM kill often leaves no line at all" in text
    assert "no failure" not in text, "only what was looked for is denied"


def test_only_lines_of_oom_are_printed_where_that_is_asked_for(here: Services, railway: Cloud) -> None:
    """In a shell `--oom` is the playbook's grep: the lines that match, and how many of how many."""
    railway.log("room 17 is full", "Job 17 (ingest_csv) failed: 500", "Killed", "exit code 137")
    found = report(here, oom=True, raw=True)
    assert [line.partition(" ")[2] for line in found.raw] == ["Killed", "exit code 137"]
    assert "2 of 4 lines speak of OOM" in TerminalRenderer().text(found)
    assert len(report(here, raw=True).raw) == 4


def test_a_kill_without_a_line_is_seen_by_its_state(here: Services, railway: Cloud) -> None:
    """Railway's instance states and its own diagnosis count too; the diagnosis' words are not shown."""
    railway.server.crashed(INGEST, f"{INGEST}-0", oom=True)
    eventually(lambda: railway.running().status == "CRASHED")
    found = report(here, oom=True)
    assert {name for name, _, _ in found.evidence} == {logs.CRASHED, logs.DIAGNOSED}
    assert "exit code 137" not in card_text(found)


def test_an_alert_keeps_what_its_logs_showed(here: Services, railway: Cloud, target: Target) -> None:
    """Read from an alert's card, what was found stands on it and in its timeline; nothing is kept of a read that failed."""
    asked = fired(here, target, "oom")
    railway.fault(FaultKind.DOWN)
    READS["logs"](here, asked)
    railway.server.faults.clear()
    assert causes(here, asked) is None, "nobody has seen the logs"
    railway.log("Killed", "exit code 137")
    READS["logs"](here, asked)
    assert causes(here, asked) == (("OOM", 2),)
    assert TerminalRenderer().text(READS["timeline"](here, asked)).count(" logs: OOM, 2 hits") == 1
    railway.log(*["room 17"] * 120)
    READS["logs"](here, asked)
    assert causes(here, asked) == (("OOM", 2),), "a later look takes nothing back"


def test_what_is_no_cause_is_not_kept(here: Services, railway: Cloud, target: Target) -> None:
    """A line from well before the outage is none; nor is a restart that may be our own, nor an undated diagnosis."""
    railway.log("Killed")
    late = on(here, railway, cause_window=timedelta(0))
    asked = fired(here, target, "nothing")
    READS["logs"](late, asked)
    assert causes(here, asked) == (), "looked, and nothing seen"
    READS["logs"](here, asked)
    assert causes(here, asked) == (("OOM", 1),), "within a few minutes it is one"
    told = ((logs.CRASHED, 1, None), (logs.RESTARTING, 1, None), (logs.DIAGNOSED, 1, None))
    logs.note(here, replace(report(here), evidence=told), asked["alert"])
    assert causes(here, asked) == (("OOM", 1), (logs.CRASHED, 1))


def test_latest_and_active_deployments_are_both_read(here: Services, railway: Cloud) -> None:
    """The newest deployment failed while the old one runs: both logs, each named, and a talkative one hides nothing."""
    railway.processes.fails = True
    old = railway.running()
    railway.client.set_variable(railway.server.service(INGEST).id, "RELEASE", "7")
    eventually(lambda: (latest := railway.client.state(INGEST).latest) is not None and latest.status == "FAILED")
    latest = railway.server.service(INGEST).latest
    assert latest is not None
    railway.server._world._write(railway.server.service(INGEST), latest.id, "i-9", "Killed", "info")
    railway.log(*[f"line {number}" for number in range(12)])
    found = report(here, lines="10", raw=True)
    assert set(found.deployments) == {f"{old.id[:8]} success", f"{latest.id[:8]} failed"}
    assert "OOM" in {name for name, _, _ in found.evidence}
    assert len(found.raw) == 10
    assert "From deployment" in card_text(report(here))


def test_nobodys_data_is_shown(
    here: Services, railway: Cloud, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    """A debtor's name in a log line: in no card, no JSON of a read, no log of ours, no row; whole lines in a shell only."""
    caplog.set_level("DEBUG")
    railway.log(ERROR, *SEEDS, "Killed", f"Job 17 (ingest_csv) failed: {SEEDS[0]}")
    in_slack = READS["logs"](here, {"service": "ingest", "lines": "", "oom": ""})
    assert isinstance(in_slack, LogReport)
    assert in_slack.raw == ()
    everything = [
        card_text(in_slack),
        to_json(in_slack),
        TerminalRenderer().text(in_slack),
        caplog.text,
        ours(target.connection),
    ]
    assert [seed for seed in SEEDS for text in everything if seed in text] == []
    in_a_shell = report(here, raw=True)
    assert any(ERROR in line for line in in_a_shell.raw)
    assert SEEDS[0] in TerminalRenderer().text(in_a_shell)


def test_dropped_lines_are_told(here: Services, railway: Cloud) -> None:
    """With lines dropped an absent match proves nothing, and the card says so."""
    railway.log("started", DROPPED)
    found = report(here)
    assert found.dropped == 41
    assert "Railway dropped 41 lines: no hit proves nothing" in card_text(found)


@pytest.mark.parametrize(("asked", "lines"), [("3", 3), ("0", 1), ("", 5), ("999999999", 5)])
def test_as_many_lines_as_asked_for(here: Services, railway: Cloud, asked: str, lines: int) -> None:
    """The newest; at least one, never more than the cap."""
    railway.log(*[f"line {number}" for number in range(5)])
    found = report(here, lines=asked, raw=True)
    assert (found.lines, len(found.raw)) == (lines, lines)
    assert found.raw[-1].endswith("line 4")


@pytest.mark.parametrize("kind", [FaultKind.DOWN, FaultKind.ERROR, FaultKind.RATE_LIMITED])
def test_railway_away_is_could_not_tell(here: Services, railway: Cloud, kind: FaultKind) -> None:
    """No verdict, with the reason: neither well nor OOM."""
    railway.log("Killed")
    railway.fault(kind)
    found = report(here, oom=True)
    assert found.why_unknown and not found.evidence and not found.is_oom
    text = card_text(found)
    assert "Could not tell" in text and "All well" not in text and "no OOM" not in text


def test_without_railway(services: Services, railway: Cloud) -> None:
    """In dev the playbook's local command; elsewhere what to set."""
    here = replace(on(services, railway), platform=None)
    found = report(here)
    assert (found.why_unknown, found.local) == (
        "in dev nothing runs on Railway",
        "python -m backend.workers.ingest_processor",
    )
    assert "python -m backend.workers.ingest_processor" in card_text(found)
    in_prod = report(replace(here, config=replace(here.config, env="prod")))
    assert (in_prod.why_unknown, in_prod.local) == ("Railway is not configured: set RAILWAY_TOKEN", "")


def test_an_unknown_service_is_refused_with_the_known_ones(here: Services) -> None:
    """Nothing typed becomes a name that is asked for."""
    with pytest.raises(InvalidCommand, match="Services here: api, ingest, enforcement"):
        logs.read(here, "payments")
