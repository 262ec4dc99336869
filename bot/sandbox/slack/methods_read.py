"""Reading methods: conversations, people, user groups, and who the token belongs to."""

from bot.sandbox.slack import people
from bot.sandbox.slack.arguments import Args, invalid_arguments
from bot.sandbox.slack.entities import Json, Message, Refusal
from bot.sandbox.slack.method import Api, Method, page_of
from bot.sandbox.slack.people import Channel, UserGroup
from bot.sandbox.slack.rates import Tier
from bot.sandbox.slack.wire import channel_as_slack, group_as_slack, message_as_slack, user_as_slack

_TYPES = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}


def auth_test(api: Api, args: Args) -> Json:
    """Say which team and bot the token belongs to; of a bot's token Slack does not name the app (2026-11)."""
    return {
        "url": f"{api.base_url}/",
        "team": people.TEAM_NAME,
        "user": "dragonfly",
        "team_id": people.TEAM_ID,
        "user_id": people.BOT_USER,
        "bot_id": people.BOT_ID,
        "is_enterprise_install": False,
    }


def bots_info(api: Api, args: Args) -> Json:
    """Return one bot: ours is the only one."""
    if args.required("bot") != people.BOT_ID:
        raise Refusal("bot_not_found")
    bot = {"id": people.BOT_ID, "deleted": False, "name": "dragonfly", "app_id": people.APP_ID}
    return {"bot": bot | {"user_id": people.BOT_USER, "updated": 0, "icons": {}}}


def history(api: Api, args: Args) -> Json:
    """Return the channel's messages, newest first; of threads only parents and broadcasts."""
    channel = _readable(api, args)
    shown = [m for m in api.workspace.messages(channel.id) if not m.is_reply or m.reply_broadcast]
    return _messages_page(api, args, list(reversed(_between(shown, args))), default=100)


def replies(api: Api, args: Args) -> Json:
    """Return a thread, its parent first."""
    channel = _readable(api, args)
    ts = args.required("ts")
    parent = api.workspace.find(channel.id, ts)
    if parent is None or parent.ephemeral_to:
        raise Refusal("thread_not_found")
    below = _between(api.workspace.thread(channel.id, ts), args)
    return _messages_page(api, args, [parent, *below], default=1000)


def _readable(api: Api, args: Args) -> Channel:
    channel = api.channel(args.required("channel"))
    api.need_scope(f"{channel.scope_prefix}:history")
    return api.own_channel(channel.id)


def _between(messages: list[Message], args: Args) -> list[Message]:
    oldest, latest = args.text("oldest", "0"), args.text("latest")
    inclusive = args.flag("inclusive")
    return [
        m
        for m in messages
        if (_key(m.ts) > _key(oldest) or (inclusive and _key(m.ts) == _key(oldest)))
        and (not latest or _key(m.ts) < _key(latest) or (inclusive and _key(m.ts) == _key(latest)))
    ]


def _key(ts: str) -> tuple[int, str]:
    """Return a ts as something that sorts; it is never made a float."""
    seconds, _, micros = ts.partition(".")
    if not seconds.isdigit() or (micros and not micros.isdigit()):
        raise invalid_arguments(f"{ts} is not a timestamp")
    return int(seconds), micros.ljust(6, "0")


def _messages_page(api: Api, args: Args, messages: list[Message], *, default: int) -> Json:
    metadata = args.flag("include_all_metadata")
    shown = [message_as_slack(m, api.workspace.thread(m.channel, m.ts), metadata=metadata) for m in messages]
    page, cursor = page_of(shown, args, default=default, high=999 if default == 100 else 1000)
    answer: Json = {"messages": page, "has_more": bool(cursor["next_cursor"])}
    return answer | ({"response_metadata": cursor} if cursor["next_cursor"] else {})


def info(api: Api, args: Args) -> Json:
    """Return one conversation."""
    channel = api.channel(args.required("channel"))
    api.need_scope(f"{channel.scope_prefix}:read")
    return {"channel": channel_as_slack(channel, count=args.flag("include_num_members"))}


