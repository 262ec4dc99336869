"""The things a workspace holds: messages, views, triggers, response URLs, and the record of what passed.

All are frozen: a change replaces the value, so whoever holds one holds a snapshot.
"""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]  # Slack's payloads are open JSON: each reader checks what it uses


class Refusal(Exception):
    """Slack says no: the error word, and what else stands in the answer."""

    def __init__(self, error: str, **extra: object) -> None:
        """Keep Slack's word and the other fields of the answer."""
        super().__init__(error)
        self.error = error
        self.extra = extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in a channel, or shown to one person only."""

    ts: str
    channel: str
    user: str
    text: str = ""
    blocks: tuple[Json, ...] = ()
    thread_ts: str = ""
    reply_broadcast: bool = False
    bot_id: str = ""
    ephemeral_to: str = ""
    edited_ts: str = ""
    metadata: Json | None = None
    subtype: str = ""

    @property
    def is_reply(self) -> bool:
        """Return whether the message stands in a thread under another."""
        return self.thread_ts not in ("", self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A modal or a Home tab as it stands."""

    id: str
    user: str
    payload: Json
    """What the app sent: type, title, blocks and so on."""
    hash: str
    root_id: str
    previous_id: str = ""

    @property
    def blocks(self) -> list[Json]:
        """Return the view's blocks."""
        return list(self.payload.get("blocks", []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """The right to open one view, for three seconds."""

    id: str
    user: str
    issued_at: float
    view_id: str = ""
    """The view the interaction happened in; only from there a view can be pushed."""
    used: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseUrl:
    """The right to answer one interaction five times within half an hour."""

    token: str
    user: str
    channel: str
    issued_at: float
    message: Message | None = None
    """The message that was clicked in; None for a slash command."""
    uses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the Web API or of a response URL, as it arrived and as it was answered."""

    method: str
    args: Json
    at: float
    answer: Json
    status: int = 200
    dropped: bool = False
    """The answer was never sent."""

    @property
    def ok(self) -> bool:
        """Return whether Slack took it, whether or not the answer arrived."""
        return self.answer.get("ok") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One thing sent to the app, and what became of it."""

    kind: str
    payload: Json
    at: float
    retry: int = 0
    acknowledged: bool = False
    reason: str = ""
    """Slack's word for a delivery that failed, such as `http_timeout`."""
    took_seconds: float = 0.0
    answer: Json | None = None
