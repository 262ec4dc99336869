"""`dragonfly sandbox`: Postgres, the simulated system, the local Slack, and the real bot against them.

The real `dragonfly bot` runs as a child with an environment built from nothing and talks Socket Mode to the local Slack.
Every child holds a pipe of ours and ends when we do, however we end.
"""

import fcntl
import secrets
import signal
import sys
import tempfile
import threading
import webbrowser
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psycopg
import yaml

from bot.operations.tables import grants
from bot.sandbox import configured
from bot.sandbox.child import BotChild
from bot.sandbox.pager import Pager
from bot.sandbox.postgres import PostgresServer
from bot.sandbox.serving import Served
from bot.sandbox.slack.server import SlackServer
from bot.sandbox.slack.settings import SlackSettings, SlashCommand
from bot.sandbox.target import schema, web
from bot.sandbox.target.system import System
from bot.store.db import Database
from bot.store.migrate import migrate

MANIFEST = "app_manifest.yml"
BOT_ROLE = "dragonfly_bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asked for."""

    port: int
    data_dir: Path | None
    target: str
    profile: str
    browser: bool
    runbooks: Path | None = None


class AlreadyRunning(Exception):
    """Another sandbox works in this folder; the message says where."""


class Sandbox:
    """Everything running; stopped as one."""

    def __init__(self, options: Options) -> None:
        """Start every part in its order.

        Raises:
            PostgresError: the database did not start.
            AlreadyRunning: another one works in its folder; nothing was touched.
        """
        self._stack = ExitStack()
        try:
            self._start(options)
        except BaseException:
            self._stack.close()
            raise

    def _start(self, options: Options) -> None:
        home = _home(options)
        held = self._stack.enter_context(_hold(home))
        self.postgres = PostgresServer.start(home / "postgres", remove=None if options.data_dir else home)
        self._stack.callback(self.postgres.stop)
        owner, dsn = _prepare(self.postgres, options)
        system = System(owner, options.target, options.profile, home=home, bot_role=BOT_ROLE, let_in=self._restart_bot)
        self._stack.callback(system.stop)
        system.start()
        key = secrets.token_hex(16)
        api = Served(web.api(system, key), "target-api").start()
        self._stack.callback(api.stop)
        pager = Pager().start()
        self._stack.callback(pager.stop)
        self.slack = SlackServer(_slack_settings(options.port), system_app=web.panel(system, pager.texts))
        self.slack.start()
        self._stack.callback(self.slack.stop)
        held.write(f"{self.slack.url}/\n")
        settings = home / "dragonfly.toml"
        settings.write_text(configured.file(system, options.runbooks), encoding="utf-8")
        hooks = configured.free_hooks()
        system.railway.webhook_url = hooks.url
        environment = configured.environment(
            settings=settings,
            system=system,
            slack=self.slack,
            dsn=dsn,
            api_url=api.url,
            api_key=key,
            hooks=hooks,
            pager=pager,
        )
        self.shell = home / "shell.env"
        self.shell.touch(0o600)
        self.shell.write_text(configured.shell(environment), encoding="utf-8")
        self._stack.callback(lambda: self.shell.unlink(missing_ok=True))
        self.log = home / "bot.log"
        self._bot = BotChild(environment, self.log)
        self._stack.callback(self._bot.stop)
        self.slack.wait_connected(timeout_seconds=30)

    def _restart_bot(self) -> None:
        """A bot whose log-in was refused tries no more by itself: a person starts it again, here the sandbox."""
        self._bot.restart()

    def stop(self) -> None:
        """Stop everything, the last first."""
        self._stack.close()


def _home(options: Options) -> Path:
    """Return the directory of this sandbox, which the database's user may enter."""
    if options.data_dir is None:
        home = Path(tempfile.mkdtemp(prefix="dragonfly-sandbox-"))
    else:
        home = options.data_dir / f"{options.target}-{options.profile}"
        home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    return home


def _hold(home: Path) -> TextIO:
    """Return the file that one sandbox holds while it runs, however it ends; its address stands in it.

    Raises:
        AlreadyRunning: another one holds it.
    """
    held = (home / "sandbox.lock").open("a+", buffering=1, encoding="utf-8")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.seek(0)
        with held:
            where = held.read().strip() or "it is still starting"
        raise AlreadyRunning(f"a sandbox runs in {home} already: {where}") from None
    held.truncate(0)
    return held


def _prepare(postgres: PostgresServer, options: Options) -> tuple[str, str]:
    """Make the target and our tables once; return the owner's address and the bot's, which has a role of its own."""
    owner = postgres.dsn()
    if not schema.is_there(owner):
        schema.create(owner, options.target, offline_seconds=4 if options.profile == "fast" else 60)
    database = Database(owner, size=1).open()
    migrate(database, configured.MODE)
    database.close()
    password = secrets.token_urlsafe(24)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(grants(BOT_ROLE).encode())
        statement = psycopg.sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(statement.format(psycopg.sql.Identifier(BOT_ROLE), psycopg.sql.Literal(password)))
    return owner, postgres.dsn(user=BOT_ROLE, password=password)


def _slack_settings(port: int) -> SlackSettings:
    """Return the workspace's app as our manifest declares it: scopes and commands that are missing there are refused."""
    path = Path(MANIFEST)
    if not path.is_file():
        return SlackSettings(port=port)
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    commands = tuple(
        SlashCommand(
            command=item["command"],
            description=item["description"],
            usage_hint=item.get("usage_hint", ""),
            should_escape=bool(item.get("should_escape")),
        )
        for item in manifest["features"]["slash_commands"]
    )
    scopes = frozenset(manifest["oauth_config"]["scopes"]["bot"])
    events = frozenset(manifest["settings"]["event_subscriptions"]["bot_events"])
    return SlackSettings(port=port, scopes=scopes, commands=commands, bot_events=events)


def run(options: Options) -> None:
    """Run the sandbox until it is told to stop."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    sandbox = Sandbox(options)
    sys.stdout.write(
        f"\nDragonfly sandbox: {sandbox.slack.url}/\n\n"
        "  You are Ada, on call. In the panel press: Kill ingest worker. Wait for the card in #incidents.\n"
        "  Then: Acknowledge, Reset stuck jobs…, Confirm, and Bring back in the panel.\n"
        "  Other nights: Block migrations, Vendor returns 500, OOM kill (docs/tutorial.md).\n"
        f"  In another shell: . {sandbox.shell} && .venv/bin/dragonfly status\n"
        f"  The bot's log: {sandbox.log}\n  Ctrl-C stops everything.\n\n"
    )
    sys.stdout.flush()
    if options.browser:
        webbrowser.open(sandbox.slack.url)
    stopping.wait()
    sys.stdout.write("stopping\n")
    sandbox.stop()
