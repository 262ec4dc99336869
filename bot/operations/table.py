"""Every operation, once: what it is called in Slack and in a shell, what it takes, and how much harm it can do.

Read by the grammar, by help and by the command line; it imports nothing heavy, because `dragonfly --help` reads it.
Steps that change something are not here: a runbook declares them (`runbooks/`).
"""

from dataclasses import dataclass

from bot.domain.actor import Risk
from bot.domain.params import Param

SLACK, SHELL = "slack", "shell"
BOTH = (SLACK, SHELL)
VERIFIED = ("worker-death", "migration-block", "vendor-outage")
"""Scenarios that `verify` looks at; none is taken for granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation on its surfaces."""

    name: str
    sentence: str
    params: tuple[Param, ...] = ()
    surfaces: tuple[str, ...] = BOTH
    cli: str = ""
    """Usage after `dragonfly`, where it differs from the one in Slack."""
    risk: Risk = Risk.READ
    aliases: tuple[str, ...] = ()
    why_one: str = ""
    """Why it stands on one surface only."""

    @property
    def slack(self) -> str:
        """Return the usage after `/dragonfly`, or nothing where Slack does not have it."""
        return " ".join([self.name, *(item.usage for item in self.params)]) if SLACK in self.surfaces else ""

    @property
    def shell(self) -> str:
        """Return the usage after `dragonfly`, or nothing where the shell does not have it."""
        if SHELL not in self.surfaces:
            return ""
        return self.cli or " ".join([self.name, *(_option(item) for item in self.params)])


def _option(param: Param) -> str:
    """Return how a parameter of a read is written in a shell: a word stays a word, the others are options."""
    name = f"--{param.name.replace('_', '-')}"
    if param.type == "flag":
        return f"[{name}]"
    return f"[{name} {param.example}]" if param.after or param.type == "duration" else param.usage


_SHELL_ONLY = "needs a credential or a long-running process that only a shell has"
_ALERT = Param(name="alert", type="alert", required=True, example="A31")
_TYPE = Param(name="type", type="job_type", example="ingest")
_OLDER = Param(name="older_than", type="duration", example="10m")
_SERVICE = Param(name="service", type="name", required=True, example="ingest")

