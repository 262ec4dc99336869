"""What Slack sends the app: commands, clicks, submissions, events, field by field.

Fields as in the test data of the official SDKs (java-slack-sdk, bolt-python 1.30.0; 2026-11). A click in an
ephemeral message carries no message; one in a view carries neither channel nor response URL.
"""

import secrets

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import Json, Message, View
from bot.sandbox.slack.people import Channel, User
from bot.sandbox.slack.wire import message_as_slack, view_as_slack
from bot.sandbox.slack.workspace import Workspace


def slash_command(
    workspace: Workspace,
    user: User,
    channel: Channel,
    *,
    command: str,
    text: str,
    trigger_id: str,
    response_url: str,
) -> Json:
    """Return the form fields of a slash command."""
    return {
        "token": workspace.verification_token,
        "team_id": people.TEAM_ID,
        "team_domain": people.TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.is_im else "privategroup" if channel.is_private else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": people.APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def _interaction(workspace: Workspace, kind: str, user: User) -> Json:
    return {
        "type": kind,
        "team": {"id": people.TEAM_ID, "domain": people.TEAM_DOMAIN},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": people.APP_ID,
        "token": workspace.verification_token,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def message_action(
    workspace: Workspace,
    user: User,
    channel: Channel,
    message: Message,
    *,
    action: Json,
    state: Json,
    trigger_id: str,
    response_url: str,
) -> Json:
    """Return a click in a message."""
    ephemeral = bool(message.ephemeral_to)
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": ephemeral,
    }
    if message.is_reply:
        container["thread_ts"] = message.thread_ts
    payload = _interaction(workspace, "block_actions", user) | {
        "container": container,
        "trigger_id": trigger_id,
        "channel": {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name},
        "state": {"values": state},
        "response_url": response_url,
        "actions": [action],
    }
    if not ephemeral:
        payload["message"] = message_as_slack(message, workspace.thread(channel.id, message.ts))
    return payload


def view_action(workspace: Workspace, user: User, view: View, *, action: Json, state: Json, trigger_id: str) -> Json:
    """Return a click in a modal or the Home tab."""
    return _interaction(workspace, "block_actions", user) | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": trigger_id,
        "view": view_as_slack(view, state),
        "state": {"values": state},
        "actions": [action],
    }


def view_submission(workspace: Workspace, user: User, view: View, *, state: Json, trigger_id: str) -> Json:
    """Return a submitted modal."""
    return _interaction(workspace, "view_submission", user) | {
        "trigger_id": trigger_id,
        "view": view_as_slack(view, state),
        "response_urls": [],
    }


def view_closed(workspace: Workspace, user: User, view: View, *, is_cleared: bool) -> Json:
    """Return a modal closed without submitting."""
    return _interaction(workspace, "view_closed", user) | {
        "view": view_as_slack(view),
        "is_cleared": is_cleared,
    }


def event_callback(workspace: Workspace, event: Json) -> Json:
    """Return the envelope of an event."""
    return {
        "token": workspace.verification_token,
        "team_id": people.TEAM_ID,
        "context_team_id": people.TEAM_ID,
        "api_app_id": people.APP_ID,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev0{secrets.token_hex(5).upper()}",
        "event_time": int(workspace.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": people.TEAM_ID,
                "user_id": people.BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_hex(16)}",
    }


def message_event(message: Message, channel: Channel, kind: str) -> Json:
    """Return a person's message as the event `message` or `app_mention`."""
    event: Json = {
        "type": kind,
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "client_msg_id": secrets.token_hex(16),
        "team": people.TEAM_ID,
        "blocks": [_rich_text(message.text)],
        "channel": channel.id,
        "event_ts": message.ts,
    }
    if kind == "message":
        event["channel_type"] = "im" if channel.is_im else "group" if channel.is_private else "channel"
    if message.is_reply:
        event["thread_ts"] = message.thread_ts
    return event


def app_home_opened(workspace: Workspace, user: User, channel: Channel, tab: str) -> Json:
    """Return the event of a person who looks at the app's Home."""
    event: Json = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": channel.id,
        "tab": tab,
        "event_ts": workspace.new_ts(),
    }
    home = workspace.views.home(user.id)
    if home is not None and tab == "home":
        event["view"] = view_as_slack(home)
    return event


def _rich_text(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "block_id": secrets.token_urlsafe(4), "elements": [section]}
