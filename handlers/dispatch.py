"""From a committed delivery to its handler; and the one place where an error becomes an answer."""

from collections.abc import Callable

from bot.domain.actor import Role
from bot.domain.ids import decode
from bot.domain.messages import Message
from bot.domain.rotation import on_call
from bot.errors import (
    ChangesOff,
    ConflictError,
    InvalidCommand,
    NotAllowed,
    OutcomeLost,
    OutcomeUnknown,
    RecordUnavailable,
    StoreError,
    StoreUnavailable,
    TargetError,
)
from bot.operations import authority, refusals
from bot.operations.again import once_more
from bot.operations.services import Services
from bot.ports import Envelope
from handlers import actions, commands, submissions
from handlers.answers import Asked, not_understood, notice
from handlers.grammar import parse


def handle(services: Services, envelope: Envelope) -> None:
    """Handle one delivery to its answer; what is expected to go wrong is answered, the rest is raised.

    Raises:
        StoreUnavailable: the database broke off, and nobody knows how far it came; handling it again reads that.
    """

    def aside(act: Callable[[], None]) -> None:
        services.beside(lambda: answered(asked, act))

    asked = Asked(services=services, envelope=envelope, aside=aside)
    answered(asked, lambda: _handle(asked))


def from_memory(asked: Asked, act: Callable[[], None]) -> None:
    """Do what needs no row, for whoever may read: the directory is no database."""

    def allowed() -> None:
        authority.require(asked.services, asked.actor, Role.VIEWER, "this")
        act()

    answered(asked, allowed)


def _handle(asked: Asked) -> None:
    if asked.envelope.event_type == "app_home_opened":
        actions.show_home(asked)  # whoever may not read is shown that, and recorded
    authority.require(asked.services, asked.actor, Role.VIEWER, "this")
    once_more(lambda: _HANDLERS[asked.envelope.kind](asked))


def answered(asked: Asked, act: Callable[[], None]) -> None:
    """Do something that was asked for; an error of a kind that is expected becomes its answer."""
    services, envelope = asked.services, asked.envelope
    try:
        act()
    except NotAllowed as error:
        refusals.record(services, asked.actor, error)
        asked.answer(_not_allowed(asked, error))
    except ChangesOff as error:
        refusals.record(services, asked.actor, error)
        off = {"reason": error.reason, "cause": error.cause, "since": error.since, "by": error.actor}
        asked.answer(notice(services, "changes-off", **off))
    except InvalidCommand as error:
        asked.answer(not_understood(services, error))
    except ConflictError as error:
        asked.answer(notice(services, "bad-input", message=error.message, hint=error.hint))
    except (TargetError, RecordUnavailable) as error:
        unknown = isinstance(error, OutcomeUnknown)
        asked.answer(notice(services, "target-failed", message=error.message, unknown=unknown, hint=error.hint))
    except StoreUnavailable as error:
        may_be_done = envelope.kind in _ACTS or isinstance(error, OutcomeLost)
        asked.answer(notice(services, "kept" if may_be_done else "database-away", message=error.message))
        if may_be_done:
            raise
    except StoreError as error:
        asked.answer(notice(services, "database-away", message=error.message))


def _not_allowed(asked: Asked, error: NotAllowed) -> Message:
    """Return why somebody may not, with what works instead: a shell for the same plan, or whoever may or is on call."""
    services, pressed = asked.services, decode(asked.envelope.value)
    if error.reason == authority.NOT_VERIFIED:
        shell = f"dragonfly apply {pressed.plan}" if pressed else "dragonfly status"
        return notice(services, "not-verified", message=error.message, shell=shell)
    now = None if error.ask else on_call(services.config.rotation, services.clock.now())
    return notice(services, "not-allowed", message=error.message, ask=error.ask, oncall=now.who if now else "")


def _command(asked: Asked) -> None:
    command = parse(asked.envelope.text, asked.services.runbooks)
    asked.services.count("commands", command.name)
    commands.handle(asked, command)


def _action(asked: Asked) -> None:
    asked.services.count("presses", asked.envelope.action_id.partition(":")[0])
    actions.handle(asked)


def _submission(asked: Asked) -> None:
    refused = submissions.handle(asked)
    if refused is not None:
        asked.answer(refused)


def _event(asked: Asked) -> None:
    if asked.envelope.event_type == "app_mention":
        _command(asked)


def give_up(services: Services, envelope: Envelope, report: str) -> None:
    """Tell the asker that it was our fault; without a report, that we were stopped in the middle of it again and again."""
    asked = Asked(services=services, envelope=envelope)
    asked.answer(notice(services, "bug" if report else "left", report=report))


_ACTS = ("action", "submission")
"""What may have been done when the database goes away under it."""
_HANDLERS = {"command": _command, "action": _action, "submission": _submission, "event": _event}
