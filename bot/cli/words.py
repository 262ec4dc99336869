"""Words for a shell: Slack's commands as a shell takes them, and what is neither a card nor a message."""

import argparse
import json
import re
import shutil
import sys
import textwrap
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
_COMMAND = re.compile(r"dragonfly(?: [^\s·;()]+)+")
_COLUMN = re.compile(r"\S {2,}(?=\S)")
_HARD = "\u00a0"
"""A blank at which no line is broken."""


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


def folded(text: str) -> str:
    """Return a text in lines as wide as the terminal; what is piped stays one fact a line, a statement as it is to be run."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    said, blank, statement = text.partition("\n\n")
    return "\n".join(_folded(line, width) for line in said.split("\n")) + blank + statement


def _folded(line: str, width: int) -> str:
    """Return a line broken at blanks, but in no command; what goes on stands below its own column."""
    if len(line) <= width:
        return line
    columns = [found.end() for found in _COLUMN.finditer(line) if found.end() <= width * 0.6]
    indent = max(len(line) - len(line.lstrip()) + 2, *columns, 0)
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _HARD), line)
    lines = textwrap.wrap(kept, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(_HARD, " ")


def tell(args: argparse.Namespace, facts: object, lines: Sequence[str]) -> None:
    """Print facts for a program, or lines for a person."""
    text = json.dumps(facts, indent=2, default=str) if args.json else folded("\n".join(lines))
    sys.stdout.write(f"{text}\n")
