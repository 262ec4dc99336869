"""The record from a shell."""

import argparse
import sys

from bot.cli.session import services, show
from bot.errors import EXIT_OK, InvalidCommand
from bot.operations import audit


def run(args: argparse.Namespace) -> int:
    """Carry out one command about the record."""
    if args.verb == "list" and args.most < 1:
        raise InvalidCommand("--most is 1 or more", hint="dragonfly audit list --most 50")
    with services() as made:
        match args.verb:
            case "verify":
                return show(audit.verify(made), args, made)
            case "show":
                return show(audit.show(made, args.key), args, made)
            case "export":
                sys.stdout.writelines(f"{line}\n" for line in audit.export(made))
                return EXIT_OK
            case _:
                return show(audit.list_newest(made, args.most), args, made)
