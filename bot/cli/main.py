"""The command line: one parser, one place where an error becomes a line and an exit code.

Imports nothing heavy: `dragonfly --help` answers in well under 0.2 s (a test holds it). Each command's module is imported
when the command runs.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from bot.domain.ids import COMMAND
from bot.domain.params import nearest
from bot.errors import (
    EXIT_BUG,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_UNREACHABLE,
    BotError,
    ConfigurationError,
    InvalidCommand,
)
from bot.operations.table import OPERATIONS, Operation

_INTERRUPTED = 130
_EXAMPLES = """\
examples:
  dragonfly status                          everything on one screen
  dragonfly plan reset-stuck type=ingest    what would be reset; changes nothing
  dragonfly apply 7F3K                      carry the plan out
  dragonfly audit verify                    does the record add up?

exit codes: 0 well · 1 findings · 2 usage · 3 unreachable · 4 refused
            5 outcome unknown · 70 bug
"""
_MODULES = {
    **dict.fromkeys(("plan", "apply", "undo"), "plans"),
    **dict.fromkeys(("alerts", "ack", "resolve"), "alerts"),
    **dict.fromkeys(("freeze", "unfreeze"), "freeze"),
    "audit": "audit",
    "db": "db",
    "bot": "serve",
    "sandbox": "sandbox",
}
"""Commands by the module that carries them out; all others are in `reads`."""

Words = Mapping[str, Mapping[str, Any]]
"""Arguments by name, each as argparse takes it."""


def _flag(said: str) -> Mapping[str, Any]:
    return {"action": "store_true", "help": said}


_JSON = {"--json": _flag("the facts, for programs")}
_VALUES = {"nargs": "*", "default": [], "metavar": "name=value"}
_ANCHORS: Words = {
    "--anchor": {
        "action": "append",
        "default": [],
        "metavar": "FILE|N:HASH",
        "help": "a copy of its end: a file with lines from the log or Slack; may be given again",
    }
}
_WORDS: Mapping[str, Words] = {
    "failed": {
        "--since": {"default": "", "help": "such as 24h"},
        "--show-errors": _flag("whole texts; it is recorded"),
    },
    "gate": {
        "--mode": {"required": True, "choices": ["dev", "prod"]},
        "--skip": {"action": "extend", "nargs": "*", "default": [], "metavar": "NAME", "help": "checks to leave out"},
        "--post": _flag("show it in the alert channel too"),
    },
    "doctor": {"--offline": _flag("only what needs no network")},
    "plan": {
        "step": {"help": "a step such as reset-stuck, or `show`"},
        "values": {**_VALUES, "help": "or the plan's id"},
    },
    "apply": {
        "plan": {},
        "--yes": _flag("do not ask"),
        "--hand-over": _flag("print the statement for the DBA; run nothing"),
    },
    "undo": {"run": {}},
    "alerts": {"verb": {"nargs": "?", "choices": ["why"]}, "alert": {"nargs": "?", "default": ""}},
    "freeze": {"reason": {"nargs": "+", "help": "why, for everybody to read"}},
    "resolve": {"alert": {}, "--reason": {"required": True}},
    "sandbox": {
        "--port": {"type": int, "default": 0},
        "--data-dir": {"default": ".sandbox"},
        "--ephemeral": _flag("keep nothing"),
        "--no-browser": _flag("only print the address"),
        "--schema": {"choices": ["playbook", "deployed"], "default": "deployed"},
        "--runbooks": {"default": "", "metavar": "FOLDER", "help": "a team's own runbooks to try"},
        "--profile": {"choices": ["fast", "playbook"], "default": "fast"},
    },
}
"""Commands with words of their own; all others take the declared parameters."""
_VERBS: Mapping[str, Mapping[str, Words]] = {
    "runbook": {
        "list": {},
        "show": {"name": {}},
        "run": {"step": {}, "values": _VALUES},
        "lint": {"folder": {"nargs": "?", "default": "", "help": "a team's folder of runbooks"}},
    },
    "audit": {
        "list": {"--most": {"type": int, "default": 50}},
        "show": {"key": {"help": "a plan, an alert, or a record's number"}},
        "verify": _ANCHORS,
        "export": {
            "--from": {"dest": "first", "type": int, "default": 1, "metavar": "N"},
            "--to": {"dest": "last", "type": int, "default": 2**62, "metavar": "N"},
        },
        "accept": {
            "--reason": {"required": True, "help": "why it does not add up; it stays in the record"},
            **_ANCHORS,
        },
    },
    "route": {"test": {"labels": {}, "--expect": {"required": True, "help": "who must be called first"}}},
    "db": {
        "migrate": {},
        "status": {},
        "grants": {
            "--role": {"default": "", "help": "dragonfly_bot, or dragonfly_dba with --dba"},
            "--dba": _flag("the role that ends sessions and changes the history"),
        },
    },
}
"""Commands that are nouns, with the words of each of their verbs."""

_SAID_OF_VERBS: Mapping[str, Mapping[str, str]] = {
    "runbook": {
        "list": "every runbook",
        "show": "the steps of one",
        "run": "one of its steps that only looks",
        "lint": "what is wrong with a team's own",
    },
    "audit": {
        "list": "the newest records",
        "show": "all of one plan or alert",
        "verify": "does the record add up?",
        "export": "records as they are kept, to be kept elsewhere",
        "accept": "take a record that does not add up as it stands; it is recorded",
    },
    "route": {"test": "compare who would be called first with who must be"},
    "db": {
        "migrate": "make or change the bot's own tables",
        "status": "are they of this program and mode?",
        "grants": "the statements that make its role",
    },
}


def parser() -> argparse.ArgumentParser:
    """Return the whole grammar."""
    top = argparse.ArgumentParser(
        prog="dragonfly",
        description="Incident response on a Postgres-backed job system:\npreview, confirm, execute once, prove, audit.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for item in OPERATIONS:
        made = commands.add_parser(item.name, aliases=item.aliases, help=item.sentence, description=item.sentence)
        made.set_defaults(command=item.name)
        if item.name in _VERBS:
            verbs = made.add_subparsers(dest="verb", required=True, metavar="VERB")
            for verb, words in _VERBS[item.name].items():
                _add(verbs.add_parser(verb, help=_SAID_OF_VERBS[item.name][verb]), {**_JSON, **words})
        else:
            words = _WORDS.get(item.name) or _declared(item)
            _add(made, words if item.name in ("bot", "sandbox") else {**_JSON, **words})
    return top


def _add(made: argparse.ArgumentParser, words: Words) -> None:
    for name, how in words.items():
        made.add_argument(name, **how)


def _declared(item: Operation) -> Words:
    """Return the declared parameters of a read: words stay words, `--next 10` stays an option."""
    found: dict[str, Mapping[str, Any]] = {}
    for param in item.params:
        option = f"--{param.name.replace('_', '-')}"
        if param.type == "flag":
            found[option] = {"action": "store_const", "const": "yes", "default": ""}
        elif param.after or param.type == "duration":
            found[option] = {"default": "", "help": param.what}
        else:
            shown = {"metavar": "|".join(param.choices)} if param.choices else {}
            found[param.name] = {"nargs": None if param.required else "?", "default": "", "help": param.what, **shown}
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Carry one command out and return its exit code."""
    try:
        _require(sys.argv[1:] if argv is None else argv)
        args = parser().parse_args(argv)
        module = import_module(f"bot.cli.{_MODULES.get(args.command, 'reads')}")
        code: int = module.run(args)
        sys.stdout.flush()
    except ConfigurationError as error:
        for fault in error.faults:
            _complain(fault)
        return error.exit_code
    except BotError as error:
        _complain(_said(error))
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # noqa: BLE001  # the last resort of the command line
        return _bug(error)
    return code


