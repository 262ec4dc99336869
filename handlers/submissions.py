"""Submitted forms: translate, call; the card that changes is the answer, a refusal comes as a message of its own."""

from collections.abc import Callable, Mapping

from bot.domain import ids
from bot.domain.messages import Message
from bot.operations import alerts, approvals, plans, runs
from handlers.answers import Asked, notice

Handler = Callable[[Asked], Message | None]


def handle(asked: Asked) -> Message | None:
    """Carry a form out and return what its sender must be told, if anything."""
    found = HANDLERS.get(asked.envelope.callback_id)
    return found(asked) if found else None


def _ask(asked: Asked) -> Message | None:
    envelope = asked.envelope
    reason = envelope.inputs.get(ids.INPUT_REASON, "")
    return _refusal(approvals.ask(asked.services, envelope.private_metadata, asked.actor, reason))


def _typed(asked: Asked) -> Message | None:
    envelope = asked.envelope
    value = ids.decode(envelope.private_metadata)
    plan = value.plan if value else ""
    typed = envelope.inputs.get(ids.INPUT_TYPED, "")
    return _refusal(plans.confirm(asked.services, plan, asked.actor, secret=envelope.private_metadata, typed=typed))


def _resolve(asked: Asked) -> Message | None:
    number = ids.parse_alert_key(asked.envelope.private_metadata) or 0
    return alerts.resolve(asked.services, number, asked.actor, asked.envelope.inputs.get(ids.INPUT_REASON, ""))


def _refusal(message: Message) -> Message | None:
    return None if plans.is_card(message) else message


def _settle(asked: Asked) -> Message | None:
    envelope = asked.envelope
    reason = envelope.inputs.get(ids.INPUT_REASON, "")
    happened = envelope.callback_id == ids.VIEW_SETTLE_YES
    open_still = runs.settle(asked.services, envelope.private_metadata, asked.actor, happened=happened, reason=reason)
    return None if open_still else notice(asked.services, "settled-already", plan=envelope.private_metadata)


HANDLERS: Mapping[str, Handler] = {
    ids.VIEW_ASK: _ask,
    ids.VIEW_TYPED: _typed,
    ids.VIEW_RESOLVE: _resolve,
    ids.VIEW_SETTLE_YES: _settle,
    ids.VIEW_SETTLE_NO: _settle,
}
