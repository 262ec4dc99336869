"""What the operations need of the world besides Postgres: Slack, its directory, the target's API, a renderer.

Postgres has no port: it is always real, in tests too (docs/decisions/0012). Each protocol here has one implementation
in the product; the other side of the wire is simulated in tests and in the sandbox.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.domain.messages import Message, Page
from bot.domain.platform import LogLine, ServiceState
from bot.domain.vendor import Answer
from bot.domain.workers import SourceVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message ready for Slack: the notification text, and blocks (none = plain text)."""

    text: str
    blocks: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message of ours found in a channel's history."""

    ts: str
    outbox_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the directory says of a Slack user."""

    user_id: str
    team_id: str
    name: str = ""
    why_not: str = ""
    """What keeps them from being a full member of our own team: `a guest`, `a bot`; empty = they are one."""


class Renderer(Protocol):
    """Messages to something Slack shows."""

    def card(self, message: Message) -> Rendered:
        """Return a message's blocks and fallback text."""

    def plain(self, message: Message) -> Rendered:
        """Return a message as text of at most 2,000 characters."""

    def view(self, message: Message) -> Mapping[str, object]:
        """Return a modal or Home view."""

    def line(self, message: Message) -> str:
        """Return a message as one line of at most 140 characters, for a pager."""


class Chat(Protocol):
    """Slack's Web API as far as we use it.

    Every method raises `RateLimited`, `DeliveryTransient` (certainly not sent), `DeliveryAmbiguous` (may have been
    sent) or `DeliveryPermanent`; `slack_error` is Slack's word for it.
    """

    def post(
        self, channel: str, content: Rendered, *, thread_ts: str = "", broadcast: bool = False, outbox_id: str = ""
    ) -> str:
        """Post a message once and return its ts."""

    def update(self, channel: str, ts: str, content: Rendered) -> None:
        """Replace a message of ours."""

    def ephemeral(self, channel: str, user: str, content: Rendered, *, thread_ts: str = "") -> None:
        """Show a message to one person."""

    def respond(self, response_url: str, content: Rendered, *, replace: bool = False) -> None:
        """Answer one person through the address that came with a command or a press."""

    def open_view(self, trigger_id: str, view: Mapping[str, object]) -> str:
        """Open a modal and return its id; the trigger is good for three seconds."""

    def update_view(self, view_id: str, view: Mapping[str, object]) -> None:
        """Replace a modal's contents."""

    def publish_home(self, user: str, view: Mapping[str, object]) -> None:
        """Replace a person's Home."""

    def history(self, channel: str, since: datetime, *, thread_ts: str = "") -> Sequence[Posted]:
        """Return our own recent messages of a channel or thread, found by their metadata."""

    def link(self, channel: str, ts: str) -> str:
        """Return a message's address, or an empty string while it is not known."""

    def check(self) -> frozenset[str]:
        """Ask Slack who we are and return our token's scopes; raises when it does not answer or refuses the token."""


class Pager(Protocol):
    """The second path: told of alerts when Slack is not enough."""

    def close(self) -> None:
        """Close the connections."""

    def send(self, page: Page, text: str) -> None:
        """Tell of a trigger, an acknowledgement or an end; raises `DeliveryError` when it was not taken."""


class Directory(Protocol):
    """Who a Slack user is, which groups they are in, and whether a channel is ours alone.

    `fresh` = at most 60 s old, else up to 15 min. Every method raises `DeliveryError` where the directory cannot be asked
    and nothing recent enough is known.
    """

    def identify(self, user_id: str, *, fresh: bool) -> Identity:
        """Return who a user is."""

    def members(self, group_or_user: str, *, fresh: bool) -> frozenset[str]:
        """Return the user ids behind a user-group id (or the user itself)."""

    def why_not_here(self, channel_id: str, *, fresh: bool) -> str:
        """Return why nothing is done in a channel (`another organisation is in it`), or an empty string."""


class HealthApi(Protocol):
    """The target's own status endpoint."""

    def close(self) -> None:
        """Close the connections."""

    def worker_verdicts(self) -> Mapping[str, SourceVerdict]:
        """Return what `/api/v1/system/status` says by worker type; `unknown` when it cannot tell."""


class Platform(Protocol):
    """Where the services run.

    Reads raise `TargetUnavailable` or `TargetRefused`; changes also `OutcomeUnknown`: sent, and no answer came.
    """

    def close(self) -> None:
        """Close the connections."""

    def state(self, service: str, service_id: str = "") -> ServiceState:
        """Return what runs of a service now."""

    def logs(self, deployment_id: str, most: int, since: datetime | None = None) -> Sequence[LogLine]:
        """Return the newest lines of a deployment, oldest first."""

    def diagnosis(self, deployment_id: str) -> bool:
        """Say whether the platform itself has a diagnosis of a deployment."""

    def variable(self, service_id: str, name: str) -> str | None:
        """Return the value of one variable."""

    def restart(self, deployment_id: str) -> None:
        """Restart the process of a running deployment."""

    def set_variable(self, service_id: str, name: str, value: str) -> None:
        """Set one variable of one service."""


class VendorProbe(Protocol):
    """Somebody else's system: our own question to it, and what its status page says."""

    def close(self) -> None:
        """Close the connections."""

    def ask(self, url: str) -> Answer:
        """Ask an endpoint for a sign of life."""

    def status_page(self, url: str) -> Answer:
        """Read a status page."""


Count = Callable[[str, str], None]
"""Count one more of what `/metrics` shows: (`commands`, `status`), (`deliveries`, `delivered`)."""
Wake = Callable[[str], None]
"""Tell this process's loops that there is work now: `inbox`, `runs` or `delivery`; they find it anyway (D3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One inbound delivery from Slack, reduced to what handlers need."""

    key: str
    kind: str
    """`command`, `action`, `submission` or `event`."""
    team_id: str
    user_id: str
    user_team: str = ""
    """The person's own team, where Slack says it: another one's for somebody from outside."""
    channel_id: str = ""
    user_name: str = ""
    text: str = field(default="", repr=False)
    """A command's words, or a mention's."""
    action_id: str = ""
    value: str = ""
    message_ts: str = ""
    thread_ts: str = ""
    is_ephemeral: bool = False
    trigger_id: str = ""
    response_url: str = field(default="", repr=False)
    view_id: str = ""
    callback_id: str = ""
    private_metadata: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """A submission's fields by action id."""
    event_type: str = ""
    signature: bytes | None = None
    """sha256 of the HTTP signature (§6, N2)."""
