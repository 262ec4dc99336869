"""`dragonfly sandbox`: Postgres, the simulated system, the local Slack, and the real bot against them.

The real `dragonfly bot` runs as a child with an environment built from nothing and talks Socket Mode to the local Slack.
Every child holds a pipe of ours and ends when we do, however we end.
"""

import os
import secrets
import signal
import subprocess
import sys
import threading
import webbrowser
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import uvicorn
import yaml

from bot.operations.tables import grants
from bot.sandbox.postgres import PostgresServer
from bot.sandbox.slack.server import SlackServer
from bot.sandbox.slack.settings import SlackSettings, SlashCommand
from bot.sandbox.target import schema, web
from bot.sandbox.target.system import System
from bot.store.db import Database
from bot.store.migrate import migrate

MANIFEST = "app_manifest.yml"
BOT_ROLE = "dragonfly_bot"
PEOPLE = {"U0ADA": "Ada", "U0BEN": "Ben", "U0CLEO": "Cleo", "U0DANA": "Dana", "U0GIL": "Gil"}
_TOML = """\
profile = "{profile}"

[slack]
alert_channel = "C0INCIDENTS"
fallback_channel = "C0OPSALL"

[people]
operators = ["U0ADA", "U0BEN", "U0CLEO"]
approvers = ["U0BEN", "U0CLEO", "U0DANA"]
names = {{ U0ADA = "Ada", U0BEN = "Ben", U0CLEO = "Cleo", U0DANA = "Dana", U0GIL = "Gil" }}

[oncall]
people = ["U0ADA", "U0BEN"]

[contacts]
default = [
    {{ label = "on call", call = ["oncall"] }},
    {{ after = "{second}", label = "team lead", call = ["U0BEN"] }},
    {{ after = "{third}", label = "everyone", call = ["C0OPSALL"] }},
]

[queue.idempotent]
ingest = true
ingest_csv = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asked for."""

    port: int
    data_dir: Path | None
    target: str
    profile: str
    browser: bool


class Sandbox:
    """Everything running; stopped as one."""

    def __init__(self, options: Options) -> None:
        """Start every part in its order.

        Raises:
            PostgresError: the database did not start.
        """
        self._stack = ExitStack()
        try:
            self._start(options)
        except BaseException:
            self._stack.close()
            raise

    def _start(self, options: Options) -> None:
        place = options.data_dir / f"{options.target}-{options.profile}" if options.data_dir else None
        self.postgres = PostgresServer.start(place)
        self._stack.callback(self.postgres.stop)
        owner, bot = _prepare(self.postgres, options)
        system = System(owner, options.target, options.profile).start()
        self._stack.callback(system.stop)
        key = secrets.token_hex(16)
        api_port = self._serve_api(system, key)
        self.slack = SlackServer(_slack_settings(options.port), system_app=web.panel(system))
        self.slack.start()
        self._stack.callback(self.slack.stop)
        self._start_bot(options, bot, api_port, key)
        self.slack.wait_connected(timeout_seconds=30)

    def _serve_api(self, system: System, key: str) -> int:
        config = uvicorn.Config(web.api(system, key), host="127.0.0.1", port=0, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.01)
        self._stack.callback(lambda: setattr(server, "should_exit", True))
        return int(server.servers[0].sockets[0].getsockname()[1])

    def _start_bot(self, options: Options, dsn: str, api_port: int, key: str) -> None:
        settings = (options.data_dir or self.postgres.data_dir.parent) / f"dragonfly-{os.getpid()}.toml"
        second, third = ("30s", "90s") if options.profile == "fast" else ("5m", "15m")
        settings.write_text(_TOML.format(profile=options.profile, second=second, third=third), encoding="utf-8")
        self._stack.callback(settings.unlink)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "SUPABASE_MODE": "dev",
            "DRAGONFLY_CONFIG": str(settings),
            "DRAGONFLY_DATABASE_URL": dsn,
            "DRAGONFLY_API_URL_DEV": f"http://127.0.0.1:{api_port}",
            "DRAGONFLY_API_KEY": key,
            "SLACK_BOT_TOKEN": self.slack.settings.bot_token,
            "SLACK_APP_TOKEN": self.slack.settings.app_token,
            "SLACK_API_URL": self.slack.api_url,
        }
        log = (options.data_dir or settings.parent) / f"bot-{os.getpid()}.log"
        guardian = [sys.executable, str(Path(__file__).with_name("guardian.py")), "--signal", str(int(signal.SIGTERM))]
        guardian += ["--log", str(log), "--", sys.executable, "-m", "bot", "bot"]
        self.bot = subprocess.Popen(guardian, stdin=subprocess.PIPE, env=environment, start_new_session=True)
        self._stack.callback(self._stop_bot)
        self.log = log

    def _stop_bot(self) -> None:
        if self.bot.stdin:
            self.bot.stdin.close()
        self.bot.wait(30)

    def stop(self) -> None:
        """Stop everything, the last first."""
        self._stack.close()


def _prepare(postgres: PostgresServer, options: Options) -> tuple[str, str]:
    """Make the target and our tables once; return the owner's address and the bot's, which has a role of its own."""
    owner = postgres.dsn()
    if not schema.is_there(owner):
        schema.create(owner, options.target, offline_seconds=4 if options.profile == "fast" else 60)
    database = Database(owner, size=1).open()
    migrate(database, "dev")
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
        f"  The bot's log: {sandbox.log}\n  Ctrl-C stops everything.\n\n"
    )
    sys.stdout.flush()
    if options.browser:
        webbrowser.open(sandbox.slack.url)
    stopping.wait()
    sys.stdout.write("stopping\n")
    sandbox.stop()
