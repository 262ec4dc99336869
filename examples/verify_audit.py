#!/usr/bin/env python3
"""Check an export of Dragonfly's record without Dragonfly and without its database.

    dragonfly audit export > record.jsonl
    python3 verify_audit.py record.jsonl --anchor bot.log

Standard library only: copy this file to where the export is kept. The first break is named (`gap 3`, `link 3`,
`content 3`, `anchor 3`, `signature 3`). Signatures are checked with DRAGONFLY_AUDIT_KEY of the environment.
Exit code 0: the export adds up. 1: it does not. 2: it cannot be read.
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


def check_signatures(anchors: Sequence[Anchor], key: bytes) -> None:
    """Raise when a copy bears a signature that is not of the key."""
    for item in anchors:
        expected = hmac.new(key, item.text.encode(), "sha256").hexdigest()
        if key and item.signature and not hmac.compare_digest(expected, item.signature):
            raise Break(f"signature {item.n}")


def begin(lines: Sequence[Line]) -> int:
    """Return the number from which the chain counts.

    A break that the record's owner has accepted is a record of its own, `chain.restored`: it pins what stood before it by
    a digest, and the chain counts from there.
    """
    accepted = [line for line in lines if json.loads(line.record)["event"] == "chain.restored"]
    if not accepted:
        return lines[0].n
    newest = accepted[-1]
    if lines[0].n == 1:
        digest = hashlib.sha256()
        for line in lines[: lines.index(newest)]:
            digest.update(f"{line.n}\n{line.at}\n{line.record}\n{line.hash}\n".encode())
        if digest.hexdigest() != json.loads(newest.record)["digest"]:
            raise Break(f"link {newest.n}")
    return newest.n


def check_chain(lines: Sequence[Line], first: int) -> None:
    """Raise at the first record that breaks the chain."""
    expected, previous = first, GENESIS if first == 1 else ""
    for line in lines:
        if line.n < first:
            continue
        if line.n != expected:
            raise Break(f"gap {expected}")
        if previous not in ("", line.previous):
            raise Break(f"link {line.n}")
        if line.sealed() != line.hash:
            raise Break(f"content {line.n}")
        expected, previous = line.n + 1, line.hash


def compare(lines: Sequence[Line], anchors: Sequence[Anchor], first: int) -> int:
    """Raise at the first copy that the export contradicts; return the newest number that was compared."""
    hashes = {line.n: line.hash for line in lines}
    restored_at = next(line.at for line in lines if line.n == first) if first > lines[0].n else ""
    compared = 0
    for item in anchors:
        if item.n < first or (item.at and item.at < restored_at):
            continue
        if hashes.get(item.n) != item.hash:
            raise Break(f"anchor {item.n}")
        compared = item.n
    return compared


def main() -> int:
    """Check what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", help="JSON Lines of `dragonfly audit export`")
    parser.add_argument("--anchor", action="append", default=[], metavar="FILE|N:HASH")
    args = parser.parse_args()
    try:
        lines, anchors = read_lines(args.export), read_anchors(args.anchor)
        last = lines[-1].n
    except (OSError, ValueError, TypeError, IndexError) as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 2
    try:
        check_signatures(anchors, os.environ.get("DRAGONFLY_AUDIT_KEY", "").encode())
        first = begin(lines)
        check_chain(lines, first)
        compared = compare(lines, anchors, first)
    except (Break, KeyError, ValueError) as found:
        print(f"BROKEN  {found}")
        return 1
    print(f"OK  whole from {first} to {last}, {f'anchored to {compared}' if compared else 'compared with no copy'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
