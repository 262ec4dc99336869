"""The record from a shell."""

import argparse
import sys

from bot.cli.session import services, show
from bot.errors import EXIT_FINDINGS, EXIT_OK
from bot.operations import audit


def run(args: argparse.Namespace) -> int:
    """Carry out one command about the record."""
    with services() as made:
        match args.verb:
            case "verify":
                verdict = audit.verify(made)
                show(verdict, args, made)
                return EXIT_OK if verdict.broken_at is None else EXIT_FINDINGS
            case "show":
                return show(audit.show(made, args.key), args, made)
            case "export":
                for line in audit.export(made):
                    sys.stdout.write(line + "\n")
                return EXIT_OK
            case _:
                return show(audit.list_newest(made, args.most), args, made)
