"""The record in the database: append through its function, read it back, prove that it adds up."""

import json
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from bot.domain.anchors import Copied, is_accepted, print_of, sign_acceptance
from bot.domain.audit import NOTHING, AuditRow, Head, Verdict, canonical, digest_of, rfc3339, verify
from bot.errors import RecordUnavailable, StatementRefused, StatementTimedOut
from bot.sqlfile import load
from bot.store.db import Tx
from bot.store.failures import translate

SQL = load("bot.store", "audit.sql")
RESTORED, ANCHORED, BROKEN = "chain.restored", "chain.anchored", "chain.broken"
ALL = 2**62
_PAGE = 2000
_LOG = logging.getLogger("dragonfly.record")
_NO_HEAD = Head(n=-1, hash=b"")


@dataclass(frozen=True, slots=True)
class Rights:
    """What our role may do to the record."""

    may_append: bool
    has_room: bool
    """The head stands at the last record; where it does not, nothing can be appended."""
    owns: bool
    may_rewrite: bool
    owner_logs_in: bool
    """The append function belongs to a role with a password."""


def append(tx: Tx, event: str, *, actor: str, **facts: object) -> int:
    """Append one record in this transaction and return its number; absent facts are left out.

    What must not be kept is taken out of it. Every record says who wrote it: the connection's stamp and log-in;
    somebody at a shell is whoever they say. Call it last: the head row stays locked until the transaction ends (§9).

    Raises:
        RecordUnavailable: it cannot be appended, so the transaction must not commit anything (§11, U3).
    """
    record = {**tx.stamp, "event": event, "actor": actor, **facts}
    if actor.startswith("cli:"):
        record["verified"] = False
    who = {"session_user": tx.stamp["session_user"]}  # whatever is redacted: the database takes no other name
    try:
        row = tx.record(SQL["append"], canonical=canonical({**tx.redact.every(record), **who}))
    except psycopg.Error as error:
        known = translate(error)
        if isinstance(known, StatementRefused | StatementTimedOut):
            raise RecordUnavailable(known.sqlstate) from None
        raise
    assert row is not None
    return int(row["n"])


def append_or_go_on(tx: Tx, event: str, *, actor: str, **facts: object) -> None:
    """Append a record of something that must happen without it too: people are called whether it can be written or not.

    It is the last thing that the transaction does: a look at several alerts would hold the head while it waits for one.
    """

    def write() -> None:
        try:
            with tx.savepoint():
                append(tx, event, actor=actor, **facts)
        except RecordUnavailable as error:
            _LOG.warning("record_not_written event=%s sqlstate=%s", event, error.sqlstate)

    tx.last.append(write)


def append_refusal(tx: Tx, event: str, *, actor: str, reason: str, **facts: object) -> None:
    """Append a refusal, at most one a minute for an actor and a reason (design, section 7, *Tokens*)."""
    tx.record(SQL["one_refusal_at_a_time"], actor=actor, reason=reason)
    row = tx.record(SQL["refused_lately"], now=tx.now, event=event, actor=actor, reason=tx.redact(reason))
    if row is None or not row["present"]:
        append(tx, event, actor=actor, reason=reason, **facts)


def head(tx: Tx) -> Head:
    """Return where the chain ends; a head that is gone is number -1."""
    return tx.row(Head, SQL["head"]) or _NO_HEAD


def check(
    tx: Tx, *, key: bytes = b"", first: int = 1, known: Mapping[int, Collection[str]] = NOTHING, taken: int = ALL
) -> Verdict:
    """Walk the chain from a number on and name the first break.

    What a person has accepted must stand as it stood then; the chain counts from there. What a process saw before it
    found a break must still be there too: an acceptance from between, which it did not take, does not count either.

    Args:
        key: with it, only an acceptance that is signed with it counts.
        taken: later acceptances do not count.
    """
    newest = newest_of(tx, RESTORED)
    fault = _doubt(tx, newest, key) if newest else ""
    if newest and fault:
        return Verdict(whole_to=0, broken_at=newest.n, fault=fault)
    broken = newest_of(tx, BROKEN)
    match broken.record.get("seen") if broken and _is_open(broken, newest) else None:
        case {"n": int(n), "hash": str(digest)}:
            known, taken = {**known, n: {*known.get(n, ()), digest}}, min(taken, n)
    restored = newest_of(tx, RESTORED, taken)
    if restored is not None and first <= restored.n:
        if digest_of(walk(tx, 1, restored.n - 1)) != restored.record.get("digest"):
            return Verdict(whole_to=0, broken_at=restored.n, fault="link")
        first = restored.n
    end = head(tx)
    return verify(walk(tx, first), end, first=first, known=known)


