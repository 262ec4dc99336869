"""The Web API refuses what Slack refuses, asked through the client the product uses."""

import json
from dataclasses import replace

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import people
from bot.sandbox.slack.server import SlackServer
from bot.sandbox.slack.settings import ALL_SCOPES
from tests.sandbox.slack.conftest import StartSlack, actions, button, client_of, refusal_of, refused, section

INCIDENTS = people.INCIDENTS


def test_the_token_says_who_calls(slack: SlackServer, client: WebClient) -> None:
    """A wrong token, none, and the app's token where the bot's belongs are three different refusals."""
    assert client.auth_test()["bot_id"] == people.BOT_ID
    assert refusal_of(client_of(slack, "xoxb-wrong").auth_test) == "invalid_auth"
    assert refusal_of(client_of(slack, slack.settings.app_token).auth_test) == "not_allowed_token_type"
    assert refusal_of(client.apps_connections_open, app_token=slack.settings.bot_token) == "not_allowed_token_type"
    assert httpx.post(slack.api_url + "auth.test").json() == {"ok": False, "error": "not_authed"}


def test_an_unknown_method_is_refused(client: WebClient) -> None:
    """A misspelt method is not taken silently."""
    assert refusal_of(client.api_call, "chat.postMesage") == "unknown_method"


@pytest.mark.parametrize(
    ("scope", "method", "arguments"),
    [
        ("chat:write", "chat.postMessage", {"channel": INCIDENTS, "text": "x"}),
        ("channels:history", "conversations.history", {"channel": INCIDENTS}),
        ("channels:read", "conversations.info", {"channel": INCIDENTS}),
        ("users:read", "users.info", {"user": people.ADA}),
        ("usergroups:read", "usergroups.users.list", {"usergroup": "S0OPS"}),
        ("im:write", "conversations.open", {"users": people.ADA}),
    ],
)
def test_a_scope_that_was_not_granted_is_named(
    start_slack: StartSlack, scope: str, method: str, arguments: dict[str, str]
) -> None:
    """Slack says which scope is needed and which were provided, and lists them in a header."""
    client = client_of(start_slack(scopes=ALL_SCOPES - {scope}))

    answer = refused(client.api_call, method, params=arguments)

    assert (answer["error"], answer["needed"]) == ("missing_scope", scope)
    assert scope not in answer["provided"].split(",")
    assert scope not in client.auth_test().headers["x-oauth-scopes"].split(",")


def test_a_post_needs_a_channel_the_bot_may_write_in(start_slack: StartSlack) -> None:
    """Unknown, not joined, and archived channels are refused; the public scope opens the second."""
    slack = start_slack(scopes=ALL_SCOPES - {"chat:write.public"})
    client = client_of(slack)
    incidents = slack.workspace.channel(INCIDENTS)
    assert incidents is not None
    slack.workspace.put_channel(replace(incidents, id="C0OLD", name="old", is_archived=True))
    slack.workspace.put_channel(
        replace(incidents, id="C0HIDDEN", name="hidden", is_private=True, members=frozenset({people.BEN}))
    )

    assert refusal_of(client.chat_postMessage, channel="C0NOWHERE", text="x") == "channel_not_found"
    assert refusal_of(client.chat_postMessage, channel="C0HIDDEN", text="x") == "channel_not_found"
    assert refusal_of(client.chat_postMessage, channel=people.GENERAL, text="x") == "not_in_channel"
    assert refusal_of(client.chat_postMessage, channel="C0OLD", text="x") == "is_archived"
    assert client_of(start_slack()).chat_postMessage(channel=people.GENERAL, text="x")["ok"]


def test_a_post_can_name_a_channel_or_a_person(slack: SlackServer, client: WebClient) -> None:
    """A channel's name and a person's id lead to the conversation's id."""
    assert client.chat_postMessage(channel="#incidents", text="x")["channel"] == INCIDENTS
    assert client.chat_postMessage(channel=people.ADA, text="x")["channel"] == "D0ADA"
    assert client.conversations_open(users=people.ADA)["channel"]["id"] == "D0ADA"
    assert [m.text for m in slack.workspace.messages("D0ADA")] == ["x"]


