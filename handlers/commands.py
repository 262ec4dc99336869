"""Slash commands and mentions: translate, call, answer."""

import uuid
from collections.abc import Callable, Mapping

from bot.domain.durations import parse_duration
from bot.domain.ids import parse_alert_key
from bot.domain.messages import Help, Message
from bot.operations import alerts, oncall, plans, publishing, runbooks, status, stuck
from bot.operations.table import in_slack
from handlers.answers import Asked
from handlers.grammar import Command

Handler = Callable[[Asked, Mapping[str, str]], None]


def handle(asked: Asked, command: Command) -> None:
    """Carry a command out and answer it."""
    HANDLERS[command.name](asked, command.args)


def _status(asked: Asked, _args: Mapping[str, str]) -> None:
    """Post the status for everyone in a listed channel; a second asker within a minute gets a link."""
    services, envelope = asked.services, asked.envelope
    found = publishing.status(services, asked.actor, envelope.channel_id, uuid.uuid4().hex)
    if found is not None:
        asked.answer(found)


def _stuck(asked: Asked, args: Mapping[str, str]) -> None:
    older = parse_duration(args["older_than"]) if "older_than" in args else None
    asked.answer(stuck.read(asked.services, args.get("type", ""), older))


def _reset(asked: Asked, args: Mapping[str, str]) -> None:
    make_plan(asked, args, None)


def make_plan(asked: Asked, args: Mapping[str, str], alert_id: int | None) -> None:
    """Plan a reset where it was asked for; the card itself is the answer, unless there is nothing to plan."""
    envelope = asked.envelope
    place = plans.Place(channel=envelope.channel_id, thread_ts="" if alert_id else envelope.thread_ts)
    made = plans.make(asked.services, "reset-stuck", args, asked.actor, place, alert_id)
    if not plans.is_card(made):
        asked.answer(made)


def _alerts(asked: Asked, _args: Mapping[str, str]) -> None:
    asked.answer(alerts.list_open(asked.services))


def _ack(asked: Asked, args: Mapping[str, str]) -> None:
    asked.answer(alerts.acknowledge(asked.services, parse_alert_key(args["alert"]) or 0, asked.actor))


def _resolve(asked: Asked, args: Mapping[str, str]) -> None:
    number = parse_alert_key(args["alert"]) or 0
    asked.answer(alerts.resolve(asked.services, number, asked.actor, args["reason"]))


def _timeline(asked: Asked, args: Mapping[str, str]) -> None:
    asked.answer(alerts.timeline(asked.services, parse_alert_key(args["alert"]) or 0))


def _runbook(asked: Asked, args: Mapping[str, str]) -> None:
    asked.answer(runbooks.read(asked.services, args.get("scenario", "")))


def _oncall(asked: Asked, _args: Mapping[str, str]) -> None:
    asked.answer(oncall.read(asked.services))


def _help(asked: Asked, args: Mapping[str, str]) -> None:
    asked.answer(help_card(asked, args.get("word", "")))


def help_card(asked: Asked, word: str) -> Message:
    """Return the words there are, or those that a word finds."""
    found = tuple(
        (f"/dragonfly {item.slack}", item.sentence)
        for item in in_slack()
        if word and (word in item.name or word in item.sentence)
    )
    env = asked.services.config.env
    return Help(env=env, as_of=asked.services.clock.now(), topic=word, found=found)


HANDLERS: Mapping[str, Handler] = {
    "status": _status,
    "stuck": _stuck,
    "reset-stuck": _reset,
    "alerts": _alerts,
    "ack": _ack,
    "resolve": _resolve,
    "timeline": _timeline,
    "runbook": _runbook,
    "oncall": _oncall,
    "help": _help,
}

WITHOUT_DATABASE: Mapping[str, Callable[[Asked, Mapping[str, str]], None]] = {
    "help": _help,
    "status": lambda asked, _args: asked.answer(status.read(asked.services)),
}
"""Reads that are answered, marked "not recorded", when nothing can be written down."""
