"""What every command shares: the services of a shell, who types, and how a message is printed."""

import argparse
import getpass
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text
from tzlocal import get_localzone_name

from bot.bootstrap import build
from bot.domain.actor import Actor, cli_actor
from bot.domain.messages import Message, Notice
from bot.errors import EXIT_OK, EXIT_REFUSED
from bot.logs import set_up
from bot.operations.services import Services
from bot.render.terminal import TerminalRenderer, colour, to_json
from bot.settings import load


@contextmanager
def services(*, needs_mode: bool = False) -> Iterator[Services]:
    """Give the services of a shell, and close them at the end.

    Raises:
        ConfigurationError: every fault at once.
    """
    settings = load(needs_mode=needs_mode)
    set_up(settings.secrets(), level=100)
    made = build(settings)
    try:
        yield made
    finally:
        made.close()


def actor() -> Actor:
    """Return who types: the login name and the host, which nobody has verified."""
    return cli_actor(getpass.getuser(), socket.gethostname())


def show(message: Message, args: argparse.Namespace, made: Services | None = None) -> int:
    """Print a message and return its exit code: a refusal is 4."""
    if getattr(args, "json", False):
        sys.stdout.write(to_json(message) + "\n")
    else:
        names = made.config.people.names if made else {}
        text = TerminalRenderer(zone=get_localzone_name() or "UTC", names=names).text(message)
        first, _, rest = text.partition("\n")
        console = Console(soft_wrap=True, highlight=False)
        console.print(Text(first, style=colour(message)))
        if rest:
            console.print(Text(rest))
    return EXIT_REFUSED if isinstance(message, Notice) else EXIT_OK
