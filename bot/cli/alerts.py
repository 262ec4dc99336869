"""Alerts from a shell."""

import argparse

from bot.cli.session import actor, given, services, show
from bot.domain.ids import parse_alert_key
from bot.errors import InvalidCommand
from bot.operations import alerts, timeline
from bot.operations.services import Services


def run(args: argparse.Namespace) -> int:
    """Carry out one command about alerts."""
    with services() as made:
        if args.command == "alerts" and args.verb:
            return _why(args, made)
        if args.command == "alerts":
            return show(alerts.list_open(made), args, made)
        values = given(args)
        if args.command == "ack":
            return show(alerts.acknowledge(made, _number(values["alert"]), actor()), args, made)
        return show(alerts.resolve(made, _number(values["alert"]), actor(), values["reason"]), args, made)


def _why(args: argparse.Namespace, made: Services) -> int:
    """Show an alert's card, and below it what happened; a program gets the card's facts."""
    number = _number(args.alert)
    code = show(alerts.card(made, number), args, made)
    return code if code or args.json else show(timeline.read(made, number), args, made)


def _number(text: str) -> int:
    number = parse_alert_key(text)
    if number is None:
        message = f"{text!r} is not an alert such as A31" if text else "no alert is named"
        raise InvalidCommand(message, hint="dragonfly alerts why A31")
    return number
