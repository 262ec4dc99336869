"""Read the environment and the file; every fault is said with what to write instead."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.settings.tables import Environment, File

DEFAULT_FILE = "dragonfly.toml"
_URLS = ("DRAGONFLY_DATABASE_URL", "SUPABASE_DB_URL", "DATABASE_URL")


def environment(env: Mapping[str, str], faults: list[str]) -> Environment:
    """Return the variables; what cannot be read becomes a fault."""
    known = {name: env[name.upper()] for name in Environment.model_fields if env.get(name.upper())}
    try:
        return Environment.model_validate(known)
    except ValidationError as error:
        faults += [f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        return Environment.model_construct(**{name: item.default for name, item in Environment.model_fields.items()})


def file(env: Mapping[str, str], faults: list[str]) -> File:
    """Return the tables of `dragonfly.toml`; none where there is no file."""
    named = env.get("DRAGONFLY_CONFIG", "")
    path = Path(named or DEFAULT_FILE)
    if not path.is_file():
        if named:
            faults.append(
                f"DRAGONFLY_CONFIG names {named}, which is no file; write the path of a dragonfly.toml, or unset it"
            )
        return File()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return File.model_validate(_with_environment(raw, env, faults))
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{path.name} is not TOML: {error}")
    except ValidationError as error:
        faults += [_said(item) for item in error.errors()]
    return File()


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
        model: Any = File
        for part in item["loc"][:-1]:
            inner = getattr(model, "model_fields", {}).get(part)
            model = inner.annotation if inner else model
        known = list(getattr(model, "model_fields", {}))
        near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
        return f"{place}: unknown key; write {near[0] if near else ', '.join(known) or 'what dragonfly.example.toml shows'}"
    return f"{place}: {item['msg'].lower()}"


def mode_of(text: str, faults: list[str], *, needed: bool) -> str:
    """Return `dev` or `prod`."""
    if text in ("dev", "prod"):
        return text
    if text:
        faults.append(f"SUPABASE_MODE is {text!r}; write dev or prod")
    elif needed:
        faults.append("SUPABASE_MODE is not set; write dev or prod")
    return "dev"


def database(env: Mapping[str, str], mode: str, faults: list[str]) -> tuple[str, str]:
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


def require_slack(found: Environment, declared: File, faults: list[str]) -> None:
    """Ask for what the Slack surface needs."""
    if not found.slack_bot_token.get_secret_value():
        faults.append("SLACK_BOT_TOKEN is not set; write the bot token that begins with xoxb-")
    if not found.slack_app_token.get_secret_value():
        if not found.slack_signing_secret.get_secret_value():
            faults.append("neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP) is set; set one")
        if found.port is None:
            faults.append(
                "PORT is not set and SLACK_APP_TOKEN neither; set PORT for HTTP, or the token for Socket Mode"
            )
    if found.dragonfly_hook_token.get_secret_value() and found.port is None:
        faults.append(
            "DRAGONFLY_HOOK_TOKEN is set and PORT is not: there is no route for webhooks; set PORT, or unset it"
        )
    if not (found.dragonfly_alert_channel or declared.slack.alert_channel):
        faults.append(
            "no alert channel: set DRAGONFLY_ALERT_CHANNEL or slack.alert_channel to a channel id such as C0123"
        )
