"""What a method of the Web API is: its name, what it does, how often, and who may call it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.sandbox.slack import people
from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.entities import Json, Message, Refusal
from bot.sandbox.slack.people import Channel
from bot.sandbox.slack.rates import Tier
from bot.sandbox.slack.settings import SlackSettings
from bot.sandbox.slack.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What methods work on."""

    workspace: Workspace
    issue_ticket: Callable[[], str]
    """Return the address of a new socket."""
    base_url: str
    """The address of the page, for permalinks."""

    @property
    def settings(self) -> SlackSettings:
        """Return what this Slack was told at its start."""
        return self.workspace.settings

    def need_scope(self, scope: str) -> None:
        """Refuse the call unless the app was granted the scope."""
        if scope not in self.settings.scopes:
            provided = ",".join(sorted(self.settings.scopes))
            raise Refusal("missing_scope", needed=scope, provided=provided)

    def channel(self, channel_id: str) -> Channel:
        """Return a conversation the app can know of, or refuse."""
        channel = self.workspace.channel(channel_id)
        hidden = channel is not None and (channel.is_private or channel.is_im)
        if channel is None or (hidden and people.BOT_USER not in channel.members):
            raise Refusal("channel_not_found")
        return channel

    def own_channel(self, channel_id: str) -> Channel:
        """Return a conversation the bot is in, or refuse."""
        channel = self.channel(channel_id)
        if people.BOT_USER not in channel.members:
            raise Refusal("not_in_channel")
        return channel

    def message(self, channel: Channel, ts: str) -> Message:
        """Return a message that everybody in the channel can see, or refuse."""
        message = self.workspace.find(channel.id, ts)
        if message is None or message.ephemeral_to or message.subtype == "tombstone":
            raise Refusal("message_not_found")
        return message


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of the Web API."""

    name: str
    run: Callable[[Api, Args], Json]
    tier: Tier
    scope: str = ""
    app_token: bool = False
    """Called with the app-level token, and only with it."""
    takes_json: bool = field(default=True)
    """Write methods take a JSON body, read methods only a form (docs.slack.dev/apis/web-api, 2026-11)."""


def page_of(items: list[Json], args: Args, *, default: int, high: int = 1000) -> tuple[list[Json], Json]:
    """Return one page of a list and the `response_metadata` that leads to the next."""
    limit = args.number("limit", default, low=1, high=high)
    cursor = args.text("cursor")
    if cursor and not (cursor.startswith("next:") and cursor[5:].isdigit()):
        raise Refusal("invalid_cursor")
    start = int(cursor[5:]) if cursor else 0
    more = start + limit < len(items)
    return items[start : start + limit], {"next_cursor": f"next:{start + limit}" if more else ""}
