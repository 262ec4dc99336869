"""The record's canonical text and hash chain (specification §11), and how a break in it is named.

Pure: the database appends with the same rule in SQL, this module proves it.
"""

import hashlib
import json
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

GENESIS = bytes(32)
NOTHING: Mapping[int, Collection[str]] = {}
_DOMAIN = "chatops-audit-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One stored record of the chain."""

    n: int
    at: datetime
    record: Mapping[str, object]
    prev: bytes
    """The hash before it, as it was when this record was appended."""
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The number and the hash with which the chain ends."""

    n: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where the chain first breaks, or that it is whole."""

    whole_to: int
    hash: bytes = GENESIS
    """Of the last record that adds up."""
    broken_at: int | None = None
    fault: str = ""
    """`gap`, `link`, `content`, `head`, `anchor`, `signature`, `acceptance` or empty."""

    @property
    def is_whole(self) -> bool:
        """Say whether nothing was found."""
        return self.broken_at is None

    @property
    def name(self) -> str:
        """Return the break's name, such as `content 1712`; empty when there is none."""
        return self.fault if self.fault in ("", "head") else f"{self.fault} {self.broken_at}"


def canonical(record: Mapping[str, object]) -> str:
    """Return the record's one text: keys sorted by code point, no spaces, NFC, absent instead of null.

    Raises:
        TypeError: a value that is neither text, integer, boolean, list nor mapping (floats are refused).
    """
    return _text(_plain(record))


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: object) -> object:
    match value:
        case bool() | int():
            return value
        case str():
            return unicodedata.normalize("NFC", value).replace("\x00", "")
        case datetime():
            return rfc3339(value)
        case Mapping():
            return {str(_plain(str(key))): _plain(item) for key, item in value.items() if item is not None}
        case list() | tuple():
            return [_plain(item) for item in value]
    raise TypeError(f"an audit record holds text, integers, booleans, lists and mappings, not {type(value).__name__}")


def stored_text(row: AuditRow) -> str:
    """Return the text that a stored record stands for; what is not canonical in it stays so and is found."""
    return _text(row.record)


def rfc3339(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC with six fractional digits and `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def chain_hash(previous: bytes, n: int, at: str, text: str) -> bytes:
    """Return the hash of record `n` given the hash before it."""
    return hashlib.sha256(previous + f"{_DOMAIN}\n{n}\n{at}\n{text}".encode()).digest()


def digest_of(rows: Iterable[AuditRow]) -> str:
    """Return the digest of records as they stand, whether they add up or not: by it a person accepts them so."""
    seen = hashlib.sha256()
    for row in rows:
        seen.update(f"{row.n}\n{rfc3339(row.at)}\n{stored_text(row)}\n{row.hash.hex()}\n".encode())
    return seen.hexdigest()


def acceptance_text(n: int, record: Mapping[str, object]) -> str:
    """Return what is signed of an acceptance: which records, by their digest, were accepted where, when, by whom and why."""
    said = {name: record.get(name) for name in ("accepted_at", "actor", "digest", "env", "reason")}
    return f"dragonfly-acceptance {_text({**said, 'n': n})}"


def verify(
    rows: Iterable[AuditRow], head: Head, *, first: int = 1, known: Mapping[int, Collection[str]] = NOTHING
) -> Verdict:
    """Walk the chain and name the first break.

    Args:
        rows: in order, from number `first` on; the link before a first that is not 1 is not looked at.
        head: what the chain says of its own end.
        known: hashes that were kept outside of it, in hexadecimal, by number.
    """
    last, previous = first - 1, GENESIS if first == 1 else None
    for row in rows:
        fault = _fault(row, last, previous, known)
        if fault:
            return Verdict(whole_to=last, broken_at=last + 1 if fault == "gap" else row.n, fault=fault)
        last, previous = row.n, row.hash
    if (last, previous or GENESIS) != (head.n, head.hash):
        return Verdict(whole_to=last, broken_at=last, fault="head")
    beyond = min((n for n in known if n > last), default=None)
    if beyond is not None:
        return Verdict(whole_to=last, broken_at=beyond, fault="anchor")
    return Verdict(whole_to=last, hash=head.hash)


def _fault(row: AuditRow, last: int, previous: bytes | None, known: Mapping[int, Collection[str]]) -> str:
    """Return how a record breaks the chain, or empty; what came before it is not known when the walk begins there."""
    if row.n != last + 1:
        return "gap"
    if previous is not None and row.prev != previous:
        return "link"
    if chain_hash(row.prev, row.n, rfc3339(row.at), stored_text(row)) != row.hash:
        return "content"
    return "anchor" if any(outside != row.hash.hex() for outside in known.get(row.n, ())) else ""
