"""Presses: translate, call, answer. What a button means stands in its action id; its value is a short key."""

import uuid
from collections.abc import Callable, Mapping

from bot.domain import ids
from bot.domain.messages import Link, Message, Working
from bot.operations import (
    alerts,
    approvals,
    emergency,
    forms,
    gate_runs,
    home,
    pausing,
    plans,
    publishing,
    runbooks,
    timeline,
)
from bot.operations.declared import UNDO_STEP
from bot.operations.reads import READS
from handlers.answers import Asked, notice
from handlers.commands import WITHOUT_DATABASE, help_card, make_plan, run_gate

Handler = Callable[[Asked], None]

_FORMS = (
    ids.READ_PLAN,
    ids.ASK,
    ids.RUN,
    ids.RUN_ALONE,
    ids.REVIEW,
    ids.RESOLVE,
    ids.SETTLE_YES,
    ids.SETTLE_NO,
)
"""Presses that always open a modal."""


def opens_form(asked: Asked) -> bool:
    """Say whether a press opens a modal: the listener opens it empty, because its trigger is good for three seconds.

    Home shows no answer of its own: what is read there is read in a modal.
    """
    action, value = asked.envelope.action_id, asked.envelope.value
    if action in HANDLERS:
        return action in _FORMS
    if not asked.envelope.channel_id and ids.asked_of(action, "read"):
        return True
    step = asked.services.runbooks.step(ids.asked_of(action, "plan"))
    return forms.lacks(step, ids.decode_request(value)[1])


def handle(asked: Asked) -> None:
    """Carry a press out and answer it; an id we do not know is from an older version."""
    action = asked.envelope.action_id
    step, read = ids.asked_of(action, "plan"), ids.asked_of(action, "read")
    if action in HANDLERS:
        HANDLERS[action](asked)
    elif step:
        _plan(asked, step)
    elif read in READS:
        asked.read(read, ids.decode_request(asked.envelope.value)[1])
    elif not ids.asked_of(action, "open"):
        _old_card(asked)


def _old_card(asked: Asked) -> None:
    """Answer a press on a card of an older version with the way to the present one, where its value names it."""
    services, key = asked.services, ids.decode_request(asked.envelope.value)[0]
    number = ids.parse_alert_key(key) or 0
    with services.db.read() as tx:
        found = Link(key=key, url=services.link(tx, "alert", number))
    asked.answer(notice(services, "old-card", command="/dragonfly status", open_alert=found))


def _plan(asked: Asked, step: str) -> None:
    """Plan a step with what its button carries, or ask for what it does not carry."""
    services, envelope = asked.services, asked.envelope
    alert, params = ids.decode_request(envelope.value)
    if not forms.lacks(services.runbooks.step(step), params):
        make_plan(asked, step, params, ids.parse_alert_key(alert))
        return
    place = {"alert": alert, "channel": envelope.channel_id, "thread": envelope.thread_ts}
    asked.answer(forms.plan_form(services, step, params, asked.actor, place))


def working(asked: Asked) -> Message:
    """Return the modal that is opened at once and filled later."""
    found = ids.decode(asked.envelope.value)
    what = found.plan if found else ids.decode_request(asked.envelope.value)[0].strip("-")
    return Working(env=asked.services.config.env, as_of=asked.services.clock.now(), what=what)


def _show(asked: Asked, message: Message) -> None:
    """Answer a press with its refusal only: a card that changed is delivered by the outbox."""
    if not plans.is_card(message):
        asked.answer(message)


def _alert_id(asked: Asked) -> int | None:
    return ids.parse_alert_key(ids.decode_request(asked.envelope.value)[0])


def _ack(asked: Asked) -> None:
    asked.answer(alerts.acknowledge(asked.services, _alert_id(asked) or 0, asked.actor))


def show_home(asked: Asked) -> None:
    """Build somebody's Home anew; Slack keeps it until the next time."""
    services = asked.services
    if services.chat is not None and services.renderer is not None:
        view = services.renderer.view(home.read(services, asked.actor))
        services.chat.publish_home(asked.envelope.user_id, view)


def answer_from_memory(asked: Asked) -> None:
    """Answer a press that cannot be written down: a read that needs no row; Home says what it cannot see; else refuse."""
    action = asked.envelope.action_id
    subject, params = ids.decode_request(asked.envelope.value)
    read = subject if action == ids.REFRESH else ids.asked_of(action, "read")
    if not asked.envelope.channel_id:
        show_home(asked)
    if read in READS and read in WITHOUT_DATABASE:
        asked.read(read, params, in_place=action == ids.REFRESH)
    else:
        asked.refuse("storage-away")


