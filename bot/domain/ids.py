"""Every id that Slack keeps for us: action ids, callback ids, block ids, and what button values hold.

An `action_id` is `<verb>[.<thing>]:v1`; a released id keeps its meaning. Confirm, approve and run carry a plan's
single-use secret; every other control carries a short key only (option values hold 150 characters).
"""

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from bot.domain.plan import secret_hash

COMMAND = "/dragonfly"
METADATA_EVENT = "dragonfly"
SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "groups:history",
        "groups:read",
        "usergroups:read",
        "users:read",
    }
)
"""What the app asks of Slack, as the manifest declares it; a token keeps those it was installed with."""

ACK = "ack:v1"
RESOLVE = "resolve:v1"
MORE = "more:v1"
"""The menu `⋯`: what is chosen in it counts as a press of the button that its value names."""
REFRESH = "refresh:v1"
SHARE = "share:v1"

READ_STATUS = "read.status:v1"
READ_RUNBOOK = "read.runbook:v1"
READ_TIMELINE = "read.timeline:v1"
READ_ONCALL = "read.oncall:v1"
READ_HELP = "read.help:v1"
READ_PLAN = "read.plan:v1"

READ_LOGS = "read.logs:v1"
READ_LOCKS = "read.locks:v1"
READ_PROBE = "read.probe:v1"
READ_VERIFY = "read.verify:v1"
READ_MIGRATIONS = "read.migrations:v1"

PLAN_RESTART = "plan.restart:v1"
PLAN_PAUSE = "plan.pause:v1"
PLAN_RESUME = "plan.resume:v1"
PLAN_OFFLINE = "plan.offline:v1"
PLAN_UNLOCK = "plan.unlock:v1"
PLAN_REPAIR = "plan.repair:v1"
PLAN_ALLOW = "plan.allow-release:v1"
PLAN_RESET = "plan.reset-stuck:v1"
PLAN_UNDO = "plan.undo:v1"
PLAN_AGAIN = "plan.again:v1"
"""The same step with the same parameters as the plan whose key is the value."""
SETTLE_YES = "settle.yes:v1"
SETTLE_NO = "settle.no:v1"

STOP = "stop:v1"
"""Stop what goes on by itself: the resume whose pause is the value."""
STOP_GATE = "stop.gate:v1"
GATE = "gate:v1"
"""Run the gate of the mode that is the value."""

STOP_ALONE = "stop.alone:v1"
"""Stop what one person is about to run alone: anybody may."""
RUN_ALONE = "run.alone:v1"
REVIEW = "review:v1"
"""Close the review of what one person ran alone."""

CONFIRM = "confirm:v1"
CANCEL = "cancel:v1"
ASK = "ask:v1"
APPROVE = "approve:v1"
DENY = "deny:v1"
RUN = "run:v1"
WITHDRAW = "withdraw:v1"

OPEN_PLAN = "open.plan:v1"
OPEN_CARD = "open.card:v1"
OPEN_RAILWAY = "open.railway:v1"

INPUT_REASON = "reason:v1"
INPUT_TYPED = "typed:v1"

VIEW_PLAN = "plan.all"
VIEW_ASK = "danger.request"
VIEW_TYPED = "danger.typed"
VIEW_ALONE = "danger.alone.modal"
VIEW_REVIEW = "danger.review"
VIEW_STEP = "plan.step"
VIEW_RESOLVE = "alert.resolve"
VIEW_SETTLE_YES = "settle.yes"
VIEW_SETTLE_NO = "settle.no"
VIEW_WORKING = "working"

_VALUE = re.compile(r"^(?P<form>v1|h1)\.(?P<plan>[0-9A-Z]{4,8})\.(?P<secret>[A-Za-z0-9_-]{43})$")
_ACTION = re.compile(r"^(?P<verb>[a-z]+)\.(?P<thing>[a-z-]+):v1$")
_SHORT = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0/O, 1/I/L or U: read aloud at night without doubt."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a pressed button's value says: which plan, and the hash of the secret it held."""

    plan: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class SecretValue:
    """The value of a button that acts: which plan, and the secret that proves the press came from its card."""

    plan: str
    secret: str

    def encode(self) -> str:
        """Return the button's value."""
        return f"v1.{self.plan}.{self.secret}"


def decode(value: str) -> Pressed | None:
    """Return what a button's value holds, as Slack sends it or as it was written down; None = it is not one of ours."""
    found = _VALUE.match(value)
    if found is None:
        return None
    written = found["form"] == "h1"
    kept = base64.urlsafe_b64decode(found["secret"] + "=") if written else secret_hash(found["secret"])
    return Pressed(found["plan"], kept)


def sealed(value: str) -> str:
    """Return a value of Slack's as it may be written down: with the hash in the place of its secret.

    One that comes from outside in that form already would let a hash pass for its secret: nothing is left of it.
    """
    head, mark, rest = value.partition("?")
    found = _VALUE.match(head)
    if found is None:
        return value
    hashed = base64.urlsafe_b64encode(secret_hash(found["secret"])).decode().rstrip("=")
    return f"h1.{found['plan']}.{hashed}{mark}{rest}" if found["form"] == "v1" else ""


def plan_action(step: str) -> str:
    """Return the action id of the button that plans a step."""
    return f"plan.{step}:v1"


def read_action(name: str) -> str:
    """Return the action id of the button that answers a read."""
    return f"read.{name}:v1"


def input_action(name: str) -> str:
    """Return the action id of an input."""
    return f"{name}:v1"


def asked_of(action: str, verb: str) -> str:
    """Return the step or read that an action id is about, or an empty string."""
    found = _ACTION.match(action)
    return found["thing"] if found and found["verb"] == verb else ""


def encode_request(alert: str, params: Mapping[str, str]) -> str:
    """Return the value of a button that plans or reads: the alert it stands under and the parameters."""
    return f"{alert or '-'}?{urlencode(params)}" if params else alert or "-"


def decode_request(value: str) -> tuple[str, dict[str, str]]:
    """Return the alert (or `-`) and the parameters of a button's value."""
    alert, _, query = value.partition("?")
    return alert, dict(parse_qsl(query))


def new_plan_id() -> str:
    """Return a random plan id, such as `7F3K`."""
    return "".join(secrets.choice(_SHORT) for _ in range(4))


def alert_key(alert_id: int) -> str:
    """Return an alert's id as people say it, such as `A31`."""
    return f"A{alert_id}"


def parse_alert_key(text: str) -> int | None:
    """Return the number of an alert key, or None."""
    found = re.fullmatch(r"[Aa]?(\d{1,12})", text.strip())
    return int(found[1]) if found else None
