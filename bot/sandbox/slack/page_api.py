"""`/page/*`: what the page in the browser reads and sends. JSON in and out, live changes as server-sent events."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import Json, Message, Refusal, View
from bot.sandbox.slack.interactions import Interactions, Result
from bot.sandbox.slack.people import Channel
from bot.sandbox.slack.wire import view_as_slack
from bot.sandbox.slack.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class PageApi:
    """The page's side of the workspace."""

    workspace: Workspace
    interactions: Interactions

    # Reading

    async def state(self, request: Request) -> Response:
        """Answer everything the person can see now."""
        user = request.query_params.get("user", people.ADA)
        if self.workspace.user(user) is None:
            return JSONResponse({"ok": False, "error": "user_not_found"}, 404)
        channels = [c for c in self.workspace.channels if user in self.workspace.viewers(c.id)]
        home = self.workspace.views.home(user)
        return JSONResponse(
            {
                "ok": True,
                "team": {"id": people.TEAM_ID, "name": people.TEAM_NAME, "domain": people.TEAM_DOMAIN},
                "me": user,
                "users": [asdict(each) for each in self.workspace.users],
                "channels": [self._channel(channel) for channel in channels],
                "commands": [asdict(command) for command in self.workspace.settings.commands],
                "messages": {channel.id: self._messages(channel, user) for channel in channels},
                "home": view_as_slack(home) if home else None,
                "views": [view_as_slack(view) for view in self.workspace.views.stack(user)],
                "faults": self.workspace.faults.describe(),
            }
        )

    def _channel(self, channel: Channel) -> Json:
        shown: Json = {"id": channel.id, "name": channel.name, "members": sorted(channel.members)}
        return shown | {
            "is_im": channel.is_im,
            "is_private": channel.is_private,
            "is_archived": channel.is_archived,
            "topic": channel.topic,
        }

    def _messages(self, channel: Channel, user: str) -> list[Json]:
        own = [m for m in self.workspace.ephemerals(user) if m.channel == channel.id]
        shown = sorted([*self.workspace.messages(channel.id), *own], key=lambda m: m.ts)
        return [self.workspace.page_message(message) for message in shown]

    async def events(self, request: Request) -> Response:
        """Stream the person's changes."""
        user = request.query_params.get("user", people.ADA)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(user), headers=headers, media_type="text/event-stream")

    async def _stream(self, user: str) -> AsyncIterator[str]:
        async for event in self.workspace.feed.events(user):
            yield ": beat\n\n" if event is None else f"data: {json.dumps(event)}\n\n"

    # Acting

    async def command(self, request: Request) -> Response:
        """Carry out what was typed: a slash command, or a plain message."""
        body = await _body(request)
        text = _text(body, "text")
        act = self.interactions.command if text.startswith("/") else self.interactions.say
        return await _answer(act(_text(body, "user"), _text(body, "channel"), text, _text(body, "thread_ts")))

    async def message(self, request: Request) -> Response:
        """Post a person's message."""
        body = await _body(request)
        said = self.interactions.say(
            _text(body, "user"), _text(body, "channel"), _text(body, "text"), _text(body, "thread_ts")
        )
        return await _answer(said)

    async def action(self, request: Request) -> Response:
        """Press a button or choose an option, in a message or in a view."""
        body = await _body(request)
        action, state = _object(body, "action"), _object(body, "state")
        where: Json = {
            "action_id": _text(action, "action_id"),
            "block_id": _text(action, "block_id"),
            "given": action,
            "state": state.get("values", state),
        }
        try:
            if _text(body, "view_id"):
                view = self._view(_text(body, "view_id"))
                return await _answer(self.interactions.press_in_view(_text(body, "user"), view, **where))
            message = self._message(_object(body, "message"))
            return await _answer(self.interactions.press_in_message(_text(body, "user"), message, **where))
        except Refusal as refusal:
            return _refused(refusal)

    async def submit(self, request: Request) -> Response:
        """Submit a form."""
        body = await _body(request)
        try:
            view = self._view(_text(body, "view_id"))
        except Refusal as refusal:
            return _refused(refusal)
        return await _answer(self.interactions.submit(_text(body, "user"), view, _object(body, "values")))

    async def close(self, request: Request) -> Response:
        """Close a form, or with `all` the whole stack."""
        body = await _body(request)
        try:
            view = self._view(_text(body, "view_id"))
        except Refusal as refusal:
            return _refused(refusal)
        whole = bool(body.get("all"))
        return await _answer(self.interactions.close(_text(body, "user"), view, whole_stack=whole))

    async def home(self, request: Request) -> Response:
        """Look at the app's Home."""
        body = await _body(request)
        return await _answer(self.interactions.open_home(_text(body, "user"), _text(body, "tab") or "home"))

    async def faults(self, request: Request) -> Response:
        """Break something of Slack's, or mend it."""
        body, faults = await _body(request), self.workspace.faults
        latency = body.get("latency_ms")
        faults.set(
            down=_flag(body, "down"),
            drop_answer=_flag(body, "drop_answer"),
            latency_seconds=latency / 1000 if isinstance(latency, int | float) else None,
        )
        if isinstance(seconds := body.get("rate_limit_seconds"), int | float):
            faults.limit_until(self.workspace.now() + seconds)
        if failing := _object(body, "fail_method"):
            faults.fail(_text(failing, "method"), _text(failing, "error"))
        if (deaf := _flag(body, "deaf_sockets")) is not None:
            faults.deaf_sockets = deaf
        if (twice := _flag(body, "deliver_twice")) is not None:
            faults.deliver_twice = twice
        return JSONResponse({"ok": True, "faults": faults.describe()})

    def _view(self, view_id: str) -> View:
        view = self.workspace.views.get(view_id)
        if view is None:
            raise Refusal("not_found")
        return view

    def _message(self, place: Json) -> Message:
        message = self.workspace.find(_text(place, "channel"), _text(place, "ts"))
        if message is None:
            raise Refusal("message_not_found")
        return message


async def _body(request: Request) -> Json:
    try:
        value = json.loads(await request.body())
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _flag(body: Json, name: str) -> bool | None:
    value = body.get(name)
    return value if isinstance(value, bool) else None


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


async def _answer(act: Any) -> Response:  # a coroutine of any of the acts: all return a Result
    try:
        result: Result = await act
    except Refusal as refusal:
        return _refused(refusal)
    answer: Json = {"ok": result.ok}
    if result.error:
        answer["error"] = result.error
    if result.errors:
        answer["errors"] = result.errors
    return JSONResponse(answer)


def _refused(refusal: Refusal) -> Response:
    return JSONResponse({"ok": False, "error": refusal.error} | refusal.extra)
