"""How one person is answered: through the address that came with the press, else as an ephemeral message."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain import ids
from bot.domain.actor import Actor, Role, slack_actor
from bot.domain.messages import Message, Notice
from bot.errors import DeliveryError, InvalidCommand
from bot.operations import authority
from bot.operations.authority import needed_role
from bot.operations.declared import changing_steps
from bot.operations.reads import ASKS_OTHERS, page
from bot.operations.services import Services
from bot.ports import Chat, Envelope, Rendered
from handlers import grammar


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One delivery with everything to answer it."""

    services: Services
    envelope: Envelope
    aside: Callable[[Callable[[], None]], None] = lambda act: act()
    """Do what takes long without holding up others' presses; what goes wrong in it is answered all the same."""

    @property
    def actor(self) -> Actor:
        """Return who asked."""
        envelope = self.envelope
        team = envelope.user_team or envelope.team_id
        message = "" if envelope.is_ephemeral else envelope.message_ts
        return slack_actor(team, envelope.user_id, envelope.user_name, envelope.channel_id, message)

    def answer(self, message: Message, *, in_place: bool = False) -> None:
        """Show a message to the one who asked, and to nobody else; what was done stays done when Slack does not take it."""
        services, envelope = self.services, self.envelope
        if services.renderer is None or services.chat is None:
            return
        is_form = envelope.kind == "submission"  # it has closed: its sender is told in the incident channel
        channel = services.config.alert_channel if is_form else envelope.channel_id
        try:
            if envelope.view_id and not is_form:
                services.chat.update_view(envelope.view_id, services.renderer.view(message))
                return
            content = self._pressable(of_alert(services.renderer.card(message), self._alert))
            if self._responded(services.chat, content, in_place=in_place) or not channel:
                return
            services.chat.ephemeral(channel, envelope.user_id, content, thread_ts=_thread(envelope))
        except DeliveryError as error:
            services.log.warning("answer_not_delivered error=%s", error.slack_error)

    @property
    def _alert(self) -> str:
        """Return the alert on whose card a read was pressed, such as `A31`, or nothing."""
        key = ids.decode_request(self.envelope.value)[0]
        return key if ids.asked_of(self.envelope.action_id, "read") and ids.parse_alert_key(key) else ""

    def _responded(self, chat: Chat, content: Rendered, *, in_place: bool) -> bool:
        """Answer through the address that came with the request: good five times, for half an hour (N7)."""
        if not self.envelope.response_url:
            return False
        try:
            chat.respond(self.envelope.response_url, content, replace=in_place and self.envelope.is_ephemeral)
        except DeliveryError as error:
            self.services.log.warning("response_url_not_taken error=%s", error.slack_error)
            return False
        return True

    def _pressable(self, content: Rendered) -> Rendered:
        """Leave out what the asker may not press; who cannot be verified now may read."""
        if all(needed_role(action) <= Role.VIEWER for action in actions_of(content)):
            return content
        try:
            role = authority.standing(self.services, self.actor, fresh=False).role
        except DeliveryError:
            role = Role.VIEWER
        return pressable(content, role)

    def read(self, name: str, args: Mapping[str, str], *, in_place: bool = False) -> None:
        """Answer with a page of a read."""

        def act() -> None:
            self.answer(page(self.services, name, args), in_place=in_place)

        if name in ASKS_OTHERS:
            self.aside(act)
        else:
            act()

    def refuse(self, kind: str, **facts: object) -> None:
        """Answer with a short notice."""
        self.answer(notice(self.services, kind, **facts))


def _elements(block: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    elements = block["elements"] if block["type"] == "actions" else ()
    assert isinstance(elements, Sequence)
    return elements


def actions_of(content: Rendered) -> list[str]:
    """Return the ids of a message's buttons."""
    return [str(item["action_id"]) for block in content.blocks for item in _elements(block)]


def pressable(content: Rendered, role: Role) -> Rendered:
    """Return a message without the buttons that somebody may not press (cards, 0.2). Pure."""
    kept = []
    for block in content.blocks:
        left = [item for item in _elements(block) if role >= needed_role(str(item["action_id"]))]
        if left or block["type"] != "actions":
            kept.append({**block, "elements": left} if left else block)
    return replace(content, blocks=tuple(kept))


def of_alert(content: Rendered, alert: str) -> Rendered:
    """Return a message whose plans belong to the alert from whose card it was asked, so that it tells of them. Pure."""
    if not alert:
        return content
    blocks = tuple(
        {**block, "elements": [_begun_at(item, alert) for item in _elements(block)]}
        if block["type"] == "actions"
        else block
        for block in content.blocks
    )
    return replace(content, blocks=blocks)


def _begun_at(item: Mapping[str, object], alert: str) -> Mapping[str, object]:
    subject, params = ids.decode_request(str(item.get("value", "")))
    plans = ids.asked_of(str(item["action_id"]), "plan")
    return {**item, "value": ids.encode_request(alert, params)} if plans and subject == "-" else item


def _thread(envelope: Envelope) -> str:
    return envelope.thread_ts if envelope.thread_ts != envelope.message_ts else ""


def notice(services: Services, kind: str, **facts: object) -> Notice:
    """Return a short answer, true for the process's own time: it may be about the database being away."""
    return Notice(env=services.config.env, as_of=services.clock.now(), kind=kind, facts=facts)


def not_understood(services: Services, error: InvalidCommand) -> Notice:
    """Return why words are no command, and the step that they nearly were, to be planned at a press."""
    words = error.nearest.split()
    step = services.runbooks.step(words[0]) if words else None
    plans_it = step is not None and step in changing_steps(services.runbooks)
    params = grammar.parse(error.nearest, services.runbooks).args if plans_it and words[1:] else {}
    facts = {"message": error.message, "hint": error.hint, "nearest": error.nearest, "params": params}
    if isinstance(error, grammar.NoSuchCommand):
        facts |= {"left_out": services.runbook_faults[:1], "folder": services.config.team_runbooks}
        return notice(services, "near-miss", word=error.word, step=words[0] if plans_it else "", **facts)
    return notice(services, "bad-input", step=words[0] if plans_it else "", **facts)
