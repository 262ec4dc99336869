"""Commands that look and change nothing."""

import argparse
import json
import sys
from collections.abc import Mapping

from bot.cli.session import actor, named, services, show
from bot.clock import SystemClock
from bot.domain.escalation import chain
from bot.domain.gate import Moment, as_json
from bot.domain.messages import CannotPlan, Help, Message, Notice, StatusCard
from bot.domain.params import checked
from bot.errors import EXIT_FINDINGS, EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, InvalidCommand
from bot.operations import checks, doctor, gate_runs, history, logs, queues, runbooks, team_reads
from bot.operations.alerts import SCENARIOS
from bot.operations.reads import READS, Read
from bot.operations.services import Services
from bot.operations.table import OPERATIONS
from runbooks import faults

_FINDS = ("status", "gate", "verify")
"""Reads that exit with 1 on findings; others exit with 0 if they could read."""


def run(args: argparse.Namespace) -> int:
    """Carry out one read."""
    if args.command == "doctor":
        return _doctor(args)
    if args.command == "help":
        return _help(args)
    if args.command == "runbook" and args.verb == "lint":
        return _lint(args)
    with services() as made:
        return _look(args, made)


def _look(args: argparse.Namespace, made: Services) -> int:
    match args.command:
        case "check":
            report = checks.run_all(made)
            show(report, args, made)
            return EXIT_FINDINGS if any(line.status != "ok" for line in report.lines) else EXIT_OK
        case "route":
            return _route(args, made)
        case "runbook":
            return _runbook(args, made)
    if args.command == "gate":
        return _gate(args, made)
    if args.command == "failed" and args.show_errors:
        return _raw_errors(args, made)
    operation = next(item for item in OPERATIONS if item.name == args.command)
    values = {param.name: getattr(args, param.name) or "" for param in operation.params}
    given = checked(args.command, operation.params, values)
    found = _READ_HERE.get(args.command, READS[args.command])(made, given)
    show(found, args, made)
    if isinstance(found, Notice):
        return EXIT_REFUSED
    if isinstance(found, StatusCard) and found.blind == "unreachable":
        return EXIT_UNREACHABLE
    return EXIT_FINDINGS if args.command in _FINDS and getattr(found, "has_findings", False) else EXIT_OK


def _gate(args: argparse.Namespace, made: Services) -> int:
    """Run the gate; its lines go to the error stream, so that `--json` stays whole."""
    operation = next(item for item in OPERATIONS if item.name == "gate")
    skip = " ".join(args.skip or ())
    given = checked("gate", operation.params, {"mode": args.mode, **({"skip": skip} if skip else {})})
    channel = made.config.alert_channel if args.post else ""
    report = gate_runs.run(made, given["mode"], given.get("skip", ""), actor(), channel=channel, tell=_told)
    if args.json:
        sys.stdout.write(json.dumps(as_json(report), indent=2, default=str) + "\n")
    else:
        show(report, args, made)
    return EXIT_FINDINGS if report.has_findings else EXIT_OK


def _told(moment: Moment) -> None:
    """Write what the gate does now, and what its commands write."""
    said = f"  {moment.line}" if moment.line else f"running {moment.running}" if moment.running else ""
    if said:
        sys.stderr.write(f"{said}\n")


def _raw_errors(args: argparse.Namespace, made: Services) -> int:
    for job, job_type, text in queues.raw_errors(made, args.since, actor()):
        sys.stdout.write(f"{job} {job_type} {text}\n")
    return EXIT_OK


def _logs(made: Services, given: Mapping[str, str]) -> Message:
    """Whole lines go to a terminal, and nowhere else."""
    return logs.read(made, given["service"], given.get("lines", ""), oom=bool(given.get("oom")), raw=True)


def _migrations(made: Services, given: Mapping[str, str]) -> Message:
    return history.read(made, {"most": str(history.NEWEST), **given})


_READ_HERE: Mapping[str, Read] = {"logs": _logs, "migrations": _migrations}
"""Reads that are others in a shell: whole lines, and the twenty newest migrations instead of pages."""


def _doctor(args: argparse.Namespace) -> int:
    report = doctor.offline() if args.offline else None
    if report is None:
        with services() as made:
            report = doctor.examine(made)
    show(report, args)
    return EXIT_FINDINGS if any(line.verdict in ("bad", "unknown") for line in report.lines) else EXIT_OK


def _help(args: argparse.Namespace) -> int:
    found = tuple(
        (f"dragonfly {item.shell}", item.sentence)
        for item in OPERATIONS
        if item.shell and (args.word in item.name or args.word in item.sentence)
    )
    return show(Help(env="", as_of=SystemClock().now(), topic=args.word, found=found), args)


def _lint(args: argparse.Namespace) -> int:
    """Name every fault of ours and of a team's folder; nothing is asked for over the network."""
    found = faults(args.folder)
    if args.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.write("".join(f"{fault}\n" for fault in found) or "every runbook is well\n")
    return EXIT_FINDINGS if found else EXIT_OK


def _runbook(args: argparse.Namespace, made: Services) -> int:
    if args.verb == "show":
        return show(runbooks.read(made, args.name), args, made)
    if args.verb == "run":
        found = team_reads.read(made, args.step, named(args.values))
        show(found, args, made)
        return EXIT_REFUSED if isinstance(found, CannotPlan) else EXIT_OK
    known = made.runbooks.runbooks
    if args.json:
        facts = [
            {"scenario": item.scenario, "title": item.title, "steps": [s.id for s in item.steps]} for item in known
        ]
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return EXIT_OK
    sys.stdout.write("".join(f"{item.scenario:<18} {item.title}: {len(item.steps)} steps\n" for item in known))
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
    facts = json.dumps({"scenario": scenario, "who": who, "expected": args.expect in who})
    sys.stdout.write(f"{facts if args.json else ' '.join(who) or 'nobody'}\n")
    return EXIT_OK if args.expect in who else EXIT_FINDINGS
