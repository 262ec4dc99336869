"""Commands in a checkout: their own words, environment, process group and deadline; real child processes."""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import TargetRefused, TargetUnavailable
from bot.targets import checkout
from tests.support.waiting import eventually

SOON = timedelta(seconds=20)


def python(code: str) -> tuple[str, ...]:
    """Return a command that runs some Python."""
    return (sys.executable, "-c", code)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_words_are_never_a_shell_line(tmp_path: Path) -> None:
    """What a shell would expand, chain or redirect stays a word."""
    words = ("$HOME", "; echo no", "> file", "`id`", "*")
    ended = checkout.run((*python("import sys; print(sys.argv[1:])"), *words), str(tmp_path), mode="dev", deadline=SOON)
    assert ended.lines == (str(list(words)),)
    assert list(tmp_path.iterdir()) == []


def test_no_secret_reaches_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is built from nothing: tokens and addresses of databases are not in it."""
    for name in ("SLACK_BOT_TOKEN", "DRAGONFLY_DATABASE_URL", "RAILWAY_TOKEN", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hunter2")
    code = "import os; print(*sorted(os.environ)); print(*os.environ.values())"
    ended = checkout.run(python(code), str(tmp_path), mode="dev", deadline=SOON)
    allowed = {*checkout.KEPT_VARIABLES, "SUPABASE_MODE", "PYTHONUNBUFFERED", "NO_COLOR", "LC_CTYPE"}
    assert set(ended.lines[0].split()) <= allowed
    assert "hunter2" not in ended.lines[1]


def test_lines_come_as_they_are_written(tmp_path: Path) -> None:
    """Each line is told while the command still runs, and both outputs are kept apart."""
    told: list[tuple[str, float]] = []
    code = "import sys, time; print('one'); time.sleep(0.6); print('two', file=sys.stderr); print('three', end='')"
    ended = checkout.run(
        python(code), str(tmp_path), mode="dev", deadline=SOON, tell=lambda line: told.append((line, time.monotonic()))
    )
    assert sorted(line for line, _ in told) == ["one", "three", "two"]
    assert told[0][0] == "one" and told[1][1] - told[0][1] > 0.3
    assert (ended.code, ended.said) == (0, ("one", "three"))
    assert sorted(ended.lines) == ["one", "three", "two"]


def test_the_whole_group_is_killed_at_the_deadline(tmp_path: Path) -> None:
    """A command that hangs goes, and so does what it started, though that ignores polite signals."""
    note = tmp_path / "pids"
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)\n"
    )
    began = time.monotonic()
    with pytest.raises(TargetUnavailable, match=r"no end in 1\.5 s"):
        checkout.run(python(code), str(tmp_path), mode="dev", deadline=timedelta(seconds=1.5))
    assert time.monotonic() - began < 5
    pids = [int(word) for word in note.read_text(encoding="utf-8").split()]
    assert len(pids) == 2
    eventually(lambda: not any(is_alive(pid) for pid in pids))


def test_what_a_command_leaves_running_is_ended(tmp_path: Path) -> None:
    """A child that holds the pipes open neither delays the answer nor outlives it."""
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"
    began = time.monotonic()
    ended = checkout.run(python(code), str(tmp_path), mode="dev", deadline=SOON)
    assert time.monotonic() - began < 5
    eventually(lambda: not is_alive(int(ended.lines[0])))


def test_a_caller_that_stops_leaves_nothing_running(tmp_path: Path) -> None:
    """What the callback raises comes out, and the command is gone."""
    seen: list[int] = []

    def stop(line: str) -> None:
        seen.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkout.run(
            python("import os, time; print(os.getpid()); time.sleep(60)"),
            str(tmp_path),
            mode="dev",
            deadline=SOON,
            tell=stop,
        )
    eventually(lambda: not is_alive(seen[0]))


def test_a_closed_output_does_not_hide_a_hang(tmp_path: Path) -> None:
    """A command that closes its pipes and goes on is still held to the deadline."""
    code = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    with pytest.raises(TargetUnavailable):
        checkout.run(python(code), str(tmp_path), mode="dev", deadline=timedelta(seconds=0.8))


@pytest.mark.parametrize("argv", [("no-such-program-anywhere",), (), ("bad\0word",)])
def test_what_cannot_be_started_is_said(argv: tuple[str, ...], tmp_path: Path) -> None:
    """A missing program is an answer with its name, not a crash."""
    with pytest.raises(TargetRefused, match="cannot be started"):
        checkout.run(argv, str(tmp_path), mode="dev", deadline=SOON)


def test_a_flood_is_bounded(tmp_path: Path) -> None:
    """Much output costs neither memory nor the end of it."""
    code = "print(('x' * 99 + '\\n') * 80_000, end=''); print('y' * 3_000_000); print('last')"
    ended = checkout.run(python(code), str(tmp_path), mode="dev", deadline=SOON)
    assert sum(len(line) for line in ended.lines) <= 4 << 20
    assert ended.lines[-1] == "last"


def test_a_signal_is_told_apart_from_an_exit_code(tmp_path: Path) -> None:
    """Ended by a signal is a negative code."""
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert checkout.run(python(code), str(tmp_path), mode="dev", deadline=SOON).code == -9


def test_a_result_file_is_read_with_its_age(tmp_path: Path) -> None:
    """The object and when it was written; what is none is refused."""
    file = tmp_path / "score.json"
    file.write_text('{"score": 0.97}', encoding="utf-8")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    content, written = checkout.result_file(str(file))
    assert (content, written.timestamp()) == ({"score": 0.97}, 1_000_000_000)
    for bad in ("[]", "no"):
        file.write_text(bad, encoding="utf-8")
        with pytest.raises(TargetRefused):
            checkout.result_file(str(file))
    with pytest.raises(TargetUnavailable):
        checkout.result_file(str(tmp_path / "none.json"))
