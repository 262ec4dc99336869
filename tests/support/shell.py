"""Commands as processes of their own, each a fork of one that has imported everything: 10 ms of start instead of 600.

Run as a program it is that process: a line of JSON in, an exit code out.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

_MODULES = ("alerts", "audit", "db", "freeze", "plans", "reads", "serve", "session")


def run(words: Sequence[str], env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run `dragonfly` with an environment and nothing to read; its output goes to files, as with a redirection."""
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        parent = _parent()
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(json.dumps([list(words), dict(env), str(out), str(err)]) + "\n")
        parent.stdin.flush()
        code = int(parent.stdout.readline())
        return subprocess.CompletedProcess(list(words), code, out.read_text("utf-8"), err.read_text("utf-8"))


@cache
def _parent() -> "subprocess.Popen[str]":
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.support.shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(started.kill)
    return started


def _fork(words: Sequence[str], env: Mapping[str, str], out: str, err: str) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.environ.clear()
    os.environ.update(env)
    for number, path, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT),
        (2, err, os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(path, how, 0o600), number)
    sys.argv = ["dragonfly", *words]
    code = 70
    try:
        code = import_module("bot.cli.main").main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve() -> None:
    for name in _MODULES:
        import_module(f"bot.cli.{name}")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(f"{_fork(*json.loads(line))}\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
