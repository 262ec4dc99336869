"""Short-lived rights that an interaction gives the app: a trigger opens one view, a response URL answers five times."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace

from bot.sandbox.slack.entities import Message, Refusal, ResponseUrl, Trigger

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5


class Rights:
    """Hands out the rights and takes them back when used up or too old."""

    def __init__(self, lock: threading.RLock, clock: Callable[[], float]) -> None:
        """Share the workspace's lock and clock."""
        self._lock = lock
        self._clock = clock
        self._triggers: dict[str, Trigger] = {}
        self._urls: dict[str, ResponseUrl] = {}

    def issue_trigger(self, user: str, view_id: str = "") -> Trigger:
        """Return a trigger whose three seconds begin now."""
        trigger = Trigger(
            id=f"{secrets.randbelow(10**12):012d}.{secrets.randbelow(10**12):012d}.{secrets.token_hex(16)}",
            user=user,
            issued_at=self._clock(),
            view_id=view_id,
        )
        with self._lock:
            self._triggers[trigger.id] = trigger
        return trigger

    def use_trigger(self, trigger_id: str) -> Trigger:
        """Return the trigger, used up now.

        Raises:
            Refusal: unknown, used before, or older than three seconds.
        """
        with self._lock:
            trigger = self._triggers.get(trigger_id)
            if trigger is None:
                raise Refusal("invalid_trigger_id")
            if trigger.used:
                raise Refusal("exchanged_trigger_id")
            if self._clock() - trigger.issued_at > TRIGGER_SECONDS:
                raise Refusal("expired_trigger_id")
            self._triggers[trigger_id] = replace(trigger, used=True)
            return trigger

    def issue_response_url(self, user: str, channel: str, message: Message | None) -> ResponseUrl:
        """Return the right to answer an interaction; the message is the one that was clicked in."""
        url = ResponseUrl(
            token=secrets.token_hex(16),
            user=user,
            channel=channel,
            issued_at=self._clock(),
            message=message,
        )
        with self._lock:
            self._urls[url.token] = url
        return url

    def use_response_url(self, token: str) -> ResponseUrl:
        """Return the right, one use of it spent.

        Raises:
            Refusal: unknown, used five times, or older than half an hour.
        """
        with self._lock:
            url = self._urls.get(token)
            if url is None or self._clock() - url.issued_at > RESPONSE_URL_SECONDS:
                raise Refusal("expired_url")
            if url.uses >= RESPONSE_URL_USES:
                raise Refusal("used_url")
            self._urls[token] = replace(url, uses=url.uses + 1)
            return url
