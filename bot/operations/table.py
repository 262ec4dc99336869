"""Every operation, once: what it is called in Slack and in a shell, what it does, and how much harm it can do.

Read by the grammar, by help and by the command line; it imports nothing heavy, because `dragonfly --help` reads it.
"""

from dataclasses import dataclass

from bot.domain.actor import Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation on its surfaces."""

    name: str
    sentence: str
    slack: str = ""
    """Usage after `/dragonfly`, or empty where Slack does not have it."""
    cli: str = ""
    """Usage after `dragonfly`, or empty where the shell does not have it."""
    risk: Risk = Risk.READ
    aliases: tuple[str, ...] = ()
    why_one: str = ""
    """Why it stands on one surface only."""


_SHELL_ONLY = "needs a credential or a long-running process that only a shell has"

OPERATIONS = (
    Operation(name="status", slack="status", cli="status", sentence="everything on one card"),
    Operation(
        name="stuck",
        slack="stuck [5m]",
        cli="stuck [--older-than 5m]",
        sentence="jobs that have been processing too long",
    ),
    Operation(
        name="reset-stuck",
        slack="reset-stuck [type] [older-than]",
        cli="plan reset-stuck [type=…] [older_than=…]",
        sentence="plan to put a dead worker's jobs back; you confirm what you see",
        risk=Risk.CHANGE,
    ),
    Operation(
        name="alerts",
        slack="alerts",
        cli="alerts [why ID]",
        sentence="what is broken and who has it",
        aliases=("incidents",),
    ),
    Operation(name="ack", slack="ack A31", cli="ack A31", sentence="take an alert; calling stops"),
    Operation(
        name="resolve",
        slack="resolve A31 reason",
        cli="resolve A31 --reason …",
        sentence="resolve an alert by hand",
        risk=Risk.CHANGE,
    ),
    Operation(
        name="timeline", slack="timeline A31", cli="timeline A31", sentence="what happened to an alert, oldest first"
    ),
    Operation(
        name="runbook", slack="runbook [scenario]", cli="runbook show NAME", sentence="the declared steps of a scenario"
    ),
    Operation(name="oncall", slack="oncall", cli="oncall", sentence="who is on call, and who is called next"),
    Operation(name="help", slack="help [word]", cli="help", sentence="which words there are"),
    Operation(name="check", cli="check", sentence="run every check once and print what it finds", why_one=_SHELL_ONLY),
    Operation(
        name="doctor",
        cli="doctor [--offline]",
        sentence="will it work at night?",
        why_one="its Slack card comes with the whole playbook",
    ),
    Operation(
        name="apply",
        cli="apply PLAN [--yes]",
        sentence="confirm a plan, the shell's word for pressing Confirm",
        risk=Risk.CHANGE,
        why_one="in Slack the card's button confirms",
    ),
    Operation(
        name="audit",
        cli="audit list|show|verify|export",
        sentence="who did what; does the record add up?",
        why_one=_SHELL_ONLY,
    ),
    Operation(
        name="route",
        cli="route test LABELS --expect WHO",
        sentence="who would be called for an alert?",
        why_one=_SHELL_ONLY,
    ),
    Operation(
        name="db",
        cli="db migrate|status|grants",
        sentence="the bot's own tables and its least-privilege role",
        risk=Risk.CHANGE,
        why_one=_SHELL_ONLY,
    ),
    Operation(name="bot", cli="bot", sentence="run the bot: Slack, checks, delivery", why_one=_SHELL_ONLY),
    Operation(
        name="sandbox",
        cli="sandbox",
        sentence="the whole product on this machine, with faults to press",
        why_one=_SHELL_ONLY,
    ),
)


def in_slack() -> tuple[Operation, ...]:
    """Return the operations that Slack has."""
    return tuple(item for item in OPERATIONS if item.slack)
