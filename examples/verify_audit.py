#!/usr/bin/env python3
"""Check an export of Dragonfly's record without Dragonfly and without its database.

    dragonfly audit export > record.jsonl
    python3 verify_audit.py record.jsonl --anchor bot.log

Standard library only: copy this file to where the export is kept. The first break is named (`gap 3`, `link 3`,
`content 3`, `anchor 3`, `signature 3`, `acceptance 3`). Signatures are checked with DRAGONFLY_AUDIT_KEY of the
environment; with it, a copy that is not signed proves nothing.
Exit code 0: the export adds up. 1: it does not, or not by what was given. 2: it cannot be read.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

GENESIS = "00" * 32
ANCHOR = re.compile(
    r"(?P<text>dragonfly-anchor env=\w+ n=(?P<n>\d+) at=(?P<at>\S+) hash=(?P<hash>[0-9a-f]{64}))"
    r"(?: signature=(?P<signature>[0-9a-f]{64}))?"
)
TYPED = re.compile(r"(?P<n>\d+):(?P<hash>[0-9a-f]{64})")


class Break(Exception):
    """The first thing that does not add up."""


class Line(NamedTuple):
    """One record of the export."""

    n: int
    at: str
    record: str
    previous: str
    hash: str

    def sealed(self) -> str:
        """Return the hash that it must have: of the hash before it, its number, its time and its text."""
        text = f"chatops-audit-v1\n{self.n}\n{self.at}\n{self.record}"
        return hashlib.sha256(bytes.fromhex(self.previous) + text.encode()).hexdigest()


class Anchor(NamedTuple):
    """A copy of the record's end that was kept elsewhere."""

    n: int
    hash: str
    at: str = ""
    text: str = ""
    signature: str = ""


def read_lines(path: str) -> list[Line]:
    """Return the records of an export."""
    with Path(path).open(encoding="utf-8") as export:
        return [Line(**json.loads(text)) for text in export if text.strip()]


def read_anchors(words: Sequence[str]) -> list[Anchor]:
    """Return the copies that were typed as `N:HASH` or stand in files."""
    found: list[Anchor] = []
    for word in words:
        typed = TYPED.fullmatch(word)
        if typed:
            found.append(Anchor(int(typed["n"]), typed["hash"]))
            continue
        lines = ANCHOR.finditer(Path(word).read_text(encoding="utf-8", errors="replace"))
        found += [Anchor(int(x["n"]), x["hash"], x["at"], x["text"], x["signature"] or "") for x in lines]
    return sorted(found)


def signed(key: bytes, text: str) -> str:
    """Return the signature of a text."""
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def check_signatures(anchors: Sequence[Anchor], key: bytes) -> None:
    """Raise when a copy bears a signature that is not of the key."""
    for item in anchors:
        if key and item.signature and not hmac.compare_digest(signed(key, item.text), item.signature):
            raise Break(f"signature {item.n}")


