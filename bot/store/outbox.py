"""Messages waiting to be delivered: written with the change they announce, never apart from it (§5, Q1)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "outbox.sql")

CRITICAL = 1
RESULT = 3
NORMAL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where a delivered message stands."""

    channel: str
    ts: str


def enqueue(
    tx: Tx,
    kind: str,
    *,
    channel: str,
    message_key: str,
    render_from: Mapping[str, object],
    recipient: str = "",
    thread_key: str = "",
    thread_ts: str = "",
    broadcast: bool = False,
    priority: int = NORMAL,
) -> None:
    """Queue one message for delivery after this transaction commits.

    Args:
        kind: `post` (a live message), `update` (edit it), `reply` (in its thread), `ephemeral` (one person).
        message_key: the live message it is or belongs to (`alert:31`, `plan:7F3K`).
        render_from: `{"message": builder, "id": …, …facts}`; the text is made when it is sent, from the state then.
        thread_key: message key of the thread's first message, when it hangs under one of ours.
        thread_ts: the thread's ts, when it is not ours.
    """
    tx.run(
        SQL["enqueue"],
        kind=kind,
        destination=channel,
        recipient=recipient,
        message_key=message_key,
        thread_key=thread_key,
        thread_ts=thread_ts,
        broadcast=broadcast,
        render_from=json.dumps(render_from),
        priority=priority,
        now=tx.now,
    )


def whereabouts(tx: Tx, message_key: str) -> Whereabouts | None:
    """Return where a live message stands in Slack, or None while it is not delivered."""
    return tx.row(Whereabouts, SQL["whereabouts"], message_key=message_key)
