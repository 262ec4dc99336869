"""Presses: translate, call, answer. What a button means stands in its action id; its value is a short key."""

import uuid
from collections.abc import Callable, Mapping

from bot.domain import ids
from bot.domain.messages import Message, Working
from bot.operations import alerts, approvals, oncall, plans, publishing, runbooks, status, stuck
from handlers.answers import Asked, notice
from handlers.commands import help_card, make_plan

Handler = Callable[[Asked], None]

OPENS_FORM = (ids.READ_PLAN, ids.ASK, ids.RUN, ids.RESOLVE)
"""Presses that open a modal: the listener opens it empty, because the trigger is good for three seconds only."""


def handle(asked: Asked) -> None:
    """Carry a press out and answer it; an id we do not know is from an older version."""
    found = HANDLERS.get(asked.envelope.action_id)
    if found is None:
        asked.answer(notice(asked.services, "old-card", command="/dragonfly status"))
        return
    found(asked)


def working(asked: Asked) -> Message:
    """Return the modal that is opened at once and filled later."""
    return Working(
        env=asked.services.config.env,
        as_of=asked.services.clock.now(),
        title="Dragonfly",
        what=asked.envelope.value[:4],
    )


def _show(asked: Asked, message: Message) -> None:
    """Answer a press with its refusal only: a card that changed is delivered by the outbox."""
    if not plans.is_card(message):
        asked.answer(message)


def _alert_id(asked: Asked) -> int | None:
    return ids.parse_alert_key(asked.envelope.value)


def _ack(asked: Asked) -> None:
    asked.answer(alerts.acknowledge(asked.services, _alert_id(asked) or 0, asked.actor))


def _status(asked: Asked) -> None:
    asked.answer(status.read(asked.services))


def _share(asked: Asked) -> None:
    found = publishing.status(asked.services, asked.actor, asked.envelope.channel_id, uuid.uuid4().hex, always=True)
    if found is not None:
        asked.answer(found)


def _refresh(asked: Asked) -> None:
    fresh = alerts.list_open(asked.services) if asked.envelope.value == "alerts" else status.read(asked.services)
    asked.answer(fresh, replace=True)


def _plan_reset(asked: Asked) -> None:
    make_plan(asked, {}, _alert_id(asked))


def _confirm(asked: Asked) -> None:
    found = ids.decode(asked.envelope.value)
    if found is None:
        asked.answer(notice(asked.services, "old-card", command="/dragonfly reset-stuck"))
        return
    _show(asked, plans.confirm(asked.services, found.plan, asked.actor, secret=asked.envelope.value))


def _run(asked: Asked) -> None:
    found = ids.decode(asked.envelope.value)
    plan = found.plan if found else ""
    asked.answer(approvals.typed_form(asked.services, plan, asked.actor, asked.envelope.value))


HANDLERS: Mapping[str, Handler] = {
    ids.ACK: _ack,
    ids.READ_STATUS: _status,
    ids.SHARE: _share,
    ids.REFRESH: _refresh,
    ids.PLAN_RESET: _plan_reset,
    ids.CONFIRM: _confirm,
    ids.RUN: _run,
    ids.CANCEL: lambda asked: _show(asked, plans.cancel(asked.services, asked.envelope.value, asked.actor)),
    ids.WITHDRAW: lambda asked: _show(asked, plans.cancel(asked.services, asked.envelope.value, asked.actor)),
    ids.ASK: lambda asked: asked.answer(approvals.ask_form(asked.services, asked.envelope.value, asked.actor)),
    ids.APPROVE: lambda asked: _show(asked, approvals.approve(asked.services, asked.envelope.value, asked.actor)),
    ids.DENY: lambda asked: _show(asked, approvals.deny(asked.services, asked.envelope.value, asked.actor)),
    ids.READ_PLAN: lambda asked: asked.answer(plans.details(asked.services, asked.envelope.value)),
    ids.READ_STUCK: lambda asked: asked.answer(stuck.read(asked.services)),
    ids.READ_ALERTS: lambda asked: asked.answer(alerts.list_open(asked.services)),
    ids.READ_ONCALL: lambda asked: asked.answer(oncall.read(asked.services)),
    ids.READ_HELP: lambda asked: asked.answer(help_card(asked, "")),
    ids.READ_RUNBOOK: lambda asked: asked.answer(runbooks.read(asked.services, "", _alert_id(asked))),
    ids.READ_TIMELINE: lambda asked: asked.answer(alerts.timeline(asked.services, _alert_id(asked) or 0)),
    ids.OPEN_PLAN: lambda _asked: None,
    ids.OPEN_CARD: lambda _asked: None,
}
