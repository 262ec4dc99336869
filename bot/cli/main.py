"""The command line: one parser, one place where an error becomes a line and an exit code.

Imports nothing heavy: `dragonfly --help` answers in well under 0.2 s (a test holds it). Each command's module is imported
when the command runs.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from bot.errors import EXIT_BUG, EXIT_OK, EXIT_UNREACHABLE, BotError, ConfigurationError
from bot.operations.table import OPERATIONS, Operation

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # argparse has no public name for it

_INTERRUPTED = 130
_EXAMPLES = """\
examples:
  dragonfly status                          everything on one screen
  dragonfly plan reset-stuck type=ingest    what would be reset; changes nothing
  dragonfly apply 7F3K                      carry the plan out
  dragonfly audit verify                    does the record add up?

exit codes: 0 well · 1 findings · 2 usage · 3 unreachable · 4 refused · 5 outcome unknown · 70 bug
"""


def parser() -> argparse.ArgumentParser:
    """Return the whole grammar."""
    top = argparse.ArgumentParser(
        prog="dragonfly",
        description="Incident response on a Postgres-backed job system: preview, confirm, execute once, prove, audit.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for item in OPERATIONS:
        if item.name in _READS:
            made = _generated(commands, item)
            if item.name == "gate":
                made.add_argument("--post", action="store_true", help="show it in the alert channel too")
            if item.name == "failed":
                made.add_argument("--show-errors", action="store_true", help="whole texts; it is recorded")
    _read(commands, "check")
    _read(commands, "doctor").add_argument("--offline", action="store_true", help="only what needs no network")
    _plan_parsers(commands)
    _alert_parsers(commands)
    runbook = _noun(commands, "runbook", {"list": (), "show": ("name",), "run": ("step",), "lint": ()})
    runbook["run"].add_argument("values", nargs="*", metavar="name=value", help="parameters of the read")
    runbook["lint"].add_argument("folder", nargs="?", default="", help="a team's folder of runbooks")
    audit = _noun(commands, "audit", {"list": (), "show": ("key",), "verify": (), "export": ()})
    audit["list"].add_argument("--most", type=int, default=50)
    route = _noun(commands, "route", {"test": ("labels",)})
    route["test"].add_argument("--expect", required=True, help="who must be called first")
    grants = _noun(commands, "db", {"migrate": (), "status": (), "grants": ()})["grants"]
    grants.add_argument("--role", default="", help="dragonfly_bot, or dragonfly_dba with --dba")
    grants.add_argument("--dba", action="store_true", help="the role that ends sessions and changes the history")
    _sentence(commands, "bot")
    _sandbox_parser(commands)
    _read(commands, "help").add_argument("word", nargs="?", default="")
    return top


def _sentence(commands: "Commands", name: str) -> argparse.ArgumentParser:
    said = {item.name: item.sentence for item in OPERATIONS}.get(name, "")
    return commands.add_parser(name, help=said, description=said)


def _read(commands: "Commands", name: str) -> argparse.ArgumentParser:
    made = _sentence(commands, name)
    made.add_argument("--json", action="store_true", help="the facts, for programs")
    return made


def _generated(commands: "Commands", item: Operation) -> argparse.ArgumentParser:
    """Add a read with its declared parameters: words stay words, `--next 10` stays an option."""
    made = _read(commands, item.name)
    for param in item.params:
        if param.type == "flag":
            made.add_argument(f"--{param.name}", action="store_const", const="yes", default="")
        elif param.after or param.type == "duration" or item.name == "gate":
            option, several = f"--{param.name.replace('_', '-')}", "*" if param.type == "words" else None
            made.add_argument(option, default="", nargs=several, required=param.required, help=param.what)
        else:
            made.add_argument(param.name, nargs=None if param.required else "?", default="", help=param.what)
    return made


def _noun(commands: "Commands", name: str, verbs: dict[str, tuple[str, ...]]) -> dict[str, argparse.ArgumentParser]:
    inner = _sentence(commands, name).add_subparsers(dest="verb", required=True, metavar="VERB")
    made = {}
    for verb, arguments in verbs.items():
        made[verb] = inner.add_parser(verb)
        made[verb].add_argument("--json", action="store_true", help="the facts, for programs")
        for argument in arguments:
            made[verb].add_argument(argument)
    return made


def _plan_parsers(commands: "Commands") -> None:
    plan = commands.add_parser("plan", help="look what a step would do; changes nothing")
    plan.add_argument("step", help="a step such as reset-stuck, or `show`")
    plan.add_argument("values", nargs="*", metavar="name=value", help="parameters of the step, or the plan's id")
    plan.add_argument("--json", action="store_true", help="the facts, for programs")
    apply = _read(commands, "apply")
    apply.add_argument("plan")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    apply.add_argument("--hand-over", action="store_true", help="print the statement for the DBA; run nothing")
    undo = _read(commands, "undo")
    undo.add_argument("run")


def _alert_parsers(commands: "Commands") -> None:
    alerts = _read(commands, "alerts")
    alerts.add_argument("verb", nargs="?", choices=["why"])
    alerts.add_argument("alert", nargs="?", default="")
    _read(commands, "ack").add_argument("alert")
    resolve = _read(commands, "resolve")
    resolve.add_argument("alert")
    resolve.add_argument("--reason", required=True)


def _sandbox_parser(commands: "Commands") -> None:
    sandbox = _sentence(commands, "sandbox")
    sandbox.add_argument("--port", type=int, default=0)
    sandbox.add_argument("--data-dir", default=".sandbox")
    sandbox.add_argument("--ephemeral", action="store_true", help="keep nothing")
    sandbox.add_argument("--no-browser", action="store_true")
    sandbox.add_argument("--schema", choices=["playbook", "deployed"], default="deployed")
    sandbox.add_argument("--runbooks", default="", metavar="FOLDER", help="a team's own runbooks to try")
    sandbox.add_argument("--profile", choices=["fast", "playbook"], default="fast")


_READS = (
    "status",
    "workers",
    "queue",
    "failed",
    "stuck",
    "ingest",
    "migrations",
    "locks",
    "logs",
    "probe",
    "verify",
    "gate",
    "timeline",
    "oncall",
)
"""Reads whose arguments are the declared ones."""

_MODULES = {
    "plan": "plans",
    "apply": "plans",
    "undo": "plans",
    "alerts": "alerts",
    "ack": "alerts",
    "resolve": "alerts",
    "audit": "audit",
    "db": "db",
    "bot": "serve",
    "sandbox": "sandbox",
}
"""Commands by the module that carries them out; all others are in `reads`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry one command out and return its exit code."""
    args = parser().parse_args(argv)
    try:
        module = import_module(f"bot.cli.{_MODULES.get(args.command, 'reads')}")
        code: int = module.run(args)
        sys.stdout.flush()
    except ConfigurationError as error:
        for fault in error.faults:
            _complain(fault)
        return error.exit_code
    except BotError as error:
        began = "nothing was done: " if error.exit_code == EXIT_UNREACHABLE else ""
        _complain(f"{began}{error.message}{'. ' + _for_a_shell(error.hint) if error.hint else ''}")
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # noqa: BLE001  # the last resort of the command line
        return _bug(error)
    return code


def _for_a_shell(hint: str) -> str:
    """Return a hint as a shell takes it: a command of Slack's is a read here, or a step to plan."""
    if not hint.startswith("/dragonfly "):
        return hint
    name, _, rest = hint.removeprefix("/dragonfly ").partition(" ")
    known = {item.name for item in OPERATIONS if item.shell}
    return f"dragonfly {name} {rest}".strip() if name in known else f"dragonfly plan {name}"


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
