"""Modals: what each keeps for its submission, and its inputs; their words are `templates/slack/forms.j2`."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain import ids
from bot.domain import messages as m
from bot.domain.params import LEAST
from bot.domain.plan import LEAST_REASON
from bot.render import limits

FORMS = (
    m.Working,
    m.AskForm,
    m.TypedForm,
    m.AloneForm,
    m.ReviewForm,
    m.PlanForm,
    m.ResolveForm,
    m.SettleForm,
    m.PlanDetails,
)
_LABEL = 150


def identity(message: m.Message) -> tuple[str, str]:
    """Return a form's callback id, and what its submission brings back: the typed one its target besides the secret."""
    match message:
        case m.AskForm():
            return ids.VIEW_ASK, message.card.key
        case m.TypedForm():
            return ids.VIEW_TYPED, ids.encode_request(message.card.secret, {"target": message.card.target})
        case m.AloneForm():
            return ids.VIEW_ALONE, ids.encode_request(message.card.key, {"target": message.card.target})
        case m.ReviewForm():
            return ids.VIEW_REVIEW, message.card.key
        case m.PlanForm():
            return ids.VIEW_STEP, message.place
        case m.SettleForm():
            return ids.VIEW_SETTLE_YES if message.happened else ids.VIEW_SETTLE_NO, message.card.key
        case m.ResolveForm():
            return ids.VIEW_RESOLVE, ids.encode_request(message.key, {"at": message.as_of.isoformat()})
        case m.PlanDetails():
            return ids.VIEW_PLAN, message.key
    return ids.VIEW_WORKING, ""


def fields(message: m.Message) -> Sequence[m.Field]:
    """Return the inputs of a form, in their order."""
    match message:
        case m.AskForm() | m.SettleForm():
            return (m.Field(name="reason", least=LEAST_REASON, lines=True),)
        case m.AloneForm():
            return (m.Field(name="reason", least=LEAST_REASON, lines=True), m.Field(name="typed", most=40))
        case m.ResolveForm() | m.ReviewForm():
            return (m.Field(name="reason", least=LEAST, lines=True),)
        case m.TypedForm():
            return (m.Field(name="typed", most=40),)
        case m.PlanForm():
            return message.fields
    return ()


def modal(message: m.Message, words: Mapping[str, str], blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a modal around its blocks."""
    callback, private = identity(message)
    named = {
        name: limits.plain(words[name], limits.MODAL_TITLE) for name in ("title", "close", "submit") if name in words
    }
    return {"type": "modal", "callback_id": callback, "private_metadata": private, **named, "blocks": list(blocks)}


def block(field: m.Field, words: Mapping[str, str]) -> dict[str, Any]:
    """Return one input."""
    element = _choice(field) if field.choices else _text(field)
    element["action_id"] = ids.input_action(field.name)
    if "placeholder" in words and not field.choices:
        element["placeholder"] = limits.plain(words["placeholder"], _LABEL)
    made = {"type": "input", "block_id": field.name, "label": limits.plain(words["label"], _LABEL), "element": element}
    if "hint" in words:
        made["hint"] = limits.plain(words["hint"], _LABEL)
    return made


def _choice(field: m.Field) -> dict[str, Any]:
    options = [{"text": limits.plain(choice, limits.BUTTON), "value": choice} for choice in field.choices]
    return {"type": "static_select", "options": options}


def _text(field: m.Field) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "plain_text_input", "min_length": field.least, "max_length": field.most}
    if field.lines:
        element["multiline"] = True
    if field.value:
        element["initial_value"] = field.value
    return element
