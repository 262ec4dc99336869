"""The freeze from a shell: changes are turned off here, and turned on again in Slack only."""

import argparse

from bot.cli.session import actor, given, services, show
from bot.operations import freezing


def run(args: argparse.Namespace) -> int:
    """Carry out one command about the freeze."""
    with services(needs_mode=True) as made:
        if args.command == "unfreeze":
            return show(freezing.unfreeze(made, actor()), args, made)
        return show(freezing.freeze(made, actor(), given(args)["reason"]), args, made)
