"""Words for a shell: Slack's commands as a shell takes them, and what is neither a card nor a message."""

import argparse
import json
import re
import sys
from collections.abc import Sequence

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
    return step.shell.removeprefix("dragonfly ") if step and step.shell else f"plan {name}"


def tell(args: argparse.Namespace, facts: object, lines: Sequence[str]) -> None:
    """Print facts for a program, or lines for a person."""
    text = json.dumps(facts, indent=2, default=str) if args.json else "\n".join(lines)
    sys.stdout.write(f"{text}\n")