def _require(words: Sequence[str]) -> None:
    """Refuse what is no command, with the nearest one; a step's name alone is none in a shell.

    Raises:
        InvalidCommand: the first word is neither a command nor an option.
    """
    known = {name for item in OPERATIONS for name in (item.name, *item.aliases)}
    if not words or words[0].startswith("-") or words[0] in known:
        return
    from bot.cli.words import here
    from bot.operations.declared import changing_steps, reading_steps

    steps = (*changing_steps(here()), *reading_steps(here()))
    near = nearest(words[0], [*known, *(step.id for step in steps)])
    raise InvalidCommand(f"no command {words[0]!r}", hint=f"{COMMAND} {near or 'help'}")


def _said(error: BotError) -> str:
    """Return what was not done, why, and the next thing to type."""
    from bot.cli.words import in_a_shell

    began = "nothing was done: " if error.exit_code in (EXIT_UNREACHABLE, EXIT_REFUSED) else ""
    return in_a_shell(f"{began}{error.message}{'. ' + error.hint if error.hint else ''}")


def _complain(sentence: str) -> None:
    sys.stderr.write(f"dragonfly: {sentence}\n")


def _bug(error: Exception) -> int:
    """Say that it was our fault, with what a report needs: places in our code, never a value."""
    report, trace, places = secrets.token_hex(2).upper(), error.__traceback__, []
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    _complain(
        f"nothing more was done, our fault: report E-{report}: {type(error).__name__} at {' > '.join(places[-5:])}"
    )
    return EXIT_BUG
