"""The real bot as a process of its own that a test lets die, and start again, beside others on one database.

`python -m tests.support.crashing` is `dragonfly bot` with one thing more: at the point that `TEST_CRASH_AT` names, while
the statement `TEST_CRASH_WHEN` is true, it is killed as by `kill -9`. The product reads neither. It prints its port when
it is ready, and ends when its standard input does. It may be the newer version of `tests.support.upgrading`.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest

from bot.logs import set_up
from bot.process import Bot
from bot.sandbox.railway.server import RailwayServer
from bot.sandbox.slack.server import SlackServer
from bot.settings import Settings, load
from tests.support.upgrading import VARIABLE, be_newer

READY_SECONDS = 60
_ROOT = Path(__file__).parents[2]
_TOML = """\
profile = "fast"
[slack]
alert_channel = "C0INCIDENTS"
fallback_channel = "C0OPSALL"
[people]
operators = ["U0ADA", "U0BEN", "U0CLEO"]
approvers = ["U0BEN", "U0CLEO", "U0DANA"]
[oncall]
people = ["U0ADA", "U0BEN"]
[timing]
"""
TIMING = {
    "start_guard": "0s",
    "unknown_after_start": "0s",
    "edit_gap": "0s",
    **dict.fromkeys(("check_interval", "stuck_interval", "platform_interval", "vendor_interval"), "10m"),
}
"""A test's server has always just started; nothing is looked at unless a test wants alerts."""


class Killed(BaseException):
    """The process ends here, as far as the code in it can tell."""


def killed_at(point: str) -> Callable[[str], None]:
    """Return a hook that ends what runs in this process at a named point."""

    def hook(name: str) -> None:
        if name == point:
            raise Killed

    return hook


class Replica:
    """One bot process."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        """Start it; it is not ready yet."""
        self._log, self.url = log, ""
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.crashing"],
                cwd=_ROOT,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )

    def ready(self) -> "Replica":
        """Return when it takes requests; safe to repeat."""
        if self.url:
            return self
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ready"), self.said
        self.url = f"http://127.0.0.1:{line.split()[1]}/slack/events"
        return self

    @property
    def said(self) -> str:
        """Return its log."""
        return self._log.read_text(encoding="utf-8")

    def killed_itself(self) -> None:
        """Return when it has died at its point."""
        code = self._process.wait(READY_SECONDS)
        self._close()
        assert code == -signal.SIGKILL, self.said

    def kill(self) -> None:
        """Kill it, as by `kill -9`."""
        self._process.kill()
        self._process.wait(READY_SECONDS)
        self._close()

    def refused(self) -> str:
        """Return what it says when it will not start."""
        code = self._process.wait(READY_SECONDS)
        self._close()
        assert code > 0, self.said
        return self.said

    def stop(self) -> None:
        """Let it end what it is at; safe to repeat."""
        self._close()
        self._process.wait(READY_SECONDS)

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Fleet:
    """Bots on one database, one Slack and perhaps one Railway; all end with the test."""

    def __init__(
        self,
        dsn: str,
        slack: SlackServer,
        folder: Path,
        *,
        railway: RailwayServer | None = None,
        transport: str = "http",
        **timing: str,
    ) -> None:
        """Write down what they are told."""
        self._folder = folder
        written = folder / "dragonfly.toml"
        durations = "".join(f'{name} = "{value}"\n' for name, value in (TIMING | timing).items())
        written.write_text(_TOML + durations, encoding="utf-8")
        self.environment = {
            "PATH": os.environ["PATH"],
            "SUPABASE_MODE": "dev",
            "DRAGONFLY_CONFIG": str(written),
            "DRAGONFLY_DATABASE_URL": dsn,
            "SLACK_BOT_TOKEN": slack.settings.bot_token,
            "SLACK_API_URL": slack.api_url,
        }
        if transport == "socket":
            self.environment["SLACK_APP_TOKEN"] = slack.settings.app_token
        else:
            self.environment |= {"SLACK_SIGNING_SECRET": slack.settings.signing_secret, "PORT": "0"}
        if railway is not None:
            self.environment |= {"RAILWAY_TOKEN": railway.settings.project_token, "RAILWAY_API_URL": railway.url}
        self._begun: list[Replica] = []

    def settings(self) -> Settings:
        """Return what a bot in this process is told, the same as the others."""
        return load(self.environment, needs_mode=True, needs_slack=True)

    def begin(self, *, at: str = "", when: str = "SELECT true", newer: bool = False) -> Replica:
        """Start a process that dies at a point, perhaps of the newer version; it is not ready yet."""
        told = {**self.environment, "TEST_CRASH_AT": at, "TEST_CRASH_WHEN": when, VARIABLE: "1" if newer else ""}
        replica = Replica(told, self._folder / f"bot-{len(self._begun)}.log")
        self._begun.append(replica)
        return replica

    def start(self, *, at: str = "", when: str = "SELECT true", newer: bool = False) -> Replica:
        """Return a process that is ready."""
        return self.begin(at=at, when=when, newer=newer).ready()

    def close(self) -> None:
        """Kill what still runs."""
        for replica in self._begun:
            replica.kill()


def _end_with_parent(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


def main() -> None:
    """Run a bot until standard input ends, or it dies at its point."""
    point, when = os.environ["TEST_CRASH_AT"], os.environ["TEST_CRASH_WHEN"]
    if os.environ[VARIABLE]:
        be_newer(pytest.MonkeyPatch())
    settings = load(needs_mode=True, needs_slack=True)

    def hook(name: str) -> None:
        if name == point:
            with psycopg.connect(settings.env.dragonfly_database_url.get_secret_value()) as connection:
                found = connection.execute(when.encode()).fetchone()
            if found and found[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    told, sys.stdout = sys.stdout, sys.stderr  # what is logged goes to a file
    set_up(settings.redactor)
    bot = Bot(settings, crash_hook=hook)
    bot.start()
    stopping = threading.Event()
    threading.Thread(target=_end_with_parent, args=(stopping,), daemon=True).start()
    told.write(f"ready {getattr(bot, 'port', 0)}\n")
    told.flush()
    stopping.wait()
    bot.stop()


if __name__ == "__main__":
    main()
