"""Which controls stand on which card: ids and values from `bot.domain.ids`, labels from `templates/labels.toml`."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from bot.domain import ids
from bot.domain import messages as m
from bot.render import limits

Button = dict[str, Any]


@cache
def labels() -> dict[str, str]:
    """Return every label by name."""
    text = files("templates").joinpath("labels.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def button(action: str, label: str, value: str, *, style: str = "", url: str = "", **facts: object) -> Button:
    """Return one button; the label is looked up by name."""
    text = labels()[label].format(**facts)
    made: Button = {"type": "button", "action_id": action, "text": limits.plain(text, limits.BUTTON), "value": value}
    if style:
        made["style"] = style
    if url:
        made["url"] = url
    return made


def rows(message: m.Message) -> list[tuple[str, list[Button]]]:
    """Return a card's rows of controls: block id and buttons; a row without buttons is left out."""
    match message:
        case m.AlertCard():
            found = _alert(message)
        case m.AlertReply():
            found = _reply(message)
        case m.StatusCard():
            found = [("act", _status(message))]
        case m.PlanCard():
            found = [("act", _plan(message))]
        case m.RunbookCard():
            found = [("act", _runbook(message))]
        case m.AlertList():
            found = [("act", _alerts(message))]
        case m.NothingStuck() | m.StuckList() | m.CannotPlan():
            found = [("act", [button(ids.READ_STATUS, "status", "-")])]
        case m.Help():
            found = [("act", [button(ids.READ_STATUS, "status", "-"), button(ids.READ_RUNBOOK, "runbook", "-")])]
        case m.Notice():
            found = [("act", [_choice(item) for item in message.choices])]
        case m.Home():
            found = [("act", _home(message))]
        case _:
            found = []
    return [(name, buttons) for name, buttons in found if buttons]


def _choice(item: m.Choice) -> Button:
    return button(item.action, item.label, item.value, style="primary" if item.primary else "", url=item.url)


def _alert(card: m.AlertCard) -> list[tuple[str, list[Button]]]:
    look = [button(ids.READ_STATUS, "status", card.key), button(ids.READ_RUNBOOK, "runbook", card.key)]
    ended = (m.AlertFace.RECOVERED, m.AlertFace.BY_HAND)
    if card.face in ended:
        return [("act", [button(ids.READ_TIMELINE, "timeline", card.key), look[0]])]
    if card.face is m.AlertFace.HIDDEN or card.check != "worker_heartbeat":
        act = (
            []
            if card.acked_by or card.check == "db_reachable"
            else [button(ids.ACK, "acknowledge", card.key, style="primary")]
        )
        return [("act", [*act, look[0]])]
    reset = _reset(card, primary=bool(card.acked_by))
    if card.acked_by:
        return [("act", [reset, look[1], look[0]])]
    return [("act", [button(ids.ACK, "acknowledge", card.key, style="primary"), reset]), ("look", look)]


def _reset(card: m.AlertCard, *, primary: bool) -> Button:
    """Return the reset button, or the link to the plan it has become."""
    if card.open_plan is not None:
        url = card.open_plan.url
        return button(ids.OPEN_PLAN, "open_plan", card.open_plan.key, url=url, key=card.open_plan.key)
    return button(ids.PLAN_RESET, "reset_stuck", card.key, style="primary" if primary else "")


def _reply(card: m.AlertReply) -> list[tuple[str, list[Button]]]:
    if card.event not in ("escalated", "reopened", "ack_lapsed", "ack_reminder"):
        return []
    buttons = [button(ids.ACK, "acknowledge", card.key, style="primary")]
    if card.card and card.card.url:
        buttons.append(button(ids.OPEN_CARD, "open_card", card.key, url=card.card.url))
    return [("act", buttons)]


def _status(card: m.StatusCard) -> list[Button]:
    if card.blind == "unreachable":
        return [
            button(ids.REFRESH, "try_again", "status", style="primary"),
            button(ids.READ_ONCALL, "who_to_call", "-"),
        ]
    found = []
    if card.queue.stuck_dead and card.reset_possible:
        found.append(button(ids.PLAN_RESET, "reset_stuck", "-", style="primary"))
    found.append(button(ids.REFRESH, "refresh", "status"))
    if not card.shared_by:
        found.append(button(ids.SHARE, "share", "status"))
    return found


def _plan(card: m.PlanCard) -> list[Button]:
    show = button(ids.READ_PLAN, "show_all", card.key, count=card.acting + card.leaving)
    cancel = button(ids.CANCEL, "cancel", card.key)
    timeline = [button(ids.READ_TIMELINE, "timeline", card.alert.key)] if card.alert else []
    again = [button(ids.PLAN_RESET, "new_plan", card.alert.key if card.alert else "-")]
    match card.face:
        case m.PlanFace.ISSUED:
            confirm = button(ids.CONFIRM, "confirm_reset", card.secret, style="primary", count=card.acting)
            return [*([confirm] if card.secret else []), show, cancel]
        case m.PlanFace.NEEDS_SECOND:
            return [button(ids.ASK, "ask_second", card.key, style="danger"), show, cancel]
        case m.PlanFace.ASKED:
            return [
                button(ids.APPROVE, "approve", card.key, style="danger"),
                button(ids.DENY, "deny", card.key),
                button(ids.WITHDRAW, "withdraw", card.key),
            ]
        case m.PlanFace.APPROVED:
            run = button(ids.RUN, "run_reset", card.secret, style="danger")
            return [*([run] if card.secret else []), button(ids.WITHDRAW, "withdraw", card.key)]
        case m.PlanFace.EXPIRED | m.PlanFace.CANCELLED | m.PlanFace.REFUSED | m.PlanFace.NOT_RUN | m.PlanFace.DENIED:
            return again
        case m.PlanFace.STOPPED | m.PlanFace.FAILED | m.PlanFace.NO_EFFECT:
            return [*again, button(ids.READ_STATUS, "status", "-")]
        case m.PlanFace.NOTHING_TO_DO | m.PlanFace.PROOF_UNKNOWN:
            return [button(ids.READ_STATUS, "status", "-")]
        case m.PlanFace.WORKING | m.PlanFace.RECOVERED | m.PlanFace.WAITING:
            return timeline
        case _:
            return []


def _runbook(card: m.RunbookCard) -> list[Button]:
    value = card.alert.key if card.alert else "-"
    if any(step.action == ids.PLAN_RESET and step.ready == "ready" for step in card.steps):
        return [button(ids.PLAN_RESET, "reset_stuck", value, style="primary"), button(ids.READ_STATUS, "status", "-")]
    return [button(ids.READ_STATUS, "status", "-")]


def _alerts(card: m.AlertList) -> list[Button]:
    free = [line for line in card.alerts if not line.acked_by]
    found = [button(ids.ACK, "acknowledge_one", free[0].key, style="primary", key=free[0].key)] if free else []
    return [*found, button(ids.REFRESH, "refresh", "alerts")]


def _home(card: m.Home) -> list[Button]:
    found = [button(ids.READ_STATUS, "status", "-", style="primary")]
    found += [button(ids.OPEN_CARD, "open_card", line.key, url=line.url) for line in card.alerts[:1] if line.url]
    return found
