"""What the sandbox tells the bot: its file and its environment, built from nothing (design, section 7)."""

import os
import secrets
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.pager import Pager
from bot.sandbox.slack.server import SlackServer
from bot.sandbox.target.system import System
from bot.sandbox.target.vendor import HEALTH, PAGE

MODE = "prod"
"""In `dev` the steps on Railway would be manual ones."""
_OF_A_SHELL = ("SUPABASE_", "DRAGONFLY_C", "DRAGONFLY_D", "DRAGONFLY_API", "RAILWAY_")
_LEVELS = {"fast": ("30s", "90s"), "playbook": ("5m", "15m")}
_TOML = """\
profile = "{profile}"

[slack]
alert_channel = "C0INCIDENTS"
fallback_channel = "C0OPSALL"
security_channel = "C0SECURITY"

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
    {{ after = "{third}", label = "everyone", call = ["C0OPSALL", "pager"] }},
]
migration-block = [
    {{ label = "backend lead", call = ["U0CLEO"] }},
    {{ after = "{second}", label = "DBA", call = ["U0DANA"] }},
    {{ after = "{third}", label = "everyone", call = ["C0OPSALL"] }},
]
vendor-outage = [
    {{ label = "on call", call = ["oncall"] }},
    {{ after = "{second}", label = "vendor support", call = ["simplicity-support"] }},
    {{ after = "{third}", label = "team lead", call = ["U0BEN"] }},
]

[cards]
simplicity-support = {{ name = "vendor support", phone = "+1 555 0100" }}

[queue.idempotent]
ingest = true
ingest_csv = true

[services.dragonfly-api]
aliases = ["api"]
local = "uvicorn backend.main:app"

[services.ingest-worker]
aliases = ["ingest", "dragonfly-worker-ingest"]
worker_types = ["ingest_processor"]
local = "python -m backend.workers.ingest_processor"

[services.enforcement-worker]
aliases = ["enforcement", "dragonfly-worker-enforcement"]
worker_types = ["enforcement_engine"]
local = "python -m backend.workers.enforcement_engine"

[services.simplicity-worker]
aliases = ["simplicity", "dragonfly-worker-simplicity"]
worker_types = ["simplicity_ingest_worker"]
local = "python -m backend.workers.simplicity_ingest_worker"

[vendors.simplicity]
title = "Simplicity API"
endpoint = "{vendor}{health}"
status_page = "{vendor}{page}"
job_types = ["ingest", "ingest_csv", "simplicity_ingest"]
patterns = ['Simplicity API returned 5\\d\\d', 'Max retries exceeded']
services = ["ingest-worker"]
variable = "SIMPLICITY_OFFLINE_MODE"
contact = "vendor support, +1 555 0100"

[migrations]
source = "{migrations}"
rollbacks = "{rollbacks}"
application_names = ["supabase"]

[runbooks]
folder = "{runbooks}"
"""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where the bot takes webhooks: a port of this machine, and the secret part of the address."""

    port: int
    token: str

    @property
    def url(self) -> str:
        """Return the whole address."""
        return f"http://127.0.0.1:{self.port}/hooks/railway/{self.token}"


def free_hooks() -> Hooks:
    """Return a free port and a fresh secret."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Hooks(listener.getsockname()[1], secrets.token_urlsafe(24))


def file(system: System, runbooks: Path | None = None) -> str:
    """Return the text of `dragonfly.toml`."""
    second, third = _LEVELS[system.profile]
    return _TOML.format(
        profile=system.profile,
        second=second,
        third=third,
        vendor=system.vendor.url,
        health=HEALTH,
        page=PAGE,
        migrations=system.files.source,
        rollbacks=system.files.rollbacks,
        runbooks=runbooks.resolve() if runbooks else "",
    )


def environment(
    *,
    settings: Path,
    system: System,
    slack: SlackServer,
    dsn: str,
    api_url: str,
    api_key: str,
    hooks: Hooks,
    pager: Pager,
) -> dict[str, str]:
    """Return the environment of the bot.

    Args:
        settings: where its file lies.
        system: what it looks after.
        slack: where it talks.
        dsn: the address of the database under the bot's own role.
        api_url: of the target's API.
        api_key: for it.
        hooks: where Railway's webhooks are taken; pager: the second path, and the outside monitor.
    """
    return {
        "PATH": os.environ.get("PATH", ""),
        "SUPABASE_MODE": MODE,
        "DRAGONFLY_CONFIG": str(settings),
        "DRAGONFLY_DATABASE_URL": dsn,
        "DRAGONFLY_DBA_DATABASE_URL": system.dsn,
        "DRAGONFLY_API_URL_PROD": api_url,
        "DRAGONFLY_API_KEY": api_key,
        "RAILWAY_TOKEN": system.railway.settings.project_token,
        "RAILWAY_API_URL": system.railway.url,
        "SLACK_BOT_TOKEN": slack.settings.bot_token,
        "SLACK_APP_TOKEN": slack.settings.app_token,
        "SLACK_API_URL": slack.api_url,
        "PORT": str(hooks.port),
        "DRAGONFLY_HOOK_TOKEN": hooks.token,
        "DRAGONFLY_PAGER_URL": pager.url,
        "DRAGONFLY_HEALTHCHECK_URL": pager.ping_url,
    }


def shell(environment: Mapping[str, str]) -> str:
    """Return the lines that give a shell the same system as the bot; a shell needs no Slack and takes no port."""
    wanted = {name: value for name, value in environment.items() if name.startswith(_OF_A_SHELL)}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in wanted.items())
