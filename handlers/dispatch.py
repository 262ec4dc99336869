"""From a committed delivery to its handler; and the one place where an error becomes an answer."""

from bot.domain.actor import Role
from bot.domain.messages import Message
from bot.domain.rotation import on_call
from bot.errors import ChangesOff, ConflictError, InvalidCommand, NotAllowed, OutcomeUnknown, StoreError, TargetError
from bot.operations import authority, refusals
from bot.operations.services import Services
from bot.ports import Envelope
from handlers import actions, commands, submissions
from handlers.answers import Asked, notice
from handlers.grammar import NoSuchCommand, parse


def handle(services: Services, envelope: Envelope) -> None:
    """Handle one delivery to its answer; what is expected to go wrong is answered, the rest is raised."""
    asked = Asked(services=services, envelope=envelope)
    try:
        _HANDLERS[envelope.kind](asked)
    except NotAllowed as error:
        refusals.record(services, asked.actor, error.message)
        now = on_call(services.config.rotation, services.clock.now())
        _tell(asked, notice(services, "not-allowed", message=error.message, oncall=now.who if now else ""))
    except NoSuchCommand as error:
        _tell(asked, notice(services, "near-miss", word=error.word, nearest=error.nearest))
    except ChangesOff as error:
        refusals.record(services, asked.actor, error.message)
        off = {"reason": error.reason, "cause": error.cause, "since": error.since, "by": error.actor}
        _tell(asked, notice(services, "changes-off", **off))
    except (InvalidCommand, ConflictError) as error:
        _tell(asked, notice(services, "bad-input", message=error.message, hint=error.hint))
    except TargetError as error:
        unknown = isinstance(error, OutcomeUnknown)
        _tell(asked, notice(services, "target-failed", message=error.message, unknown=unknown, hint=error.hint))
    except StoreError as error:
        _tell(asked, notice(services, "database-away", message=error.message))


def _tell(asked: Asked, message: Message) -> None:
    """Show a refusal; a submitted form has closed, so its sender is told in the incident channel."""
    envelope, services = asked.envelope, asked.services
    if envelope.kind == "submission" and services.chat and services.renderer and services.config.alert_channel:
        services.chat.ephemeral(services.config.alert_channel, envelope.user_id, services.renderer.card(message))
    else:
        asked.answer(message)


def _command(asked: Asked) -> None:
    authority.require(asked.services, asked.actor, Role.VIEWER, "this")
    commands.handle(asked, parse(asked.envelope.text, asked.services.runbooks))


def _action(asked: Asked) -> None:
    authority.require(asked.services, asked.actor, Role.VIEWER, "this")
    actions.handle(asked)


def _submission(asked: Asked) -> None:
    refused = submissions.handle(asked)
    if refused is not None:
        _tell(asked, refused)


def _event(asked: Asked) -> None:
    envelope = asked.envelope
    if envelope.event_type == "app_mention":
        _command(asked)
    elif envelope.event_type == "app_home_opened":
        actions.show_home(asked)


def give_up(services: Services, envelope: Envelope, report: str) -> None:
    """Tell the asker that it was our fault."""
    _tell(Asked(services=services, envelope=envelope), notice(services, "bug", report=report))


_HANDLERS = {"command": _command, "action": _action, "submission": _submission, "event": _event}
