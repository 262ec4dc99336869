"""Slack's rate limits: so many calls a minute for each method, and one post a second for each channel.

Source: docs.slack.dev/apis/web-api/rate-limits (2026-11). Slack promises "at least" these numbers and tolerates
bursts; here the promise is the limit. Two numbers are ours: tier 1 is "1+" but clients that reconnect more
often are not refused, and the burst of posts to one channel is only called "short".
"""

from collections import deque
from enum import StrEnum

WINDOW_SECONDS = 60.0
POSTS_A_MINUTE = 300
"""All posts in the workspace; Slack says "several hundred"."""
POST_BURST = 5
"""Posts to one channel that may come faster than one a second."""


class Tier(StrEnum):
    """How often a method may be called."""

    ONE = "1"
    TWO = "2"
    THREE = "3"
    FOUR = "4"
    POST = "post"
    HUNDREDS = "hundreds"


CALLS_A_MINUTE = {
    Tier.ONE: 10,
    Tier.TWO: 20,
    Tier.THREE: 50,
    Tier.FOUR: 100,
    Tier.POST: POSTS_A_MINUTE,
    Tier.HUNDREDS: 600,
}


class RateLimiter:
    """Counts calls; not safe for several threads, so the workspace guards it."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._calls: dict[str, deque[float]] = {}
        self._next_post: dict[str, float] = {}

    def wait_seconds(self, method: str, tier: Tier, channel: str, now: float) -> float:
        """Return 0 and count the call, or return how long the app must wait and count nothing."""
        calls = self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= CALLS_A_MINUTE[tier]:
            return calls[0] + WINDOW_SECONDS - now
        if tier is Tier.POST and (wait := self._post_wait(channel, now)):
            return wait
        calls.append(now)
        return 0.0

    def _post_wait(self, channel: str, now: float) -> float:
        """Let one post a second through, and a burst that is paid back by waiting."""
        due = max(self._next_post.get(channel, now), now)
        if due - now > POST_BURST - 1:
            return due - now - (POST_BURST - 1)
        self._next_post[channel] = due + 1.0
        return 0.0
