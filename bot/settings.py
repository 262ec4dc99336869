"""Settings from the environment (secrets) and `dragonfly.toml` (all else), validated as a whole at start.

Every fault is found at once and said with what to write instead; unknown keys are faults (design, D13 and section 2).
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.domain.configuration import (
    DEFAULT_WORKERS,
    Configuration,
    Level,
    Override,
    People,
    Queue,
    Rotation,
    WorkerType,
)
from bot.domain.durations import parse_duration
from bot.domain.timing import PROFILES, Timing
from bot.errors import ConfigurationError, InvalidCommand

DEFAULT_FILE = "dragonfly.toml"
_ID = re.compile(r"^[UWSC][A-Z0-9]{2,}$")
_URLS = ("DRAGONFLY_DATABASE_URL", "SUPABASE_DB_URL", "DATABASE_URL")


class Environment(BaseSettings):
    """Secrets and addresses, from the environment only."""

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=False)

    slack_bot_token: SecretStr = SecretStr("")
    slack_signing_secret: SecretStr = SecretStr("")
    slack_signing_secret_previous: SecretStr = SecretStr("")
    slack_app_token: SecretStr = SecretStr("")
    slack_api_url: str = ""
    supabase_mode: str = ""
    dragonfly_api_url_prod: str = ""
    dragonfly_api_url_dev: str = ""
    dragonfly_api_key: SecretStr = SecretStr("")
    dragonfly_alert_channel: str = ""
    dragonfly_oncall: str = ""
    dragonfly_operators: str = ""
    dragonfly_approvers: str = ""
    dragonfly_config: str = ""
    port: int | None = None


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Override(_Table):
    who: str
    start: datetime
    end: datetime


class _Oncall(_Table):
    people: list[str] = []
    starts: datetime = datetime(2026, 1, 5, 8, tzinfo=UTC)
    zone: str = "UTC"
    handover: time = time(8)
    overrides: list[_Override] = []


class _Level(_Table):
    after: str = "0s"
    label: str
    call: list[str]


class _Worker(_Table):
    label: str
    serves: list[str]
    expected: bool = True


class _People(_Table):
    operators: list[str] = []
    approvers: list[str] = []
    names: dict[str, str] = {}


class _Slack(_Table):
    alert_channel: str = ""
    channels: list[str] = []
    fallback_channel: str = ""
    zone: str = "UTC"


class _Queue(_Table):
    max_attempts: int = Field(default=5, ge=1, le=100)
    approve_above: int = Field(default=500, ge=1, le=5000)
    plan_cap: int = Field(default=5000, ge=1, le=5000)
    batch: int = Field(default=500, ge=1, le=500)
    rescue_limit: int = Field(default=3, ge=1, le=20)
    stuck_limits: dict[str, str] = {}
    idempotent: dict[str, bool] = {}


class _File(_Table):
    profile: Literal["playbook", "fast"] = "playbook"
    slack: _Slack = _Slack()
    people: _People = _People()
    oncall: _Oncall | None = None
    contacts: dict[str, list[_Level]] = {}
    workers: dict[str, _Worker] = {}
    queue: _Queue = _Queue()
    timing: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything, validated."""

    config: Configuration
    database_url: SecretStr
    bot_token: SecretStr
    signing_secrets: tuple[SecretStr, ...]
    app_token: SecretStr
    api_key: SecretStr
    slack_api_url: str
    port: int | None
    zone: str

    def secrets(self) -> tuple[str, ...]:
        """Return every secret's text, for the log's filter."""
        found = (self.database_url, self.bot_token, *self.signing_secrets, self.app_token, self.api_key)
        return tuple(item.get_secret_value() for item in found if item.get_secret_value())