def _doubt(tx: Tx, restored: AuditRow, key: bytes) -> str:
    """Return why an acceptance does not count: it is not signed with the key; or, without one, nobody had found a break."""
    if key:
        return "" if is_accepted(restored, key) else "signature"
    earlier = newest_of(tx, RESTORED, restored.n - 1)
    return "" if _is_open(newest_of(tx, BROKEN, restored.n), earlier) else "acceptance"


def _is_open(broken: AuditRow | None, restored: AuditRow | None) -> bool:
    """Say whether a break was recorded that nobody has accepted since."""
    return broken is not None and (restored is None or broken.n > restored.n)


def is_of_another_key(tx: Tx, reason: str, key: bytes) -> bool:
    """Say whether the break for which changes are off was found with another key than this: who has this cannot check it."""
    broken, mine = newest_of(tx, BROKEN), print_of(key)
    return broken is not None and broken.record.get("reason") == reason and broken.record.get("key", mine) != mine


def walk(tx: Tx, first: int = 1, last: int = ALL) -> Iterator[AuditRow]:
    """Yield records in their order, both ends included."""
    while found := page(tx, first, last):
        yield from found
        first = found[-1].n + 1


def page(tx: Tx, first: int, last: int) -> list[AuditRow]:
    """Return the first records of a range, as many as are read at once."""
    return tx.rows(AuditRow, SQL["walk"], first=first, last=last, most=_PAGE)


def restore(tx: Tx, *, actor: str, reason: str, found: str, key: bytes, copy: object) -> int:
    """Accept the record as it stands, and return the number of the record that says so; for the owner.

    What stands before is pinned by its digest; nothing is appended meanwhile. A head that fell behind is put right. A
    break that the bot could not record because of that, or that only copies show, is recorded first: who has no key
    looks for it. What is signed is what is kept: redacted, and in one form.
    """
    stood = tx.row(Head, SQL["lock_head"]) or _NO_HEAD
    tx.run(SQL["mend_head"])
    last = [Head(n=row.n, hash=row.hash) for row in newest(tx, 1)]
    both = {
        name: {"n": end.n, "hash": end.hash.hex()} for name, end in zip(("head", "last"), (stood, *last), strict=False)
    }
    if not _is_open(newest_of(tx, BROKEN), newest_of(tx, RESTORED)):
        append(tx, BROKEN, actor=actor, reason=reason, found=found)
    pinned = {"actor": actor, "reason": reason, "env": tx.stamp.get("env"), "digest": digest_of(walk(tx))}
    kept = json.loads(canonical(tx.redact.every({**pinned, "accepted_at": rfc3339(tx.now)})))
    signature = sign_acceptance(key, head(tx).n + 1, kept) or None
    kept |= {"found": found, "signature": signature, "copy": copy, **both}
    return append(tx, RESTORED, **kept)


def said(restored: AuditRow) -> dict[str, Any]:
    """Return what an acceptance says: from which number the chain counts, by whom, and why."""
    by, why = (str(restored.record.get(name, "")) for name in ("actor", "reason"))
    return {"n": restored.n, "by": by, "why": why}


def newest(tx: Tx, most: int) -> list[AuditRow]:
    """Return the newest records, oldest of them first."""
    return tx.rows(AuditRow, SQL["newest"], most=most)


def about(tx: Tx, key: str) -> list[AuditRow]:
    """Return every record that names one plan, run, alert or number."""
    return tx.rows(AuditRow, SQL["about"], key=key)


def newest_of(tx: Tx, event: str, last: int = ALL) -> AuditRow | None:
    """Return the newest record of an event, up to a number."""
    return tx.row(AuditRow, SQL["newest_of"], event=event, last=last)


def copied(tx: Tx) -> Copied | None:
    """Return how far copies of the head have gone outside, as the record itself tells it; None = nothing is there."""
    return tx.row(Copied, SQL["copied"])


def rights(tx: Tx) -> Rights:
    """Return what our role may do to the record."""
    found = tx.row(Rights, SQL["rights"])
    assert found is not None
    return found
