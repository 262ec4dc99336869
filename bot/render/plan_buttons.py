"""Which controls stand on a plan's card, by how far it has come."""

from bot.domain import ids
from bot.domain import messages as m
from bot.render import filters
from bot.render.controls import Button, asked, button, labels, menu

_NARROW = 100
"""From here on a count on *Show all* leaves no room for *Cancel* in one row of a phone."""

_NOT_DONE = (
    m.PlanFace.EXPIRED,
    m.PlanFace.CANCELLED,
    m.PlanFace.REFUSED,
    m.PlanFace.NOT_RUN,
    m.PlanFace.DENIED,
    m.PlanFace.STOPPED,
    m.PlanFace.FAILED,
    m.PlanFace.NO_EFFECT,
)
_RAN = (m.PlanFace.WORKING, m.PlanFace.RECOVERED, m.PlanFace.WAITING)


def rows(card: m.PlanCard) -> list[tuple[str, list[Button]]]:
    """Return a plan's controls; what is for others than those of the first row stands in a second one."""
    own = [button(ids.REVIEW, "close_review", card.key)] if card.alone and card.alone.is_open else []
    return [("act", _plan(card)), ("own", own)]


def _evidence(card: m.PlanCard) -> Button:
    """Return where the thing itself can be looked at before somebody decides."""
    if card.kind == "end_session":
        return button(ids.READ_LOCKS, "show_locks", "-")
    return button(ids.READ_PLAN, "details", card.key)


def _plan(card: m.PlanCard) -> list[Button]:
    if card.face in (m.PlanFace.ISSUED, m.PlanFace.NEEDS_SECOND, m.PlanFace.ASKED, m.PlanFace.APPROVED):
        return _plan_open(card)
    if card.face is m.PlanFace.EMERGENCY:
        return [button(ids.STOP_ALONE, "stop_alone", card.key, style="primary"), _evidence(card)]
    railway = [button(ids.OPEN_RAILWAY, "railway", card.key, url=card.url)] if card.url else []
    found = [button(ids.PLAN_AGAIN, "new_plan", card.key)] if card.face in _NOT_DONE else []
    if card.face is m.PlanFace.UNKNOWN:
        settle = [button(ids.SETTLE_YES, _worded("settle_yes", card), card.key)]
        settle.append(button(ids.SETTLE_NO, _worded("settle_no", card), card.key))
        return [*railway, *settle]
    if card.face in _RAN:
        undo = [] if card.undo is None else [_undo(card, card.undo)]
        timeline = [button(ids.READ_TIMELINE, "timeline", card.alert.key)] if card.alert else []
        return [*undo, *railway, *timeline]
    if card.face in (m.PlanFace.NOTHING_TO_DO, m.PlanFace.PROOF_UNKNOWN, m.PlanFace.NO_EFFECT, m.PlanFace.FAILED):
        found += [*railway, button(ids.READ_STATUS, "status", "-")]
    return found


def _undo(card: m.PlanCard, left: int) -> Button:
    """Return the way back; while a reset is watched, with how many jobs nobody has begun."""
    counted = card.kind == "rescue" and card.face is m.PlanFace.WORKING and bool(card.result.get("reset"))
    return button(ids.PLAN_UNDO, "undo_left" if counted else "undo", card.key, count=filters.count(left))


def _plan_open(card: m.PlanCard) -> list[Button]:
    """Return the controls of a plan that may still be carried out."""
    counts = card.facts.get("counts")
    count = sum(counts.values()) if counts else 0
    label = "show_all" if count < _NARROW else "show_whole"
    look = [
        button(ids.READ_PLAN, label if counts else "details", card.key, count=count),
        button(ids.CANCEL, "cancel", card.key),
    ]
    if card.stale:
        return [button(ids.PLAN_AGAIN, "new_plan", card.key), *look]
    if card.moved:
        look = [button(ids.REFRESH, "refresh_plan", asked("plan", id=card.key)), menu(*look)]
    withdraw = button(ids.WITHDRAW, "withdraw", card.key)
    match card.face:
        case m.PlanFace.ISSUED:
            return [*([_named(ids.CONFIRM, "confirm", card, style="primary")] if card.secret else []), *look]
        case m.PlanFace.NEEDS_SECOND:
            return [button(ids.ASK, "ask_second", card.key, style="danger"), *look]
        case m.PlanFace.ASKED:
            approve = button(ids.APPROVE, "approve", card.key, style="danger")
            mine = [withdraw, *([button(ids.RUN_ALONE, "run_alone", card.key)] if card.may_run_alone else [])]
            return [approve, button(ids.DENY, "deny", card.key), _evidence(card), menu(*mine)]
    return [*([_named(ids.RUN, "run", card, style="danger")] if card.secret else []), withdraw]


def _named(action: str, label: str, card: m.PlanCard, *, style: str) -> Button:
    """Return the button that acts, with the words of its kind of step where there are some."""
    return button(action, _worded(label, card), card.secret, style=style, count=card.acting, target=card.target)


def _worded(label: str, card: m.PlanCard) -> str:
    own = f"{label}_{_deed(card)}"
    return own if own in labels() else label


def _deed(card: m.PlanCard) -> str:
    """Return a plan's kind of step; of a rescue, whether it sets jobs to failed too, or only that; of a pause, if it is kept."""
    if card.kind == "pause" and card.facts.get("keeps"):
        return "keep"
    counts = card.facts.get("counts", {}) if card.kind == "rescue" else {}
    if not counts.get("fail_exhausted", 0) + counts.get("fail_poison", 0):
        return card.kind
    return "mixed" if counts.get("reset") else "failing"
