"""Words for a shell: Slack's commands as a shell takes them, and what is neither a card nor a message."""

import argparse
import json
import re
import sys
from collections.abc import Sequence

from bot.domain.params import from_words
from bot.domain.runbook import Step
from bot.errors import InvalidCommand
from bot.operations.table import OPERATIONS
from runbooks import load

_SLACK = re.compile(r"/dragonfly ([a-z-]+)([^.\n]*)")


def in_a_shell(text: str) -> str:
    """Return a text whose commands are those of a shell: a read, or a step to plan."""
    return _SLACK.sub(lambda found: f"dragonfly {_usage(*found.groups())}", text)


def _usage(name: str, rest: str) -> str:
    """Return a command as a shell takes it; where its grammar is another there, the grammar."""
    operation = next((item for item in OPERATIONS if item.name == name and item.shell), None)
    if operation is not None:
        return f"{name}{rest}" if not rest or operation.shell == operation.slack else operation.shell
    step = load().step(name)
    if step is None or not step.shell:
        return f"plan {name}"
    return _planned(step, rest.split()) or step.shell.removeprefix("dragonfly ")


def _planned(step: Step, words: Sequence[str]) -> str:
    """Return words after a step as a shell takes them, or nothing where there are none, or some are a person's own."""
    if not words or any(param.rest for param in step.typed):
        return ""
    try:
        values = from_words(step.id, step.typed, words)
    except InvalidCommand:
        return ""
    return " ".join([f"plan {step.id}", *(f"{name}={value}" for name, value in values.items())])


def tell(args: argparse.Namespace, facts: object, lines: Sequence[str]) -> None:
    """Print facts for a program, or lines for a person."""
    text = json.dumps(facts, indent=2, default=str) if args.json else "\n".join(lines)
    sys.stdout.write(f"{text}\n")
