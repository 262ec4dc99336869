"""Who a Slack user is: asked when an answer is too old, kept for a while (§7, Z3)."""

import threading
from typing import Any

from slack_sdk import WebClient

from bot.clock import Clock
from bot.domain.timing import Timing
from bot.ports import Identity
from bot.slack.chat import call


class SlackDirectory:
    """The Directory port on one bot token."""

    def __init__(self, client: WebClient, clock: Clock, timing: Timing) -> None:
        """Start knowing nobody."""
        self._client = client
        self._clock = clock
        self._timing = timing
        self._lock = threading.Lock()
        self._people: dict[str, tuple[float, Identity]] = {}
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}

    def identify(self, user_id: str, *, fresh: bool) -> Identity:
        """Return who a user is."""
        known = self._people.get(user_id)
        if known and self._is_new_enough(known[0], fresh=fresh):
            return known[1]
        answer = call(self._client.users_info, user=user_id)
        identity = _identity(answer["user"])
        with self._lock:
            self._people[user_id] = (self._clock.monotonic(), identity)
        return identity

    def members(self, group_or_user: str, *, fresh: bool) -> frozenset[str]:
        """Return the user ids behind a group (or the user itself)."""
        if not group_or_user.startswith("S"):
            return frozenset({group_or_user})
        known = self._groups.get(group_or_user)
        if known and self._is_new_enough(known[0], fresh=fresh):
            return known[1]
        users = frozenset(call(self._client.usergroups_users_list, usergroup=group_or_user)["users"])
        with self._lock:
            self._groups[group_or_user] = (self._clock.monotonic(), users)
        return users

    def _is_new_enough(self, learned: float, *, fresh: bool) -> bool:
        limit = self._timing.identity_fresh if fresh else self._timing.identity_kept
        return self._clock.monotonic() - learned < limit.total_seconds()


def _identity(user: dict[str, Any]) -> Identity:
    reasons = {
        "is_bot": "a bot",
        "deleted": "a deleted account",
        "is_restricted": "a guest",
        "is_ultra_restricted": "a guest",
        "is_stranger": "from another workspace",
    }
    why = next((reason for flag, reason in reasons.items() if user.get(flag)), "")
    profile = user.get("profile") or {}
    return Identity(
        user_id=str(user["id"]),
        team_id=str(user.get("team_id", "")),
        name=str(profile.get("first_name") or user.get("name", "")),
        is_member=not why,
        why_not=why,
    )
