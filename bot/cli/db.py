"""The bot's own tables, and the least-privilege role that it runs as."""

import argparse
import json
import sys

from bot.cli.session import services
from bot.errors import EXIT_FINDINGS, EXIT_OK
from bot.operations import tables


def run(args: argparse.Namespace) -> int:
    """Carry out one command about our tables."""
    if args.verb == "grants":
        sys.stdout.write(tables.grants(args.role, dba=args.dba))
        return EXIT_OK
    with services(needs_mode=args.verb == "migrate") as made:
        if args.verb == "migrate":
            done = tables.migrate(made)
            sys.stdout.write("".join(f"applied {name}\n" for name in done) or "nothing to apply\n")
            return EXIT_OK
        waiting, lines = tables.status(made)
        facts = json.dumps({"waiting": waiting, "migrations": lines})
        sys.stdout.write(f"{facts}\n" if args.json else "".join(f"{line}\n" for line in lines))
        return EXIT_FINDINGS if waiting else EXIT_OK
