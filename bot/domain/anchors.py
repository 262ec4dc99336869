"""Anchors: copies of the chain's head that are kept outside of the database, where its owner cannot change them (§11, U4).

An anchor is one line of text, so that it survives a log, a message and a clipboard. Signed where there is a key.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.audit import AuditRow, Head, acceptance_text, rfc3339
from bot.domain.timing import Timing

COPY_AFTER = 100
"""So many new records are copied without waiting."""
_LINE = re.compile(
    r"dragonfly-anchor env=(?P<env>\w+) n=(?P<n>\d{1,18}) at=(?P<at>\S{20,32}Z) hash=(?P<hash>[0-9a-f]{64})"
    r"(?: signature=(?P<signature>[0-9a-f]{64}))?"
)
_TYPED = re.compile(r"^(?P<n>\d{1,18}):(?P<hash>[0-9a-f]{64})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Under this number stood this hash, at this time."""

    n: int
    hash: bytes
    env: str = ""
    at: datetime | None = None
    """None = typed by a person, who knows the number and the hash only."""
    signature: str = ""

    @property
    def text(self) -> str:
        """Return what is signed."""
        at = rfc3339(self.at) if self.at else ""
        return f"dragonfly-anchor env={self.env} n={self.n} at={at} hash={self.hash.hex()}"

    @property
    def line(self) -> str:
        """Return the anchor as it is kept outside."""
        return f"{self.text} signature={self.signature}" if self.signature else self.text

    def signed(self, key: bytes) -> "Anchor":
        """Return the anchor with its signature; without a key it has none."""
        return replace(self, signature=_sign(key, self.text)) if key else self

    def is_proof(self, key: bytes) -> bool:
        """Say whether it can stand for itself: with a key only what is signed with it can."""
        return not key or (bool(self.signature) and not self.is_forged(key))

    def is_forged(self, key: bytes) -> bool:
        """Say whether it bears a signature that is not of this key."""
        return bool(key and self.signature) and not hmac.compare_digest(_sign(key, self.text), self.signature)


def sign_acceptance(key: bytes, n: int, record: Mapping[str, object]) -> str:
    """Return the signature of the record by which a person accepts a break; without a key it has none."""
    return _sign(key, acceptance_text(n, record)) if key else ""


def print_of(key: bytes) -> str:
    """Return by what a key is known again, which tells nothing of it; `none` without one."""
    return _sign(key, "dragonfly-key")[:8] if key else "none"


def accepted_at(restored: AuditRow) -> str:
    """Return when a break was accepted, by what is signed: whoever holds the database may change the record's own time."""
    return str(restored.record.get("accepted_at") or rfc3339(restored.at))


def is_accepted(restored: AuditRow, key: bytes) -> bool:
    """Say whether an acceptance is signed with this key: whoever holds the database alone cannot make one up."""
    signed = str(restored.record.get("signature", ""))
    return bool(key) and hmac.compare_digest(
        sign_acceptance(key, restored.n, restored.record).encode(), signed.encode()
    )


def _sign(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def read(text: str) -> list[Anchor]:
    """Return every anchor found in a text, such as a log; or the one that a person typed as `N:HASH`."""
    typed = _TYPED.match(text.strip())
    if typed:
        return [Anchor(n=int(typed["n"]), hash=bytes.fromhex(typed["hash"]))]
    return [
        Anchor(
            n=int(found["n"]),
            hash=bytes.fromhex(found["hash"]),
            env=found["env"],
            at=datetime.fromisoformat(found["at"]),
            signature=found["signature"] or "",
        )
        for found in _LINE.finditer(text)
    ]


def since(restored: AuditRow | None, anchors: Sequence[Anchor]) -> list[Anchor]:
    """Return the anchors of the chain that counts: older ones tell of one that a person has accepted as it stood."""
    if restored is None:
        return list(anchors)
    moment = accepted_at(restored)
    return [item for item in anchors if item.n >= restored.n and (item.at is None or rfc3339(item.at) >= moment)]


def by_number(anchors: Sequence[Anchor]) -> dict[int, set[str]]:
    """Return the hashes of anchors, in hexadecimal, by their numbers."""
    found: dict[int, set[str]] = {}
    for item in anchors:
        found.setdefault(item.n, set()).add(item.hash.hex())
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """How far copies of the head have gone outside, as the record itself tells it."""

    n: int
    """The newest number that was copied; 0 = none."""
    log_n: int
    """Where in the record that stands; 0 = nowhere."""
    log_at: datetime
    slack_n: int
    slack_at: datetime


def due(head: Head, copied: Copied | None, now: datetime, timing: Timing, *, ending: bool = False) -> str:
    """Return where a copy of the head goes now: `slack`, `log`, or nowhere. A record at rest is not copied again."""
    if copied is None:
        return ""
    if head.n > copied.slack_n and (ending or now - copied.slack_at >= timing.anchor_slack):
        return "slack"
    fresh = head.n - copied.log_n
    return "log" if fresh >= COPY_AFTER or (fresh > 0 and now - copied.log_at >= timing.anchor_log) else ""
