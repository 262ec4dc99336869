"""Sending to the app: signed HTTP requests, or envelopes over the open sockets, each under the three-second clock.

Commands, clicks and submissions are sent once; who waits for them is told when they were not acknowledged. Events
are sent again at once, after a minute, and after five.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import secrets
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import httpx

from bot.sandbox.slack.entities import Delivery, Json, Refusal
from bot.sandbox.slack.privacy import refuse_people
from bot.sandbox.slack.socket_mode import SocketHub
from bot.sandbox.slack.workspace import Workspace


class Kind(StrEnum):
    """The kinds of envelope Slack sends."""

    COMMAND = "slash_commands"
    INTERACTIVE = "interactive"
    EVENT = "events_api"


NO_CONNECTION = "no_connection"
TIMED_OUT = "http_timeout"
REFUSED = "http_error"
UNREACHABLE = "connection_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one attempt."""

    acknowledged: bool
    reason: str = ""
    answer: Json | None = None
    may_retry: bool = True


def sign(signing_secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a request, version v0 (docs.slack.dev, verifying requests from Slack; 2026-11)."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(signing_secret.encode(), base, hashlib.sha256).hexdigest()


class Courier:
    """Takes payloads to the app and keeps what became of them; runs on the server's event loop."""

    def __init__(self, workspace: Workspace, hub: SocketHub) -> None:
        """Deliver for this workspace."""
        self._workspace = workspace
        self._hub = hub
        named = workspace.settings.request_url
        self.request_urls: tuple[str, ...] = (named,) if named else ()
        self._turns = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        """Nothing more is sent."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """The work is done while the caller goes on."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def deliver(self, kind: Kind, payload: Json, *, accepts_answer: bool) -> Delivery:
        """Send once and return what became of it."""
        envelope_id = _new_envelope_id()
        delivery, _ = await self._attempt(kind, payload, envelope_id, accepts_answer=accepts_answer)
        return delivery

    def deliver_event(self, payload: Json) -> None:
        """The event is on its way, and comes again until it is acknowledged or four times were in vain."""
        self.in_background(self._deliver_event(payload))

    async def deliver_event_again(self, payload: Json) -> Delivery:
        """Send an event once more as it was, as Slack does after some reconnects (bolt-js 2487)."""
        delivery, _ = await self._attempt(Kind.EVENT, payload, _new_envelope_id(), accepts_answer=False)
        return delivery

    async def _deliver_event(self, payload: Json) -> None:
        reason = ""
        delays = (0.0, *self._workspace.settings.redelivery_delays_seconds)
        for retry, delay in enumerate(delays):
            await asyncio.sleep(delay)
            delivery, may_retry = await self._attempt(
                Kind.EVENT,
                payload,
                _new_envelope_id(),
                accepts_answer=False,
                retry=retry,
                retry_reason=reason,
            )
            if delivery.acknowledged or not may_retry:
                return
            reason = TIMED_OUT if delivery.reason == NO_CONNECTION else delivery.reason

    async def _attempt(
        self,
        kind: Kind,
        payload: Json,
        envelope_id: str,
        *,
        accepts_answer: bool,
        retry: int = 0,
        retry_reason: str = "",
    ) -> tuple[Delivery, bool]:
        began = time.monotonic()
        delivery = Delivery(kind=kind.value, payload=payload, at=self._workspace.now(), retry=retry)
        if self.request_urls:
            outcome = await self._over_http(kind, payload, retry, retry_reason)
        else:
            envelope: Json = {
                "envelope_id": envelope_id,
                "type": kind.value,
                "payload": payload,
                "accepts_response_payload": accepts_answer,
            }
            if kind is Kind.EVENT:
                envelope |= {"retry_attempt": retry, "retry_reason": retry_reason}
            outcome = await self._over_socket(envelope, accepts_answer=accepts_answer)
        with suppress(Refusal):  # what was acknowledged with it is on its way: the log line tells
            refuse_people("acknowledgement", outcome.answer)
        delivery = replace(
            delivery,
            acknowledged=outcome.acknowledged,
            reason=outcome.reason,
            answer=outcome.answer,
            took_seconds=time.monotonic() - began,
        )
        self._workspace.record_delivery(delivery)
        return delivery, outcome.may_retry

    async def _over_socket(self, envelope: Json, *, accepts_answer: bool) -> Outcome:
        settings, faults = self._workspace.settings, self._workspace.faults
        try:
            ack = await self._hub.send(envelope, settings.ack_seconds, twice=faults.deliver_twice)
        except ConnectionError:
            return Outcome(acknowledged=False, reason=NO_CONNECTION)
        if ack is None:
            return Outcome(acknowledged=False, reason=TIMED_OUT)
        answer = ack.get("payload")
        taken = answer if accepts_answer and isinstance(answer, dict) and answer else None
        return Outcome(acknowledged=True, answer=taken)

    async def _over_http(self, kind: Kind, payload: Json, retry: int, retry_reason: str) -> Outcome:
        body, content_type = _http_body(kind, payload)
        timestamp = str(int(self._workspace.now()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self._workspace.settings.signing_secret, timestamp, body),
        }
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": retry_reason}
        outcome = await self._post(body, headers)
        if self._workspace.faults.deliver_twice:
            await self._post(body, headers)
        return outcome

    async def _post(self, body: bytes, headers: dict[str, str]) -> Outcome:
        url = self.request_urls[next(self._turns) % len(self.request_urls)]
        seconds = self._workspace.settings.ack_seconds
        try:
            # httpx counts its timeout anew for each read; Slack's clock runs once.
            async with asyncio.timeout(seconds):
                response = await self._client.post(url, content=body, headers=headers, timeout=seconds)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(acknowledged=False, reason=TIMED_OUT)
        except httpx.TransportError:
            return Outcome(acknowledged=False, reason=UNREACHABLE)
        if response.status_code != 200:
            stop = response.headers.get("x-slack-no-retry") == "1"
            return Outcome(acknowledged=False, reason=REFUSED, may_retry=not stop)
        return Outcome(acknowledged=True, answer=_answer_of(response))


def _new_envelope_id() -> str:
    return secrets.token_hex(16)


def _http_body(kind: Kind, payload: Json) -> tuple[bytes, str]:
    if kind is Kind.COMMAND:
        return urlencode(payload).encode(), "application/x-www-form-urlencoded"
    if kind is Kind.INTERACTIVE:
        return urlencode({"payload": json.dumps(payload)}).encode(), "application/x-www-form-urlencoded"
    return json.dumps(payload).encode(), "application/json"


def _answer_of(response: httpx.Response) -> Json | None:
    if not response.content:
        return None
    if not response.headers.get("content-type", "").startswith("application/json"):
        return {"text": response.text}
    try:
        value = response.json()
    except ValueError:
        return None
    return value if isinstance(value, dict) and value else None
