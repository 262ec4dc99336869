"""Messages waiting to be delivered: written with the change they announce, never apart from it (§5, Q1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "outbox.sql")

FIRST = 0
CRITICAL = 1
RESULT = 3
NORMAL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where a delivered message stands."""

    channel: str
    ts: str


class Options(TypedDict, total=False):
    """How a message is sent, where it is not sent as usual."""

    thread_key: str
    """Message key of the thread's first message, when it is ours; else `thread_ts`."""
    thread_ts: str
    broadcast: bool
    priority: int
    after_seconds: float
    """Not sent sooner."""


_USUAL = Options(thread_key="", thread_ts="", broadcast=False, priority=NORMAL, after_seconds=0.0)


def enqueue(
    tx: Tx, kind: str, channel: str, message_key: str, render_from: Mapping[str, object], **options: Unpack[Options]
) -> None:
    """Queue one message for delivery after this transaction commits; nothing where there is no channel for it.

    Args:
        kind: `post` (live), `update` (edit it), `reply`, `page` (the second path; one of a key, ever).
        message_key: the live message it is or belongs to: `alert:31`.
        render_from: `{"message": builder, "id": …, …facts}`; the text is made when it is sent, from the state then.
    """
    if not channel:
        return
    tx.wakes.add("pages" if kind == "page" else "delivery")
    told = {"kind": kind, "destination": channel, "message_key": message_key, "render_from": dict(render_from)}
    while not (kind == "update" and tx.record(SQL["share_update"], message_key=message_key)):
        if tx.record(SQL["enqueue"], **{**_USUAL, **options, **told}, now=tx.now) or kind == "page":
            return


def live_key(builder: str, number: object) -> str:
    """Return the key under which a live card is delivered and edited, such as `plan:7F3K`."""
    return f"{builder}:{number}"


def enqueue_live(tx: Tx, kind: str, builder: str, number: int | str, channel: str, **options: Unpack[Options]) -> None:
    """Queue a live card (`post`) or its edit (`update`): what it shows is built from the row with this number."""
    enqueue(tx, kind, channel, live_key(builder, number), {"message": builder, "id": number}, **options)


def enqueue_reply(
    tx: Tx,
    builder: str,
    number: int | str,
    channel: str,
    mark: object,
    facts: Mapping[str, object],
    **options: Unpack[Options],
) -> str:
    """Queue a reply under a live card, or in another thread, and return its key, which `mark` tells from others."""
    key = live_key(builder, number)
    render_from = {"message": f"{builder}_reply", "id": number, **facts}
    if not options.get("thread_ts"):
        options["thread_key"] = options.get("thread_key") or key
    enqueue(tx, "reply", channel, f"{key}:{mark}", render_from, **options)
    return f"{key}:{mark}"


def was_queued(tx: Tx, message_key: str) -> bool:
    """Say whether a message of this key was queued before, and is still kept."""
    found = tx.record(SQL["was_queued"], message_key=message_key)
    return bool(found and found["present"])


def whereabouts(tx: Tx, message_key: str) -> Whereabouts | None:
    """Return where a live message stands in Slack, or None while it is not delivered."""
    return tx.row(Whereabouts, SQL["whereabouts"], message_key=message_key)


LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One message that is ours to send."""

    id: str
    kind: str
    destination: str
    message_key: str
    thread_key: str
    thread_ts: str
    broadcast: bool
    render_from: Mapping[str, Any]
    priority: int
    attempts: int
    lease_epoch: int
    plain: bool
    last_error: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """A card posted lately."""

    channel: str
    ts: str
    created_at: datetime


def claim(tx: Tx, most: int, gap: timedelta, *, pages: bool = False) -> list[Waiting]:
    """Take messages to send, or pages, in their order (§5, Q2 and Q4)."""
    rows = tx.rows(
        Waiting,
        SQL["claim"],
        now=tx.now,
        most=most,
        pages=pages,
        lease_seconds=LEASE.total_seconds(),
        gap_seconds=gap.total_seconds(),
    )
    return sorted(rows, key=lambda item: (item.priority, item.created_at))


def delivered(tx: Tx, item: Waiting, *, channel: str, ts: str) -> bool:
    """Record that Slack took it; False = somebody else holds the lease by now, and their result stands."""
    row = tx.record(SQL["delivered"], id=item.id, epoch=item.lease_epoch, channel=channel, ts=ts, now=tx.now)
    return row is not None


def again(
    tx: Tx, item: Waiting, *, wait: timedelta, error: str, state: str = "pending", plain: bool = False, to: str = ""
) -> None:
    """Try again later, elsewhere, as plain text, or after looking whether it arrived."""
    tx.run(
        SQL["again"],
        id=item.id,
        epoch=item.lease_epoch,
        state=state,
        error=error,
        plain=plain,
        destination=to,
        wait_seconds=wait.total_seconds(),
        now=tx.now,
    )


def end(tx: Tx, item: Waiting, *, state: str, error: str = "") -> None:
    """Give up on a message: `superseded` (moot) or `dead`."""
    tx.run(SQL["end"], id=item.id, epoch=item.lease_epoch, state=state, error=error, now=tx.now)


def give_up(tx: Tx, life: timedelta) -> list[str]:
    """End as `dead` what could not be delivered for so long, and return the messages' keys."""
    rows = tx.records(SQL["give_up"], life_seconds=life.total_seconds(), now=tx.now)
    return [str(row["message_key"]) for row in rows]


def delivered_at(tx: Tx, message_key: str) -> datetime | None:
    """Return when a message arrived, or None."""
    row = tx.record(SQL["delivered_at"], message_key=message_key)
    return row["at"] if row else None


def was_paged(tx: Tx, alert_id: int, since: datetime) -> bool:
    """Say whether the second path was told of an alert since then, or may have been."""
    row = tx.record(SQL["was_paged"], alert_id=str(alert_id), since=since)
    return bool(row and row["present"])


def hasten_page(tx: Tx, message_key: str) -> None:
    """Let the page that waits for a message's delivery go now."""
    tx.run(SQL["hasten_page"], message_key=message_key, now=tx.now)


def settle(tx: Tx, kind: str, message_key: str, channel: str, ts: str) -> None:
    """Record that a waiting message or page was sent without its row."""
    tx.run(SQL["settle"], kind=kind, message_key=message_key, channel=channel, ts=ts, now=tx.now)


def is_known(tx: Tx, channel: str, ts: str) -> bool:
    """Say whether a message in Slack has a row."""
    row = tx.record(SQL["is_known"], channel=channel, ts=ts)
    return bool(row and row["present"])


def close_gate(tx: Tx, item: Waiting, wait: timedelta) -> None:
    """Let nobody send this kind of message to this channel for a while."""
    tx.run(SQL["close_gate"], key=_gate_key(item), wait_seconds=wait.total_seconds(), now=tx.now)


def gate(tx: Tx, item: Waiting) -> timedelta | None:
    """Return how long this kind of message may not go to this channel, or None; it may have closed since the claim."""
    row = tx.record(SQL["gate"], key=_gate_key(item), now=tx.now)
    return timedelta(seconds=row["seconds"]) if row else None


def _gate_key(item: Waiting) -> str:
    return f"{item.kind}:{item.destination}"


def lost(tx: Tx, message_key: str) -> None:
    """Forget where a live message stood."""
    tx.run(SQL["lost"], message_key=message_key)


def latest_status(tx: Tx, channel: str, within: timedelta) -> Recent | None:
    """Return the newest status card of a channel, if it was posted this lately."""
    return tx.row(Recent, SQL["latest_status"], channel=channel, seconds=within.total_seconds(), now=tx.now)
