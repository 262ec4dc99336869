"""How one person is answered: through the address that came with the press, else as an ephemeral message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.actor import Actor, Role, slack_actor
from bot.domain.messages import Message, Notice
from bot.errors import DeliveryError
from bot.operations import authority
from bot.operations.authority import needed_role
from bot.operations.services import Services
from bot.ports import Envelope, Rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One delivery with everything to answer it."""

    services: Services
    envelope: Envelope

    @property
    def actor(self) -> Actor:
        """Return who asked."""
        envelope = self.envelope
        team = envelope.user_team or envelope.team_id
        return slack_actor(team, envelope.user_id, envelope.user_name, envelope.channel_id)

    def answer(self, message: Message, *, in_place: bool = False) -> None:
        """Show a message to the one who asked, and to nobody else."""
        services, envelope = self.services, self.envelope
        if services.renderer is None or services.chat is None:
            return
        if envelope.view_id:
            services.chat.update_view(envelope.view_id, services.renderer.view(message))
            return
        content = self._pressable(services.renderer.card(message))
        if envelope.response_url:
            try:
                services.chat.respond(envelope.response_url, content, replace=in_place and envelope.is_ephemeral)
            except DeliveryError:
                services.log.warning("answer_not_delivered by=response_url")
            else:
                return
        if envelope.channel_id:
            services.chat.ephemeral(envelope.channel_id, envelope.user_id, content, thread_ts=_thread(envelope))

    def _pressable(self, content: Rendered) -> Rendered:
        """Leave out what the asker may not press; who cannot be verified now may read."""
        if all(needed_role(action) <= Role.VIEWER for action in _actions(content)):
            return content
        try:
            role = authority.standing(self.services, self.actor, fresh=False).role
        except DeliveryError:
            role = Role.VIEWER
        return pressable(content, role)

    def refuse(self, kind: str, **facts: object) -> None:
        """Answer with a short notice."""
        self.answer(notice(self.services, kind, **facts))


def _elements(block: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    elements = block["elements"] if block["type"] == "actions" else ()
    assert isinstance(elements, Sequence)
    return elements


def _actions(content: Rendered) -> list[str]:
    return [str(item["action_id"]) for block in content.blocks for item in _elements(block)]


def pressable(content: Rendered, role: Role) -> Rendered:
    """Return a message without the buttons that somebody may not press (cards, 0.2). Pure."""
    kept = []
    for block in content.blocks:
        left = [item for item in _elements(block) if role >= needed_role(str(item["action_id"]))]
        if left or block["type"] != "actions":
            kept.append({**block, "elements": left} if left else block)
    return replace(content, blocks=tuple(kept))


def _thread(envelope: Envelope) -> str:
    return envelope.thread_ts if envelope.thread_ts != envelope.message_ts else ""


def notice(services: Services, kind: str, **facts: object) -> Notice:
    """Return a short answer, true for the process's own time: it may be about the database being away."""
    return Notice(env=services.config.env, as_of=services.clock.now(), kind=kind, facts=facts)
