"""`chat.*`: posting, changing and deleting messages."""

from dataclasses import replace

from bot.sandbox.slack import people
from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.content import Content, read_content
from bot.sandbox.slack.entities import Json, Message, Refusal
from bot.sandbox.slack.limits import check_message, check_view
from bot.sandbox.slack.method import Api, Method
from bot.sandbox.slack.people import Channel
from bot.sandbox.slack.rates import Tier
from bot.sandbox.slack.shapes import Problem
from bot.sandbox.slack.wire import message_as_slack


def _target(api: Api, name: str) -> Channel:
    """Return where a post goes: a channel by id or name, or a person's direct messages."""
    user = api.workspace.user(name)
    if user is not None:
        if user.is_bot:
            raise Refusal("channel_not_found")
        return api.workspace.direct_channel(name)
    named = api.workspace.channel_named(name.removeprefix("#"))
    channel = api.channel(named.id if named else name)
    if people.BOT_USER not in channel.members and "chat:write.public" not in api.settings.scopes:
        raise Refusal("not_in_channel")
    if channel.is_archived:
        raise Refusal("is_archived")
    return channel


def _thread(api: Api, channel: Channel, args: Args) -> str:
    """Return the thread a message goes to; a wrong one is taken, and the message is lost to readers, as in Slack."""
    thread_ts = args.text("thread_ts")
    if not thread_ts:
        return ""
    seconds, _, micros = thread_ts.partition(".")
    if not (seconds.isdigit() and len(seconds) == 10 and micros.isdigit() and len(micros) == 6):
        raise Refusal(
            "invalid_thread_ts",
            response_metadata={"messages": [f"[ERROR] {thread_ts} is not a valid thread_ts"]},
        )
    parent = api.workspace.find(channel.id, thread_ts)
    if parent is None or parent.is_reply or parent.ephemeral_to:
        text = f"A reply in {channel.id} went under {thread_ts}, which starts no thread: nobody will find it"
        api.workspace.notice(text)
    return thread_ts


def _filled(content: Content) -> Content:
    if content.is_empty:
        raise Refusal("no_text")
    return content


def post_message(api: Api, args: Args) -> Json:
    """Post a message in a channel, a thread, or a person's direct messages."""
    channel = _target(api, args.required("channel"))
    content = _filled(read_content(args))
    thread_ts = _thread(api, channel, args)
    message = api.workspace.put_message(
        Message(
            ts=api.workspace.new_ts(),
            channel=channel.id,
            user=people.BOT_USER,
            bot_id=people.BOT_ID,
            text=content.text or "",
            blocks=content.blocks or (),
            metadata=content.metadata or None,
            thread_ts=thread_ts,
            reply_broadcast=bool(thread_ts) and args.flag("reply_broadcast"),
        )
    )
    answer = {"channel": channel.id, "ts": message.ts, "message": message_as_slack(message, metadata=True)}
    return answer | content.answer_extra


def update(api: Api, args: Args) -> Json:
    """Change a message of the bot's own; text without blocks removes the blocks, blocks alone keep the text."""
    channel = api.channel(args.required("channel"))
    message = api.message(channel, args.required("ts"))
    if message.bot_id != people.BOT_ID:
        raise Refusal("cant_update_message")
    if channel.is_archived:
        raise Refusal("is_archived")
    content = read_content(args)
    if content.text is None and content.blocks is None and content.metadata is None:
        raise Refusal("no_text")
    blocks = content.blocks if content.blocks is not None else message.blocks if content.text is None else ()
    text = message.text if content.text is None else content.text
    if not text.strip() and not blocks:
        raise Refusal("no_text")
    changed = replace(
        message,
        text=text,
        blocks=blocks,
        metadata=message.metadata if content.metadata is None else content.metadata or None,
        edited_ts="" if blocks else api.workspace.new_ts(),
        reply_broadcast=message.reply_broadcast or (message.is_reply and args.flag("reply_broadcast")),
    )
    api.workspace.put_message(changed)
    shown = message_as_slack(changed, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "text": text, "message": shown} | content.answer_extra


def delete(api: Api, args: Args) -> Json:
    """Delete a message of the bot's own."""
    channel = api.channel(args.required("channel"))
    message = api.message(channel, args.required("ts"))
    if message.bot_id != people.BOT_ID:
        raise Refusal("cant_delete_message")
    api.workspace.remove_message(message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(api: Api, args: Args) -> Json:
    """Show a message to one person in a channel; it is in no history and cannot be changed."""
    channel = _target(api, args.required("channel"))
    user = args.required("user")
    if api.workspace.user(user) is None or user not in channel.members:
        raise Refusal("user_not_in_channel")
    content = _filled(read_content(args))
    message = api.workspace.put_message(
        Message(
            ts=api.workspace.new_ts(),
            channel=channel.id,
            user=people.BOT_USER,
            bot_id=people.BOT_ID,
            text=content.text or "",
            blocks=content.blocks or (),
            thread_ts=_thread(api, channel, args),
            ephemeral_to=user,
        )
    )
    return {"message_ts": message.ts} | content.answer_extra


def get_permalink(api: Api, args: Args) -> Json:
    """Return the address of a message on the page."""
    channel = api.channel(args.required("channel"))
    message = api.message(channel, args.required("message_ts"))
    link = f"{api.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def validate(api: Api, args: Args) -> Json:
    """Say what Slack would refuse in blocks, in a message or in a view."""
    given = [name for name in ("blocks", "message", "view") if name in args]
    if len(given) != 1:
        raise Refusal("invalid_arguments")
    value = args.structure(given[0])
    problems: list[Problem]
    if given[0] == "view":
        problems = check_view(value)
    elif given[0] == "message":
        problems = check_message(value.get("blocks", []) if isinstance(value, dict) else value)
    else:
        problems = check_message(value)
    if problems:
        raise Refusal("invalid_blocks", errors=[{"pointer": p.pointer, "message": p.message} for p in problems])
    return {}


METHODS = (
    Method(name="chat.postMessage", run=post_message, tier=Tier.POST, scope="chat:write"),
    Method(name="chat.update", run=update, tier=Tier.THREE, scope="chat:write"),
    Method(name="chat.delete", run=delete, tier=Tier.THREE, scope="chat:write"),
    Method(name="chat.postEphemeral", run=post_ephemeral, tier=Tier.FOUR, scope="chat:write"),
    Method(name="chat.getPermalink", run=get_permalink, tier=Tier.HUNDREDS, takes_json=False),
    Method(name="blocks.validate", run=validate, tier=Tier.FOUR),
)
