"""`dragonfly bot`: the whole product in one process."""

import argparse
import os

from bot.errors import EXIT_OK, ConfigurationError
from bot.logs import set_up
from bot.operations.tables import OWNER_VARIABLE
from bot.process import run_bot
from bot.settings import load


def run(_args: argparse.Namespace) -> int:
    """Run the bot until it is stopped; the owner's credential does not stay in its environment.

    Raises:
        ConfigurationError: every fault at once, or the port is taken.
    """
    os.environ.pop(OWNER_VARIABLE, None)
    settings = load(needs_mode=True, needs_slack=True)
    set_up(settings.redactor)
    try:
        run_bot(settings)
    except OSError as error:
        raise ConfigurationError([f"{error}; free it, or set another PORT"]) from error
    return EXIT_OK
