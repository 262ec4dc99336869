"""Cards that are posted for everyone in a channel: the status, asked for or shared."""

from bot.domain.actor import Actor
from bot.domain.messages import Message
from bot.errors import StoreError
from bot.operations import status as status_read
from bot.operations.services import Services
from bot.store import outbox


def status(services: Services, actor: Actor, channel: str, key: str, *, always: bool = False) -> Message | None:
    """Queue the status card for a listed channel.

    Returns:
        What to show to the asker alone instead: a link to the card of a moment ago, or the card itself where the channel
        is not listed or nothing can be queued.
    """
    if not services.config.is_listed(channel):
        return status_read.read(services)
    try:
        with services.db.write() as tx:
            recent = None if always else outbox.latest_status(tx, channel, services.config.timing.status_shared)
            if recent is not None:
                url = services.chat.link(recent.channel, recent.ts) if services.chat else ""
                return services.notice(tx, "link-status", age=tx.now - recent.created_at, url=url)
            facts = {"message": "status", "by": actor.key}
            outbox.enqueue(tx, "post", channel, f"status:{key}", facts, priority=outbox.RESULT)
    except StoreError:
        return status_read.read(services)
    return None
