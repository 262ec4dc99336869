"""The bot's own tables, and the least-privilege role that it runs as."""

import argparse
import sys

from bot.cli.session import services
from bot.cli.words import tell
from bot.errors import EXIT_FINDINGS, EXIT_OK, NO_PRIVILEGE, NotAllowed, StatementRefused
from bot.operations import tables


def run(args: argparse.Namespace) -> int:
    """Carry out one command about our tables.

    Raises:
        NotAllowed: the role may not make them.
    """
    if args.verb == "grants":
        sys.stdout.write(tables.grants(args.role, dba=args.dba))
        return EXIT_OK
    with services(needs_mode=args.verb == "migrate") as made:
        if args.verb == "migrate":
            try:
                done = tables.migrate(made)
            except StatementRefused as error:
                if error.sqlstate != NO_PRIVILEGE:
                    raise
                message = f"this role may not make tables: {error.message}"
                raise NotAllowed(message, hint=f"Set {tables.OWNER_VARIABLE} to the address of their owner") from error
            tell(args, {"applied": done}, [f"applied {name}" for name in done] or ["nothing to apply"])
            return EXIT_OK
        waiting, lines = tables.status(made)
        tell(args, {"waiting": waiting, "migrations": lines}, lines)
        return EXIT_FINDINGS if waiting else EXIT_OK
