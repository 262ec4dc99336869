"""Bolt's listeners: verify, write down, and acknowledge as the last line; all work is done from the row (design, D1)."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltResponse

from bot.domain.ids import COMMAND
from bot.domain.messages import Message
from bot.domain.plan import MOST_WRONG
from bot.errors import DeliveryError, InvalidCommand, NotAllowed, StoreError
from bot.http.signature import fingerprint
from bot.operations import inbox, refusals
from bot.operations.services import Services
from bot.ports import Envelope
from handlers import actions, commands, dispatch, envelopes, grammar, submissions
from handlers.answers import Asked, actions_of, not_understood, notice

LATE_SECONDS = 2.5
"""Not written down by then: not acknowledged, so not executed. Slack's clock is three seconds."""
OTHER_APP, FOREIGN, NOT_LISTED, A_BOT = (
    "another app",
    "somebody from another workspace",
    "a channel that is not listed",
    "a bot",
)
"""Why a delivery is refused before it is written down."""
_ANYTHING = re.compile(".*")
_LOG = logging.getLogger("dragonfly.listeners")

Spawn = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Which app of which workspace we are; empty while Slack has not told us."""

    app_id: str
    team_id: str


class Listeners:
    """What Bolt calls, with the services they need."""

    def __init__(
        self, services: Services, *, ours: Callable[[], Ours], spawn: Spawn, rejected: Callable[[str], None]
    ) -> None:
        """Keep who we are, and a way to work without a row when nothing can be written down.

        Args:
            ours: says who we are, as Slack told it at start.
            spawn: begins work that no row asks for.
            rejected: counts what was from Slack and not for us, by its reason.
        """
        self._services = services
        self._ours = ours
        self._spawn = spawn
        self._rejected = rejected

    def register(self, app: App) -> None:
        """Attach every listener."""
        app.command(COMMAND)(self.command)
        app.action({"type": "block_actions", "action_id": _ANYTHING})(self.action)
        app.view(_ANYTHING)(self.submission)
        app.event("app_mention")(self.event)
        app.event("app_home_opened")(self.event)

    def command(self, body: dict[str, Any], ack: Ack, context: BoltContext) -> BoltResponse | None:
        """Take a slash command; what is not one is answered at once."""
        envelope = envelopes.command(body)
        refused = self._refused_command(body, envelope)
        if refused is not None:
            return self._say(ack, envelope, refused)
        try:
            return self._keep(envelope, ack, context)
        except StoreError as error:
            if self._answer_from_memory(envelope):
                return ack()
            return self._say(ack, envelope, notice(self._services, "database-away", message=error.message))

    def _refused_command(self, body: Mapping[str, Any], envelope: Envelope) -> Message | None:
        why = self._why_not(body, envelope)
        if why:
            self._record(envelope, why)
            return self._not_taken(why)
        try:
            grammar.parse(envelope.text, self._services.runbooks)
        except InvalidCommand as error:
            return not_understood(self._services, error)
        return None

    def _answer_from_memory(self, envelope: Envelope) -> bool:
        """Answer a read that needs no row, marked as not recorded; say whether there is such an answer."""
        command = grammar.parse(envelope.text, self._services.runbooks)
        handler = commands.WITHOUT_DATABASE.get(command.name)
        if handler is None:
            return False
        asked = Asked(services=self._services, envelope=envelope)
        self._spawn(lambda: dispatch.from_memory(asked, lambda: handler(asked, command.args)))
        return True

    def action(self, body: dict[str, Any], ack: Ack, context: BoltContext) -> BoltResponse | None:
        """Take a press; one that opens a form opens it first, because its trigger lives three seconds."""
        envelope = envelopes.action(body)
        if self._is_refused(body, envelope):
            return ack()
        shown = self._with_form(envelope)
        try:
            return self._keep(shown, ack, context)
        except StoreError:
            asked = Asked(services=self._services, envelope=shown)
            self._spawn(lambda: dispatch.from_memory(asked, lambda: actions.answer_from_memory(asked)))
            return ack()

    def _with_form(self, envelope: Envelope) -> Envelope:
        services = self._services
        asked = Asked(services=services, envelope=envelope)
        if services.chat is None or services.renderer is None or not actions.opens_form(asked):
            return envelope
        view = services.renderer.view(actions.working(asked))
        try:
            return replace(envelope, view_id=services.chat.open_view(envelope.trigger_id, view))
        except DeliveryError as error:
            _LOG.warning("form_not_opened error=%s", error.slack_error)
            return envelope

    def submission(self, body: dict[str, Any], ack: Ack, context: BoltContext) -> BoltResponse | None:
        """Take a submitted form; one that cannot be written down stays open and says so."""
        envelope = envelopes.submission(body)
        if self._is_refused(body, envelope):
            return ack()
        try:
            return self._keep_form(envelope, ack, context)
        except StoreError as error:
            field = next(iter(envelope.inputs), "").removesuffix(":v1")
            return self._under_fields(ack, {field: notice(self._services, "database-away", message=error.message)})

    def _keep_form(self, envelope: Envelope, ack: Ack, context: BoltContext) -> BoltResponse | None:
        """Write a form down; what cannot be right is said under its field, and a mistyped target is kept too."""
        faults = submissions.faults(Asked(services=self._services, envelope=envelope))
        if faults:
            return self._under_fields(ack, faults)
        mistyped = submissions.mistyped(envelope)
        if mistyped is not None:
            return self._keep_mistyped(envelope, *mistyped, ack, context)
        return self._keep(envelope, ack, context)

    def _keep_mistyped(
        self, envelope: Envelope, plan: str, target: str, ack: Ack, context: BoltContext
    ) -> BoltResponse | None:
        """Commit and count a wrong entry, then say so under the field; each is a delivery of its own."""
        signed = self._in_time(replace(envelope, key=f"typed.{envelope.trigger_id}"), context)
        if signed is None:
            return BoltResponse(status=503)
        entries = inbox.receive_wrong(self._services, signed, plan)
        said = notice(self._services, "wrong-typed", target=target, last=entries >= MOST_WRONG)
        return self._under_fields(ack, {submissions.TYPED: said})

    def _under_fields(self, ack: Ack, faults: Mapping[str, Message]) -> BoltResponse | None:
        """Acknowledge a form that stays open, with what is wrong under each field."""
        assert self._services.renderer is not None
        said = {field: self._services.renderer.card(message).text for field, message in faults.items()}
        return ack(response_action="errors", errors=said)

    def event(self, body: dict[str, Any], ack: Ack, context: BoltContext) -> BoltResponse | None:
        """Take a mention, or somebody opening Home; bots and workflows are refused without an answer."""
        envelope = envelopes.event(body)
        is_home = envelope.event_type == "app_home_opened"
        if self._is_refused(body, envelope, is_bot=bool(body["event"].get("bot_id"))):
            return ack()
        try:
            return self._keep(envelope, ack, context)
        except StoreError:
            if not is_home:
                return BoltResponse(status=503)  # Slack brings it again
            asked = Asked(services=self._services, envelope=envelope)
            self._spawn(lambda: actions.show_home(asked))
            return ack()

    def _is_refused(self, body: Mapping[str, Any], envelope: Envelope, *, is_bot: bool = False) -> bool:
        """Refuse and record what is not for us; say whether it was."""
        why = self._why_not(body, envelope) or (A_BOT if is_bot else "")
        if not why:
            return False
        self._record(envelope, why)
        if why == NOT_LISTED:
            self._tell(envelope, self._not_taken(why))
        return True

    def _why_not(self, body: Mapping[str, Any], envelope: Envelope) -> str:
        """Return why a delivery is not for us (§7, Z2), or empty: app, team, channel; a form and Home are in no channel.

        Before Slack has told us our own team, the executor finds out: its directory shows it no one from elsewhere.
        """
        ours = self._ours()
        if ours.app_id and body.get("api_app_id") != ours.app_id:
            return OTHER_APP
        if ours.team_id and {envelope.team_id, envelope.user_team or ours.team_id} != {ours.team_id}:
            return FOREIGN
        in_none = not envelope.channel_id and envelope.kind != "command"
        return "" if in_none or self._services.config.is_listed(envelope.channel_id) else NOT_LISTED

    def _record(self, envelope: Envelope, why: str) -> None:
        """Count a refusal, and record it after the acknowledgement."""
        self._rejected(why)
        actor = Asked(services=self._services, envelope=envelope).actor
        self._spawn(lambda: refusals.record(self._services, actor, NotAllowed(why)))

    def _not_taken(self, why: str) -> Message:
        if why == NOT_LISTED:
            return notice(self._services, "not-here", channel=self._services.config.alert_channel)
        return notice(self._services, "not-allowed", message=why, ask=(), oncall="")

    def _keep(self, envelope: Envelope, ack: Ack, context: BoltContext) -> BoltResponse | None:
        """Commit the delivery, then acknowledge; too late, or over Socket Mode not at all, Slack tells its user."""
        signed = self._in_time(envelope, context)
        if signed is None:
            return BoltResponse(status=503)
        inbox.receive(self._services, signed)
        return ack()

    def _in_time(self, envelope: Envelope, context: BoltContext) -> Envelope | None:
        """Return the delivery with its signature's mark, or None when it comes too late to be acknowledged.

        Slack brings an event again, and says itself of a command that it timed out; of a press it shows next to nothing.
        """
        now = self._services.clock.monotonic()
        late = timedelta(seconds=now - context.get("arrived", now))
        if late.total_seconds() > LATE_SECONDS:
            _LOG.warning("request_too_late kind=%s", envelope.kind)
            if envelope.kind == "action":
                self._tell(envelope, notice(self._services, "late-press", late=late))
            return None
        signature = context.get("signature")
        return replace(envelope, signature=fingerprint(signature)) if signature else envelope

    def _say(self, ack: Ack, envelope: Envelope, message: Message) -> BoltResponse | None:
        """Acknowledge with an answer for the asker alone; one with buttons follows, without those they may not press."""
        assert self._services.renderer is not None
        content = self._services.renderer.card(message)
        if not actions_of(content):
            blocks = [dict(block) for block in content.blocks]
            return ack(text=content.text, blocks=blocks, response_type="ephemeral")
        self._tell(envelope, message)
        return ack()

    def _tell(self, envelope: Envelope, message: Message) -> None:
        """Answer the asker alone, after the acknowledgement."""
        asked = Asked(services=self._services, envelope=envelope)
        self._spawn(lambda: asked.answer(message))
