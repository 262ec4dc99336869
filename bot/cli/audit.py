"""The record from a shell."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.cli.session import actor, services, show
from bot.domain.anchors import Anchor, read
from bot.errors import EXIT_OK, InvalidCommand
from bot.operations import audit


def run(args: argparse.Namespace) -> int:
    """Carry out one command about the record."""
    if args.verb == "list" and args.most < 1:
        raise InvalidCommand("--most is 1 or more", hint="dragonfly audit list --most 50")
    with services(needs_mode=args.verb == "accept") as made:
        match args.verb:
            case "verify":
                return show(audit.verify(made, _copies(args.anchor)), args, made)
            case "accept":
                return show(audit.accept(made, actor(), args.reason, _copies(args.anchor)), args, made)
            case "show":
                return show(audit.show(made, args.key), args, made)
            case "export":
                sys.stdout.writelines(f"{line}\n" for line in audit.export(made, args.first, args.last))
                return EXIT_OK
            case _:
                return show(audit.list_newest(made, args.most), args, made)


def _copies(words: Sequence[str]) -> list[Anchor]:
    """Return the copies of the record's end that were given.

    Raises:
        InvalidCommand: a word is neither a copy nor a file that holds some.
    """
    found = []
    for word in words:
        path = Path(word)
        copies = read(word) or (read(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else [])
        if not copies:
            message = f"{word!r} is no copy of the record's end, and no file that holds one"
            raise InvalidCommand(message, hint="give a file with lines that begin with dragonfly-anchor, or N:HASH")
        found += copies
    return found
