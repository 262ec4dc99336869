"""Which controls stand on which card: ids and values from `bot.domain.ids`, labels from `templates/labels.toml`."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from bot import words
from bot.domain import ids
from bot.domain import messages as m
from bot.domain.vendor import GOOD_IN_A_ROW
from bot.render import filters, limits

Button = dict[str, Any]
RUNBOOK_BUTTONS = 4
"""Titles are long: two of them fill a phone's row, and there are two rows."""
_NARROW = 100
"""From here on a count on *Show all* leaves no room for *Cancel* in one row of a phone."""
_WORDS = 28
"""Characters of a command on a button, beside *Help* in one row of a phone."""


def labels() -> dict[str, str]:
    """Return every label by name."""
    return words.load("labels")


def button(action: str, label: str, value: str, *, style: str = "", url: str = "", **facts: object) -> Button:
    """Return one button; the label is looked up by name."""
    text = labels()[label].format(**facts)
    made: Button = {"type": "button", "action_id": action, "text": limits.plain(text, limits.BUTTON), "value": value}
    if style:
        made["style"] = style
    if url:
        made["url"] = url
    return made


def menu(*inside: Button) -> Button:
    """Return `⋯`: several buttons as one control; its value is the id of the one chosen, and that one's value."""
    options = [{"text": item["text"], "value": f"{item['action_id']} {item['value']}"} for item in inside]
    return {"type": "overflow", "action_id": ids.MORE, "options": options}


def rows(message: m.Message) -> list[tuple[str, list[Button]]]:
    """Return a card's rows of controls: block id and buttons; a row without buttons is left out."""
    draw = _ROWS.get(type(message))
    found = [(name, buttons) for name, buttons in draw(message) if buttons] if draw else []
    if message.next_page:
        read, value = message.next_page
        found.append(("more", [button(ids.read_action(read), "show_more", value)]))
    return found


def _asked(read: str, **params: str) -> str:
    return ids.encode_request(read, params)


def _locks(card: m.LockTree) -> list[Button]:
    found = [button(ids.REFRESH, "refresh", "locks")]
    if card.endable:
        value = ids.encode_request("-", {"pid": str(card.endable)})
        found.append(button(ids.PLAN_UNLOCK, "unlock", value, style="danger", pid=card.endable))
    return found


def _migrations(card: m.MigrationList) -> list[Button]:
    """Return a look at the locks first; what is pending or differs may be repaired, beginning with the first of them."""
    found = [button(ids.READ_LOCKS, "show_locks", "-", style="primary")]
    wrong = next((line.version for line in card.lines if line.verdict != "applied"), "")
    if wrong:
        found.append(button(ids.PLAN_REPAIR, "repair", _asked("-", version=wrong), style="danger"))
    return [*found, button(ids.REFRESH, "refresh", "migrations")]


def _pause(card: m.PauseCard) -> list[Button]:
    if card.state == "ended":
        value = ids.encode_request("-", {"mode": "off"})
        return [button(ids.PLAN_OFFLINE, "offline_off", value)]
    if card.state == "resuming":
        return [button(ids.STOP, "stop", card.key)]
    keep = ids.encode_request("-", {"reason": card.reason, "for": "2h"})
    ready = "primary" if card.good >= GOOD_IN_A_ROW else ""
    probe = [button(ids.READ_PROBE, "probe", "-", style="" if ready else "primary")] if card.vendor else []
    resume = button(ids.PLAN_RESUME, "resume", "-", style=ready)
    return [*probe, resume, button(ids.PLAN_PAUSE, "keep", keep)]


def _gate(card: m.GateReport) -> list[tuple[str, list[Button]]]:
    """Return what mends a failed gate first; what allows it all the same stands in a row of its own."""
    if card.in_progress:
        return [("act", [button(ids.STOP_GATE, "stop", card.key)] if card.key else [])]
    again = button(ids.GATE, "run_again", card.mode)
    if not card.failed or card.mode != "prod" or card.stopped_by:
        return [("act", [again])]
    restart = _restart(card.service) if card.service else []
    anyway = (
        [button(ids.PLAN_ALLOW, "deploy_anyway", "-", style="danger")] if card.key and not card.allowed_until else []
    )
    return [("act", [*restart, again]), ("look", [*anyway, button(ids.READ_STATUS, "status", "-")])]


