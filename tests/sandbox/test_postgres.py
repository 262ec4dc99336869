"""The embedded server: starts, keeps its data, refuses a second start, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from bot.sandbox.postgres import PostgresError, PostgresServer
from tests.support.waiting import eventually


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory that the server's user may reach."""
    return Path("/tmp") / f"dragonfly-test-{os.getpid()}-{tmp_path_factory.getbasetemp().name}"  # noqa: S108  # open to all


def test_it_keeps_its_data(place: Path) -> None:
    """What was written is there after a second start, and a stale pid file is no hindrance."""
    first = PostgresServer.start(place, fast=True)
    with psycopg.connect(first.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    with pytest.raises(PostgresError, match="already runs"):
        PostgresServer.start(place, fast=True)
    first.stop()
    (place / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{place}\n0\n1\n", encoding="utf-8")
    second = PostgresServer.start(place, fast=True)
    with psycopg.connect(second.dsn()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    second.stop()


def test_a_killed_parent_leaves_nothing(tmp_path: Path) -> None:
    """After `kill -9` of the parent no server runs and the throw-away directory is gone."""
    code = (
        "from bot.sandbox.postgres import PostgresServer; import time\n"
        "server = PostgresServer.start(fast=True); print(server.port, server.data_dir, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    port, directory = parent.stdout.readline().split()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not Path(directory).exists(), 10)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=int(port), user="postgres", connect_timeout=1)


def test_a_killed_sandbox_leaves_nothing() -> None:
    """After `kill -9` of the whole sandbox no worker, bot, guardian or server is left, and no file of theirs."""
    parent = subprocess.Popen(
        [sys.executable, "-m", "bot", "sandbox", "--ephemeral", "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert parent.stdout is not None
    home = Path("none")
    for line in parent.stdout:
        if "The bot's log" in line:
            home = Path(line.split()[-1]).parent
        if "Ctrl-C" in line:
            break
    assert (home / "migrations").is_dir()
    children = _below(parent.pid)
    assert len(children) >= 8
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not home.exists() and not [pid for pid in children if _runs(pid)], 30)


def _below(pid: int) -> list[int]:
    """Return every process below one, by asking `ps`."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in table.splitlines()]
    found = [pid]
    for parent in found:
        found += [child for child, above in pairs if above == parent]
    return found[1:]


def _runs(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not waited for yet does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return state not in ("", "Z", "Z+") and not state.startswith("Z")
