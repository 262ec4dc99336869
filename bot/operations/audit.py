"""Read the record, and prove that it adds up."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.domain import audit as chain
from bot.domain.actor import Actor
from bot.domain.anchors import Anchor, by_number, is_accepted, since
from bot.domain.audit import AuditRow, Verdict, rfc3339, stored_text
from bot.domain.messages import AnchorNote, AuditEntry, AuditList, AuditVerdict, Message
from bot.domain.params import LEAST, require_reason
from bot.errors import ConflictError, InvalidCommand, NotAllowed
from bot.operations.services import Services
from bot.operations.tables import OWNER_VARIABLE, as_owner
from bot.store import audit, changes
from bot.store.changes import Off
from bot.store.db import Tx
from bot.store.limits import LONG

_SHOWN = 64
_IN_EVERY = ("event", "actor", "env", "bot_version", "config_rev", "replica", "session_user")
"""What a list leaves out of a record's summary: it has columns of its own, or is the same in all; who logged in counts where the actor is only what somebody at a shell says."""


def list_newest(services: Services, most: int) -> AuditList:
    """Return the newest records."""
    with services.db.read() as tx:
        rows = audit.newest(tx, most)
        return AuditList(env=services.config.env, as_of=tx.now, entries=_entries(rows), whole=len(rows))


def show(services: Services, key: str) -> AuditList:
    """Return every record that names one plan, run, alert or number."""
    wanted = key[1:] if key[:1] in "Aa" and key[1:].isdigit() else key.upper()
    with services.db.read() as tx:
        rows = audit.about(tx, wanted)
        return AuditList(env=services.config.env, as_of=tx.now, entries=_entries(rows), whole=len(rows))


def _entries(rows: list[AuditRow]) -> tuple[AuditEntry, ...]:
    return tuple(_entry(row) for row in rows)


def _entry(row: AuditRow) -> AuditEntry:
    left_out = [name for name in _IN_EVERY if name != "session_user" or "verified" not in row.record]
    said = {key: value for key, value in row.record.items() if key not in left_out}
    summary = " ".join(f"{key}={_short(value)}" for key, value in sorted(said.items()))
    return AuditEntry(
        n=row.n, at=row.at, event=str(row.record["event"]), actor=str(row.record["actor"]), summary=summary
    )


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _SHOWN else f"{text[:12]}…"


def verify(services: Services, copies: Sequence[Anchor] = ()) -> AuditVerdict:
    """Walk the whole chain, compare it with the copies that somebody kept, and name the first break."""
    with services.db.read(snapshot=True, whole=LONG) as tx:
        found, compared = _judge(services, tx, copies)
        restored, copied = audit.newest_of(tx, audit.RESTORED), audit.copied(tx)
        newer = set(compared)
        older = [item for item in copies if item not in newer]
        proofs = [item for item in compared if item.is_proof(services.audit_key)]
        return AuditVerdict(
            env=services.config.env,
            as_of=tx.now,
            whole_to=found.whole_to,
            broken_at=found.broken_at,
            fault=found.fault,
            name=found.name,
            copied_to=copied.n if copied else 0,
            anchored_to=max((item.n for item in proofs), default=None),
            copies=len(proofs),
            older=len(older),
            differ=_differ(tx, restored, older) if restored else 0,
            unsigned=sum(not item.signature for item in compared),
            has_key=bool(services.audit_key),
            accepted_at=restored.n if restored else None,
            accepted_by=str(restored.record.get("actor")) if restored else "",
            accepted_why=str(restored.record.get("reason")) if restored else "",
            accepted_signed=restored is not None and is_accepted(restored, services.audit_key),
        )


def _differ(tx: Tx, restored: AuditRow, older: Sequence[Anchor]) -> int:
    """Return how many copies from before an acceptance the record contradicts: by their hash, or by what stands before it.

    What counted for a copy began at the newest acceptance up to its number.
    """
    by_start: dict[int, list[Anchor]] = {}
    for item in older:
        begun = audit.newest_of(tx, audit.RESTORED, min(item.n, restored.n - 1))
        by_start.setdefault(begun.n if begun else 1, []).append(item)
    end, differ = audit.head(tx), 0
    for first, items in by_start.items():
        hashes: dict[int, bytes] = {}
        whole_to = chain.verify(_kept(audit.walk(tx, first, restored.n - 1), hashes), end, first=first).whole_to
        differ += sum(item.n > whole_to or hashes.get(item.n) != item.hash for item in items)
    return differ


def _kept(rows: Iterator[AuditRow], hashes: dict[int, bytes]) -> Iterator[AuditRow]:
    """Yield the rows, and keep their hashes by their numbers."""
    for row in rows:
        hashes[row.n] = row.hash
        yield row