def _restart(service: str) -> list[Button]:
    value = ids.encode_request("-", {"service": service})
    return [button(ids.PLAN_RESTART, "restart", value, style="primary", service=service)]


def _by_scenario(card: m.AlertCard) -> list[Button]:
    """Return the runbook's next step for an alert that no worker type is behind."""
    if card.scenario == "vendor-outage":
        pause = ids.encode_request(card.key, {"reason": f"{card.label} failing, {card.key}"})
        probe = ids.encode_request(card.key, {"vendor": card.vendor})
        return [button(ids.READ_PROBE, "probe", probe), button(ids.PLAN_PAUSE, "pause", pause)]
    if card.check == "jobs_stuck":
        return [_reset(card, primary=bool(card.acked_by))]
    if card.scenario == "migration-block":
        return [button(ids.READ_LOCKS, "show_locks", card.key), button(ids.READ_MIGRATIONS, "migrations", card.key)]
    return []


def _alert(card: m.AlertCard) -> list[tuple[str, list[Button]]]:
    """Return the next steps in sight; once somebody has it, what is rarely needed stands in the menu."""
    status, runbook = button(ids.READ_STATUS, "status", card.key), button(ids.READ_RUNBOOK, "runbook", card.key)
    timeline, by_hand = button(ids.READ_TIMELINE, "timeline", card.key), button(ids.RESOLVE, "by_hand", card.key)
    if card.face in (m.AlertFace.RECOVERED, m.AlertFace.BY_HAND):
        return [("act", [timeline, status])]
    if card.check == "db_reachable":
        return [("act", [status])]
    ack = [] if card.acked_by else [button(ids.ACK, "acknowledge", card.key, style="primary")]
    rest = menu(runbook, status, timeline, by_hand)
    if card.face is m.AlertFace.HIDDEN or card.check != "worker_heartbeat":
        by_scenario = _by_scenario(card)
        if not by_scenario:
            return [("act", [*ack, status, menu(timeline, by_hand)])]
        return [("act", [*ack, *by_scenario]), ("look", [rest])]
    steps = _logs_and_restart(card) if card.acked_by else []
    reset = _reset(card, primary=bool(card.acked_by) and not steps)
    if ack:
        return [("act", [*ack, reset]), ("look", [status, runbook])]
    return [("act", steps), ("look", [reset, rest])] if steps else [("act", [reset, rest])]


def _logs_and_restart(card: m.AlertCard) -> list[Button]:
    """Return the first two steps of worker death, where a service is known."""
    if not card.service:
        return []
    logs = ids.encode_request(card.key, {"service": card.service, "oom": "yes", "alert": card.key})
    restart = ids.encode_request(card.key, {"service": card.service})
    return [
        button(ids.READ_LOGS, "check_logs", logs, style="primary"),
        button(ids.PLAN_RESTART, "restart", restart, service=card.service),
    ]


def _reset(card: m.AlertCard, *, primary: bool) -> Button:
    """Return the reset button, or the link to the plan it has become."""
    if card.open_plan is not None:
        url = card.open_plan.url
        return button(ids.OPEN_PLAN, "open_plan", card.open_plan.key, url=url, key=card.open_plan.key)
    return button(ids.PLAN_RESET, "reset_stuck", card.key, style="primary" if primary else "")


def _reply(card: m.AlertReply) -> list[tuple[str, list[Button]]]:
    if card.event not in ("escalated", "exhausted", "reopened", "ack_lapsed", "ack_reminder"):
        return []
    buttons = [button(ids.ACK, "acknowledge", card.key, style="primary")]
    if card.card and card.card.url:
        buttons.append(button(ids.OPEN_CARD, "open_card", card.key, url=card.card.url))
    return [("act", buttons)]


def _status(card: m.StatusCard) -> list[tuple[str, list[Button]]]:
    """Return what helps now in a row of its own, above what only looks."""
    if card.blind == "unreachable":
        again = button(ids.REFRESH, "try_again", "status", style="primary")
        logs = button(ids.READ_LOGS, "check_logs", _asked("-", service=card.logs, oom="yes"))
        return [("act", [again, *([logs] if card.logs else []), button(ids.READ_ONCALL, "who_to_call", "-")])]
    act = _restart(card.restart) if card.restart and card.changes_on else []
    if card.queue.stuck_dead and card.reset_possible and card.changes_on:
        act.append(button(ids.PLAN_RESET, "reset_stuck", "-", style="" if act else "primary"))
    look = [button(ids.REFRESH, "refresh", "status")]
    if not card.shared_by:
        look.append(button(ids.SHARE, "share", "status"))
    return [("act", act), ("look", look)]


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


