"""The state of the simulated workspace: people, channels, messages, and the record of all that passed.

Safe from any thread: tests read it and wait on it while the server works. It holds no rule of the Web API; it knows
only what is true (a reply has a parent, an ephemeral message has one reader).
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import Call, Delivery, Json, Message
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.feed import Feed
from bot.sandbox.slack.people import Channel, User, UserGroup
from bot.sandbox.slack.rates import RateLimiter, Tier
from bot.sandbox.slack.rights import Rights
from bot.sandbox.slack.settings import SlackSettings
from bot.sandbox.slack.view_store import ViewStore
from bot.sandbox.slack.wire import message_for_page

T = TypeVar("T")


class Workspace:
    """One workspace with one app installed."""

    def __init__(self, settings: SlackSettings) -> None:
        """Hold the cast, empty channels, and nothing done yet."""
        self.settings = settings
        self.revoked: set[str] = set()
        """Bot tokens that were the app's once."""
        self.verification_token = secrets.token_hex(12)
        self.faults = Faults()
        self.feed = Feed()
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self.rights = Rights(self.lock, settings.clock)
        self.views = ViewStore(self._changed, self.feed)
        self._rates = RateLimiter()
        self._users = {user.id: user for user in people.USERS}
        self._channels = {channel.id: channel for channel in people.CHANNELS}
        self._groups = {group.id: group for group in people.GROUPS}
        self._messages: dict[tuple[str, str], Message] = {}
        self._last_micros = 0
        self._calls: list[Call] = []
        self._deliveries: list[Delivery] = []
        self._notices: list[str] = []

    # Time and waiting

    def now(self) -> float:
        """Return seconds since 1970 on the workspace's clock."""
        return self.settings.clock()

    def new_ts(self) -> str:
        """Return a ts that was never given out before and sorts after all others."""
        with self.lock:
            self._last_micros = max(int(self.now() * 1_000_000), self._last_micros + 1)
            return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the workspace for a change; whoever waits looks again afterwards."""
        with self._changed:
            yield
            self._changed.notify_all()

    def wait_for(self, predicate: Callable[[], T], timeout_seconds: float = 5.0) -> T:
        """Return the predicate's answer as soon as it is true.

        Raises:
            TimeoutError: it was not true in time; says what the app did last.
        """
        with self._changed:
            found = self._changed.wait_for(lambda: predicate() or None, timeout_seconds)
            if found is None:
                raise TimeoutError(f"not within {timeout_seconds} s; {self._what_happened()}")
            return found

    def wait_for_message(
        self, channel: str, containing: str = "", *, user: str = people.BOT_USER, timeout_seconds: float = 5.0
    ) -> Message:
        """Return the newest message of the user in the channel that contains the text, once there is one."""

        def newest() -> Message | None:
            found = [
                m
                for m in self.messages(channel)
                if m.user == user and (containing in m.text or containing in str(m.blocks))
            ]
            return found[-1] if found else None

        message = self.wait_for(newest, timeout_seconds)
        assert message is not None
        return message

    def wait_for_call(
        self, method: str, *, where: Callable[[Call], bool] = lambda call: True, timeout_seconds: float = 5.0
    ) -> Call:
        """Return the first call of the method for which `where` holds, once there is one."""

        def first() -> Call | None:
            return next((call for call in self._calls if call.method == method and where(call)), None)

        call = self.wait_for(first, timeout_seconds)
        assert call is not None
        return call

    def _what_happened(self) -> str:
        calls = [f"{call.method}:{call.answer.get('error', 'ok')}" for call in self._calls[-8:]]
        sent = [f"{d.kind}:{'ok' if d.acknowledged else d.reason}" for d in self._deliveries[-4:]]
        return f"last calls {calls}, last deliveries {sent}, notices {self._notices[-3:]}"

    # The record

    @property
    def calls(self) -> list[Call]:
        """Return every call so far, oldest first."""
        with self.lock:
            return list(self._calls)

    def calls_of(self, method: str) -> list[Call]:
        """Return every call of one method so far, oldest first."""
        return [call for call in self.calls if call.method == method]

    @property
    def deliveries(self) -> list[Delivery]:
        """Return everything sent to the app whose outcome is known, oldest first."""
        with self.lock:
            return list(self._deliveries)

    @property
    def notices(self) -> list[str]:
        """Return what people were told by Slack itself, oldest first."""
        with self.lock:
            return list(self._notices)

    def record_call(self, call: Call) -> None:
        """The call stands in the record."""
        with self.changing():
            self._calls.append(call)

    def record_delivery(self, delivery: Delivery) -> None:
        """The delivery stands in the record."""
        with self.changing():
            self._deliveries.append(delivery)

    def notice(self, text: str, user: str = "") -> None:
        """The person (none given: everyone) is told something by Slack itself."""
        with self.changing():
            self._notices.append(text)
        self.feed.publish({"type": "notice", "text": text}, frozenset({user}) if user else None)

    def rate_wait_seconds(self, method: str, tier: Tier, channel: str) -> float:
        """Return how long the app must wait before this call, 0 for not at all."""
        if not self.settings.rate_limits:
            return 0.0
        with self.lock:
            return self._rates.wait_seconds(method, tier, channel, self.now())

    # People and channels

    @property
    def users(self) -> list[User]:
        """Return everybody."""
        with self.lock:
            return list(self._users.values())

    @property
    def groups(self) -> list[UserGroup]:
        """Return the user groups."""
        with self.lock:
            return list(self._groups.values())

    @property
    def channels(self) -> list[Channel]:
        """Return every conversation, direct messages too."""
        with self.lock:
            return list(self._channels.values())

    def user(self, user_id: str) -> User | None:
        """Return a person, or None."""
        with self.lock:
            return self._users.get(user_id)

    def channel(self, channel_id: str) -> Channel | None:
        """Return a conversation, or None."""
        with self.lock:
            return self._channels.get(channel_id)

    def channel_named(self, name: str) -> Channel | None:
        """Return the channel of this name (without #), or None."""
        return next((c for c in self.channels if c.name == name and not c.is_im), None)

    def put_user(self, user: User) -> None:
        """The person exists as given."""
        with self.changing():
            self._users[user.id] = user

    def put_channel(self, channel: Channel) -> None:
        """The conversation exists as given: new, archived, with other members."""
        with self.changing():
            self._channels[channel.id] = channel
        self.feed.publish({"type": "state"})

    def put_group(self, group: UserGroup) -> None:
        """The user group exists as given."""
        with self.changing():
            self._groups[group.id] = group

    def direct_channel(self, user: str) -> Channel:
        """Return the conversation between a person and the bot, opened if it was not."""
        channel_id = f"D{user[1:]}"
        existing = self.channel(channel_id)
        if existing is None:
            existing = Channel(
                id=channel_id, name=channel_id.lower(), members=frozenset({user, people.BOT_USER}), is_im=True
            )
            self.put_channel(existing)
        return existing

    def viewers(self, channel_id: str) -> frozenset[str]:
        """Return who can read the channel: its members, and for a public one every full member."""
        channel = self.channel(channel_id)
        if channel is None:
            return frozenset()
        if channel.is_private or channel.is_im:
            return channel.members
        return channel.members | {user.id for user in self.users if not user.is_restricted}

    # Messages

    def messages(self, channel: str) -> list[Message]:
        """Return every message of the channel, thread replies too, oldest first; no ephemeral ones."""
        with self.lock:
            found = [m for (where, _), m in self._messages.items() if where == channel and not m.ephemeral_to]
        return sorted(found, key=lambda m: m.ts)

    def ephemerals(self, user: str) -> list[Message]:
        """Return what only this person was shown, oldest first."""
        with self.lock:
            found = [m for m in self._messages.values() if m.ephemeral_to == user]
        return sorted(found, key=lambda m: m.ts)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """Return the replies under a message, oldest first."""
        return [m for m in self.messages(channel) if m.thread_ts == ts and m.ts != ts]

    def find(self, channel: str, ts: str) -> Message | None:
        """Return a message, ephemeral ones too, or None."""
        with self.lock:
            return self._messages.get((channel, ts))

    def put_message(self, message: Message) -> Message:
        """The message stands in its channel, new or changed; open pages show it."""
        with self.changing():
            known = (message.channel, message.ts) in self._messages
            self._messages[(message.channel, message.ts)] = message
        self._publish(message, "message_changed" if known else "message")
        if message.is_reply:
            self._publish_parent(message)
        return message

    def remove_message(self, message: Message) -> None:
        """The message is gone; with replies under it, a tombstone stays."""
        if self.thread(message.channel, message.ts) and not message.ephemeral_to:
            tombstone = "This message was deleted."
            self.put_message(replace(message, subtype="tombstone", text=tombstone, blocks=(), metadata=None, bot_id=""))
            return
        with self.changing():
            self._messages.pop((message.channel, message.ts), None)
        gone = {"type": "message_deleted", "channel": message.channel, "ts": message.ts}
        self.feed.publish(gone, self._readers(message))
        if message.is_reply:
            self._publish_parent(message)

    def page_message(self, message: Message) -> Json:
        """Return a message as the page shows it."""
        return message_for_page(message, self.thread(message.channel, message.ts))

    def _readers(self, message: Message) -> frozenset[str]:
        return frozenset({message.ephemeral_to}) if message.ephemeral_to else self.viewers(message.channel)

    def _publish(self, message: Message, kind: str) -> None:
        event = {"type": kind, "message": self.page_message(message)}
        self.feed.publish(event, self._readers(message))

    def _publish_parent(self, reply: Message) -> None:
        parent = self.find(reply.channel, reply.thread_ts)
        if parent is not None and not reply.ephemeral_to:
            self._publish(parent, "message_changed")
