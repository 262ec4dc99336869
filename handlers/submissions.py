"""Submitted forms: translate, call; the card that changes is the answer, a refusal comes as a message of its own."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.domain import ids
from bot.domain.messages import Message
from bot.domain.params import LEAST, plain, require_reason
from bot.domain.plan import LEAST_REASON, is_target
from bot.errors import InvalidCommand
from bot.operations import alerts, approvals, emergency, plans, runs
from bot.operations.issuing import Place
from bot.ports import Envelope
from handlers.answers import Asked, notice

TYPED = "typed"
"""The block of the field in which a target is typed."""
Handler = Callable[[Asked], Message | None]


def handle(asked: Asked) -> Message | None:
    """Carry a form out and return what its sender must be told, if anything."""
    found = HANDLERS.get(asked.envelope.callback_id)
    return found(asked) if found else None


def _ask(asked: Asked) -> Message | None:
    envelope = asked.envelope
    reason = envelope.inputs.get(ids.INPUT_REASON, "")
    return _refusal(approvals.ask(asked.services, envelope.private_metadata, asked.actor, reason))


def mistyped(envelope: Envelope) -> tuple[str, str] | None:
    """Return the plan and its target where something else was typed; None = it may be right. Pure."""
    kept, rest = ids.decode_request(envelope.private_metadata)
    value, target = ids.decode(kept), rest.get("target")
    plan = value.plan if value else kept if envelope.callback_id == ids.VIEW_ALONE else ""
    if envelope.callback_id not in (ids.VIEW_TYPED, ids.VIEW_ALONE) or not plan or target is None:
        return None
    return None if is_target(target, envelope.inputs.get(ids.INPUT_TYPED)) else (plan, target)


def _typed(asked: Asked) -> Message | None:
    """Confirm; what was mistyped is refused and recorded, and has been said under its field already."""
    envelope = asked.envelope
    secret, _target = ids.decode_request(envelope.private_metadata)
    value = ids.decode(secret)
    plan, typed = value.plan if value else "", envelope.inputs.get(ids.INPUT_TYPED, "")
    answer = plans.confirm(asked.services, plan, asked.actor, secret=secret, typed=typed)
    return None if mistyped(envelope) else _refusal(answer)


def _alone(asked: Asked) -> Message | None:
    """Run a plan alone; what was mistyped is refused and recorded, as above."""
    envelope = asked.envelope
    plan, _target = ids.decode_request(envelope.private_metadata)
    reason, typed = (envelope.inputs.get(name, "") for name in (ids.INPUT_REASON, ids.INPUT_TYPED))
    answer = emergency.run_alone(asked.services, plan, asked.actor, reason=reason, typed=typed)
    return None if mistyped(envelope) else _refusal(answer)


def _review(asked: Asked) -> Message | None:
    envelope = asked.envelope
    found = envelope.inputs.get(ids.INPUT_REASON, "")
    return emergency.close_review(asked.services, envelope.private_metadata, asked.actor, found)


def _written(asked: Asked) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return the step of a form that makes a plan, its parameters as written, and where its card goes."""
    step, place = ids.decode_request(asked.envelope.private_metadata)
    return step, {name.removesuffix(":v1"): text for name, text in asked.envelope.inputs.items()}, place


def faults(asked: Asked) -> dict[str, Message]:
    """Return what is wrong with a form, by field: words that cannot be seen, or no value of a plan's. Pure."""
    hidden = {name.removesuffix(":v1"): _not_plain(asked, text) for name, text in asked.envelope.inputs.items()}
    found = {name: said for name, said in hidden.items() if said is not None} or _unsaid(asked)
    if found or asked.envelope.callback_id != ids.VIEW_STEP:
        return found
    step, written, _place = _written(asked)
    declared = asked.services.runbooks.step(step)
    params = declared.typed if declared else ()
    wrong = [item for item in params if item.name in written and not item.takes(written[item.name])]
    return {item.name: notice(asked.services, "not-a-value", what=item.what) for item in wrong}


def _unsaid(asked: Asked) -> dict[str, Message]:
    """Return what is wrong with a reason that says too little, under its field, where it can still be written."""
    least = LEAST_SAID.get(asked.envelope.callback_id, 0)
    try:
        require_reason(asked.envelope.inputs.get(ids.INPUT_REASON, ""), least, "it stays in the record")
    except InvalidCommand as error:
        return {"reason": notice(asked.services, "bad-input", message=error.message, hint="")}
    return {}


def _not_plain(asked: Asked, text: str) -> Message | None:
    try:
        plain(text)
    except InvalidCommand as error:
        return notice(asked.services, "bad-input", message=error.message, hint="")
    return None


def _step(asked: Asked) -> Message | None:
    """Plan the step with what was written, where its button stood."""
    step, params, place = _written(asked)
    alert_id = ids.parse_alert_key(place.get("alert", ""))
    here = Place(channel=place.get("channel", ""), thread_ts="" if alert_id else place.get("thread", ""))
    return _refusal(plans.make(asked.services, step, params, asked.actor, here, alert_id))


def _resolve(asked: Asked) -> Message | None:
    key, kept = ids.decode_request(asked.envelope.private_metadata)
    number, reason = ids.parse_alert_key(key) or 0, asked.envelope.inputs.get(ids.INPUT_REASON, "")
    seen_at = datetime.fromisoformat(kept["at"]) if "at" in kept else None
    return alerts.resolve(asked.services, number, asked.actor, reason, seen_at=seen_at)


def _refusal(message: Message) -> Message | None:
    return None if plans.is_card(message) else message


def _settle(asked: Asked) -> Message | None:
    envelope = asked.envelope
    reason = envelope.inputs.get(ids.INPUT_REASON, "")
    happened = envelope.callback_id == ids.VIEW_SETTLE_YES
    open_still = runs.settle(asked.services, envelope.private_metadata, asked.actor, happened=happened, reason=reason)
    return None if open_still else notice(asked.services, "settled-already", plan=envelope.private_metadata)


LEAST_SAID: Mapping[str, int] = {
    ids.VIEW_ASK: LEAST_REASON,
    ids.VIEW_ALONE: LEAST_REASON,
    ids.VIEW_SETTLE_YES: LEAST_REASON,
    ids.VIEW_SETTLE_NO: LEAST_REASON,
    ids.VIEW_REVIEW: LEAST,
    ids.VIEW_RESOLVE: LEAST,
}
"""Characters that the reason of a form has at least."""
HANDLERS: Mapping[str, Handler] = {
    ids.VIEW_ASK: _ask,
    ids.VIEW_TYPED: _typed,
    ids.VIEW_ALONE: _alone,
    ids.VIEW_REVIEW: _review,
    ids.VIEW_STEP: _step,
    ids.VIEW_RESOLVE: _resolve,
    ids.VIEW_SETTLE_YES: _settle,
    ids.VIEW_SETTLE_NO: _settle,
}