def members(api: Api, args: Args) -> Json:
    """Return who is in a conversation."""
    channel = api.channel(args.required("channel"))
    api.need_scope(f"{channel.scope_prefix}:read")
    found, cursor = page_of([{"id": name} for name in sorted(channel.members)], args, default=100)
    return {"members": [item["id"] for item in found], "response_metadata": cursor}


def conversations_list(api: Api, args: Args) -> Json:
    """Return the conversations of the kinds asked for."""
    kinds = args.text("types", "public_channel").replace(" ", "").split(",")
    if any(kind not in _TYPES for kind in kinds):
        raise Refusal("invalid_types")
    families = {_TYPES[kind] for kind in kinds}
    for family in sorted(families - {"mpim"}):
        api.need_scope(f"{family}:read")
    shown = [
        channel_as_slack(channel, count=True)
        for channel in api.workspace.channels
        if channel.scope_prefix in families
        and not (channel.is_archived and args.flag("exclude_archived"))
        and (channel.scope_prefix == "channels" or people.BOT_USER in channel.members)
    ]
    page, cursor = page_of(shown, args, default=100)
    return {"channels": page, "response_metadata": cursor}


def conversations_open(api: Api, args: Args) -> Json:
    """Open the bot's direct messages with one person."""
    users = [user for user in args.required("users").split(",") if user]
    if len(users) != 1:
        raise Refusal("method_not_supported_for_channel_type")
    user = api.workspace.user(users[0])
    if user is None or user.deleted:
        raise Refusal("user_not_found")
    if user.is_bot:
        raise Refusal("cannot_dm_bot")
    channel = api.workspace.direct_channel(user.id)
    return {"channel": channel_as_slack(channel) if args.flag("return_im") else {"id": channel.id}}


def users_info(api: Api, args: Args) -> Json:
    """Return one person."""
    user = api.workspace.user(args.required("user"))
    if user is None:
        raise Refusal("user_not_found")
    return {"user": user_as_slack(user, email="users:read.email" in api.settings.scopes)}


def users_list(api: Api, args: Args) -> Json:
    """Return everybody."""
    email = "users:read.email" in api.settings.scopes
    page, cursor = page_of([user_as_slack(u, email=email) for u in api.workspace.users], args, default=1000)
    return {"members": page, "cache_ts": int(api.workspace.now()), "response_metadata": cursor}


def usergroups_list(api: Api, args: Args) -> Json:
    """Return the user groups."""
    users, count = args.flag("include_users"), args.flag("include_count")
    return {"usergroups": [group_as_slack(g, users=users, count=count) for g in api.workspace.groups]}


def usergroups_users_list(api: Api, args: Args) -> Json:
    """Return who is in a user group."""
    return {"users": list(_group(api, args.required("usergroup")).users)}


def _group(api: Api, group_id: str) -> UserGroup:
    for group in api.workspace.groups:
        if group.id == group_id:
            return group
    raise Refusal("no_such_subteam")


METHODS = (
    Method(name="auth.test", run=auth_test, tier=Tier.HUNDREDS),
    Method(name="bots.info", run=bots_info, tier=Tier.THREE, scope="users:read", takes_json=False),
    Method(name="conversations.history", run=history, tier=Tier.THREE, takes_json=False),
    Method(name="conversations.replies", run=replies, tier=Tier.THREE, takes_json=False),
    Method(name="conversations.info", run=info, tier=Tier.THREE, takes_json=False),
    Method(name="conversations.members", run=members, tier=Tier.FOUR, takes_json=False),
    Method(name="conversations.list", run=conversations_list, tier=Tier.TWO, takes_json=False),
    Method(name="conversations.open", run=conversations_open, tier=Tier.THREE, scope="im:write"),
    Method(name="users.info", run=users_info, tier=Tier.FOUR, scope="users:read", takes_json=False),
    Method(name="users.list", run=users_list, tier=Tier.TWO, scope="users:read", takes_json=False),
    Method(
        name="usergroups.list",
        run=usergroups_list,
        tier=Tier.TWO,
        scope="usergroups:read",
        takes_json=False,
    ),
    Method(
        name="usergroups.users.list",
        run=usergroups_users_list,
        tier=Tier.TWO,
        scope="usergroups:read",
        takes_json=False,
    ),
)
