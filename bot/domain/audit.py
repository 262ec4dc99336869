"""The record's canonical text and hash chain (specification §11), and how a break in it is named.

Pure: the database appends with the same rule in SQL, this module proves it.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

GENESIS = bytes(32)
_DOMAIN = "chatops-audit-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One stored record of the chain."""

    n: int
    at: datetime
    record: Mapping[str, object]
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where the chain first breaks, or that it is whole."""

    whole_to: int
    broken_at: int | None = None
    fault: str = ""
    """`gap`, `content`, `head` or empty."""

    @property
    def is_whole(self) -> bool:
        """Say whether nothing was found."""
        return self.broken_at is None


def canonical(record: Mapping[str, object]) -> str:
    """Return the record's one text: keys sorted by code point, no spaces, NFC, absent instead of null.

    Raises:
        TypeError: a value that is neither text, integer, boolean, list nor mapping (floats are refused).
    """
    return json.dumps(_plain(record), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


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


def rfc3339(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC with six fractional digits and `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def chain_hash(previous: bytes, n: int, at: str, text: str) -> bytes:
    """Return the hash of record `n` given the hash before it."""
    return hashlib.sha256(previous + f"{_DOMAIN}\n{n}\n{at}\n{text}".encode()).digest()


def verify(rows: Iterable[AuditRow], *, head_n: int, head_hash: bytes) -> Verdict:
    """Walk the chain and name the first break: a missing number, changed content, or a head that differs."""
    previous, last = GENESIS, 0
    for row in rows:
        if row.n != last + 1:
            return Verdict(whole_to=last, broken_at=last + 1, fault="gap")
        expected = chain_hash(previous, row.n, rfc3339(row.at), canonical(row.record))
        if expected != row.hash:
            return Verdict(whole_to=last, broken_at=row.n, fault="content")
        previous, last = row.hash, row.n
    if last != head_n:
        return Verdict(whole_to=min(last, head_n), broken_at=min(last, head_n) + 1, fault="gap")
    if previous != head_hash:
        return Verdict(whole_to=last - 1, broken_at=last, fault="head")
    return Verdict(whole_to=last)
