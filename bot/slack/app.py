"""The Bolt app: synchronous, answered by its listeners before anything else happens (design, D1)."""

import logging

from slack_bolt import App, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.slack.chat import TIMEOUT_SECONDS

_LOG = logging.getLogger("dragonfly.listeners")


def client(token: str, base_url: str, *, timeout_seconds: int = TIMEOUT_SECONDS) -> WebClient:
    """Return a Web API client that never sends anything twice by itself."""
    address = base_url or WebClient.BASE_URL
    return WebClient(token=token, base_url=address, timeout=timeout_seconds, retry_handlers=[])


def build(web: WebClient) -> App:
    """Return an app without listeners, which asks Slack nothing before it answers.

    Signatures are verified at the HTTP edge, not by Bolt, which logs bodies. Whose request it is, the listeners decide:
    Bolt's own way calls `auth.test` with the first request, and answers 500 while Slack is away.
    """
    ours = AuthorizeResult(enterprise_id=None, team_id=None, bot_token=web.token)
    app = App(
        client=web,
        authorize=lambda: ours,
        process_before_response=True,
        request_verification_enabled=False,
        token_verification_enabled=False,
        ignoring_self_events_enabled=False,
        raise_error_for_unhandled_request=False,
    )
    app.error(_failed)
    return app


def _failed(error: Exception) -> BoltResponse:
    """Answer for a listener that failed, which is our fault: not taken. Bolt's own way logs the error's words."""
    _LOG.error("listener_failed", exc_info=error)
    return BoltResponse(status=503)
