"""What every command shares: the services of a shell, who types, and how a message is printed."""

import argparse
import getpass
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text
from tzlocal import get_localzone_name

from bot.bootstrap import build
from bot.domain.actor import Actor, cli_actor
from bot.domain.messages import Message, Notice
from bot.errors import EXIT_OK, EXIT_REFUSED, InvalidCommand
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


def named(values: Sequence[str]) -> dict[str, str]:
    """Return what was written as `name=value`.

    Raises:
        InvalidCommand: a value has no name.
    """
    wrong = [value for value in values if "=" not in value]
    if wrong:
        message = f"{wrong[0]!r} has no name; write name=value"
        raise InvalidCommand(message, hint="dragonfly plan reset-stuck type=ingest older_than=10m")
    return {name.replace("-", "_"): value for name, value in (item.split("=", 1) for item in values)}


def text(message: Message, made: Services | None = None) -> str:
    """Return a message as a terminal shows it."""
    names = made.config.people.names if made else {}
    return TerminalRenderer(zone=get_localzone_name() or "UTC", names=names).text(message)


def show(message: Message, args: argparse.Namespace, made: Services | None = None) -> int:
    """Print a message and return its exit code: a refusal is 4."""
    if getattr(args, "json", False):
        sys.stdout.write(to_json(message) + "\n")
    else:
        first, _, rest = text(message, made).partition("\n")
        console = Console(soft_wrap=True, highlight=False)
        console.print(Text(first, style=colour(message)))
        if rest:
            console.print(Text(rest))
    return EXIT_REFUSED if isinstance(message, Notice) else EXIT_OK
