"""`plan` and `apply`: the same plan as in Slack, made and confirmed from a shell."""

import argparse
import sys
import time

from bot.cli.session import actor, named, services, show, text
from bot.domain.messages import Message, Notice, PlanCard, PlanFace
from bot.errors import EXIT_OK, EXIT_REFUSED, EXIT_UNKNOWN, InvalidCommand, NotKnown, OutcomeLost, StoreUnavailable
from bot.operations import handing_over, plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services

_LOOK_EVERY_SECONDS = 0.5
_REFUSED = (PlanFace.REFUSED, PlanFace.NOT_RUN, PlanFace.FAILED, PlanFace.STOPPED)


def run(args: argparse.Namespace) -> int:
    """Carry out one command about plans."""
    if args.command == "apply":
        return _hand_over(args) if args.hand_over else _apply(args)
    if args.command == "undo":
        return _plan(args, "undo", {"run": args.run})
    if args.step == "show":
        return _show(args)
    return _plan(args, args.step, named(args.values))


def _plan(args: argparse.Namespace, step: str, values: dict[str, str]) -> int:
    with services(needs_mode=True) as made:
        card = plans.make(made, step, values, actor(), Place())
        return show(card, args, made)


def _show(args: argparse.Namespace) -> int:
    if len(args.values) != 1:
        raise InvalidCommand("plan show needs one plan", hint="dragonfly plan show 7F3K")
    with services() as made:
        key = args.values[0].upper()
        code = show(_known(plans.card(made, key), key), args, made)
        if code == EXIT_OK and not args.json:
            sys.stdout.write("\n")
            show(plans.details(made, key), args, made)
        return code


def _known(answer: Message, key: str) -> Message:
    """Return what was answered about a plan.

    Raises:
        NotKnown: there is no such plan.
    """
    if isinstance(answer, Notice) and answer.kind == "not-found":
        hint = "Those that were made: dragonfly audit list. A new one: dragonfly plan STEP; the steps: dragonfly help"
        raise NotKnown(f"no plan {key!r}", hint=hint)
    return answer


def _apply(args: argparse.Namespace) -> int:
    key = args.plan.upper()
    with services(needs_mode=True) as made:
        card = _known(plans.card(made, key), key)
        if not isinstance(card, PlanCard):
            return show(card, args, made)
        if not args.json:
            show(card, args, made)
        answer = _confirmed(made, card, args)
        if isinstance(answer, Notice):
            return show(answer, args, made)
        done = _carry_out(made, key)
        show(done, args, made)
        return _code(done)


def _carry_out(made: Services, key: str) -> Message:
    """Carry a confirmed run out, or wait for a bot: only where Slack's directory can be asked is it known who approved.

    Raises:
        OutcomeLost: the database went away; a bot that finds the run goes on with it.
    """
    while True:
        try:
            runs.perform(made, key)
            done = plans.card(made, key)
        except StoreUnavailable:
            message = f"{key} is confirmed, and the database went away before its outcome was read"
            raise OutcomeLost(message, hint=f"dragonfly plan show {key}") from None
        is_due = isinstance(done, PlanCard) and done.face in (PlanFace.WORKING, PlanFace.WAITING) and done.took is None
        if not is_due:
            return done
        time.sleep(_LOOK_EVERY_SECONDS)


def _hand_over(args: argparse.Namespace) -> int:
    """Print what a DBA may run in our place, as one text that `psql` takes: the card is its comment."""
    key = args.plan.upper()
    with services(needs_mode=True) as made:
        card = _known(handing_over.hand_over(made, key, actor()), key)
        if args.json or not isinstance(card, PlanCard):
            return show(card, args, made)
        comment = "".join(f"-- {line}\n" for line in text(card, made).splitlines() if line)
        sys.stdout.write(f"{comment}{handing_over.statement(card)}\n")
        return EXIT_OK


def _confirmed(made: Services, card: PlanCard, args: argparse.Namespace) -> Message:
    """Ask, then confirm; a plan that needs a second person wants its count typed, and `--yes` is not taken."""
    needs_typed = bool(card.approval_why)
    if needs_typed and args.yes and card.face is PlanFace.APPROVED:
        raise InvalidCommand("this plan wants its target typed: --yes is not taken", hint=f"dragonfly apply {card.key}")
    typed = None
    if card.face in (PlanFace.ISSUED, PlanFace.APPROVED) and not args.yes:
        typed = _ask(card, card.target if needs_typed else "yes")
    return plans.confirm(made, card.key, actor(), secret=None, typed=typed)


def _ask(card: PlanCard, wanted: str) -> str:
    """Return what was typed.

    Raises:
        InvalidCommand: there is nobody to ask, or the answer was another.
    """
    if not sys.stdin.isatty():
        message = "nobody can be asked here"
        how = "in a terminal" if card.approval_why else "--yes"
        raise InvalidCommand(message, hint=f"dragonfly apply {card.key} {how}")
    sys.stderr.write(f"Apply? Type {wanted}: ")
    sys.stderr.flush()
    typed = sys.stdin.readline().strip()
    if typed != wanted:
        raise InvalidCommand(f"that is not {wanted}; nothing was done", hint=f"dragonfly apply {card.key}")
    return typed


def _code(done: Message) -> int:
    if isinstance(done, PlanCard) and done.face is PlanFace.UNKNOWN:
        return EXIT_UNKNOWN
    if not isinstance(done, PlanCard) or done.face in _REFUSED:
        return EXIT_REFUSED
    return EXIT_UNKNOWN if done.face is PlanFace.PROOF_UNKNOWN else EXIT_OK
