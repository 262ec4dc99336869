"""The shape of what may be written: variables of the environment, and the tables of `dragonfly.toml`. Unknown keys are faults."""

from datetime import UTC, datetime, time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    dragonfly_dba_database_url: SecretStr = SecretStr("")
    dragonfly_hook_token: SecretStr = SecretStr("")
    railway_token: SecretStr = SecretStr("")
    railway_api_token: SecretStr = SecretStr("")
    railway_api_url: str = "https://backboard.railway.com/graphql/v2"
    railway_project_id: str = ""
    railway_environment_id: str = ""
    port: int | None = None


class Table(BaseModel):
    """Unknown keys are faults."""

    model_config = ConfigDict(extra="forbid")


class OverrideTable(Table):
    """`[[oncall.overrides]]`."""

    who: str
    start: datetime
    end: datetime


class OncallTable(Table):
    """`[oncall]`."""

    people: list[str] = []
    starts: datetime = datetime(2026, 1, 5, 8, tzinfo=UTC)
    zone: str = "UTC"
    handover: time = time(8)
    overrides: list[OverrideTable] = []


class LevelTable(Table):
    """One level of `[contacts]`."""

    after: str = "0s"
    label: str
    call: list[str]


class WorkerTable(Table):
    """`[workers.NAME]`."""

    label: str
    serves: list[str]
    expected: bool = True


class CardTable(Table):
    """`[cards]`: a contact that is not in Slack."""

    name: str
    phone: str = ""
    link: str = ""


class PeopleTable(Table):
    """`[people]`."""

    operators: list[str] = []
    approvers: list[str] = []
    names: dict[str, str] = {}


class SlackTable(Table):
    """`[slack]`."""

    alert_channel: str = ""
    channels: list[str] = []
    fallback_channel: str = ""
    zone: str = "UTC"


class QueueTable(Table):
    """`[queue]`."""

    max_attempts: int = Field(default=5, ge=1, le=100)
    approve_above: int = Field(default=500, ge=1, le=5000)
    plan_cap: int = Field(default=5000, ge=1, le=5000)
    batch: int = Field(default=500, ge=1, le=500)
    rescue_limit: int = Field(default=3, ge=1, le=20)
    resume_batch: int = Field(default=50, ge=1, le=500)
    stuck_limits: dict[str, str] = {}
    idempotent: dict[str, bool] = {}


class ServiceTable(Table):
    """`[services.NAME]`."""

    aliases: list[str] = []
    worker_types: list[str] = []
    service_id: str = ""
    local: str = ""


class VendorTable(Table):
    """`[vendors.NAME]`."""

    title: str
    endpoint: str = ""
    status_page: str = ""
    job_types: list[str] = []
    patterns: list[str] = []
    least: int = Field(default=5, ge=1)
    services: list[str] = []
    variable: str = ""
    contact: str = ""


class MigrationsTable(Table):
    """`[migrations]`."""

    source: str = ""
    rollbacks: str = ""
    application_names: list[str] = []


class GateTable(Table):
    """`[gate]`."""

    checkout: str = ""
    commands: dict[str, list[str]] = {}
    evaluator_result: str = ""
    evaluator_age: str = "24h"
    evaluator_least: float = Field(default=0.95, ge=0, le=1)
    tables: list[str] = ["ops.job_queue", "ops.worker_heartbeats"]
    service_name: str = ""
    worker_window: str = "300s"
    deadline: str = "60s"


class RunbooksTable(Table):
    """`[runbooks]`."""

    folder: str = ""
    role: str = Field(default="", pattern=r"^([a-z_][a-z0-9_]{0,62})?$")


class File(Table):
    """The whole file."""

    profile: Literal["playbook", "fast"] = "playbook"
    slack: SlackTable = SlackTable()
    people: PeopleTable = PeopleTable()
    oncall: OncallTable | None = None
    contacts: dict[str, list[LevelTable]] = {}
    cards: dict[str, CardTable] = {}
    workers: dict[str, WorkerTable] = {}
    queue: QueueTable = QueueTable()
    services: dict[str, ServiceTable] = {}
    vendors: dict[str, VendorTable] = {}
    migrations: MigrationsTable = MigrationsTable()
    gate: GateTable = GateTable()
    runbooks: RunbooksTable = RunbooksTable()
    timing: dict[str, str] = {}
