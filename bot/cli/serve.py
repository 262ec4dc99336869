"""`dragonfly bot`: the whole product in one process."""

import argparse
import os

from bot.errors import EXIT_OK
from bot.logs import set_up
from bot.operations.tables import OWNER_VARIABLE
from bot.process import run_bot
from bot.settings import load


def run(_args: argparse.Namespace) -> int:
    """Run the bot until it is stopped; the owner's credential does not stay in its environment."""
    os.environ.pop(OWNER_VARIABLE, None)
    settings = load(needs_mode=True, needs_slack=True)
    set_up(settings.secrets())
    run_bot(settings)
    return EXIT_OK
