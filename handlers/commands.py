"""Slash commands and mentions: translate, call, answer."""

import uuid
from collections.abc import Callable, Mapping

from bot.domain.ids import parse_alert_key
from bot.domain.messages import Help, Message
from bot.operations import alerts, freezing, gate_runs, plans, publishing, status, team_reads
from bot.operations.declared import changing_steps, reading_steps
from bot.operations.issuing import Place
from bot.operations.reads import READS
from bot.operations.table import in_slack
from handlers.answers import Asked
from handlers.grammar import Command

Handler = Callable[[Asked, Mapping[str, str]], None]


def handle(asked: Asked, command: Command) -> None:
    """Carry a command out and answer it."""
    if command.is_step:
        make_plan(asked, command.name, command.args, None)
    elif command.name in HANDLERS:
        HANDLERS[command.name](asked, command.args)
    elif command.name in READS:
        asked.read(command.name, command.args)
    else:
        asked.answer(team_reads.read(asked.services, command.name, command.args))


def _status(asked: Asked, _args: Mapping[str, str]) -> None:
    """Post the status for everyone in a listed channel; a second asker within a minute gets a link."""
    services, envelope = asked.services, asked.envelope
    found = publishing.status(services, asked.actor, envelope.channel_id, uuid.uuid4().hex)
    if found is not None:
        asked.answer(found)


def make_plan(asked: Asked, step: str, args: Mapping[str, str], alert_id: int | None) -> None:
    """Plan a step where it was asked for; the card itself is the answer, unless there is nothing to plan."""
    envelope = asked.envelope
    place = Place(channel=envelope.channel_id, thread_ts="" if alert_id else envelope.thread_ts)
    made = plans.make(asked.services, step, args, asked.actor, place, alert_id)
    if not plans.is_card(made):
        asked.answer(made)


def _ack(asked: Asked, args: Mapping[str, str]) -> None:
    asked.answer(alerts.acknowledge(asked.services, parse_alert_key(args["alert"]) or 0, asked.actor))


def _resolve(asked: Asked, args: Mapping[str, str]) -> None:
    number = parse_alert_key(args["alert"]) or 0
    asked.answer(alerts.resolve(asked.services, number, asked.actor, args["reason"]))


def run_gate(asked: Asked, args: Mapping[str, str]) -> None:
    """Run the gate, which may take minutes; the one for prod stands in the channel for everyone, as it goes."""
    services, mode, skip = asked.services, args["mode"], args.get("skip", "")
    channel = asked.envelope.channel_id if mode == "prod" else ""
    gate_runs.require(services, mode, skip, asked.actor)

    def run() -> None:
        report = gate_runs.run(services, mode, skip, asked.actor, channel=channel)
        if not channel:
            asked.answer(report)

    asked.aside(run)


def _take_up(asked: Asked, args: Mapping[str, str]) -> None:
    place = Place(channel=asked.envelope.channel_id, thread_ts=asked.envelope.thread_ts)
    answer = plans.take_up(asked.services, args["plan"], asked.actor, place)
    if answer is not None:
        asked.answer(answer)


def _freeze(asked: Asked, args: Mapping[str, str]) -> None:
    asked.answer(freezing.freeze(asked.services, asked.actor, args["reason"]))


def _unfreeze(asked: Asked, _args: Mapping[str, str]) -> None:
    asked.answer(freezing.unfreeze(asked.services, asked.actor))


def _help(asked: Asked, args: Mapping[str, str]) -> None:
    asked.answer(help_card(asked, args.get("word", "")))


def help_card(asked: Asked, word: str) -> Message:
    """Return the words there are, or those that a word finds."""
    word = word.lower()
    known = [(item.slack, item.sentence) for item in in_slack()]
    known += [
        (" ".join([s.id, *(p.usage for p in s.typed)]), f"{s.title}: {s.why}")
        for s in (*changing_steps(asked.services.runbooks), *reading_steps(asked.services.runbooks))
    ]
    found = tuple((f"/dragonfly {usage}", said) for usage, said in known if word and word in f"{usage} {said}".lower())
    env = asked.services.config.env
    return Help(env=env, as_of=asked.services.clock.now(), topic=word, found=found)


HANDLERS: Mapping[str, Handler] = {
    "status": _status,
    "ack": _ack,
    "resolve": _resolve,
    "gate": run_gate,
    "plan": _take_up,
    "freeze": _freeze,
    "unfreeze": _unfreeze,
    "help": _help,
}
"""Commands that do more than answer a read."""

WITHOUT_DATABASE: Mapping[str, Handler] = {
    "help": _help,
    "status": lambda asked, _args: asked.answer(status.read(asked.services)),
    "oncall": lambda asked, args: asked.answer(READS["oncall"](asked.services, args)),
    "logs": lambda asked, args: asked.answer(READS["logs"](asked.services, args)),
    "probe": lambda asked, args: asked.answer(READS["probe"](asked.services, args)),
}
"""Reads that are answered, marked "not recorded", when nothing can be written down."""
