"""The cast: one team, five people, one bot, four channels, three user groups."""

from dataclasses import dataclass, field

TEAM_ID = "T0DRAGON"
TEAM_NAME = "Dragonfly"
TEAM_DOMAIN = "dragonfly-sandbox"
APP_ID = "A0DRAGON"
BOT_ID = "B0BOT"
BOT_USER = "U0BOT"

ADA = "U0ADA"
BEN = "U0BEN"
CLEO = "U0CLEO"
DANA = "U0DANA"
GIL = "U0GIL"

INCIDENTS = "C0INCIDENTS"
GENERAL = "C0GENERAL"
SECURITY = "C0SECURITY"
OPS_ALL = "C0OPSALL"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person or the bot."""

    id: str
    name: str
    real_name: str
    title: str
    color: str
    is_bot: bool = False
    is_workflow_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    team_id: str = TEAM_ID
    """Another one's for somebody who is here through a shared channel only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A conversation and who is in it."""

    id: str
    name: str
    members: frozenset[str]
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    """Another organisation is in it (Slack Connect)."""
    topic: str = ""

    @property
    def scope_prefix(self) -> str:
        """Return the family of scopes that covers this kind of conversation."""
        return "im" if self.is_im else "groups" if self.is_private else "channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """A group of people that can be mentioned together."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = field(default_factory=tuple)


USERS = (
    User(id=ADA, name="ada", real_name="Ada", title="On-call engineer", color="#7d3ac1"),
    User(id=BEN, name="ben", real_name="Ben", title="Team lead", color="#1a7f64"),
    User(id=CLEO, name="cleo", real_name="Cleo", title="Backend lead", color="#b3541e"),
    User(id=DANA, name="dana", real_name="Dana", title="DBA", color="#2563a8"),
    User(id=GIL, name="gil", real_name="Gil", title="Guest", color="#7a7a7a", is_restricted=True),
    User(id=BOT_USER, name="dragonfly", real_name="Dragonfly", title="", color="#0b7285", is_bot=True),
)
_STAFF = frozenset({ADA, BEN, CLEO, DANA})
CHANNELS = (
    Channel(id=INCIDENTS, name="incidents", members=_STAFF | {GIL, BOT_USER}, topic="What is broken now"),
    Channel(id=GENERAL, name="general", members=_STAFF),
    Channel(id=SECURITY, name="security", members=_STAFF | {BOT_USER}),
    Channel(id=OPS_ALL, name="ops-all", members=_STAFF | {BOT_USER}),
)
GROUPS = (
    UserGroup(id="S0ONCALL", handle="oncall", name="On call", users=(ADA,)),
    UserGroup(id="S0OPS", handle="ops", name="Operators", users=(ADA, BEN, CLEO)),
    UserGroup(id="S0APPROVERS", handle="approvers", name="Approvers", users=(BEN, CLEO, DANA)),
)
