"""Slack's Web API as the product uses it; each failure in one of four classes (specification §5).

The SDK's own retry is off: after a dropped connection it would post twice (slack-platform facts, section 6).
"""

import urllib.error
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import urlsplit

from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.domain.ids import METADATA_EVENT
from bot.errors import DeliveryAmbiguous, DeliveryError, DeliveryPermanent, DeliveryTransient, RateLimited
from bot.ports import Posted, Rendered

TIMEOUT_SECONDS = 10
_PAGES = 5
"""How far back a message is looked for: so many pages of 200, the most that Slack's page of the method advises."""
_AMBIGUOUS = ("internal_error", "fatal_error", "service_unavailable", "request_timeout")
_HOOKS = ("hooks.slack.com", "hooks.slack-gov.com")
_TOO_MANY = 429
_SERVER_ERROR = 500

Result = TypeVar("Result")


def classify(error: Exception) -> DeliveryError:
    """Return what a failed call means: wait, send again, look first, or never."""
    if isinstance(error, SlackApiError):
        return _refused(error.response)
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, ConnectionRefusedError | OSError):
        if isinstance(error.reason, TimeoutError):
            return DeliveryAmbiguous("Slack did not answer in time", slack_error="timeout")
        return DeliveryTransient("Slack cannot be reached", slack_error="unreachable")
    return DeliveryAmbiguous("the connection to Slack broke off", slack_error="dropped")


def _refused(response: SlackResponse) -> DeliveryError:
    said = str(response.get("error", "")) if isinstance(response.data, dict) else ""
    word = said if said.isidentifier() else ""  # a gateway's own page is no word of Slack's
    if response.status_code == _TOO_MANY or word == "ratelimited":
        seconds = int(response.headers.get("Retry-After", "1"))
        return RateLimited("Slack asked us to wait", retry_after=timedelta(seconds=seconds))
    if response.status_code >= _SERVER_ERROR or word in _AMBIGUOUS or not word:
        return DeliveryAmbiguous("Slack failed while it answered", slack_error=word or "server_error")
    return DeliveryPermanent(f"Slack refused: {word}", slack_error=word)


def call(send: Callable[..., Result], **values: Any) -> Result:
    """Call Slack once.

    Raises:
        DeliveryError: it did not take it; the class says what to do.
    """
    try:
        return send(**values)
    except (SlackApiError, OSError, HTTPException) as error:
        raise classify(error) from None


