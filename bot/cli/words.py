"""Words for a shell: Slack's commands as a shell takes them, and what is neither a card nor a message."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from functools import cache
from shlex import quote

from bot import settings
from bot.domain.params import from_words
from bot.domain.runbook import Catalogue, Step
from bot.errors import ConfigurationError, InvalidCommand
from bot.operations.table import OPERATIONS
from runbooks import faults, load

_SLACK = re.compile(r"/dragonfly ([a-z-]+)([^.\n]*)")


@cache
def here() -> Catalogue:
    """Return the runbooks of this shell: ours, and the team's where a folder is configured and has no fault."""
    try:
        folder = settings.load().config.team_runbooks
    except ConfigurationError:
        folder = ""
    return load("" if faults(folder) else folder)


def in_a_shell(text: str) -> str:
    """Return a text whose commands are those of a shell: a read, or a step to plan."""
    return _SLACK.sub(lambda found: f"dragonfly {_usage(*found.groups())}", text)


def _usage(name: str, rest: str) -> str:
    """Return a command as a shell takes it; where its grammar is another there, the grammar."""
    operation = next((item for item in OPERATIONS if item.name == name and item.shell), None)
    if operation is not None:
        return f"{name}{rest}" if not rest or operation.shell == operation.slack else operation.shell
    step = here().step(name)
    if step is None:
        return f"plan {name}"
    verb = "runbook run" if step.kind == "sql_read" else "plan"
    return _planned(step, verb, rest.split()) or step.shell.removeprefix("dragonfly ") or _example(step, verb)


def _planned(step: Step, verb: str, words: Sequence[str]) -> str:
    """Return words after a step as a shell takes them, or nothing where there are none, or some are a person's own."""
    if not words or any(param.rest for param in step.typed):
        return ""
    try:
        values = from_words(step.id, step.typed, words)
    except InvalidCommand:
        return ""
    return " ".join([verb, step.id, *(f"{name}={quote(value)}" for name, value in values.items())])


def _example(step: Step, verb: str) -> str:
    """Return a step with an example of each value that it needs."""
    needed = (param for param in step.typed if param.required and param.correct)
    return " ".join([verb, step.id, *(f"{param.name}={quote(param.correct)}" for param in needed)])


def tell(args: argparse.Namespace, facts: object, lines: Sequence[str]) -> None:
    """Print facts for a program, or lines for a person."""
    text = json.dumps(facts, indent=2, default=str) if args.json else "\n".join(lines)
    sys.stdout.write(f"{text}\n")