def _plan_rows(card: m.PlanCard) -> list[tuple[str, list[Button]]]:
    """Return a plan's controls; what is for others than those of the first row stands in a second one."""
    own = []
    if card.face is m.PlanFace.ASKED and not card.stale:
        own.append(button(ids.WITHDRAW, "withdraw", card.key))
        own += [button(ids.RUN_ALONE, "run_alone", card.key)] if card.may_run_alone else []
    if card.alone and card.alone.is_open:
        own.append(button(ids.REVIEW, "close_review", card.key))
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
        look = [button(ids.REFRESH, "refresh_plan", _asked("plan", id=card.key)), menu(*look)]
    withdraw = button(ids.WITHDRAW, "withdraw", card.key)
    match card.face:
        case m.PlanFace.ISSUED:
            return [*([_named(ids.CONFIRM, "confirm", card, style="primary")] if card.secret else []), *look]
        case m.PlanFace.NEEDS_SECOND:
            return [button(ids.ASK, "ask_second", card.key, style="danger"), *look]
        case m.PlanFace.ASKED:
            approve = button(ids.APPROVE, "approve", card.key, style="danger") | {"confirm": _sure(card)}
            return [approve, button(ids.DENY, "deny", card.key), _evidence(card)]
    return [*([_named(ids.RUN, "run", card, style="danger")] if card.secret else []), withdraw]


def _sure(card: m.PlanCard) -> dict[str, Any]:
    """Return Slack's own dialog before an approval."""
    text = labels()["approve_text"].format(title=card.title, env=card.env, target=card.target)
    return {
        "title": limits.plain(labels()["approve_title"], limits.BUTTON),
        "text": limits.plain(text, limits.DIALOG),
        "confirm": limits.plain(labels()["approve"], limits.MODAL_TITLE),
        "deny": limits.plain(labels()["go_back"], limits.MODAL_TITLE),
    }


def _named(action: str, label: str, card: m.PlanCard, *, style: str) -> Button:
    """Return the button that acts, with the words of its kind of step where there are some."""
    return button(action, _worded(label, card), card.secret, style=style, count=card.acting, target=card.target)


def _worded(label: str, card: m.PlanCard) -> str:
    own = f"{label}_{_deed(card)}"
    return own if own in labels() else label


def _deed(card: m.PlanCard) -> str:
    """Return a plan's kind of step; of a rescue, whether it sets jobs to failed too, or does nothing else."""
    counts = card.facts.get("counts", {}) if card.kind == "rescue" else {}
    if not counts.get("fail_exhausted", 0) + counts.get("fail_poison", 0):
        return card.kind
    return "mixed" if counts.get("reset") else "failing"


def _runbook(card: m.RunbookCard) -> list[Button]:
    """Return a button for each of the first steps that need no word typed, in their order."""
    value = card.alert.key if card.alert else "-"
    steps = [step for step in card.steps if step.action and step.ready == "ready"]
    seen = {step.action: step for step in reversed(steps)}
    chosen = sorted((step for step in steps if seen[step.action] is step), key=lambda step: step.risk == "read")
    asked = {"vendor": card.vendor} if card.vendor else {}
    carried = {ids.READ_PROBE: asked, ids.READ_VERIFY: {"scenario": card.scenario}}
    return [_labelled(step, value, carried.get(step.action, {})) for step in chosen[:RUNBOOK_BUTTONS]]


def _labelled(step: m.RunbookStepLine, alert: str, carried: Mapping[str, str]) -> Button:
    """Return a button named by a declaration; one that plans ends in `…`, and a reason it needs is the alert."""
    text = limits.cut_text(step.title, 18)
    named = text if step.risk == "read" else f"{text.rstrip('…')}…"
    value = ids.encode_request(alert, {"reason": f"runbook, {alert}"} if step.needs_reason else carried)
    return {"type": "button", "action_id": step.action, "text": limits.plain(named, limits.BUTTON), "value": value}


def _alerts(card: m.AlertList) -> list[Button]:
    free = [line for line in card.alerts if not line.acked_by]
    found = [button(ids.ACK, "acknowledge_one", free[0].key, style="primary", key=free[0].key)] if free else []
    return [*found, button(ids.REFRESH, "refresh", "alerts")]