OPERATIONS = (
    Operation(name="status", sentence="everything on one card"),
    Operation(name="workers", sentence="every worker: status, heartbeat, jobs held, progress"),
    Operation(
        name="queue",
        sentence="jobs due, delayed, lock-held and paused; what comes next and why the others wait",
        params=(_TYPE, Param(name="next", type="integer", after="--next", example="10")),
    ),
    Operation(
        name="failed",
        sentence="failures by error class, those out of attempts apart",
        params=(Param(name="since", type="duration", example="24h"),),
        cli="failed [--since 24h] [--show-errors]",
    ),
    Operation(name="stuck", sentence="jobs that have been processing too long", params=(_TYPE, _OLDER)),
    Operation(name="ingest", sentence="ingest jobs by status, oldest age and source file"),
    Operation(
        name="migrations",
        sentence="applied, pending, differing and unknown migrations, by version",
        params=(Param(name="most", type="integer", example="20"),),
    ),
    Operation(name="locks", sentence="who blocks whom, and for how long"),
    Operation(
        name="logs",
        sentence="what the platform's logs show; never a whole line in Slack",
        params=(
            _SERVICE,
            Param(name="lines", type="integer", after="--lines", example="100"),
            Param(name="oom", type="flag", after="--oom"),
        ),
    ),
    Operation(
        name="probe",
        sentence="ask a vendor for a sign of life",
        params=(Param(name="vendor", type="name", example="simplicity"),),
    ),
    Operation(
        name="verify",
        sentence="two looks: has the scenario recovered?",
        params=(Param(name="scenario", type="choice", choices=VERIFIED, required=True, example="worker-death"),),
    ),
    Operation(
        name="gate",
        sentence="may we release? every check with its remedy",
        params=(
            Param(name="mode", type="choice", choices=("dev", "prod"), required=True, example="prod"),
            Param(name="skip", type="words", after="--skip", example="evaluator"),
        ),
        cli="gate --mode dev|prod [--skip NAME …]",
    ),
    Operation(name="alerts", sentence="what is broken and who has it", aliases=("incidents",), cli="alerts [why ID]"),
    Operation(name="ack", sentence="take an alert; calling stops", params=(_ALERT,)),
    Operation(
        name="resolve",
        sentence="resolve an alert by hand",
        params=(_ALERT, Param(name="reason", type="text", required=True, rest=True, example="planned stop")),
        cli="resolve A31 --reason …",
        risk=Risk.CHANGE,
    ),
    Operation(name="timeline", sentence="what happened to an alert, oldest first", params=(_ALERT,)),
    Operation(
        name="runbook",
        sentence="the declared steps of a scenario",
        params=(Param(name="scenario", type="name", example="worker-death"),),
        cli="runbook list|show NAME|run STEP [name=value …]|lint [FOLDER]",
    ),
    Operation(name="oncall", sentence="who is on call, and who is called next"),
    Operation(
        name="freeze",
        sentence="turn all changes off, at once",
        params=(Param(name="reason", type="text", required=True, rest=True, example="database failover"),),
        cli="freeze REASON…",
        risk=Risk.CHANGE,
    ),
    Operation(
        name="unfreeze",
        sentence="turn changes on again: another approver than who turned them off, in Slack",
        risk=Risk.CHANGE,
    ),
    Operation(name="doctor", sentence="will it work at night?", cli="doctor [--offline]"),
    Operation(
        name="help", sentence="which words there are", params=(Param(name="word", type="name", example="stuck"),)
    ),
    Operation(name="check", sentence="run every check once", surfaces=(SHELL,), why_one=_SHELL_ONLY),
    Operation(
        name="plan",
        sentence="look what a step would do, or at a plan from elsewhere; changes nothing",
        params=(Param(name="plan", type="run", required=True, example="7F3K"),),
        cli="plan STEP [name=value …] | plan show ID",
    ),
    Operation(
        name="apply",
        sentence="confirm a plan, the shell's word for pressing Confirm",
        surfaces=(SHELL,),
        cli="apply PLAN [--yes] [--hand-over]",
        risk=Risk.CHANGE,
        why_one="in Slack the card's button confirms",
    ),
    Operation(
        name="undo",
        sentence="look what taking a run back would do; changes nothing",
        surfaces=(SHELL,),
        cli="undo RUN",
        why_one="in Slack it is a step like any other",
    ),
    Operation(
        name="audit",
        sentence="who did what; does the record add up?",
        surfaces=(SHELL,),
        cli="audit list|show|verify [--anchor FILE|N:HASH …]|export [--from N] [--to N]|accept --reason WHY",
        why_one=_SHELL_ONLY,
    ),
    Operation(
        name="route",
        sentence="who would be called for an alert?",
        surfaces=(SHELL,),
        cli="route test LABELS --expect WHO",
        why_one=_SHELL_ONLY,
    ),
    Operation(
        name="db",
        sentence="the bot's own tables and its least-privilege role",
        surfaces=(SHELL,),
        cli="db migrate|status|grants [--dba]",
        risk=Risk.CHANGE,
        why_one=_SHELL_ONLY,
    ),
    Operation(name="bot", sentence="run the bot: Slack, checks, delivery", surfaces=(SHELL,), why_one=_SHELL_ONLY),
    Operation(
        name="sandbox",
        sentence="the whole product on this machine, with faults to press",
        surfaces=(SHELL,),
        why_one=_SHELL_ONLY,
    ),
)


def in_slack() -> tuple[Operation, ...]:
    """Return the operations that Slack has."""
    return tuple(item for item in OPERATIONS if item.slack)
