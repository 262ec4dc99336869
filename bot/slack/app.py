"""The Bolt app: synchronous, answered by its listeners before anything else happens (design, D1)."""

from slack_bolt import App
from slack_sdk import WebClient

from bot.slack.chat import TIMEOUT_SECONDS


def client(token: str, base_url: str, *, timeout_seconds: int = TIMEOUT_SECONDS) -> WebClient:
    """Return a Web API client that never sends anything twice by itself."""
    address = base_url or WebClient.BASE_URL
    return WebClient(token=token, base_url=address, timeout=timeout_seconds, retry_handlers=[])


def build(web: WebClient) -> App:
    """Return an app without listeners; signatures are verified at the HTTP edge, not by Bolt, which logs bodies."""
    return App(
        client=web,
        process_before_response=True,
        request_verification_enabled=False,
        token_verification_enabled=False,
        ignoring_self_events_enabled=True,
        raise_error_for_unhandled_request=False,
    )
