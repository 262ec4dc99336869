"""`POST /api/<method>`: who may call, how often, what goes wrong on purpose, and the record of every call."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.sandbox.slack import methods_chat, methods_read, methods_views
from bot.sandbox.slack.arguments import Args, parse_body
from bot.sandbox.slack.entities import Call, Json, Refusal
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.method import Api, Method
from bot.sandbox.slack.privacy import refuse_people

BODY_BYTES_MAX = 1_000_000
METHODS: Mapping[str, Method] = MappingProxyType(
    {m.name: m for m in (*methods_chat.METHODS, *methods_read.METHODS, *methods_views.METHODS)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebApi:
    """Slack's Web API over one workspace."""

    api: Api
    hang_up: Callable[[Request], None]
    """Cut the connection a request came over."""

    async def handle(self, request: Request) -> Response:
        """Answer one call, and keep it."""
        name = request.path_params["method"]
        fault = self.api.workspace.faults.next_for(name, self.api.workspace.now())
        body = await request.body()
        if fault.latency_seconds:
            await asyncio.sleep(fault.latency_seconds)
        if fault.refuse_connection:
            return self._dropped(request)
        args, answer, status, retry_after = self._answer(name, request, body, fault)
        self._keep(name, args, answer, status, dropped=fault.drop_answer)
        await asyncio.sleep(fault.answer_seconds)
        if fault.drop_answer:
            return self._dropped(request)
        return self._response(answer, status, retry_after)

    def _answer(self, name: str, request: Request, body: bytes, fault: Fault) -> tuple[Json, Json, int, int]:
        """Return the arguments, the answer, its status, and the seconds to wait (0: none)."""
        method = METHODS.get(name)
        args: Json = {}
        if fault.down or fault.status:
            return args, {"ok": False, "error": "service_unavailable"}, fault.status or 503, 0
        try:
            if len(body) > BODY_BYTES_MAX:
                raise Refusal("request_too_large")
            content_type = request.headers.get("content-type", "")
            takes_json = method is None or method.takes_json
            args = parse_body(content_type, body, request.query_params, takes_json=takes_json)
            if method is None:
                raise Refusal("unknown_method", req_method=name)
            refuse_people(name, args)
            self._check_token(method, request.headers.get("authorization", ""), args)
            wait = fault.retry_after_seconds or self._wait_seconds(method, args)
            if wait:
                return args, {"ok": False, "error": "ratelimited"}, 429, math.ceil(wait)
            if fault.error:
                raise Refusal(fault.error)
            if method.scope:
                self.api.need_scope(method.scope)
            return args, {"ok": True} | method.run(self.api, Args(args)), 200, 0
        except Refusal as refusal:
            return args, {"ok": False, "error": refusal.error} | refusal.extra, 200, 0

    def _check_token(self, method: Method, authorization: str, args: Json) -> None:
        """Refuse the call unless it carries the token this method wants; the token leaves the arguments."""
        in_body = args.pop("token", "")
        token = authorization.removeprefix("Bearer ") if authorization.startswith("Bearer ") else ""
        if method.app_token:
            in_body = ""
        token = token or in_body
        if not token:
            raise Refusal("not_authed")
        settings = self.api.settings
        if token in self.api.workspace.revoked:
            raise Refusal("token_revoked")
        if token not in (settings.bot_token, settings.app_token):
            raise Refusal("invalid_auth")
        if (token == settings.app_token) is not method.app_token:
            raise Refusal("not_allowed_token_type")

    def _wait_seconds(self, method: Method, args: Json) -> float:
        channel = str(args.get("channel", ""))
        return self.api.workspace.rate_wait_seconds(method.name, method.tier, channel)

    def _keep(self, name: str, args: Json, answer: Json, status: int, *, dropped: bool) -> None:
        workspace = self.api.workspace
        workspace.record_call(
            Call(
                method=name,
                args=decoded(args),
                at=workspace.now(),
                answer=answer,
                status=status,
                dropped=dropped,
            )
        )

    def _response(self, answer: Json, status: int, retry_after: int) -> Response:
        headers = {"X-OAuth-Scopes": ",".join(sorted(self.api.settings.scopes))}
        if retry_after:
            headers["Retry-After"] = str(retry_after)
        if status >= 500:
            return Response("upstream connect error", status, headers, media_type="text/plain")
        return JSONResponse(answer, status, headers)

    def _dropped(self, request: Request) -> Response:
        self.hang_up(request)
        return Response(status_code=500)


def decoded(args: Json) -> Json:
    """Return arguments with their structures as JSON, however they were sent."""
    names = ("blocks", "view", "metadata", "message", "attachments")
    readable = Args(args)

    def value_of(name: str) -> object:
        try:
            return readable.structure(name) if name in names else args[name]
        except Refusal:
            return args[name]

    return {name: value_of(name) for name in args}
