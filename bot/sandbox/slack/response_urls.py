"""`POST /response/<token>`: answering an interaction without a token of the app.

Sources: docs.slack.dev/interactivity/handling-user-interaction (five uses, 30 minutes), and bolt-python 1268: a
slash command's URL cannot replace what it posted, it posts anew (2026-11).
"""

import json
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.sandbox.slack import people
from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.content import Content, read_content
from bot.sandbox.slack.entities import Call, Json, Message, Refusal, ResponseUrl
from bot.sandbox.slack.privacy import refuse_people
from bot.sandbox.slack.workspace import Workspace

METHOD = "response_url"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseUrls:
    """The other end of every `response_url`."""

    workspace: Workspace

    async def handle(self, request: Request) -> Response:
        """Answer one post to a response URL, and keep it."""
        args: Json = {}
        try:
            url = self.workspace.rights.use_response_url(request.path_params["token"])
            args = _json(await request.body())
            refuse_people(METHOD, args)
            self.respond(url, Args(args))
            answer: Json = {"ok": True}
        except Refusal as refusal:
            answer = {"ok": False, "error": refusal.error} | refusal.extra
        status = 200 if answer["ok"] else 404 if answer["error"] in ("used_url", "expired_url") else 400
        at = self.workspace.now()
        self.workspace.record_call(Call(method=METHOD, args=args, at=at, answer=answer, status=status))
        if answer["ok"]:
            return PlainTextResponse("ok")
        return Response(json.dumps(answer), status, media_type="application/json")

    def respond(self, url: ResponseUrl, args: Args) -> None:
        """Carry out what the app answered: replace, delete or post."""
        if args.flag("delete_original"):
            if url.message is not None:
                self.workspace.remove_message(self._original(url))
            return
        content = read_content(args, limit_total=False)
        if content.is_empty:
            raise Refusal("no_text")
        if args.flag("replace_original") and url.message is not None:
            original = self._original(url)
            self.workspace.put_message(
                replace(
                    original,
                    text=content.text or "",
                    blocks=content.blocks or (),
                    metadata=content.metadata or original.metadata,
                )
            )
            return
        self.post(url, content, in_channel=args.text("response_type") == "in_channel", args=args)

    def post(self, url: ResponseUrl, content: Content, *, in_channel: bool, args: Args) -> Message:
        """A new message stands in the channel of the interaction, for one person unless it says otherwise."""
        thread_ts = args.text("thread_ts")
        if not thread_ts and url.message is not None and url.message.is_reply:
            thread_ts = url.message.thread_ts
        return self.workspace.put_message(
            Message(
                ts=self.workspace.new_ts(),
                channel=url.channel,
                user=people.BOT_USER,
                bot_id=people.BOT_ID,
                text=content.text or "",
                blocks=content.blocks or (),
                metadata=content.metadata or None,
                thread_ts=thread_ts,
                ephemeral_to="" if in_channel else url.user,
            )
        )

    def _original(self, url: ResponseUrl) -> Message:
        assert url.message is not None
        message = self.workspace.find(url.channel, url.message.ts)
        if message is None or message.bot_id != people.BOT_ID:
            raise Refusal("message_not_found")
        return message


def _json(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except ValueError:
        raise Refusal("invalid_payload") from None
    if not isinstance(value, dict):
        raise Refusal("invalid_payload")
    return value
