"""The record in the database: append through its function, read it back, prove that it adds up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import AuditRow, Verdict, canonical, verify
from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "audit.sql")
_PAGE = 1000


def append(tx: Tx, event: str, *, actor: str, **facts: object) -> int:
    """Append one record in this transaction and return its number; absent facts are left out.

    Somebody at a shell is whoever they say: the record says that, and under which log-in of the database.

    Call it last: the head row stays locked until the transaction ends (§9).
    """
    record = {"event": event, "actor": actor, **{key: value for key, value in facts.items() if value is not None}}
    if actor.startswith("cli:"):
        record |= {"verified": False, "session_user": (tx.record(SQL["session_user"]) or {})["name"]}
    row = tx.record(SQL["append"], canonical=canonical(record))
    assert row is not None
    return int(row["n"])


def append_refusal(tx: Tx, event: str, *, actor: str, reason: str, **facts: object) -> None:
    """Append a refusal, at most one a minute for an actor and a reason (design, section 7, *Tokens*)."""
    tx.record(SQL["one_refusal_at_a_time"], actor=actor, reason=reason)
    row = tx.record(SQL["refused_lately"], now=tx.now, event=event, actor=actor, reason=reason)
    if row is None or not row["present"]:
        append(tx, event, actor=actor, reason=reason, **facts)


@dataclass(frozen=True, slots=True)
class _Head:
    n: int
    hash: bytes


def check(tx: Tx) -> Verdict:
    """Walk the whole chain and name the first break."""
    head = tx.row(_Head, SQL["head"])
    if head is None:
        return Verdict(whole_to=0, broken_at=0, fault="head")
    return verify(_walk(tx), head_n=head.n, head_hash=head.hash)


def _walk(tx: Tx) -> Iterator[AuditRow]:
    after = 0
    while page := tx.rows(AuditRow, SQL["walk"], after=after, most=_PAGE):
        yield from page
        after = page[-1].n


def newest(tx: Tx, most: int) -> list[AuditRow]:
    """Return the newest records, oldest of them first."""
    return tx.rows(AuditRow, SQL["newest"], most=most)


def about(tx: Tx, key: str) -> list[AuditRow]:
    """Return every record that names one plan, run, alert or number."""
    return tx.rows(AuditRow, SQL["about"], key=key)


def newest_at(tx: Tx, event: str) -> datetime | None:
    """Return when an event was recorded last, or None."""
    row = tx.record(SQL["newest_at"], event=event)
    return row["at"] if row else None