class SlackChat:
    """The Chat port on one bot token."""

    def __init__(self, client: WebClient, *, env: str) -> None:
        """Use a client whose retry handlers are off."""
        self._client = client
        self._api = urlsplit(client.base_url)
        self._env = env
        self._home = ""
        self.refused = ""
        """Slack's word, while it refuses the app itself; ends when it says who we are."""
        self.team_id = ""
        self.app_id = ""

    def check(self) -> frozenset[str]:
        """Ask Slack who we are, remember it, and return the scopes that our token has.

        `auth.test` does not name the app of a bot's token; `bots.info` does (docs.slack.dev, 2026-11).
        """
        answer = self._call(self._client.auth_test)
        if not self.app_id:
            bot = self._call(self._client.bots_info, bot=str(answer["bot_id"]))["bot"]
            self.app_id = str(bot["app_id"])
        self.team_id = str(answer["team_id"])
        self._home = str(answer.get("url", ""))
        self.refused = ""
        headers = {name.lower(): text for name, text in answer.headers.items()}
        return frozenset(headers.get("x-oauth-scopes", "").replace(" ", "").split(","))

    def _call(self, send: Callable[..., Result], **values: Any) -> Result:
        try:
            return call(send, **values)
        except DeliveryPermanent as error:
            if error.is_about_us:
                self.refused = error.slack_error
            raise

    def _metadata(self, outbox_id: str) -> dict[str, Any]:
        payload = {"outbox_id": outbox_id, "env": self._env}
        return {"metadata": {"event_type": METADATA_EVENT, "event_payload": payload}} if outbox_id else {}

    def post(
        self, channel: str, content: Rendered, *, thread_ts: str = "", broadcast: bool = False, outbox_id: str = ""
    ) -> str:
        """Post a message once and return its ts."""
        answer = self._call(
            self._client.chat_postMessage,
            channel=channel,
            text=content.text,
            blocks=_blocks(content) or None,
            thread_ts=thread_ts or None,
            reply_broadcast=broadcast and bool(thread_ts),
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
            **self._metadata(outbox_id),
        )
        return str(answer["ts"])

    def update(self, channel: str, ts: str, content: Rendered) -> None:
        """Replace a message of ours."""
        values = {"channel": channel, "ts": ts, "text": content.text, "blocks": _blocks(content)}
        self._call(self._client.chat_update, **values, link_names=False)

    def ephemeral(self, channel: str, user: str, content: Rendered, *, thread_ts: str = "") -> None:
        """Show a message to one person."""
        values = {"channel": channel, "user": user, "text": content.text, "blocks": _blocks(content) or None}
        self._call(self._client.chat_postEphemeral, **values, thread_ts=thread_ts or None)

    def respond(self, response_url: str, content: Rendered, *, replace: bool = False) -> None:
        """Answer one person through the address that came with a command or a press, if it is Slack's."""
        if not self._is_slacks(response_url):
            raise DeliveryPermanent("the address to answer to is not Slack's", slack_error="foreign_address")
        hook = WebhookClient(response_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
        values = {"text": content.text, "blocks": _blocks(content) or None, "replace_original": replace}
        answer = self._call(hook.send, **values, response_type="ephemeral")
        if answer.status_code >= _SERVER_ERROR:
            raise DeliveryAmbiguous("Slack failed while it answered", slack_error="server_error")
        if answer.status_code != 200:  # noqa: PLR2004  # HTTP's own number
            raise DeliveryPermanent("Slack refused the answer", slack_error=f"http_{answer.status_code}")

    def _is_slacks(self, url: str) -> bool:
        there = urlsplit(url)
        return there[:2] == self._api[:2] or (there.scheme == "https" and there.hostname in _HOOKS)

    def open_view(self, trigger_id: str, view: Mapping[str, object]) -> str:
        """Open a modal and return its id."""
        answer = self._call(self._client.views_open, trigger_id=trigger_id, view=dict(view))
        return str(answer["view"]["id"])

    def update_view(self, view_id: str, view: Mapping[str, object]) -> None:
        """Replace a modal's contents."""
        self._call(self._client.views_update, view_id=view_id, view=dict(view))

    def publish_home(self, user: str, view: Mapping[str, object]) -> None:
        """Replace a person's Home."""
        self._call(self._client.views_publish, user_id=user, view=dict(view))

    def history(self, channel: str, since: datetime, *, thread_ts: str = "") -> Sequence[Posted]:
        """Return our own recent messages of a channel or thread, found by their metadata."""
        values = {"channel": channel, "oldest": f"{since.timestamp():.6f}", "include_all_metadata": True, "limit": 200}
        if thread_ts:
            values["ts"] = thread_ts
        read = self._client.conversations_replies if thread_ts else self._client.conversations_history
        found: list[Posted] = []
        for _ in range(_PAGES):
            answer = self._call(read, **values)
            found += [posted for item in answer["messages"] for posted in _ours(item)]
            values["cursor"] = (answer.get("response_metadata") or {}).get("next_cursor", "")
            if not values["cursor"]:
                break
        return found

    def link(self, channel: str, ts: str) -> str:
        """Return a message's address, or an empty string while our workspace is not known."""
        return f"{self._home}archives/{channel}/p{ts.replace('.', '')}" if self._home else ""


def _blocks(content: Rendered) -> list[dict[str, Any]]:
    return [dict(block) for block in content.blocks]


def _ours(item: Mapping[str, Any]) -> list[Posted]:
    metadata = item.get("metadata") or {}
    if metadata.get("event_type") != METADATA_EVENT:
        return []
    return [Posted(ts=str(item["ts"]), outbox_id=str(metadata.get("event_payload", {}).get("outbox_id", "")))]
