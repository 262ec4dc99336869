"""How the workspace's things look in Slack's JSON, and on the page."""

import copy
import secrets
from collections.abc import Iterable, Mapping, Sequence

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import Json, Message, View
from bot.sandbox.slack.people import Channel, User, UserGroup

_PRESSABLE = ("elements", "accessory", "element")


def with_ids(blocks: Iterable[Json]) -> tuple[Json, ...]:
    """Return the blocks with random ids where the app gave none, as Slack does."""
    completed = tuple(copy.deepcopy(block) for block in blocks)
    for block in completed:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in elements_of(block):
            element.setdefault("action_id", secrets.token_urlsafe(4))
    return completed


def elements_of(block: Mapping[str, object]) -> list[Json]:
    """Return the elements of a block that a person can use."""
    if block.get("type") == "rich_text":
        return []
    found: list[Json] = []
    for name in _PRESSABLE:
        value = block.get(name)
        items = value if isinstance(value, list) else [value]
        found += [i for i in items if isinstance(i, dict) and i.get("type") not in ("image", "mrkdwn", "plain_text")]
    return found


def find_element(blocks: Iterable[Json], action_id: str, block_id: str = "") -> tuple[Json, Json] | None:
    """Return the block and the element with this action id, or None."""
    for block in blocks:
        if block_id and block.get("block_id") != block_id:
            continue
        for element in elements_of(block):
            if element.get("action_id") == action_id:
                return block, element
    return None


def message_as_slack(message: Message, replies: Sequence[Message] = (), *, metadata: bool = False) -> Json:
    """Return a message as the Web API and payloads show it; metadata only when asked for."""
    shown: Json = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    shown["team"] = people.TEAM_ID
    if message.blocks:
        shown["blocks"] = copy.deepcopy(list(message.blocks))
    if message.bot_id:
        shown |= {"bot_id": message.bot_id, "app_id": people.APP_ID}
    if message.edited_ts:
        shown["edited"] = {"user": message.user, "ts": message.edited_ts}
    if message.subtype:
        shown["subtype"] = message.subtype
    if message.is_reply:
        shown["thread_ts"] = message.thread_ts
        if message.reply_broadcast:
            shown["subtype"] = "thread_broadcast"
    if replies:
        shown |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
        shown |= {"reply_users": sorted({r.user for r in replies}), "is_locked": False}
    if metadata and message.metadata:
        shown["metadata"] = copy.deepcopy(message.metadata)
    return shown


def message_for_page(message: Message, replies: Sequence[Message] = ()) -> Json:
    """Return a message as the page shows it: like Slack's, with its channel, addressee and metadata."""
    shown = message_as_slack(message, replies, metadata=True)
    shown |= {"channel": message.channel, "reply_broadcast": message.reply_broadcast}
    if message.ephemeral_to:
        shown["ephemeral_to"] = message.ephemeral_to
    return shown


def user_as_slack(user: User, *, email: bool = False) -> Json:
    """Return a person as `users.info` shows them."""
    profile = {"real_name": user.real_name, "display_name": user.real_name, "title": user.title}
    if email and not user.is_bot:
        profile["email"] = f"{user.name}@example.com"
    return {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "color": user.color.removeprefix("#"),
        "tz": "Europe/London",
        "tz_offset": 0,
        "is_admin": False,
        "is_owner": False,
        "is_bot": user.is_bot,
        "is_workflow_bot": user.is_workflow_bot,
        "is_app_user": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
        "is_stranger": user.is_stranger,
        "is_email_confirmed": not user.is_bot,
        "profile": profile,
    }


def channel_as_slack(channel: Channel, *, count: bool = False) -> Json:
    """Return a conversation as `conversations.info` shows it."""
    shown: Json = {
        "id": channel.id,
        "is_im": channel.is_im,
        "is_mpim": False,
        "is_archived": channel.is_archived,
        "is_private": channel.is_private or channel.is_im,
        "is_shared": channel.is_ext_shared,
        "is_ext_shared": channel.is_ext_shared,
        "context_team_id": people.TEAM_ID,
    }
    if channel.is_im:
        shown["user"] = next(iter(channel.members - {people.BOT_USER}), "")
    else:
        shown |= {
            "name": channel.name,
            "name_normalized": channel.name,
            "is_channel": not channel.is_private,
            "is_group": channel.is_private,
            "is_member": people.BOT_USER in channel.members,
            "is_general": channel.id == people.GENERAL,
            "topic": {"value": channel.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }
    if count:
        shown["num_members"] = len(channel.members)
    return shown


def group_as_slack(group: UserGroup, *, users: bool = False, count: bool = False) -> Json:
    """Return a user group as `usergroups.list` shows it."""
    shown: Json = {
        "id": group.id,
        "team_id": people.TEAM_ID,
        "is_usergroup": True,
        "handle": group.handle,
        "name": group.name,
        "description": "",
        "date_delete": 0,
    }
    if users:
        shown["users"] = list(group.users)
    if count:
        shown["user_count"] = str(len(group.users))
    return shown


def view_as_slack(view: View, state: Json | None = None) -> Json:
    """Return a view as payloads and `views.*` answers show it."""
    payload = view.payload
    shown: Json = {
        "id": view.id,
        "team_id": people.TEAM_ID,
        "type": payload["type"],
        "blocks": copy.deepcopy(view.blocks),
        "private_metadata": payload.get("private_metadata", ""),
        "callback_id": payload.get("callback_id", ""),
        "external_id": payload.get("external_id", ""),
        "state": {"values": state or {}},
        "hash": view.hash,
        "title": payload.get("title"),
        "submit": payload.get("submit"),
        "close": payload.get("close"),
        "clear_on_close": payload.get("clear_on_close", False),
        "notify_on_close": payload.get("notify_on_close", False),
        "submit_disabled": payload.get("submit_disabled", False),
        "previous_view_id": view.previous_id or None,
        "root_view_id": view.root_id,
        "app_id": people.APP_ID,
        "app_installed_team_id": people.TEAM_ID,
        "bot_id": people.BOT_ID,
    }
    return shown