def test_form_and_json_bodies_are_both_taken(slack: SlackServer) -> None:
    """Blocks arrive as text in a form and as they are in JSON."""
    headers = {"Authorization": f"Bearer {slack.settings.bot_token}"}
    url, blocks = slack.api_url + "chat.postMessage", [section("x", block_id="b")]

    form = httpx.post(url, headers=headers, data={"channel": INCIDENTS, "blocks": json.dumps(blocks)})
    plain = httpx.post(url, headers=headers, json={"channel": INCIDENTS, "blocks": blocks})
    other = httpx.post(url, headers=headers | {"Content-Type": "text/plain"}, content=b"x")
    broken = httpx.post(url, headers=headers | {"Content-Type": "application/json"}, content=b"{")

    assert form.json()["message"]["blocks"] == plain.json()["message"]["blocks"] == blocks
    assert other.json()["error"] == "invalid_post_type"
    assert broken.json()["error"] == "invalid_json"
    assert [call.args["blocks"] for call in slack.workspace.calls if call.ok] == [blocks, blocks]


def test_a_message_with_nothing_to_show_is_refused(client: WebClient) -> None:
    """Neither an empty text nor an empty list of blocks is a message."""
    for arguments in ({}, {"text": " "}, {"text": "", "blocks": []}):
        nothing = {"channel": INCIDENTS, **arguments}
        assert refusal_of(client.api_call, "chat.postMessage", json=nothing) == "no_text"


def test_blocks_slack_does_not_take_are_refused_with_the_place(client: WebClient) -> None:
    """The answer points at the fault; the post is not made."""
    blocks = [actions(button(text={"type": "plain_text", "text": "x" * 76}))]

    answer = refused(client.chat_postMessage, channel=INCIDENTS, text="x", blocks=blocks)

    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"
    ]
    assert client.conversations_history(channel=INCIDENTS)["messages"] == []
    wrong = {"channel": INCIDENTS, "text": "x", "blocks": '{"type": "section"}'}
    assert refusal_of(client.api_call, "chat.postMessage", params=wrong) == "invalid_blocks_format"


def test_blocks_too_long_in_all_are_refused(client: WebClient) -> None:
    """Each block is within its limit and the message is still too long."""
    fitting = [section("x" * 2600) for _ in range(5)]

    assert client.chat_postMessage(channel=INCIDENTS, text="x", blocks=fitting)["ok"]
    too_long = [*fitting, section("x")]
    assert refusal_of(client.chat_postMessage, channel=INCIDENTS, text="x", blocks=too_long) == "msg_blocks_too_long"


def test_a_very_long_text_is_cut_with_a_warning(slack: SlackServer, client: WebClient) -> None:
    """40,000 characters are kept."""
    answer = client.chat_postMessage(channel=INCIDENTS, text="x" * 40_001)

    assert answer["warning"] == "message_truncated"
    assert [len(m.text) for m in slack.workspace.messages(INCIDENTS)] == [40_000]


def test_metadata_is_kept_and_read_back_only_when_asked_for(client: WebClient) -> None:
    """A well-formed event type and a flat payload; anything else is dropped with a warning."""
    metadata = {"event_type": "dragonfly", "event_payload": {"outbox_id": "17"}}
    client.chat_postMessage(channel=INCIDENTS, text="kept", metadata=metadata)
    dropped = client.chat_postMessage(
        channel=INCIDENTS, text="dropped", metadata=metadata | {"event_type": "not allowed!"}
    )
    nested = metadata | {"event_payload": {"deep": {"er": 1}}}
    assert client.chat_postMessage(channel=INCIDENTS, text="nested", metadata=nested)["warning"]

    with_it = client.conversations_history(channel=INCIDENTS, include_all_metadata=True)["messages"]
    without = client.conversations_history(channel=INCIDENTS)["messages"]

    assert dropped["warning"] == "invalid_metadata"
    assert [message.get("metadata") for message in with_it] == [None, None, metadata]
    assert not any("metadata" in message for message in without)


def test_threads_hang_under_their_parent(client: WebClient) -> None:
    """Replies are not in the channel's history unless broadcast; the parent counts them."""
    parent = client.chat_postMessage(channel=INCIDENTS, text="parent")["ts"]
    client.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=parent)
    client.chat_postMessage(channel=INCIDENTS, text="loud", thread_ts=parent, reply_broadcast=True)

    history = client.conversations_history(channel=INCIDENTS)["messages"]
    thread = client.conversations_replies(channel=INCIDENTS, ts=parent)["messages"]

    assert [m["text"] for m in history] == ["loud", "parent"]
    assert (history[1]["reply_count"], history[0]["subtype"]) == (2, "thread_broadcast")
    assert [m["text"] for m in thread] == ["parent", "reply", "loud"]
    assert refusal_of(client.conversations_replies, channel=INCIDENTS, ts="1795000000.000001") == "thread_not_found"


