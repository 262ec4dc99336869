"""The live feed of the page: each person's browser gets what that person may see."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bot.sandbox.slack.entities import Json


@dataclass(frozen=True, slots=True, eq=False)
class _Subscriber:
    user: str
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[Json | None]


class Feed:
    """Hands events to the open pages; publishing is safe from any thread."""

    def __init__(self) -> None:
        """Start with nobody watching."""
        self._lock = threading.Lock()
        self._subscribers: list[_Subscriber] = []

    def publish(self, event: Json, audience: frozenset[str] | None = None) -> None:
        """Every open page of the audience (None: everyone) gets the event."""
        for subscriber in self._snapshot():
            if audience is None or subscriber.user in audience:
                self._put(subscriber, event)

    def close(self) -> None:
        """Every open stream ends."""
        for subscriber in self._snapshot():
            self._put(subscriber, None)

    async def events(self, user: str, *, beat_seconds: float = 15.0) -> AsyncIterator[Json | None]:
        """Yield the person's events until the feed is closed; None is a beat with nothing to say."""
        subscriber = _Subscriber(user, asyncio.get_running_loop(), asyncio.Queue())
        with self._lock:
            self._subscribers.append(subscriber)
        try:
            yield None
            while True:
                try:
                    event = await asyncio.wait_for(subscriber.queue.get(), beat_seconds)
                except TimeoutError:
                    yield None
                    continue
                if event is None:
                    return
                yield event
        finally:
            with self._lock:
                self._subscribers.remove(subscriber)

    def _snapshot(self) -> list[_Subscriber]:
        with self._lock:
            return list(self._subscribers)

    @staticmethod
    def _put(subscriber: _Subscriber, event: Json | None) -> None:
        if not subscriber.loop.is_closed():
            subscriber.loop.call_soon_threadsafe(subscriber.queue.put_nowait, event)