def _share(asked: Asked) -> None:
    found = publishing.status(asked.services, asked.actor, asked.envelope.channel_id, uuid.uuid4().hex, always=True)
    if found is not None:
        asked.answer(found)


def _refresh(asked: Asked) -> None:
    """Read again what the value names (`status`, `locks`, `home`, a `plan`), in the place of what is shown."""
    name, params = ids.decode_request(asked.envelope.value)
    if name == "home":
        show_home(asked)
    elif name == "plan":
        _show(asked, plans.refresh(asked.services, params.get("id", "")))
    else:
        asked.read(name if name in READS else "status", params, in_place=True)


def _again(asked: Asked) -> None:
    """Plan the same step with the same parameters as an earlier plan."""
    request = plans.request_of(asked.services, asked.envelope.value)
    if request is None:
        asked.answer(notice(asked.services, "not-found", plan=asked.envelope.value[:8]))
        return
    step, params, alert_id = request
    make_plan(asked, step, params, alert_id)


def _confirm(asked: Asked) -> None:
    found = ids.decode(asked.envelope.value)
    if found is None:
        _old_card(asked)
        return
    _show(asked, plans.confirm(asked.services, found.plan, asked.actor, secret=asked.envelope.value))


def _run(asked: Asked) -> None:
    found = ids.decode(asked.envelope.value)
    plan = found.plan if found else ""
    asked.answer(forms.typed_form(asked.services, plan, asked.actor, asked.envelope.value))


def _undo(asked: Asked) -> None:
    make_plan(asked, UNDO_STEP, plans.undo_params(asked.services, asked.envelope.value), None)


HANDLERS: Mapping[str, Handler] = {
    ids.ACK: _ack,
    ids.RESOLVE: lambda asked: asked.answer(alerts.resolve_form(asked.services, _alert_id(asked) or 0, asked.actor)),
    ids.SHARE: _share,
    ids.REFRESH: _refresh,
    ids.CONFIRM: _confirm,
    ids.RUN: _run,
    ids.PLAN_AGAIN: _again,
    ids.PLAN_UNDO: _undo,
    ids.CANCEL: lambda asked: _show(asked, plans.cancel(asked.services, asked.envelope.value, asked.actor)),
    ids.WITHDRAW: lambda asked: _show(asked, plans.cancel(asked.services, asked.envelope.value, asked.actor)),
    ids.ASK: lambda asked: asked.answer(forms.ask_form(asked.services, asked.envelope.value, asked.actor)),
    ids.APPROVE: lambda asked: _show(asked, approvals.approve(asked.services, asked.envelope.value, asked.actor)),
    ids.DENY: lambda asked: _show(asked, approvals.deny(asked.services, asked.envelope.value, asked.actor)),
    ids.RUN_ALONE: lambda asked: asked.answer(emergency.form(asked.services, asked.envelope.value, asked.actor)),
    ids.REVIEW: lambda asked: asked.answer(emergency.review_form(asked.services, asked.envelope.value, asked.actor)),
    ids.STOP_ALONE: lambda asked: asked.answer(emergency.stop(asked.services, asked.envelope.value, asked.actor)),
    ids.SETTLE_YES: lambda asked: asked.answer(forms.settle_form(asked.services, asked.envelope.value, yes=True)),
    ids.SETTLE_NO: lambda asked: asked.answer(forms.settle_form(asked.services, asked.envelope.value, yes=False)),
    ids.read_action("gate"): lambda asked: run_gate(asked, ids.decode_request(asked.envelope.value)[1]),
    ids.GATE: lambda asked: run_gate(asked, {"mode": asked.envelope.value}),
    ids.STOP_GATE: lambda asked: asked.answer(gate_runs.stop(asked.services, asked.envelope.value, asked.actor)),
    ids.STOP: lambda asked: asked.answer(pausing.stop(asked.services, asked.envelope.value, asked.actor)),
    ids.READ_PLAN: lambda asked: asked.answer(plans.details(asked.services, asked.envelope.value)),
    ids.READ_HELP: lambda asked: asked.answer(help_card(asked, "")),
    ids.READ_RUNBOOK: lambda asked: asked.answer(runbooks.read(asked.services, "", _alert_id(asked))),
    ids.READ_TIMELINE: lambda asked: asked.answer(timeline.read(asked.services, _alert_id(asked) or 0)),
}
"""Presses that do more than plan a step or answer a read."""