def acceptance(lines: Sequence[Line], key: bytes) -> tuple[Line, bool] | None:
    """Return the record from which the chain counts, and whether it is signed with the key; None = from the first.

    A break that the record's owner has accepted is a record of its own, `chain.restored`: it pins what stood before it by
    a digest, and the chain counts from there. With a key it must be signed; without one a break must have been recorded.
    """
    events = [json.loads(line.record)["event"] for line in lines]
    if "chain.restored" not in events:
        return None
    at = len(events) - 1 - events[::-1].index("chain.restored")
    newest, said = lines[at], json.loads(lines[at].record)
    pinned = {**{name: said.get(name) for name in ("accepted_at", "actor", "digest", "env", "reason")}, "n": newest.n}
    text = json.dumps(pinned, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    expected, given = signed(key, f"dragonfly-acceptance {text}"), str(said.get("signature", ""))
    if key and not hmac.compare_digest(expected.encode(), given.encode()):
        raise Break(f"signature {newest.n}")
    if lines[0].n == 1:
        since = [event for event in events[:at] if event in ("chain.restored", "chain.broken")]
        if not key and since[-1:] != ["chain.broken"]:
            raise Break(f"acceptance {newest.n}")
        digest = hashlib.sha256()
        for line in lines[:at]:
            digest.update(f"{line.n}\n{line.at}\n{line.record}\n{line.hash}\n".encode())
        if digest.hexdigest() != said["digest"]:
            raise Break(f"link {newest.n}")
    return newest, bool(key)


def walk(lines: Sequence[Line], first: int) -> tuple[int, str]:
    """Return up to which number the chain adds up from a number on, and the break that comes then; empty = none."""
    expected, previous = first, GENESIS if first == 1 else ""
    for line in lines:
        if line.n < first:
            continue
        if line.n != expected:
            return expected - 1, f"gap {expected}"
        if previous not in ("", line.previous):
            return expected - 1, f"link {line.n}"
        if line.sealed() != line.hash:
            return expected - 1, f"content {line.n}"
        expected, previous = line.n + 1, line.hash
    return expected - 1, ""


def compare(lines: Sequence[Line], anchors: Sequence[Anchor], restored: Line | None) -> tuple[list[Anchor], int]:
    """Raise at the first copy that the export contradicts; return those that hold, and how many from before differ."""
    hashes, held, older = {line.n: line.hash for line in lines}, [], []
    moment = (json.loads(restored.record).get("accepted_at") or restored.at) if restored else ""
    for item in anchors:
        if restored and (item.n < restored.n or (item.at and item.at < moment)):
            older.append(item)
        elif item.n >= lines[0].n:
            if hashes.get(item.n) != item.hash:
                raise Break(f"anchor {item.n}")
            held.append(item)
    before = [line for line in lines if restored and line.n < restored.n]
    accepted = [line.n for line in before if json.loads(line.record)["event"] == "chain.restored"]
    whole_to = {first: walk(before, first)[0] for first in (lines[0].n, *accepted)}
    differ = 0
    for item in older:
        if item.n >= lines[0].n:
            first = max(first for first in whole_to if first <= item.n)
            differ += item.n > whole_to[first] or hashes.get(item.n) != item.hash
    return held, differ


def check(lines: Sequence[Line], anchors: Sequence[Anchor], key: bytes) -> int:
    """Print what the export proves, and return the exit code.

    Raises:
        Break: the export, or a copy, does not add up.
    """
    check_signatures(anchors, key)
    found = acceptance(lines, key)
    restored, is_signed = found or (None, False)
    first = restored.n if restored else lines[0].n
    last, fault = walk(lines, first)
    if fault:
        raise Break(fault)
    held, differ = compare(lines, anchors, restored)
    proofs = [item for item in held if item.signature or not key]
    nothing, contradicts = bool(held) and not proofs, bool(differ) and not is_signed
    compared = f"anchored to {proofs[-1].n}" if proofs else "compared with no copy"
    print(f"{'DIFFERS' if contradicts else 'UNPROVEN' if nothing else 'OK'}  whole from {first} to {last}, {compared}")
    if restored:
        said = json.loads(restored.record)
        who = f"{said.get('actor')}{', signed' if is_signed else ''}: {said.get('reason')}"
        print(f"the record was accepted at {first} by {who}; copies from before that differ: {differ}")
    if len(held) > len(proofs):
        print(f"not signed, so no proof: {len(held) - len(proofs)}")
    return 1 if contradicts or nothing else 0


def main() -> int:
    """Check what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", help="JSON Lines of `dragonfly audit export`")
    parser.add_argument("--anchor", action="append", default=[], metavar="FILE|N:HASH")
    args = parser.parse_args()
    try:
        lines, anchors = read_lines(args.export), read_anchors(args.anchor)
    except (OSError, ValueError, TypeError) as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 2
    if not lines:
        print(f"cannot be read: no record in {args.export}", file=sys.stderr)
        return 2
    try:
        return check(lines, anchors, os.environ.get("DRAGONFLY_AUDIT_KEY", "").encode())
    except (Break, KeyError, ValueError) as found:
        print(f"BROKEN  {found}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
