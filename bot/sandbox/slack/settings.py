"""What the simulated Slack is told when it starts: the app as Slack would know it from its manifest.

The launcher reads the manifest; here are plain values. Secrets are random unless given.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

ALL_SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "chat:write",
        "chat:write.public",
        "commands",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)
"""Every bot scope this server asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlashCommand:
    """A slash command as the manifest declares it."""

    command: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = False


def new_bot_token() -> str:
    """Return a token that the app never had."""
    return f"xoxb-sandbox-{secrets.token_hex(16)}"


def _app_token() -> str:
    return f"xapp-1-A0DRAGON-{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """One workspace with one app installed."""

    port: int = 0
    bot_token: str = field(default_factory=new_bot_token, repr=False)
    app_token: str = field(default_factory=_app_token, repr=False)
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    request_url: str | None = None
    """Where signed requests go (HTTP mode); None: over the open sockets (Socket Mode)."""
    scopes: frozenset[str] = ALL_SCOPES
    commands: tuple[SlashCommand, ...] = (
        SlashCommand(command="/dragonfly", description="Incident response", usage_hint="status"),
    )
    bot_events: frozenset[str] = frozenset({"app_mention", "app_home_opened"})
    """The events the app subscribed to."""
    home_tab_enabled: bool = True
    rate_limits: bool = True
    ack_seconds: float = 3.0
    """How long Slack waits for an acknowledgement (docs.slack.dev, interactivity; 2026-11)."""
    redelivery_delays_seconds: tuple[float, ...] = (0.0, 60.0, 300.0)
    """An event not acknowledged comes again at once, after a minute, after five (docs.slack.dev, Events API)."""
    socket_grace_seconds: float = 10.0
    """How long a connection lives on after it was told to disconnect."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970; every expiry in the workspace is measured with it."""
