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

from bot.bootstrap import build, with_slack
from bot.cli.words import folded, in_a_shell
from bot.domain.actor import Actor, cli_actor
from bot.domain.messages import CannotPlan, LogReport, Message, Notice, StatusCard
from bot.domain.params import checked
from bot.errors import EXIT_FINDINGS, EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, ChangesOff, InvalidCommand, NotAllowed
from bot.logs import set_up
from bot.operations import modes, refusals
from bot.operations.services import Services
from bot.operations.table import OPERATIONS
from bot.render.terminal import TerminalRenderer, to_json
from bot.settings import load

_DONE = ("acknowledged", "resolved", "late-acknowledge", "frozen")
"""Notices that say what was done; every other one is a refusal."""
_FINDS = ("status", "gate", "check", "doctor", "audit")
"""Commands that exit with 1 on findings; others exit with 0 if they could read."""


@contextmanager
def services(*, needs_mode: bool = False, asks_slack: bool = False) -> Iterator[Services]:
    """Give the services of a shell, and close them at the end.

    Raises:
        ConfigurationError: every fault at once.
    """
    settings = load(needs_mode=needs_mode)
    set_up(settings.redactor, level=100)
    made = with_slack(build(settings), settings.env) if asks_slack else build(settings)
    try:
        yield made
    except (NotAllowed, ChangesOff) as error:
        refusals.record(made, actor(), error)
        raise
    finally:
        made.close()


def actor() -> Actor:
    """Return who types: the login name and the host, which nobody has verified."""
    return cli_actor(getpass.getuser(), socket.gethostname())


def given(args: argparse.Namespace) -> dict[str, str]:
    """Return the declared parameters of a command, as they were typed.

    Raises:
        InvalidCommand: one is of another type than it is declared.
    """
    params = next(item.params for item in OPERATIONS if item.name == args.command)
    typed = {param.name: getattr(args, param.name) or "" for param in params}
    return checked(args.command, params, {name: " ".join(v) if isinstance(v, list) else v for name, v in typed.items()})


def named(values: Sequence[str]) -> dict[str, str]:
    """Return what was written as `name=value`.

    Raises:
        InvalidCommand: a value has no name, or a name has two values.
    """
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        key = name.replace("-", "_")
        if not equals or key in found:
            message = f"two values for {name}: {found[key]!r} and {value!r}" if equals else f"{text!r} has no name"
            raise InvalidCommand(
                message, hint="Write name=value: dragonfly plan reset-stuck type=ingest older_than=10m"
            )
        found[key] = value
    return found


def text(message: Message, made: Services | None = None) -> str:
    """Return a message as a terminal shows it."""
    return _coloured_text(message, made)[0]


def _coloured_text(message: Message, made: Services | None) -> tuple[str, str]:
    """Return a message as a terminal shows it, and the colour of its first line."""
    zone = get_localzone_name() or "UTC"
    if made is None:
        said, style = TerminalRenderer(zone=zone).coloured(message)
    else:
        renderer = TerminalRenderer(zone=zone, names=made.config.people.names, timing=made.config.timing)
        said, style = renderer.coloured(message, modes.read(made))
    return in_a_shell(said), style


def show(message: Message, args: argparse.Namespace, made: Services | None = None) -> int:
    """Print a message and return its exit code; a refusal goes to the error stream, with its reason."""
    code = _code(message, args.command)
    if args.json:
        sys.stdout.write(to_json(message) + "\n")
    elif code == EXIT_REFUSED and isinstance(message, Notice):
        sys.stderr.write(f"dragonfly: {text(message, made)}\n")
    else:
        said, style = _coloured_text(message, made)
        if code == EXIT_FINDINGS:
            said += f"\nexit {code} ({'gate failed' if args.command == 'gate' else 'findings'})"
        sys.stdout.write(_coloured(folded(said), style))
    return code


def _coloured(said: str, style: str) -> str:
    """Return a text whose first line has a colour, where a terminal shows it."""
    first, line_end, rest = said.partition("\n")
    console = Console(soft_wrap=True, highlight=False)
    with console.capture() as shown:  # rich's own answer to a closed pipe would be exit code 1
        console.print(Text.assemble((first, style), line_end, rest))
    return shown.get()


def _code(message: Message, command: str) -> int:
    if isinstance(message, Notice):
        return EXIT_OK if message.kind in _DONE else EXIT_REFUSED
    if isinstance(message, CannotPlan):
        return EXIT_REFUSED
    if isinstance(message, StatusCard) and message.blind == "unreachable":
        return EXIT_REFUSED if message.refused_hint else EXIT_UNREACHABLE
    if isinstance(message, LogReport) and message.why_unknown:
        return EXIT_UNREACHABLE
    return EXIT_FINDINGS if command in _FINDS and getattr(message, "has_findings", False) else EXIT_OK
