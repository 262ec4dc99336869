"""Alerts from a shell."""

import argparse

from bot.cli.session import actor, services, show
from bot.domain.ids import parse_alert_key
from bot.domain.messages import Notice
from bot.errors import EXIT_OK, EXIT_REFUSED, InvalidCommand
from bot.operations import alerts

_DONE = ("acknowledged", "resolved", "late-acknowledge")


def run(args: argparse.Namespace) -> int:
    """Carry out one command about alerts."""
    with services() as made:
        if args.command == "alerts" and not args.verb:
            return show(alerts.list_open(made), args, made)
        number = _number(args.alert)
        match args.command:
            case "alerts":
                return show(alerts.why(made, number), args, made)
            case "timeline":
                return show(alerts.timeline(made, number), args, made)
            case "ack":
                answer = alerts.acknowledge(made, number, actor())
            case _:
                answer = alerts.resolve(made, number, actor(), args.reason)
        show(answer, args, made)
        done = isinstance(answer, Notice) and answer.kind in _DONE
        return EXIT_OK if done else EXIT_REFUSED


def _number(text: str) -> int:
    number = parse_alert_key(text)
    if number is None:
        message = f"{text!r} is no alert"
        raise InvalidCommand(message, hint="dragonfly ack A31")
    return number