def test_a_reply_to_what_is_no_thread_is_lost(slack: SlackServer, client: WebClient) -> None:
    """Slack takes a reply to a reply and shows it to nobody; a ts that is none is refused."""
    parent = client.chat_postMessage(channel=INCIDENTS, text="parent")["ts"]
    reply = client.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=parent)["ts"]

    client.chat_postMessage(channel=INCIDENTS, text="lost", thread_ts=reply)

    assert "lost" not in str(client.conversations_replies(channel=INCIDENTS, ts=parent)["messages"])
    assert "lost" not in str(client.conversations_history(channel=INCIDENTS)["messages"])
    assert "starts no thread" in slack.workspace.notices[-1]
    wrong = refusal_of(client.chat_postMessage, channel=INCIDENTS, text="x", thread_ts="1795000000.1")
    assert wrong == "invalid_thread_ts"


def test_history_comes_in_pages_and_between_moments(client: WebClient) -> None:
    """The cursor leads on, bounds are exclusive unless said, and bad bounds are refused."""
    ts = [client.chat_postMessage(channel=INCIDENTS, text=str(n))["ts"] for n in range(5)]

    first = client.conversations_history(channel=INCIDENTS, limit=2)
    second = client.conversations_history(channel=INCIDENTS, limit=3, cursor=first["response_metadata"]["next_cursor"])
    between = client.conversations_history(channel=INCIDENTS, oldest=ts[1], latest=ts[3])
    including = client.conversations_history(channel=INCIDENTS, oldest=ts[1], latest=ts[3], inclusive=True)

    assert [m["text"] for m in first["messages"]] == ["4", "3"] and first["has_more"]
    assert [m["text"] for m in second["messages"]] == ["2", "1", "0"] and not second["has_more"]
    assert [m["text"] for m in between["messages"]] == ["2"]
    assert [m["text"] for m in including["messages"]] == ["3", "2", "1"]
    assert refusal_of(client.conversations_history, channel=INCIDENTS, limit=1000) == "invalid_limit"
    assert refusal_of(client.conversations_history, channel=INCIDENTS, cursor="x") == "invalid_cursor"
    assert refusal_of(client.conversations_history, channel=people.GENERAL) == "not_in_channel"


def test_an_update_replaces_what_it_names(slack: SlackServer, client: WebClient) -> None:
    """Text alone removes the blocks and marks the message edited; blocks alone keep the text and do not."""
    ts = client.chat_postMessage(
        channel=INCIDENTS,
        text="one",
        blocks=[section("one")],
        metadata={"event_type": "d", "event_payload": {}},
    )["ts"]

    client.api_call("chat.update", json={"channel": INCIDENTS, "ts": ts, "blocks": [section("two")]})
    with_blocks = slack.workspace.find(INCIDENTS, ts)
    client.chat_update(channel=INCIDENTS, ts=ts, text="three")
    text_only = slack.workspace.find(INCIDENTS, ts)

    assert with_blocks is not None and text_only is not None
    assert (with_blocks.text, with_blocks.blocks[0]["text"]["text"], with_blocks.edited_ts) == (
        "one",
        "two",
        "",
    )
    assert (text_only.text, text_only.blocks) == ("three", ())
    assert text_only.edited_ts and text_only.metadata == {"event_type": "d", "event_payload": {}}


def test_only_the_bots_own_messages_can_be_changed(slack: SlackServer, client: WebClient) -> None:
    """Other people's messages, unknown ones and ephemeral ones are refused, each in Slack's word."""
    theirs = slack.person(people.ADA).says("mine").message
    shown = client.chat_postEphemeral(channel=INCIDENTS, user=people.ADA, text="psst")["message_ts"]
    assert theirs is not None
    there = {"channel": INCIDENTS, "text": "x"}

    assert refusal_of(client.chat_update, ts=theirs.ts, **there) == "cant_update_message"
    assert refusal_of(client.chat_delete, channel=INCIDENTS, ts=theirs.ts) == "cant_delete_message"
    assert refusal_of(client.chat_update, ts="1795000000.000001", **there) == "message_not_found"
    assert refusal_of(client.chat_update, ts=shown, **there) == "message_not_found"
    assert refusal_of(client.chat_delete, channel=INCIDENTS, ts=shown) == "message_not_found"


def test_an_ephemeral_message_reaches_members_only_and_no_history(slack: SlackServer, client: WebClient) -> None:
    """Its reader must be in the channel, and nobody can read it back."""
    client.chat_postEphemeral(channel=INCIDENTS, user=people.ADA, text="psst")

    assert slack.person(people.ADA).is_told("psst")
    assert slack.person(people.BEN).private_messages == []
    assert client.conversations_history(channel=INCIDENTS)["messages"] == []
    outside = {"channel": people.SECURITY, "user": people.GIL, "text": "x"}
    assert refusal_of(client.chat_postEphemeral, **outside) == "user_not_in_channel"


