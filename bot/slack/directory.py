"""Who a Slack user is and whether a channel is ours alone: asked when an answer is too old, kept for a while (§7, Z3)."""

from collections.abc import Callable
from typing import Any, TypeVar

from slack_sdk import WebClient

from bot.clock import Clock
from bot.domain.timing import Timing
from bot.errors import DeliveryAmbiguous, DeliveryPermanent, DeliveryTransient
from bot.ports import Identity
from bot.slack.chat import call

_TRIES = 3
_UNKNOWN = ("user_not_found", "user_not_visible", "users_not_found")
_SLACKBOT = "USLACKBOT"
"""Slack says of it that it is no bot (api.slack.com, users.info, 2026-11)."""
_NO_MEMBER = {
    "is_bot": "a bot",
    "is_workflow_bot": "a workflow",
    "deleted": "a deleted account",
    "is_restricted": "a guest",
    "is_ultra_restricted": "a guest",
    "is_stranger": "somebody from another workspace",
}
_NOT_OURS = {
    "is_ext_shared": "another organisation is in it",
    "is_im": "it is a direct message",
    "is_mpim": "it is a direct message",
}
Answer = TypeVar("Answer")


class SlackDirectory:
    """The Directory port on one bot token."""

    def __init__(self, client: WebClient, clock: Clock, timing: Timing) -> None:
        """Start knowing nobody."""
        self._client = client
        self._clock = clock
        self._timing = timing
        self._known: dict[tuple[str, str], tuple[float, Any]] = {}

    def identify(self, user_id: str, *, fresh: bool) -> Identity:
        """Return who a user is; one that Slack does not show us is nobody."""
        return self._learn("users_info", user_id, self._identify, fresh=fresh)

    def _identify(self, user_id: str) -> Identity:
        try:
            return _identity(self._ask("users_info", user=user_id)["user"])
        except DeliveryPermanent as error:
            if error.slack_error not in _UNKNOWN:
                raise
            return Identity(user_id=user_id, team_id="", why_not="somebody unknown to this workspace")

    def members(self, group_or_user: str, *, fresh: bool) -> frozenset[str]:
        """Return the user ids behind a group (or the user itself)."""
        if not group_or_user.startswith("S"):
            return frozenset({group_or_user})
        return self._learn("usergroups_users_list", group_or_user, self._members, fresh=fresh)

    def _members(self, group: str) -> frozenset[str]:
        return frozenset(self._ask("usergroups_users_list", usergroup=group)["users"])

    def why_not_here(self, channel_id: str, *, fresh: bool) -> str:
        """Return why a channel is not ours alone, or an empty string."""
        return self._learn("conversations_info", channel_id, self._why_not_here, fresh=fresh)

    def _why_not_here(self, channel_id: str) -> str:
        channel = self._ask("conversations_info", channel=channel_id)["channel"]
        return next((reason for flag, reason in _NOT_OURS.items() if channel.get(flag)), "")

    def _learn(self, method: str, key: str, ask: Callable[[str], Answer], *, fresh: bool) -> Answer:
        """Return what is known and new enough, else what Slack says now; its age counts from the question."""
        now = self._clock.monotonic()
        limit = self._timing.identity_fresh if fresh else self._timing.identity_kept
        learned, answer = self._known.get((method, key), (0.0, None))
        if answer is None or now - learned >= limit.total_seconds():
            answer = ask(key)
            self._known[(method, key)] = (now, answer)
        found: Answer = answer
        return found

    def _ask(self, method: str, **arguments: str) -> Any:  # Slack's answer, read field by field
        for tries_left in reversed(range(_TRIES)):
            try:
                return call(getattr(self._client, method), **arguments)
            except (DeliveryTransient, DeliveryAmbiguous):
                if not tries_left:
                    raise
        raise AssertionError


def _identity(user: dict[str, Any]) -> Identity:
    why = next((reason for flag, reason in _NO_MEMBER.items() if user.get(flag)), "")
    profile = user.get("profile") or {}
    return Identity(
        user_id=str(user["id"]),
        team_id=str(user.get("team_id", "")),
        name=str(profile.get("first_name") or user.get("name", "")),
        why_not="a bot" if user["id"] == _SLACKBOT else why,
    )
