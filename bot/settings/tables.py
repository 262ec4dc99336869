"""The shape of what may be written: variables of the environment, and the tables of `dragonfly.toml`.

Most tables are the configuration's own dataclasses; types, bounds and unknown keys are pydantic's to find.
"""

import difflib
from collections.abc import Collection
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.domain.configuration import Gate, Level, Migrations, People, Queue, Rotation, Service, Vendor, WorkerType
from bot.domain.timing import Timing
from bot.domain.written import Address, Channel, Duration, SecretAddress, SlackId, Zone, between

UNSET = SecretStr("")
IN_BRACKETS = ("workers", "services", "vendors")
"""Tables of tables, each with its name in its brackets."""


def _split(text: object) -> object:
    return [item.strip() for item in text.split(",") if item.strip()] if isinstance(text, str) else text


_SlackIds = Annotated[tuple[SlackId, ...], BeforeValidator(_split)]
"""In a variable, commas stand between them."""


class Environment(BaseSettings):
    """Secrets and addresses, from the environment only."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    slack_bot_token: SecretStr = UNSET
    slack_signing_secret: SecretStr = UNSET
    slack_signing_secret_previous: SecretStr = UNSET
    slack_app_token: SecretStr = UNSET
    slack_api_url: Address = ""
    supabase_mode: str = ""
    dragonfly_database_url: SecretStr = UNSET
    supabase_db_url_prod: SecretStr = UNSET
    supabase_db_url_dev: SecretStr = UNSET
    supabase_db_url: SecretStr = UNSET
    database_url: SecretStr = UNSET
    dragonfly_dba_database_url: SecretStr = UNSET
    dragonfly_api_url_prod: Address = ""
    dragonfly_api_url_dev: Address = ""
    dragonfly_api_key: SecretStr = UNSET
    dragonfly_alert_channel: Channel = ""
    dragonfly_oncall: _SlackIds = ()
    dragonfly_operators: _SlackIds = ()
    dragonfly_approvers: _SlackIds = ()
    dragonfly_config: str = ""
    dragonfly_hook_token: SecretStr = UNSET
    dragonfly_audit_key: SecretStr = UNSET
    dragonfly_metrics_token: SecretStr = UNSET
    dragonfly_pager_url: SecretAddress = UNSET
    dragonfly_healthcheck_url: SecretAddress = UNSET
    railway_token: SecretStr = UNSET
    railway_api_token: SecretStr = UNSET
    railway_api_url: Address = "https://backboard.railway.com/graphql/v2"
    railway_project_id: str = ""
    railway_environment_id: str = ""
    port: Annotated[int, between(0, 65_535)] | None = None

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else: tests and the sandbox build their environment from nothing."""
        return (sources["init_settings"],)


class Table(BaseModel):
    """A table of the file; unknown keys are faults, in the tables inside of it too."""

    model_config = ConfigDict(extra="forbid")


class SlackTable(Table):
    """`[slack]`."""

    alert_channel: Channel = ""
    channels: tuple[Channel, ...] = ()
    fallback_channel: Channel = ""
    security_channel: Channel = ""
    zone: Zone = "UTC"


class CardTable(Table):
    """A contact that is not in Slack."""

    name: str
    phone: str = ""
    link: str = ""


class RunbooksTable(Table):
    """`[runbooks]`."""

    folder: str = ""
    role: str = Field(default="", pattern=r"^([a-z_][a-z0-9_]{0,62})?$")


class PagerTable(Table):
    """`[pager]`."""

    shape: Literal["webhook", "pagerduty"] = "webhook"


def unknown(key: str, known: Collection[str]) -> str:
    """Return the words for a key that a table does not have."""
    near = difflib.get_close_matches(key, known, n=1)
    return f"unknown key; write {near[0] if near else ', '.join(known)}"


def _duration_name(name: str) -> str:
    known = [item.name for item in fields(Timing)]
    if name not in known:
        raise ValueError(unknown(name, known))
    return name


def _named(tables: Any) -> Any:  # TOML's own shape
    """Give each table the name in its brackets."""
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ValueError("write one table each")
    if named := [name for name, table in tables.items() if "name" in table]:
        raise ValueError(f"{named[0]} has an unknown key, name; the name stands in the brackets")
    return {name: {**table, "name": name} for name, table in tables.items()}


class File(Table):
    """The whole of `dragonfly.toml`."""

    profile: Literal["playbook", "fast"] = "playbook"
    slack: SlackTable = SlackTable()
    people: People = People()
    oncall: Rotation = Rotation()
    contacts: dict[str, tuple[Level, ...]] = {}
    cards: dict[str, CardTable] = {}
    workers: Annotated[dict[str, WorkerType], BeforeValidator(_named)] = {}
    queue: Queue = Queue()
    services: Annotated[dict[str, Service], BeforeValidator(_named)] = {}
    vendors: Annotated[dict[str, Vendor], BeforeValidator(_named)] = {}
    migrations: Migrations = Migrations()
    gate: Gate = Gate()
    runbooks: RunbooksTable = RunbooksTable()
    pager: PagerTable = PagerTable()
    timing: dict[Annotated[str, AfterValidator(_duration_name)], Duration] = {}