def _away(card: m.AwayCard) -> list[Button]:
    free = next((line for line in card.alerts if line.state != "resolved" and not line.acked_by), None)
    found = [button(ids.ACK, "acknowledge_one", free.key, style="primary", key=free.key)] if free else []
    return [*found, button(ids.READ_STATUS, "status", "-")]


def _home(card: m.Home) -> list[Button]:
    """Return what the reader may press: whoever may not read has nothing."""
    if card.role in ("", "nobody"):
        return []
    plans = [(item.card.key, item.url) for item in card.waiting if item.url][:1]
    alerts = [(line.key, line.url) for line in card.alerts if line.url][:1]
    return [
        button(ids.READ_STATUS, "status", "-"),
        *(button(ids.OPEN_PLAN, "plan", key, url=url, key=key) for key, url in plans),
        *(button(ids.OPEN_CARD, "open_alert", key, url=url, key=key) for key, url in alerts),
        button(ids.REFRESH, "refresh", "home"),
    ]


_VOID = ("expired", "other-database", "step-changed", "wrong-too-often")
"""Notices about a plan that is of no use any more: the same is planned anew."""


def _notice(notice: m.Notice) -> list[Button]:
    """Return what goes on from a refusal: a new plan, the card meant, or what the words nearly were (cards, 0.8 and 9)."""
    facts = notice.facts
    found = [button(ids.PLAN_AGAIN, "new_plan", str(facts["plan"]))] if notice.kind in _VOID else []
    for name, action in (("open_plan", ids.OPEN_PLAN), ("open_alert", ids.OPEN_CARD)):
        link = facts.get(name)
        if isinstance(link, m.Link) and link.url:
            found.append(button(action, name, link.key, url=link.url, key=link.key))
    if facts.get("step"):
        step, words = str(facts["step"]), filters.middle(str(facts["nearest"]), _WORDS)
        value = ids.encode_request("-", cast("Mapping[str, str]", facts["params"]))
        found.append(button(ids.plan_action(step), "plan_step", value, words=words))
    help_too = [button(ids.READ_HELP, "help", "-")] if notice.kind == "near-miss" else []
    return [*found, *help_too]


def _row(draw: Callable[[Any], list[Button]]) -> Callable[[Any], list[tuple[str, list[Button]]]]:
    return lambda message: [("act", draw(message))]


def _logs(report: m.LogReport) -> list[Button]:
    again = button(ids.REFRESH, "try_again", _asked("logs", service=report.service))
    railway = [button(ids.OPEN_RAILWAY, "railway", "-", url=report.url)] if report.url else []
    return [*([again] if report.why_unknown and not report.local else []), *railway]


def _cannot(card: m.CannotPlan) -> list[Button]:
    """Return a probe where it is the vendor's answers that lack, else the status."""
    if "dragonfly probe" in card.remedy:
        return [button(ids.READ_PROBE, "probe", "-")]
    return [button(ids.READ_STATUS, "status", "-")]


def _status_button(_message: m.Message) -> list[Button]:
    return [button(ids.READ_STATUS, "status", "-")]


_ROWS: Mapping[type, Callable[[Any], list[tuple[str, list[Button]]]]] = {
    m.AlertCard: _alert,
    m.AlertReply: _reply,
    m.StatusCard: _status,
    m.PlanCard: _plan_rows,
    m.RunbookCard: lambda card: [("act", _runbook(card)[:2]), ("look", _runbook(card)[2:])],
    m.AlertList: _row(_alerts),
    m.NothingStuck: _row(_status_button),
    m.StuckList: _row(_status_button),
    m.CannotPlan: _row(_cannot),
    m.LockTree: _row(_locks),
    m.MigrationList: _row(_migrations),
    m.PauseCard: _row(_pause),
    m.LogReport: _row(_logs),
    m.ProbeReport: _row(lambda card: [button(ids.REFRESH, "try_again", _asked("probe", vendor=card.vendor))]),
    m.GateReport: _gate,
    m.DoctorReport: _row(lambda _report: [button(ids.REFRESH, "run_again", "doctor", style="primary")]),
    m.Help: _row(lambda _help: [button(ids.READ_STATUS, "status", "-"), button(ids.READ_RUNBOOK, "runbook", "-")]),
    m.Notice: _row(_notice),
    m.Home: _row(_home),
    m.AwayCard: _row(_away),
}
