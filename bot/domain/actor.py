"""Who acts, from which surface, and what they may do."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Surface(StrEnum):
    """Where a request came from."""

    SLACK = "slack"
    CLI = "cli"
    SCHEDULE = "schedule"


class Role(IntEnum):
    """What somebody may do; each role may do what the lower ones may (design, section 7)."""

    NOBODY = 0
    VIEWER = 1
    OPERATOR = 2
    APPROVER = 3


class Risk(StrEnum):
    """How much harm an operation can do."""

    READ = "read"
    CHANGE = "change"
    DANGER = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person or the bot itself, as the audit trail names them."""

    key: str
    """`slack:T1/U1`, `cli:name@host` or `dragonfly`."""
    surface: Surface
    name: str = ""
    """A name for plain text; never used to decide anything."""
    channel: str = ""
    """Where in Slack it was asked; empty = in a form, on Home, or in a shell."""
    message: str = ""
    """Timestamp of the message on which it was pressed; empty = on none, or on one that only its reader has."""

    @property
    def user_id(self) -> str:
        """Return the Slack user id, or an empty string."""
        return self.key.rpartition("/")[2] if self.surface is Surface.SLACK else ""

    @property
    def team_id(self) -> str:
        """Return the Slack team id, or an empty string."""
        return self.key.removeprefix("slack:").partition("/")[0] if self.surface is Surface.SLACK else ""


def slack_actor(team_id: str, user_id: str, name: str = "", channel: str = "", message: str = "") -> Actor:
    """Return the actor for a Slack user of a team."""
    return Actor(key=f"slack:{team_id}/{user_id}", surface=Surface.SLACK, name=name, channel=channel, message=message)


def cli_actor(user: str, host: str) -> Actor:
    """Return the actor for a person at a shell; the database credential is the authority there."""
    return Actor(key=f"cli:{user}@{host}", surface=Surface.CLI, name=user)
