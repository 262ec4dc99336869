"""Send what waits in the outbox: claim, draw from the state of now, send outside any transaction, record (§5).

At least once, in order per message. A send without an answer is looked for in the channel before it is sent again.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.messages import Message, Page
from bot.errors import DeliveryAmbiguous, DeliveryError, DeliveryPermanent, DeliveryTransient, RateLimited
from bot.operations import cards, pages
from bot.operations.again import once_more
from bot.operations.services import Services
from bot.ports import Chat, Rendered, Renderer
from bot.store import outbox
from bot.store.db import Tx
from bot.store.outbox import Waiting

_AT_ONCE = 3
"""Three sends of at most 10 s each stay within one lease."""
_BACK_OFF_SECONDS = (1, 2, 5, 10, 30, 60)
_SLACK_AWAY_AT_MOST = timedelta(seconds=10)
"""A channel waits as one while Slack is away, so that its messages keep their order: no more than one try each 10 s (Q8)."""
_LOOK_AGAIN = timedelta(seconds=3)
_LOOKS = 2
_TOO_LONG = ("invalid_blocks", "msg_too_long", "msg_blocks_too_long", "invalid_blocks_format")
_NO_SUCH_PLACE = ("channel_not_found", "is_archived", "not_in_channel", "restricted_action")
_TARGET_GONE = ("message_not_found", "cant_update_message", "edit_window_closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One claimed message, drawn, with where it goes."""

    item: Waiting
    content: Rendered
    thread_ts: str
    target: outbox.Whereabouts | None


def deliver_due(services: Services) -> int:
    """Send what waits and return how many messages were claimed."""
    if services.chat is None or services.renderer is None:
        return 0
    with services.db.write() as tx:
        claimed = outbox.claim(tx, _AT_ONCE, services.config.timing.edit_gap)
    for item in claimed:
        with _left_to_others(services, item):
            _deliver(services, services.chat, services.renderer, item)
    return len(claimed)


def deliver_pages(services: Services) -> int:
    """Send what waits for the second path and return how many pages were claimed; sent twice, they say the same."""
    if services.renderer is None:
        return 0
    with services.db.write() as tx:
        claimed = outbox.claim(tx, _AT_ONCE, services.config.timing.edit_gap, pages=True)
    for item in claimed:
        with _left_to_others(services, item):
            _page(services, services.renderer, item)
    return len(claimed)


@contextmanager
def _left_to_others(services: Services, item: Waiting) -> Iterator[None]:
    """Give a message back that this program cannot make, for another one; what may have been sent is still looked for."""
    try:
        yield
    except cards.UnknownHere as error:
        services.log.warning("message_left key=%s", item.message_key, exc_info=error)
        with services.db.write() as tx:
            outbox.again(tx, item, wait=_back_off(item.attempts), error="unknown-here")


def _page(services: Services, renderer: Renderer, item: Waiting) -> None:
    """Send one page; what is moot, or has nowhere to go any more, ends here."""
    with services.db.read() as tx:
        message = cards.build(services, tx, item.render_from)
    if services.pager is None or not isinstance(message, Page):
        with services.db.write() as tx:
            outbox.end(tx, item, state="superseded")
        return
    try:
        services.pager.send(message, renderer.line(message))
    except DeliveryError as error:
        _record_failure(services, item, error)
        return
    with services.db.write() as tx:
        if outbox.delivered(tx, item, channel=item.destination, ts=message.dedup_key):
            pages.note(tx, item.render_from)
    services.count("deliveries", "paged")


def _deliver(services: Services, chat: Chat, renderer: Renderer, item: Waiting) -> None:
    with services.db.read() as tx:
        wait = outbox.gate(tx, item)
    if wait is not None:
        with services.db.write() as tx:
            outbox.again(tx, item, wait=wait, error="ratelimited")
        return
    work = once_more(lambda: _draw(services, renderer, item))
    if work is None:
        with services.db.write() as tx:
            outbox.end(tx, item, state="superseded")
        return
    try:
        found = _already_there(services, chat, work)
        if found is None:
            return
        services.crash_hook("K7")
        channel, ts = found or _send(chat, work)
    except DeliveryError as error:
        _record_failure(services, item, error)
        return
    once_more(lambda: _mark(services, item, channel, ts))
    services.count("deliveries", "delivered")
    services.log.info("message_delivered kind=%s key=%s attempts=%s", item.kind, item.message_key, item.attempts)


def _mark(services: Services, item: Waiting, channel: str, ts: str) -> None:
    with services.db.write() as tx:
        outbox.delivered(tx, item, channel=channel, ts=ts)


def _draw(services: Services, renderer: Renderer, item: Waiting) -> _Work | None:
    """Return the message as it stands now; a fault of a template costs its looks, never the message."""
    with services.db.read() as tx:
        message = cards.build(services, tx, item.render_from)
        if message is None:
            return None
        thread = outbox.whereabouts(tx, item.thread_key) if item.thread_key else None
        target = outbox.whereabouts(tx, item.message_key) if item.kind == "update" else None
    content = _render(services, renderer, message, plain=item.plain)
    return _Work(item=item, content=content, thread_ts=thread.ts if thread else item.thread_ts, target=target)