def _judge(services: Services, tx: Tx, copies: Sequence[Anchor]) -> tuple[Verdict, list[Anchor]]:
    """Return what the chain and the copies say, and which copies were compared: those that no restoration overtook."""
    other = next((item.env for item in copies if item.env not in ("", services.config.env)), "")
    if other:
        message = f"a copy is of {other}, this record is of {services.config.env}"
        raise InvalidCommand(message, hint="give copies of this environment")
    compared = since(audit.newest_of(tx, audit.RESTORED), copies)
    forged = [item for item in copies if item.is_forged(services.audit_key)]
    known = by_number([item for item in compared if item not in forged])
    found = audit.check(tx, key=services.audit_key, known=known)
    if found.is_whole and forged:
        at = min(item.n for item in forged)
        found = Verdict(whole_to=found.whole_to, broken_at=at, fault="signature")
    return found, compared


def accept(services: Services, actor: Actor, reason: str, copies: Sequence[Anchor] = ()) -> AuditVerdict:
    """Accept a record that does not add up as it stands, by its owner's credential; the chain counts from there.

    What stands is pinned by its digest, the break stays in the record for good, and changes are on again. The bot tells
    everyone.

    Raises:
        InvalidCommand: the reason says too little.
        NotAllowed: the connection is not the owner's, or the key that signs it is not here.
        ConflictError: there is nothing to accept; or, without a key, the bot has not found it, and would not take it.
    """
    require_reason(reason, LEAST, "why does it not add up?")
    with as_owner(services) as database, database.write(whole=LONG) as tx:
        if not audit.rights(tx).owns:
            message = "only the owner of the record accepts a break in it"
            raise NotAllowed(message, hint=f"give {OWNER_VARIABLE} for this one command")
        off, key = changes.find(tx, changes.RECORD), services.audit_key
        is_beyond_us = off is not None and audit.is_of_another_key(tx, off.reason, key)
        anchored = audit.newest_of(tx, audit.ANCHORED)
        if not key and (is_beyond_us or (anchored and anchored.record.get("signed"))):
            message = "this record is signed: an acceptance counts only with the bot's key"
            raise NotAllowed(message, hint="give DRAGONFLY_AUDIT_KEY, as the bot has it, for this one command")
        found, compared = _judge(services, tx, copies)
        _require_found(found, key, off, is_beyond_us=is_beyond_us)
        newest = max(compared, key=lambda item: item.n, default=None)
        copy = {"n": newest.n, "hash": newest.hash.hex()} if newest else None
        audit.restore(tx, actor=actor.key, reason=reason, found=found.name, key=key, copy=copy)
        changes.turn_on(tx, changes.RECORD)
    return verify(services)


def _require_found(found: Verdict, key: bytes, off: Off | None, *, is_beyond_us: bool) -> None:
    """Return when there is a break to accept: one that we find, or one that a bot with another key found."""
    if found.is_whole and not is_beyond_us:
        message = f"there is nothing to accept: the record is whole to no. {found.whole_to}"
        raise ConflictError(message, hint="dragonfly audit verify")
    if not key and off is None:
        message = "the bot has not found this break yet, and without a key takes no acceptance of another"
        raise ConflictError(message, hint="wait for its alert, an hour or a day; or start it again, or give it a key")


def acceptance_notice(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message | None:
    """Build the message that tells everyone who accepted the record as it stands; None = it stands there no more."""
    restored = audit.newest_of(tx, audit.RESTORED, int(facts["n"]))
    if restored is None or restored.n != facts["n"]:
        return None
    return services.notice(tx, "accepted", at=restored.at, counts=facts.get("counts"), **audit.said(restored))


def export(services: Services, first: int = 1, last: int = audit.ALL) -> Iterator[str]:
    """Yield the record as JSON Lines: what was hashed, and the hashes, so that anybody can check it without us."""
    while True:
        with services.db.read() as tx:
            rows = audit.page(tx, first, last)
        if not rows:
            return
        for row in rows:
            hashes = {"previous": row.prev.hex(), "hash": row.hash.hex()}
            line = {"n": row.n, "at": rfc3339(row.at), "record": stored_text(row), **hashes}
            yield json.dumps(line, ensure_ascii=False)
        first = rows[-1].n + 1


def anchor_note(services: Services, tx: Tx, facts: Mapping[str, Any]) -> Message:
    """Build the message that keeps a copy of the record's end in Slack."""
    return AnchorNote(env=services.config.env, as_of=tx.now, n=int(facts["n"]), line=str(facts["line"]))