def test_a_deleted_message_is_gone_and_a_deleted_parent_leaves_a_stone(client: WebClient) -> None:
    """Replies keep their place under a tombstone, which cannot be changed."""
    lone = client.chat_postMessage(channel=INCIDENTS, text="lone")["ts"]
    parent = client.chat_postMessage(channel=INCIDENTS, text="parent")["ts"]
    client.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=parent)

    client.chat_delete(channel=INCIDENTS, ts=lone)
    client.chat_delete(channel=INCIDENTS, ts=parent)

    history = client.conversations_history(channel=INCIDENTS)["messages"]
    assert [m.get("subtype") for m in history] == ["tombstone"]
    assert refusal_of(client.chat_update, channel=INCIDENTS, ts=parent, text="x") == "message_not_found"


def test_a_permalink_leads_to_the_message_on_the_page(slack: SlackServer, client: WebClient) -> None:
    """The link is the page's address of exactly this message, and of its thread."""
    parent = client.chat_postMessage(channel=INCIDENTS, text="x")["ts"]
    reply = client.chat_postMessage(channel=INCIDENTS, text="x", thread_ts=parent)["ts"]

    link = client.chat_getPermalink(channel=INCIDENTS, message_ts=reply)["permalink"]

    assert link == f"{slack.url}/archives/{INCIDENTS}/p{reply.replace('.', '')}?thread_ts={parent}&cid={INCIDENTS}"
    assert httpx.get(link).headers["location"] == f"/#/{INCIDENTS}/{reply}/{parent}"
    assert refusal_of(client.chat_getPermalink, channel=INCIDENTS, message_ts="1.1") == "message_not_found"


def test_the_directory_tells_who_people_are(client: WebClient) -> None:
    """Guests, bots, groups, members and channels are told apart; strangers are not found."""
    assert client.users_info(user=people.GIL)["user"]["is_restricted"]
    assert client.users_info(user=people.BOT_USER)["user"]["is_bot"]
    assert client.users_info(user=people.ADA)["user"]["profile"]["email"] == "ada@example.com"
    assert len(client.users_list()["members"]) == 6
    assert client.usergroups_users_list(usergroup="S0APPROVERS")["users"] == [
        people.BEN,
        people.CLEO,
        people.DANA,
    ]
    assert client.usergroups_list(include_users=True)["usergroups"][0]["users"] == [people.ADA]
    assert people.GIL in client.conversations_members(channel=INCIDENTS)["members"]
    assert client.conversations_info(channel=people.GENERAL)["channel"]["is_member"] is False
    assert {c["name"] for c in client.conversations_list()["channels"]} == {
        "incidents",
        "general",
        "security",
        "ops-all",
    }
    assert refusal_of(client.users_info, user="U0NOBODY") == "user_not_found"
    assert refusal_of(client.usergroups_users_list, usergroup="S0NONE") == "no_such_subteam"
    assert refusal_of(client.conversations_open, users=people.BOT_USER) == "cannot_dm_bot"


def test_lists_come_in_pages(client: WebClient) -> None:
    """The client's own paging reads every person once."""
    names = [member["name"] for page in client.users_list(limit=4) for member in page["members"]]

    assert sorted(names) == ["ada", "ben", "cleo", "dana", "dragonfly", "gil"]


def test_slack_itself_checks_blocks(client: WebClient) -> None:
    """`blocks.validate` points at every fault and posts nothing."""
    assert client.blocks_validate(blocks=[section()])["ok"]

    with pytest.raises(SlackApiError) as caught:
        client.blocks_validate(view={"type": "modal", "blocks": []})

    assert caught.value.response["errors"] == [{"pointer": "/view", "message": "missing required field: title"}]


def test_every_call_stands_in_the_record(slack: SlackServer, client: WebClient) -> None:
    """Refused calls are kept too, with what was asked and answered; tokens are not."""
    client.chat_postMessage(channel=INCIDENTS, text="x")
    refusal_of(client.chat_postMessage, channel="C0NOWHERE", text="x")

    calls = slack.workspace.calls_of("chat.postMessage")

    assert [(call.ok, call.answer.get("error")) for call in calls] == [
        (True, None),
        (False, "channel_not_found"),
    ]
    assert calls[0].args == {"channel": INCIDENTS, "text": "x"}
    assert slack.settings.bot_token not in str(slack.workspace.calls)