def load(environ: Mapping[str, str] | None = None, *, needs_mode: bool = False, needs_slack: bool = False) -> Settings:
    """Return the settings of this process.

    Args:
        needs_mode: an unset `SUPABASE_MODE` is a fault (`bot`, `plan`, `apply`).
        needs_slack: missing Slack tokens and an alert channel are faults (`bot`).

    Raises:
        ConfigurationError: every fault at once.
    """
    env = dict(os.environ if environ is None else environ)
    faults: list[str] = []
    found = _environment(env, faults)
    declared = _file(env, faults)
    mode = _mode(found.supabase_mode, faults, needed=needs_mode)
    url, variable = _database(env, mode, faults)
    if needs_slack:
        _require_slack(found, declared, faults)
    config = _configuration(found, declared, mode, variable, faults)
    if faults:
        raise ConfigurationError(faults)
    return Settings(
        config=config,
        database_url=SecretStr(url),
        bot_token=found.slack_bot_token,
        signing_secrets=(found.slack_signing_secret, found.slack_signing_secret_previous),
        app_token=found.slack_app_token,
        api_key=found.dragonfly_api_key,
        slack_api_url=found.slack_api_url,
        port=found.port,
        zone=declared.slack.zone,
    )


def _environment(env: Mapping[str, str], faults: list[str]) -> Environment:
    known = {name: env[name.upper()] for name in Environment.model_fields if env.get(name.upper())}
    try:
        return Environment.model_validate(known)
    except ValidationError as error:
        faults += [f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        return Environment.model_construct(**{name: field.default for name, field in Environment.model_fields.items()})


def _file(env: Mapping[str, str], faults: list[str]) -> _File:
    named = env.get("DRAGONFLY_CONFIG", "")
    path = Path(named or DEFAULT_FILE)
    if not path.is_file():
        if named:
            faults.append(
                f"DRAGONFLY_CONFIG names {named}, which is no file; write the path of a dragonfly.toml, or unset it"
            )
        return _File()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return _File.model_validate(_with_environment(raw, env, faults))
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{path.name} is not TOML: {error}")
    except ValidationError as error:
        faults += [_said(item) for item in error.errors()]
    return _File()


def _with_environment(value: Any, env: Mapping[str, str], faults: list[str]) -> Any:  # TOML's own shape
    """Put the environment's value in the place of `{ env = "NAME" }`."""
    if isinstance(value, dict) and set(value) == {"env"}:
        name = str(value["env"])
        if name not in env:
            faults.append(
                f"dragonfly.toml asks for the variable {name}, which is not set; set it, or take the line out"
            )
        return env.get(name, "")
    if isinstance(value, dict):
        return {key: _with_environment(item, env, faults) for key, item in value.items()}
    return [_with_environment(item, env, faults) for item in value] if isinstance(value, list) else value


def _said(item: Any) -> str:  # pydantic's error mapping
    """Return one fault of the file as a sentence that says what to write instead."""
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        model: Any = _File
        for part in item["loc"][:-1]:
            inner = getattr(model, "model_fields", {}).get(part)
            model = inner.annotation if inner else model
        known = list(getattr(model, "model_fields", {}))
        near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
        return f"{place}: unknown key; write {near[0] if near else ', '.join(known) or 'what dragonfly.example.toml shows'}"
    return f"{place}: {item['msg'].lower()}"


def _mode(text: str, faults: list[str], *, needed: bool) -> str:
    if text in ("dev", "prod"):
        return text
    if text:
        faults.append(f"SUPABASE_MODE is {text!r}; write dev or prod")
    elif needed:
        faults.append("SUPABASE_MODE is not set; write dev or prod")
    return "dev"


def _database(env: Mapping[str, str], mode: str, faults: list[str]) -> tuple[str, str]:
    """Return the database's address and the variable that named it; never fall through to the other mode's."""
    own, other = f"SUPABASE_DB_URL_{mode.upper()}", f"SUPABASE_DB_URL_{'DEV' if mode == 'prod' else 'PROD'}"
    for name in (_URLS[0], own):
        if env.get(name):
            return env[name], name
    if env.get(other):
        faults.append(f"only {other} is set and SUPABASE_MODE is {mode}; set {own} or DRAGONFLY_DATABASE_URL")
        return "", ""
    for name in _URLS[1:]:
        if env.get(name):
            return env[name], name
    faults.append("no database: set DRAGONFLY_DATABASE_URL, for example postgresql://user@host:6543/postgres")
    return "", ""


def _require_slack(found: Environment, declared: _File, faults: list[str]) -> None:
    if not found.slack_bot_token.get_secret_value():
        faults.append("SLACK_BOT_TOKEN is not set; write the bot token that begins with xoxb-")
    if not found.slack_app_token.get_secret_value():
        if not found.slack_signing_secret.get_secret_value():
            faults.append("neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP) is set; set one")
        if found.port is None:
            faults.append(
                "PORT is not set and SLACK_APP_TOKEN neither; set PORT for HTTP, or the token for Socket Mode"
            )
    if not (found.dragonfly_alert_channel or declared.slack.alert_channel):
        faults.append(
            "no alert channel: set DRAGONFLY_ALERT_CHANNEL or slack.alert_channel to a channel id such as C0123"
        )


def _configuration(found: Environment, declared: _File, mode: str, variable: str, faults: list[str]) -> Configuration:
    api = found.dragonfly_api_url_prod if mode == "prod" else found.dragonfly_api_url_dev
    people = declared.people
    queue = declared.queue
    return Configuration(
        env=mode,
        alert_channel=found.dragonfly_alert_channel or declared.slack.alert_channel,
        channels=tuple(declared.slack.channels),
        fallback_channel=declared.slack.fallback_channel,
        people=People(
            operators=_ids("operators", found.dragonfly_operators, people.operators, faults),
            approvers=_ids("approvers", found.dragonfly_approvers, people.approvers, faults),
            names=people.names,
        ),
        rotation=_rotation(found, declared.oncall, faults),
        contacts={
            name.replace("_", "-"): tuple(
                Level(
                    after=_duration(f"contacts.{name}", level.after, faults), label=level.label, call=tuple(level.call)
                )
                for level in levels
            )
            for name, levels in declared.contacts.items()
        },
        workers=_workers(declared),
        queue=Queue(
            max_attempts=queue.max_attempts,
            approve_above=queue.approve_above,
            plan_cap=queue.plan_cap,
            batch=queue.batch,
            rescue_limit=queue.rescue_limit,
            stuck_limits={
                name: _duration(f"queue.stuck_limits.{name}", text, faults) for name, text in queue.stuck_limits.items()
            },
            idempotent=queue.idempotent,
        ),
        timing=_timing(declared, faults),
        api_url=api,
        database_variable=variable,
    )


def _ids(name: str, from_env: str, from_file: list[str], faults: list[str]) -> tuple[str, ...]:
    listed = [item.strip() for item in from_env.split(",") if item.strip()] or from_file
    faults += [
        f"{name}: {item!r} is no Slack id; write U…, W… or a user group S…" for item in listed if not _ID.match(item)
    ]
    return tuple(listed)


def _rotation(found: Environment, declared: _Oncall | None, faults: list[str]) -> Rotation | None:
    people = _ids("oncall", found.dragonfly_oncall, declared.people if declared else [], faults)
    if not people:
        return None
    shape = declared or _Oncall()
    try:
        ZoneInfo(shape.zone)
    except (ZoneInfoNotFoundError, ValueError):
        faults.append(f"oncall.zone: {shape.zone!r} is no time zone; write one such as America/New_York")
    if shape.starts.tzinfo is None:
        faults.append("oncall.starts has no zone; write 2026-01-05T08:00:00Z")
    overrides = tuple(Override(who=item.who, start=item.start, end=item.end) for item in shape.overrides)
    return Rotation(people=people, starts=shape.starts, zone=shape.zone, handover=shape.handover, overrides=overrides)


def _workers(declared: _File) -> tuple[WorkerType, ...]:
    if not declared.workers:
        return DEFAULT_WORKERS
    return tuple(
        WorkerType(name=name, label=item.label, serves=tuple(item.serves), expected=item.expected)
        for name, item in declared.workers.items()
    )


def _timing(declared: _File, faults: list[str]) -> Timing:
    known = {field.name for field in fields(Timing)}
    changed: dict[str, timedelta] = {}
    for name, text in declared.timing.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            faults.append(f"timing.{name}: unknown key; write {near[0] if near else ', '.join(sorted(known))}")
        else:
            changed[name] = _duration(f"timing.{name}", text, faults)
    return replace(PROFILES[declared.profile], **changed)


def _duration(place: str, text: str, faults: list[str]) -> timedelta:
    try:
        return parse_duration(text)
    except InvalidCommand as error:
        faults.append(f"{place}: {error.message}")
        return timedelta(0)
