"""Commands that look and change nothing."""

import argparse
import sys

from bot.cli.session import services, show
from bot.clock import SystemClock
from bot.domain.durations import parse_duration
from bot.domain.escalation import chain
from bot.domain.messages import Help
from bot.errors import EXIT_FINDINGS, EXIT_OK
from bot.operations import checks, doctor, oncall, runbooks, status, stuck
from bot.operations.services import Services
from bot.operations.table import OPERATIONS
from runbooks import faults


def run(args: argparse.Namespace) -> int:
    """Carry out one read."""
    if args.command == "doctor":
        return _doctor(args)
    if args.command == "help":
        return _help(args)
    if args.command == "runbook" and args.verb == "lint":
        return _lint()
    with services() as made:
        return _look(args, made)


def _look(args: argparse.Namespace, made: Services) -> int:
    match args.command:
        case "status":
            card = status.read(made)
            show(card, args, made)
            unreachable = 3 if card.blind == "unreachable" else EXIT_FINDINGS
            return unreachable if card.has_findings else EXIT_OK
        case "check":
            report = checks.run_all(made)
            show(report, args, made)
            return EXIT_FINDINGS if any(line.status != "ok" for line in report.lines) else EXIT_OK
        case "stuck":
            older = parse_duration(args.older_than) if args.older_than else None
            return show(stuck.read(made, args.type, older), args, made)
        case "oncall":
            return show(oncall.read(made), args, made)
        case "route":
            return _route(args, made)
        case _:
            return _runbook(args, made)


def _doctor(args: argparse.Namespace) -> int:
    report = doctor.offline() if args.offline else None
    if report is None:
        with services() as made:
            report = doctor.examine(made)
    show(report, args)
    return EXIT_FINDINGS if any(line.verdict != "ok" for line in report.lines) else EXIT_OK


def _help(args: argparse.Namespace) -> int:
    found = tuple(
        (f"dragonfly {item.cli}", item.sentence)
        for item in OPERATIONS
        if item.cli and (args.word in item.name or args.word in item.sentence)
    )
    return show(Help(env="", as_of=SystemClock().now(), topic=args.word, found=found), args)


def _lint() -> int:
    found = faults()
    sys.stdout.write("".join(f"{fault}\n" for fault in found) or "every runbook is well\n")
    return EXIT_FINDINGS if found else EXIT_OK


def _runbook(args: argparse.Namespace, made: Services) -> int:
    if args.verb == "show":
        return show(runbooks.read(made, args.name), args, made)
    for item in runbooks.listed():
        sys.stdout.write(f"{item.scenario:<18} {item.title}: {len(item.steps)} steps\n")
    return EXIT_OK


def _route(args: argparse.Namespace, made: Services) -> int:
    """Say who would be called first for labels such as `scenario=worker-death`, and whether it is the expected one."""
    labels = dict(part.split("=", 1) for part in args.labels.split(",") if "=" in part)
    dues = chain(made.config, labels.get("scenario", "worker-death"), made.clock.now())
    who = dues[0].who if dues else ()
    sys.stdout.write(f"{' '.join(who) or 'nobody'}\n")
    return EXIT_OK if args.expect in who else EXIT_FINDINGS
