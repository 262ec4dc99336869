"""What people do in the workspace, and what Slack makes of it: commands, messages, clicks, submissions.

Runs on the server's event loop. Each method returns what the person's client would know: whether it worked, and
if not, why.
"""

import re
from dataclasses import dataclass, field

from bot.sandbox.slack import payloads, people
from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.content import read_content
from bot.sandbox.slack.delivery import NO_CONNECTION, TIMED_OUT, Courier, Kind
from bot.sandbox.slack.entities import Delivery, Json, Message, Refusal, ResponseUrl, View
from bot.sandbox.slack.form_state import faults_of, selected, state_of
from bot.sandbox.slack.methods_views import checked_view
from bot.sandbox.slack.people import Channel, User
from bot.sandbox.slack.response_urls import ResponseUrls
from bot.sandbox.slack.settings import SlashCommand
from bot.sandbox.slack.wire import find_element
from bot.sandbox.slack.workspace import Workspace

_MENTION = re.compile(r"(?<![\w<])@([a-z0-9_-]+)", re.IGNORECASE)
_CHANNEL = re.compile(r"(?<![\w<&])#([a-z0-9_-]+)")
_LINK = re.compile(r"<(@[UW][A-Z0-9]+|#[CG][A-Z0-9]+|!subteam\^S[A-Z0-9]+)(\|[^<>]*)?>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the person's client knows after an act."""

    ok: bool
    error: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    """What stands under the inputs of a form that was not taken."""
    delivery: Delivery | None = None
    message: Message | None = None


class Interactions:
    """People's acts in one workspace."""

    def __init__(self, workspace: Workspace, courier: Courier, base_url: str) -> None:
        """Act in this workspace; response URLs begin with the base URL."""
        self._workspace = workspace
        self._courier = courier
        self._base_url = base_url
        self._responses = ResponseUrls(workspace=workspace)

    # Words

    async def command(self, user_id: str, channel_id: str, text: str, thread_ts: str = "") -> Result:
        """The app gets a slash command; its answer is shown to the person."""
        user, channel = self._person_in(user_id, channel_id)
        name, _, rest = text.strip().partition(" ")
        declared = self._declared(name)
        if declared is None:
            return Result(ok=False, error=f"{name} is not a valid command.")
        if thread_ts:
            return Result(ok=False, error=f"{name} is not supported in threads. Sorry!")
        url = self._workspace.rights.issue_response_url(user.id, channel.id, None)
        trigger = self._workspace.rights.issue_trigger(user.id)
        payload = payloads.slash_command(
            self._workspace,
            user,
            channel,
            command=name,
            text=self.escaped(rest.strip()) if declared.should_escape else rest.strip(),
            trigger_id=trigger.id,
            response_url=self._address(url),
        )
        delivery = await self._courier.deliver(Kind.COMMAND, payload, accepts_answer=True)
        if not delivery.acknowledged:
            return self._not_acknowledged(user, name, delivery)
        if delivery.answer:
            self._show_answer(user, url, name, delivery.answer)
        return Result(ok=True, delivery=delivery)

    async def say(self, user_id: str, channel_id: str, text: str, thread_ts: str = "") -> Result:
        """A person's message stands in the channel; the app hears of it if it subscribed."""
        user, channel = self._person_in(user_id, channel_id)
        if channel.is_archived:
            return Result(ok=False, error="is_archived")
        if not text.strip():
            return Result(ok=False, error="no_text")
        message = self._workspace.put_message(
            Message(
                ts=self._workspace.new_ts(),
                channel=channel.id,
                user=user.id,
                text=self.escaped(text, labels=False),
                thread_ts=thread_ts,
            )
        )
        for kind in self._events_of(message, channel):
            event = payloads.message_event(message, channel, kind)
            self._courier.deliver_event(payloads.event_callback(self._workspace, event))
        return Result(ok=True, message=message)

    def _events_of(self, message: Message, channel: Channel) -> list[str]:
        """Return the events the app gets of a message; a mention may well arrive as two."""
        settings = self._workspace.settings
        kinds = []
        if people.BOT_USER not in channel.members:
            return []
        mentioned = f"<@{people.BOT_USER}>" in message.text and not channel.is_im
        if mentioned and "app_mention" in settings.bot_events and "app_mentions:read" in settings.scopes:
            kinds.append("app_mention")
        family = channel.scope_prefix
        if f"message.{family}" in settings.bot_events and f"{family}:history" in settings.scopes:
            kinds.append("message")
        return kinds

    async def open_home(self, user_id: str, tab: str = "home") -> Result:
        """The app hears that the person looks at its Home."""
        user = self._person(user_id)
        if tab == "home" and not self._workspace.settings.home_tab_enabled:
            return Result(ok=False, error="not_enabled")
        if "app_home_opened" in self._workspace.settings.bot_events:
            channel = self._workspace.direct_channel(user.id)
            event = payloads.app_home_opened(self._workspace, user, channel, tab)
            self._courier.deliver_event(payloads.event_callback(self._workspace, event))
        return Result(ok=True)

    # Clicks

    async def press_in_message(
        self, user_id: str, message: Message, *, action_id: str, block_id: str = "", given: Json, state: Json
    ) -> Result:
        """The app gets a click in a message, which may be an older state of it than the channel shows now."""
        user, channel = self._person_in(user_id, message.channel)
        if message.ephemeral_to not in ("", user.id):
            raise Refusal("message_not_found")
        url = self._workspace.rights.issue_response_url(user.id, channel.id, message)
        payload = payloads.message_action(
            self._workspace,
            user,
            channel,
            message,
            action=self._action(message.blocks, action_id, block_id, given),
            state=state_of(message.blocks, state),
            trigger_id=self._workspace.rights.issue_trigger(user.id).id,
            response_url=self._address(url),
        )
        return await self._pressed(user, payload)

    async def press_in_view(
        self, user_id: str, view: View, *, action_id: str, block_id: str = "", given: Json, state: Json
    ) -> Result:
        """The app gets a click in a modal or in the Home tab."""
        user = self._person(user_id)
        if view.user != user.id:
            raise Refusal("not_found")
        modal = view.id if view.payload["type"] == "modal" else ""
        payload = payloads.view_action(
            self._workspace,
            user,
            view,
            action=self._action(view.blocks, action_id, block_id, given),
            state=state_of(view.blocks, state),
            trigger_id=self._workspace.rights.issue_trigger(user.id, modal).id,
        )
        return await self._pressed(user, payload)

    async def _pressed(self, user: User, payload: Json) -> Result:
        delivery = await self._courier.deliver(Kind.INTERACTIVE, payload, accepts_answer=False)
        if delivery.acknowledged:
            return Result(ok=True, delivery=delivery)
        return self._not_acknowledged(user, f"The press of {payload['actions'][0]['action_id']}", delivery)

    def _action(self, blocks: object, action_id: str, block_id: str, given: Json) -> Json:
        found = find_element(blocks if isinstance(blocks, list | tuple) else (), action_id, block_id)
        if found is None:
            raise Refusal("no_such_element", action_id=action_id)
        block, element = found
        action = {"type": element["type"], "action_id": action_id, "block_id": block["block_id"]}
        return action | selected(element, given) | {"action_ts": self._workspace.new_ts()}

    # Forms

    async def submit(self, user_id: str, view: View, values: Json) -> Result:
        """The app gets a submitted form, unless Slack's client already finds fault with it."""
        user = self._person(user_id)
        if view.user != user.id or view.payload["type"] != "modal":
            raise Refusal("not_found")
        state = state_of(view.blocks, values)
        if faults := faults_of(view.blocks, state):
            return self._show_errors(view, faults)
        trigger = self._workspace.rights.issue_trigger(user.id, view.id)
        payload = payloads.view_submission(self._workspace, user, view, state=state, trigger_id=trigger.id)
        delivery = await self._courier.deliver(Kind.INTERACTIVE, payload, accepts_answer=True)
        if not delivery.acknowledged:
            return self._not_acknowledged(user, "The form", delivery)
        try:
            return self._after_submission(view, delivery)
        except Refusal as refusal:
            self._workspace.notice(f"We had some trouble connecting. Try again? ({refusal.error})", user.id)
            return Result(ok=False, error=refusal.error, delivery=delivery)

    def _after_submission(self, view: View, delivery: Delivery) -> Result:
        """Do what the acknowledgement of a form asks for; an empty one closes this view."""
        views, answer = self._workspace.views, delivery.answer or {}
        action = answer.get("response_action")
        if action is None:
            if self._workspace.views.get(view.id) is not None:
                views.close(view)
        elif action == "clear":
            views.close_all(view.user)
        elif action == "errors":
            return self._show_errors(view, _errors_in(view, answer.get("errors")), delivery)
        elif action == "update":
            views.update(view, checked_view(answer.get("view"), "modal"))
        elif action == "push":
            views.push(view.user, checked_view(answer.get("view"), "modal"))
        else:
            raise Refusal("invalid_response_action")
        return Result(ok=True, delivery=delivery)

    def _show_errors(self, view: View, errors: dict[str, str], delivery: Delivery | None = None) -> Result:
        event = {"type": "view_errors", "view_id": view.id, "errors": errors}
        self._workspace.feed.publish(event, frozenset({view.user}))
        return Result(ok=False, error="errors", errors=errors, delivery=delivery)

    async def close(self, user_id: str, view: View, *, whole_stack: bool = False) -> Result:
        """The view (or all of them) is closed; the app hears of it if the view asked for that."""
        user = self._person(user_id)
        if view.user != user.id or view.payload["type"] != "modal":
            raise Refusal("not_found")
        cleared = whole_stack or bool(view.payload.get("clear_on_close"))
        going = self._workspace.views.stack(user.id) if cleared else [view]
        for each in reversed(going):
            self._workspace.views.close(each)
            if each.payload.get("notify_on_close"):
                payload = payloads.view_closed(self._workspace, user, each, is_cleared=cleared)
                await self._courier.deliver(Kind.INTERACTIVE, payload, accepts_answer=False)
        return Result(ok=True)

    # What they have in common

    def escaped(self, text: str, *, labels: bool = True) -> str:
        """Return a person's words as Slack sends them: three characters escaped, names made ids."""
        kept: list[str] = []

        def keep(found: re.Match[str]) -> str:
            kept.append(found[0])
            return f"\x00{len(kept) - 1}\x00"

        def mention(found: re.Match[str]) -> str:
            user = next((u for u in self._workspace.users if u.name == found[1].lower()), None)
            if user is None:
                return found[0]
            return f"<@{user.id}|{user.name}>" if labels else f"<@{user.id}>"

        def channel(found: re.Match[str]) -> str:
            known = self._workspace.channel_named(found[1])
            return f"<#{known.id}|{known.name}>" if known else found[0]

        plain = _LINK.sub(keep, text.replace("\x00", ""))
        plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        plain = _CHANNEL.sub(channel, _MENTION.sub(mention, plain))
        return re.sub(r"\x00(\d+)\x00", lambda found: kept[int(found[1])], plain)

    def _declared(self, name: str) -> SlashCommand | None:
        settings = self._workspace.settings
        if "commands" not in settings.scopes:
            return None
        return next((command for command in settings.commands if command.command == name), None)

    def _person(self, user_id: str) -> User:
        user = self._workspace.user(user_id)
        if user is None or user.is_bot or user.deleted:
            raise Refusal("user_not_found")
        return user

    def _person_in(self, user_id: str, channel_id: str) -> tuple[User, Channel]:
        user, channel = self._person(user_id), self._workspace.channel(channel_id)
        if channel is None:
            raise Refusal("channel_not_found")
        if user.id not in channel.members:
            raise Refusal("not_in_channel")
        return user, channel

    def _address(self, url: ResponseUrl) -> str:
        return f"{self._base_url}/response/{url.token}"

    def _show_answer(self, user: User, url: ResponseUrl, name: str, answer: Json) -> None:
        """The text or blocks of an acknowledged command are shown, to the person alone unless it says otherwise."""
        args = Args(answer)
        try:
            content = read_content(args, limit_total=False)
        except Refusal as refusal:
            self._workspace.notice(f"{name} failed with the error “{refusal.error}”", user.id)
            return
        if not content.is_empty:
            in_channel = args.text("response_type") == "in_channel"
            self._responses.post(url, content, in_channel=in_channel, args=args)

    def _not_acknowledged(self, user: User, what: str, delivery: Delivery) -> Result:
        seconds = f"{self._workspace.settings.ack_seconds:g}"
        if delivery.reason == NO_CONNECTION:
            text = f"dragonfly did not respond: {what} found the app not connected"
        elif delivery.reason == TIMED_OUT:
            text = f"{what} was not acknowledged in {seconds} s (operation_timeout)"
        else:
            text = f"dragonfly did not respond: {what} failed ({delivery.reason})"
        self._workspace.notice(text, user.id)
        return Result(ok=False, error=text, delivery=delivery)


def _errors_in(view: View, errors: object) -> dict[str, str]:
    """Return the errors of an acknowledgement; each must name an input block of the view."""
    inputs = {block["block_id"] for block in view.blocks if block.get("type") == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise Refusal("invalid_errors")
    return {str(name): str(text) for name, text in errors.items()}
