"""Commands that look and change nothing."""

import argparse
import sys
from collections.abc import Mapping

from bot.cli.session import actor, given, named, services, show
from bot.cli.words import here, in_a_shell, tell
from bot.domain.escalation import chain
from bot.domain.gate import Moment, as_json
from bot.domain.ids import COMMAND
from bot.domain.messages import Message
from bot.errors import EXIT_FINDINGS, EXIT_OK, InvalidCommand
from bot.operations import checks, doctor, gate_runs, history, logs, queues, runbooks, team_reads
from bot.operations.alerts import SCENARIOS
from bot.operations.declared import changing_steps, reading_steps
from bot.operations.reads import READS, Read
from bot.operations.services import Services
from bot.operations.table import OPERATIONS
from runbooks import faults


def run(args: argparse.Namespace) -> int:
    """Carry out one read."""
    if args.command == "doctor" and args.offline:
        return show(doctor.offline(), args)
    if args.command == "help":
        return _help(args)
    if args.command == "runbook" and args.verb == "lint":
        found = faults(args.folder)
        tell(args, found, found or ["every runbook is well"])
        return EXIT_FINDINGS if found else EXIT_OK
    with services(asks_slack=args.command == "doctor") as made:
        return _look(args, made)


def _look(args: argparse.Namespace, made: Services) -> int:
    match args.command:
        case "check":
            return show(checks.run_all(made), args, made)
        case "route":
            return _route(args, made)
        case "runbook":
            return _runbook(args, made)
        case "gate":
            return _gate(args, made)
        case "failed" if args.show_errors:
            rows = queues.raw_errors(made, args.since, actor())
            facts = [dict(zip(("id", "job_type", "last_error"), row, strict=True)) for row in rows]
            tell(args, facts, [" ".join(map(str, row)) for row in rows] or ["nothing failed"])
            return EXIT_OK
    return show(_READ_HERE.get(args.command, READS[args.command])(made, given(args)), args, made)


def _gate(args: argparse.Namespace, made: Services) -> int:
    """Run the gate; its lines go to the error stream, so that `--json` stays whole."""
    values = given(args)
    channel = made.config.alert_channel if args.post else ""
    report = gate_runs.run(made, values["mode"], values.get("skip", ""), actor(), channel=channel, tell=_told)
    if not args.json:
        return show(report, args, made)
    tell(args, as_json(report), ())
    return EXIT_FINDINGS if report.has_findings else EXIT_OK


def _told(moment: Moment) -> None:
    """Write what the gate does now, and what its commands write."""
    said = f"  {moment.line}" if moment.line else f"running {moment.running}" if moment.running else ""
    if said:
        sys.stderr.write(f"{said}\n")


def _logs(made: Services, values: Mapping[str, str]) -> Message:
    """Whole lines go to a terminal, and nowhere else."""
    return logs.read(made, values["service"], values.get("lines", ""), oom=bool(values.get("oom")), raw=True)


def _migrations(made: Services, values: Mapping[str, str]) -> Message:
    return history.read(made, {"most": str(history.NEWEST), **values})


def _ingest(made: Services, _values: Mapping[str, str]) -> Message:
    return queues.ingest(made, names=True)


_READ_HERE: Mapping[str, Read] = {"logs": _logs, "migrations": _migrations, "ingest": _ingest}
"""Reads that are others in a shell: whole lines, file names, and the twenty newest migrations instead of pages."""


def _help(args: argparse.Namespace) -> int:
    """Name the commands and the steps to plan; those that a word finds, where one is given."""
    known = [(f"dragonfly {item.shell}", item.sentence) for item in OPERATIONS]
    steps = (*changing_steps(here()), *reading_steps(here()))
    known += [(step.shell or in_a_shell(f"{COMMAND} {step.id}"), step.title) for step in steps]
    found = [(usage, said) for usage, said in known if args.word.lower() in f"{usage} {said}".lower()]
    lines = [f"{usage:<45}  {said}" for usage, said in found]
    tell(args, found, lines or [f"no command speaks of {args.word!r}; all of them: dragonfly help"])
    return EXIT_OK


def _runbook(args: argparse.Namespace, made: Services) -> int:
    match args.verb:
        case "show":
            return show(runbooks.read(made, args.name), args, made)
        case "run":
            return show(team_reads.read(made, args.step, named(args.values)), args, made)
    known = made.runbooks.runbooks
    facts = [
        {"scenario": book.scenario, "title": book.title, "steps": [step.id for step in book.steps]} for book in known
    ]
    tell(args, facts, [f"{book.scenario:<18} {book.title}: {len(book.steps)} steps" for book in known])
    return EXIT_OK


def _route(args: argparse.Namespace, made: Services) -> int:
    """Say who would be called first for labels such as `scenario=worker-death`, and whether it is the expected one."""
    labels = dict(part.partition("=")[::2] for part in args.labels.split(","))
    scenario = labels.get("scenario") or SCENARIOS.get(labels.get("check", ""), "")
    if scenario not in {*SCENARIOS.values(), *made.config.contacts}:
        message = f"no alert has the labels {args.labels!r}; name a check ({', '.join(SCENARIOS)}) or a scenario"
        raise InvalidCommand(message, hint="dragonfly route test check=worker_heartbeat --expect U0ADA")
    dues = chain(made.config, scenario, made.clock.now())
    who = dues[0].who if dues else ()
    tell(args, {"scenario": scenario, "who": who, "expected": args.expect in who}, [" ".join(who) or "nobody"])
    return EXIT_OK if args.expect in who else EXIT_FINDINGS
