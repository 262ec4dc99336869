"""How one person is answered: through the address that came with the press, else as an ephemeral message."""

from dataclasses import dataclass

from bot.domain.actor import Actor, slack_actor
from bot.domain.messages import Message, Notice
from bot.errors import DeliveryError
from bot.operations.services import Services
from bot.ports import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One delivery with everything to answer it."""

    services: Services
    envelope: Envelope

    @property
    def actor(self) -> Actor:
        """Return who asked."""
        return slack_actor(self.envelope.team_id, self.envelope.user_id, self.envelope.user_name)

    def answer(self, message: Message, *, replace: bool = False) -> None:
        """Show a message to the one who asked, and to nobody else."""
        services, envelope = self.services, self.envelope
        if services.renderer is None or services.chat is None:
            return
        if envelope.view_id:
            services.chat.update_view(envelope.view_id, services.renderer.view(message))
            return
        content = services.renderer.card(message)
        if envelope.response_url:
            try:
                services.chat.respond(envelope.response_url, content, replace=replace and envelope.is_ephemeral)
            except DeliveryError:
                services.log.warning("answer_not_delivered by=response_url")
            else:
                return
        if envelope.channel_id:
            services.chat.ephemeral(envelope.channel_id, envelope.user_id, content, thread_ts=_thread(envelope))

    def refuse(self, kind: str, **facts: object) -> None:
        """Answer with a short notice."""
        self.answer(notice(self.services, kind, **facts))


def _thread(envelope: Envelope) -> str:
    return envelope.thread_ts if envelope.thread_ts != envelope.message_ts else ""


def notice(services: Services, kind: str, **facts: object) -> Notice:
    """Return a short answer, true for the process's own time: it may be about the database being away."""
    return Notice(env=services.config.env, as_of=services.clock.now(), kind=kind, facts=facts)
