"""What the release gate looks at outside the database: commands in a checkout, a result file, and the API's own paths.

A command is a list of words and never a line for a shell. It gets an environment that is built from nothing, so that no
secret of ours is in it, and a process group of its own, which is killed when its time is up or when it has ended.
"""

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import httpx

from bot.domain.gate import Reply
from bot.errors import TargetRefused, TargetUnavailable
from bot.targets.bounded import body, client, read_json

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""All that a command gets of our environment."""
ASK_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_DRAIN_SECONDS = 1.0
_MOST_BYTES = 4 << 20
_MOST_LINE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that ended by itself."""

    code: int
    """Its exit code; negative = the signal that ended it."""
    lines: tuple[str, ...]
    """What it wrote, as it came; the oldest lines go where it is very much."""
    said: tuple[str, ...]
    """Of these, what it wrote to its standard output."""
    took: timedelta


def _nothing(*_: object) -> None:
    """Nobody wants to know."""


def environment(mode: str) -> dict[str, str]:
    """Return the environment of a command, built from nothing; `mode` is the one thing of ours it is told."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {"SUPABASE_MODE": mode, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


def run(
    argv: Sequence[str],
    directory: str,
    *,
    mode: str,
    deadline: timedelta,
    tell: Callable[[str], None] = _nothing,
    still: Callable[[], None] = _nothing,
) -> Ended:
    """Run a command to its end and pass its lines on as they come.

    Args:
        tell: takes each line.
        still: is called again and again while it runs. What one of the two raises ends the command and all that it started.

    Raises:
        TargetRefused: it cannot be started.
        TargetUnavailable: its time was up; it and all that it started were killed.
    """
    began = time.monotonic()
    process = _start(argv, directory, mode)
    output = _Output(process, tell)
    try:
        in_time = _follow(process, output, began + deadline.total_seconds(), still)
    finally:
        _kill_group(process)
        process.wait()
        output.close()
    if not in_time:
        raise TargetUnavailable(f"no end in {deadline.total_seconds():g} s, stopped")
    return Ended(
        code=process.returncode,
        lines=tuple(line for _, line in output.lines),
        said=tuple(line for is_said, line in output.lines if is_said),
        took=timedelta(seconds=time.monotonic() - began),
    )


def _start(argv: Sequence[str], directory: str, mode: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=directory or None,
            env=environment(mode),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as error:
        why = getattr(error, "strerror", None) or "not a command"
        raise TargetRefused(f"`{argv[0] if argv else ''}` cannot be started: {why}") from error


def _follow(process: subprocess.Popen[bytes], output: "_Output", until: float, still: Callable[[], None]) -> bool:
    """Read until the command has ended; return False when its time is up before that."""
    ended = False
    while True:
        still()
        left = until - time.monotonic()
        if left <= 0 or (ended and not output.is_open):
            return ended
        output.read(min(left, _LOOK_SECONDS))
        if not ended and process.poll() is not None:
            ended = True
            _kill_group(process)  # what it left running would keep the pipes open
            until = min(until, time.monotonic() + _DRAIN_SECONDS)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of a command and of what it started."""
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only ended processes are left
        os.killpg(process.pid, signal.SIGKILL)


class _Output:
    """Both pipes of a command, as lines in the order in which they come."""

    def __init__(self, process: subprocess.Popen[bytes], tell: Callable[[str], None]) -> None:
        """Begin with nothing read."""
        assert process.stdout is not None
        assert process.stderr is not None
        self.lines: deque[tuple[bool, str]] = deque()
        self._bytes = 0
        self._tell = tell
        self._pipes = (process.stdout, process.stderr)
        self._begun = dict.fromkeys(self._pipes, b"")
        self._selector = selectors.DefaultSelector()
        for pipe in self._pipes:
            self._selector.register(pipe, selectors.EVENT_READ, pipe)

    @property
    def is_open(self) -> bool:
        """Say whether more may come."""
        return bool(self._selector.get_map())

    def read(self, seconds: float) -> None:
        """Take what comes within some time."""
        if not self.is_open:
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            pipe = key.data
            data = os.read(key.fd, 65536)
            if not data:
                self._selector.unregister(pipe)
            self._take(pipe, data)

    def _take(self, pipe: IO[bytes], data: bytes) -> None:
        *whole, rest = (self._begun[pipe] + data).split(b"\n")
        if len(rest) > _MOST_LINE or not data:
            whole, rest = [*whole, rest] if rest else whole, b""
        self._begun[pipe] = rest
        for line in whole:
            self._keep(pipe, line.decode(errors="replace").rstrip("\r"))

    def _keep(self, pipe: IO[bytes], line: str) -> None:
        self.lines.append((pipe is self._pipes[0], line))
        self._bytes += len(line) + 1
        while self._bytes > _MOST_BYTES and len(self.lines) > 1:
            self._bytes -= len(self.lines.popleft()[1]) + 1
        self._tell(line)

    def close(self) -> None:
        """Close both pipes."""
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()


def result_file(path: str) -> tuple[Mapping[str, Any], datetime]:
    """Return the JSON object of a result file and when it was written.

    Raises:
        TargetUnavailable: it cannot be read.
        TargetRefused: it holds no JSON object.
    """
    file = Path(path)
    try:
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        content = read_json(file.read_bytes()[:_MOST_BYTES])
    except OSError as error:
        raise TargetUnavailable(f"the result file cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TargetRefused("the result file is not JSON") from error
    if not isinstance(content, dict):
        raise TargetRefused("the result file is no JSON object")
    return content, written


def ask(base_url: str, path: str, seconds: float) -> Reply:
    """Return what a path of the API answers; redirects are not followed, and no key is sent.

    The address is the configuration's alone; every fault of the other side is an answer, not an error.
    """
    began = time.monotonic()
    limit = max(0.001, min(seconds, ASK_SECONDS))
    try:
        with (
            client(limit, base_url=base_url) as asking,
            asking.stream("GET", path) as answer,
        ):
            took = timedelta(seconds=time.monotonic() - began)
            content = body(answer, until=began + limit)
    except ValueError:
        return Reply(status=None, why="the answer does not end")
    except httpx.ConnectTimeout:
        return Reply(status=None, why=f"no connection in {limit:g} s")
    except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL):
        return Reply(status=None, why="connection failed", refused=True)
    except httpx.TimeoutException:
        return Reply(status=None, why=f"timed out after {limit:g} s")
    except httpx.HTTPError:
        return Reply(status=None, why="the connection broke")
    return Reply(status=answer.status_code, content=_object(content), took=took)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        content = read_json(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
