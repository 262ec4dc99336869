"""A run of the gate ends by a person's stop, wherever it runs; a pass is true for a while only (cards, section 6)."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from bot.domain.configuration import Gate
from bot.domain.messages import GateReport, Notice
from bot.errors import NotAllowed
from bot.operations import audit, gate_runs
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.store import gate
from tests.support.product import ADA, BEN, CONFIG, GIL, product
from tests.support.waiting import eventually

SILENT = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(120)"


@pytest.fixture
def target_schema() -> str:
    """How a gate ends is the same on both schemas."""
    return "deployed"


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    """Give where the silent command writes its process id."""
    return tmp_path / "pid"


@pytest.fixture
def silent(services: Services, tmp_path: Path, pid_file: Path) -> Services:
    """Give services whose evaluator says nothing for two minutes."""
    commands = {"evaluator": (sys.executable, "-c", SILENT, str(pid_file))}
    config = replace(services.config, gate=Gate(checkout=str(tmp_path), commands=commands))
    return replace(services, config=config)


@contextmanager
def running(services: Services) -> Iterator[list[GateReport]]:
    """Run the gate in a thread; what it came to is in the list after the block."""
    came_to: list[GateReport] = []
    thread = threading.Thread(target=lambda: came_to.append(gate_runs.run(services, "prod", "api", ADA)))
    thread.start()
    yield came_to
    thread.join(30)
    assert not thread.is_alive()


def is_alive(pid: int) -> bool:
    """Say whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_stop_reaches_the_gate_of_another_process(silent: Services, bot_dsn: str, pid_file: Path) -> None:
    """Ben's process writes it down, Ada's finds it within a second: the command is killed, the card says what was not run."""
    with running(silent) as came_to, product(bot_dsn) as other:
        pid = int(eventually(lambda: pid_file.exists() and pid_file.read_text(encoding="utf-8"), 20))
        answer = gate_runs.stop(other, "G1", BEN)
        assert isinstance(answer, Notice) and answer.kind == "gate-stopped"
    eventually(lambda: not is_alive(pid))
    [report] = came_to
    assert (report.stopped_by, report.has_findings, report.checks) == (BEN.key, True, ())
    assert report.waits[0] == "AI Evaluator" and "API Health" in report.waits
    shown = repr(SlackRenderer().card(report))
    assert "🔴 Stopped: prod gate, 0 of 7 · dev" in shown and "not run · AI Evaluator" in shown
    events = [entry.event for entry in audit.list_newest(silent, 10).entries]
    assert "gate.stopped" in events and "gate.failed" not in events
    late = gate_runs.stop(silent, "G1", ADA)
    assert isinstance(late, Notice) and late.kind == "gate-ended"


def test_only_an_operator_stops_it(services: Services) -> None:
    """Whoever may only read is refused; a key that is none is answered."""
    with pytest.raises(NotAllowed):
        gate_runs.stop(services, "G1", GIL)
    for key in ("G9", "7F3K", ""):
        answer = gate_runs.stop(services, key, ADA)
        assert isinstance(answer, Notice) and answer.kind == "gate-ended"


def test_a_stopped_run_is_no_verdict(services: Services) -> None:
    """What two people may allow is the newest run that came to its end."""
    with services.db.write() as tx:
        first = gate.begin(tx, mode="prod", actor=ADA.key)
        gate.end(tx, first, passed=False, failed=["API Health"], report={})
        second = gate.begin(tx, mode="prod", actor=ADA.key)
        assert gate.stop(tx, second, actor=BEN.key)
        assert not gate.progress(tx, second, {})
        assert not gate.end(tx, second, passed=True, failed=[], report={})
        newest = gate.newest(tx, "prod")
    assert newest is not None and newest.id == first


def shown(services: Services, number: int) -> GateReport:
    """Return a gate's card as it stands now."""
    with services.db.read() as tx:
        card = gate_runs.gate_card(services, tx, {"id": number})
    assert isinstance(card, GateReport)
    return card


def passed(services: Services) -> int:
    """Let a prod gate have passed now; return its number."""
    check = {"name": "API Health", "passed": True, "skipped": False, "message": "200, 84 ms"}
    with services.db.write() as tx:
        number = gate.begin(tx, mode="prod", actor=ADA.key)
        gate.end(tx, number, passed=True, failed=[], report={"checks": [check], "took": 1.0})
    return number


def test_a_pass_is_true_for_ten_minutes(bot_dsn: str) -> None:
    """Its card then says since when it is out of date; once."""
    now = [datetime.now(UTC)]
    with product(bot_dsn, CONFIG, now=lambda: now[0]) as services:
        number = passed(services)
        assert gate_runs.outdate(services) == 0
        assert "for 10 min; then run again" in repr(SlackRenderer().card(shown(services, number)))
        now[0] += timedelta(minutes=10, seconds=3)
        assert (gate_runs.outdate(services), gate_runs.outdate(services)) == (1, 0)
        card = shown(services, number)
        assert card.outdated_at == now[0] - timedelta(seconds=3)
        assert "out of date since" in repr(SlackRenderer().card(card))


def test_a_run_whose_process_died_ends(bot_dsn: str) -> None:
    """It goes on for as long as its checks may take together; then it was stopped by Dragonfly, once, and says nothing."""
    now = [datetime.now(UTC)]
    with product(bot_dsn, CONFIG, now=lambda: now[0]) as services:
        with services.db.write() as tx:
            number = gate.begin(tx, mode="prod", actor=ADA.key)
        now[0] += CONFIG.gate.deadline * 10
        assert (gate_runs.outdate(services), shown(services, number).in_progress) == (0, True)
        now[0] += CONFIG.gate.deadline * 2
        assert (gate_runs.outdate(services), gate_runs.outdate(services)) == (1, 0)
        assert (shown(services, number).in_progress, shown(services, number).stopped_by) == (False, "dragonfly")


@pytest.mark.parametrize(("severity", "old"), [("critical", 1), ("warning", 0)])
def test_a_critical_alert_ends_it_sooner(services: Services, target_dsn: str, severity: str, old: int) -> None:
    """An alert that fired before the gate ran is the gate's own check; one that fires after it makes the pass untrue."""
    fire = """INSERT INTO ops.chatops_alert (fingerprint, check_id, state, severity, started_at, fired_at, last_bad_at)
              VALUES (%s, 'worker_heartbeat', 'firing', %s, clock_timestamp(), clock_timestamp(), clock_timestamp())"""
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        connection.execute(fire, ("before", severity))
        passed(services)
        assert gate_runs.outdate(services) == 0
        connection.execute(fire, ("after", severity))
    assert gate_runs.outdate(services) == old