def _render(services: Services, renderer: Renderer, message: Message, *, plain: bool) -> Rendered:
    try:
        return renderer.plain(message) if plain else renderer.card(message)
    except Exception:  # a template fault must not lose an alert (style anchors, flow 2)
        services.log.exception("template_failed message=%s", type(message).__name__)
        return Rendered(text=f"Dragonfly: {type(message).__name__} could not be drawn. Shell: dragonfly status")


def _send(chat: Chat, work: _Work) -> tuple[str, str]:
    item = work.item
    if item.kind == "update":
        if work.target is None:
            raise DeliveryPermanent("the message to edit is not known", slack_error="message_not_found")
        chat.update(work.target.channel, work.target.ts, work.content)
        return work.target.channel, work.target.ts
    ts = chat.post(
        item.destination, work.content, thread_ts=work.thread_ts, broadcast=item.broadcast, outbox_id=item.id
    )
    return item.destination, ts


def _already_there(services: Services, chat: Chat, work: _Work) -> tuple[str, str] | tuple[()] | None:
    """Look for a message whose sending had no answer (Q7).

    Returns:
        Where it stands; an empty tuple to send it (again); None to look once more later.
    """
    item = work.item
    if item.attempts == 1 or item.kind == "update" or not item.last_error.startswith("ambiguous"):
        return ()
    since = item.created_at - timedelta(seconds=5)
    try:
        posted = chat.history(item.destination, since, thread_ts=work.thread_ts)
    except RateLimited as error:
        with services.db.write() as tx:
            outbox.again(tx, item, wait=error.retry_after, error=item.last_error, state="ambiguous")
        return None
    except DeliveryError:  # a channel that cannot be read at all: a duplicate beats a loss
        return ()
    there = next((found.ts for found in posted if found.outbox_id == item.id), None)
    if there:
        return item.destination, there
    looks = int(item.last_error.partition(":")[2] or 0) + 1
    if looks >= _LOOKS:
        return ()
    with services.db.write() as tx:
        _look_again(tx, item, looks)
    return None


def _look_again(tx: Tx, item: Waiting, looks: int) -> None:
    """Let what is younger wait too, until it is known whether this one arrived."""
    outbox.close_gate(tx, item, _LOOK_AGAIN)
    outbox.again(tx, item, wait=_LOOK_AGAIN, error=f"ambiguous:{looks}", state="ambiguous")


def _record_failure(services: Services, item: Waiting, error: DeliveryError) -> None:
    word = error.slack_error or error.code
    services.log.warning("message_not_delivered key=%s error=%s", item.message_key, word)
    services.count("deliveries", type(error).code.partition(".")[2])
    with services.db.write() as tx:
        if isinstance(error, RateLimited):
            wait = error.retry_after * random.uniform(1.0, 1.1)  # jitter, no secret
            outbox.close_gate(tx, item, wait)
            outbox.again(tx, item, wait=wait, error="ratelimited")
        elif isinstance(error, DeliveryAmbiguous) and item.kind != "page":
            _look_again(tx, item, 0)
        elif isinstance(error, DeliveryTransient) and item.kind != "page":
            wait = min(_back_off(item.attempts), _SLACK_AWAY_AT_MOST)
            outbox.close_gate(tx, item, wait)
            outbox.again(tx, item, wait=wait, error=word)
        elif error.slack_error in _TOO_LONG and not item.plain:
            outbox.again(tx, item, wait=timedelta(0), error=error.slack_error, plain=True)
        elif error.slack_error in _NO_SUCH_PLACE and _elsewhere(services, item):
            outbox.again(tx, item, wait=timedelta(0), error=error.slack_error, to=_elsewhere(services, item))
        elif error.slack_error in _TARGET_GONE and item.kind == "update":
            _post_anew(tx, item)
        else:
            outbox.again(tx, item, wait=_back_off(item.attempts), error=word)
        if isinstance(error, DeliveryPermanent) and error.is_about_us:
            outbox.hasten_page(tx, item.message_key)


def _elsewhere(services: Services, item: Waiting) -> str:
    other = services.config.fallback_channel
    return other if other != item.destination else ""


def _post_anew(tx: Tx, item: Waiting) -> None:
    """Post a live message again whose place in Slack is gone, and edit that one from now on."""
    outbox.lost(tx, item.message_key)
    outbox.end(tx, item, state="superseded", error="target gone")
    where = outbox.Options(thread_key=item.thread_key, thread_ts=item.thread_ts, priority=outbox.CRITICAL)
    outbox.enqueue(tx, "post", item.destination, item.message_key, item.render_from, **where)


def _back_off(attempts: int) -> timedelta:
    seconds = _BACK_OFF_SECONDS[min(attempts, len(_BACK_OFF_SECONDS)) - 1]
    return timedelta(seconds=seconds * random.uniform(0.9, 1.1))  # jitter, no secret
