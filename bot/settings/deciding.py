"""From what was written to the configuration that the product works with: the rules between settings."""

from dataclasses import replace

from bot.domain.configuration import (
    DEFAULT_SERVICES,
    DEFAULT_VENDORS,
    DEFAULT_WORKERS,
    ON_CALL,
    PAGER,
    Configuration,
    Level,
    Rotation,
    Vendor,
)
from bot.domain.timing import PROFILES, Timing
from bot.domain.written import is_slack_id
from bot.settings.tables import Environment, File


def mode_of(text: str, faults: list[str], *, needed: bool) -> str:
    """Return `dev` or `prod`."""
    if text in ("dev", "prod"):
        return text
    if text or needed:
        faults.append(f"SUPABASE_MODE is {repr(text) if text else 'not set'}; write dev or prod")
    return "dev"


def database(env: Environment, mode: str, faults: list[str]) -> str:
    """Return the name of the variable that names the database; never fall through to the other mode's."""
    own, other = f"SUPABASE_DB_URL_{mode.upper()}", f"SUPABASE_DB_URL_{'DEV' if mode == 'prod' else 'PROD'}"
    order = ("DRAGONFLY_DATABASE_URL", own, "SUPABASE_DB_URL", "DATABASE_URL", other)
    first = next((name for name in order if getattr(env, name.lower())), "")
    if first == other:
        faults.append(f"only {other} is set and SUPABASE_MODE is {mode}; set {own} or DRAGONFLY_DATABASE_URL")
    if not first:
        faults.append("no database: set DRAGONFLY_DATABASE_URL, for example postgresql://user@host:6543/postgres")
    return first


def require_slack(env: Environment, file: File, faults: list[str]) -> None:
    """Ask for what the Slack surface needs."""
    needs = {
        "SLACK_BOT_TOKEN is not set; write the bot token that begins with xoxb-": env.slack_bot_token,
        "neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP) is set; set one": (
            env.slack_app_token or env.slack_signing_secret
        ),
        "PORT is not set and SLACK_APP_TOKEN neither; set PORT for HTTP, or the token for Socket Mode": (
            env.slack_app_token or env.port is not None
        ),
        "DRAGONFLY_HOOK_TOKEN is set and PORT is not: there is no route for webhooks; set PORT, or unset it": (
            not env.dragonfly_hook_token or env.port is not None
        ),
        "DRAGONFLY_METRICS_TOKEN is set and PORT is not: there is no route for metrics; set PORT, or unset it": (
            not env.dragonfly_metrics_token or env.port is not None
        ),
        "[contacts] calls the pager and DRAGONFLY_PAGER_URL is not set; set it, or take `pager` out": (
            env.dragonfly_pager_url
            or all(PAGER not in level.call for chain in file.contacts.values() for level in chain)
        ),
        "no alert channel: set DRAGONFLY_ALERT_CHANNEL or slack.alert_channel to a channel id such as C0123": (
            env.dragonfly_alert_channel or file.slack.alert_channel
        ),
    }
    faults += [fault for fault, is_met in needs.items() if not is_met]


def configuration(env: Environment, file: File, mode: str, variable: str, faults: list[str]) -> Configuration:
    """Return everything that is not a secret; a variable goes before the file."""
    return Configuration(
        env=mode,
        alert_channel=env.dragonfly_alert_channel or file.slack.alert_channel,
        channels=file.slack.channels,
        fallback_channel=file.slack.fallback_channel,
        security_channel=file.slack.security_channel,
        zone=file.slack.zone,
        people=replace(
            file.people,
            operators=env.dragonfly_operators or file.people.operators,
            approvers=env.dragonfly_approvers or file.people.approvers,
        ),
        rotation=_rotation(env, file),
        contacts=_contacts(file, faults),
        workers=tuple(file.workers.values()) or DEFAULT_WORKERS,
        queue=file.queue,
        timing=_timing(file),
        services=tuple(file.services.values()) or DEFAULT_SERVICES,
        vendors=_vendors(file) or DEFAULT_VENDORS,
        migrations=file.migrations,
        gate=file.gate,
        railway=bool(env.railway_token or env.railway_api_token),
        pager=_pager(env, file, faults),
        monitored=bool(env.dragonfly_healthcheck_url),
        team_runbooks=file.runbooks.folder,
        team_role=file.runbooks.role,
        api_url=env.dragonfly_api_url_prod if mode == "prod" else env.dragonfly_api_url_dev,
        database_variable=variable,
    )


def _timing(file: File) -> Timing:
    """Return the durations; the guard after a database start lasts as long as `dead_after`, unless it is set itself."""
    made = replace(PROFILES[file.profile], **file.timing)
    longer = replace(made, start_guard=max(made.start_guard, made.dead_after))
    return made if "start_guard" in file.timing else longer


def _pager(env: Environment, file: File, faults: list[str]) -> str:
    """Return the shape of the second path, or nothing where there is none; PagerDuty's key is the address's user."""
    address = env.dragonfly_pager_url.get_secret_value()
    if address and file.pager.shape == "pagerduty" and "@" not in address:
        faults.append(
            "DRAGONFLY_PAGER_URL has no routing key for PagerDuty; write https://KEY@events.pagerduty.com/v2/enqueue"
        )
    return file.pager.shape if address else ""


def _rotation(env: Environment, file: File) -> Rotation | None:
    people = env.dragonfly_oncall or file.oncall.people
    return replace(file.oncall, people=people) if people else None


def _contacts(file: File, faults: list[str]) -> dict[str, tuple[Level, ...]]:
    """Return whom each level calls: ids of Slack, whoever is on call, the pager, or a card as it is shown."""
    cards = {name: " ".join(filter(None, (card.name, card.phone, card.link))) for name, card in file.cards.items()}
    faults += [
        f"contacts.{name}: {who!r} is no Slack id, not `oncall` or `pager`, and no name of [cards]"
        for name, levels in file.contacts.items()
        for level in levels
        for who in level.call
        if who not in (ON_CALL, PAGER) and who not in cards and not is_slack_id(who)
    ]
    return {
        name.replace("_", "-"): tuple(
            replace(level, call=tuple(cards.get(who, who) for who in level.call)) for level in levels
        )
        for name, levels in file.contacts.items()
    }


def _vendors(file: File) -> tuple[Vendor, ...]:
    """Return the vendors; one that is known by name has the usual patterns where none are written."""
    usual = {vendor.name: vendor.patterns for vendor in DEFAULT_VENDORS}
    return tuple(replace(item, patterns=item.patterns or usual.get(item.name, ())) for item in file.vendors.values())
