"""Which controls stand on which card: ids and values from `bot.domain.ids`, labels from `templates/labels.toml`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from bot.domain import ids
from bot.domain import messages as m
from bot.domain.vendor import GOOD_IN_A_ROW
from bot.render import filters, limits, plan_buttons
from bot.render.controls import ROW, Button, asked, button, menu, packed, width

RUNBOOK_BUTTONS = 4
"""Titles are long: two of them fill a phone's row, and there are two rows."""
_WORDS = 28
"""Characters of a command on a button, beside *Help* in one row of a phone."""


def rows(message: m.Message) -> list[tuple[str, list[Button]]]:
    """Return a card's rows of controls: block id and buttons; a row without buttons is left out."""
    draw = _ROWS.get(type(message))
    found = [(name, buttons) for name, buttons in draw(message) if buttons] if draw else []
    if message.next_page:
        read, value = message.next_page
        found.append(("more", [button(ids.read_action(read), "show_more", value)]))
    return found


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
        found.append(button(ids.PLAN_REPAIR, "repair", asked("-", version=wrong), style="danger"))
    return [*found, button(ids.REFRESH, "refresh", "migrations")]


def _pause(card: m.PauseCard) -> list[Button]:
    if card.state == "ended":
        value = ids.encode_request("-", {"mode": "off"})
        return [button(ids.PLAN_OFFLINE, "offline_off", value)]
    if card.state == "resuming":
        return [button(ids.STOP, "stop", card.key)]
    keep = ids.encode_request("-", {"reason": card.reason, "for": "2h"})
    ready = "primary" if card.good >= GOOD_IN_A_ROW else ""
    ask = ids.encode_request("-", {"vendor": card.probes})
    probe = [button(ids.READ_PROBE, "probe", ask, style="" if ready else "primary")] if card.probes else []
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


_STEPS = {"logs": ids.READ_LOGS, "restart": ids.PLAN_RESTART, "reset": ids.PLAN_RESET}


def _primary(controls: list[Button], steps: Sequence[str]) -> list[Button]:
    """Return controls of which the next step's is primary, and no other."""
    first = next((_STEPS[step] for step in steps), "")
    bare = [{key: value for key, value in item.items() if key != "style"} for item in controls]
    return [item | {"style": "primary"} if item["action_id"] == first else item for item in bare]


def _restart(service: str) -> list[Button]:
    value = ids.encode_request("-", {"service": service})
    return [button(ids.PLAN_RESTART, "restart", value, style="primary", service=service)]


def _by_scenario(card: m.AlertCard) -> list[Button]:
    """Return the runbook's next step for an alert that no worker type is behind."""
    if card.scenario == "vendor-outage":
        pause = ids.encode_request(card.key, {"reason": f"{card.label} failing, {card.key}"})
        probe = ids.encode_request(card.key, {"vendor": card.vendor})
        ask = button(ids.READ_PROBE, "probe", probe)
        if card.pause:
            return [ask, *([button(ids.PLAN_RESUME, "resume", card.key)] if card.pause != "resuming" else [])]
        return [button(ids.PLAN_PAUSE, "pause", pause), ask]
    if card.check == "jobs_stuck":
        return [_reset(card, primary=bool(card.acked_by))]
    if card.scenario == "migration-block":
        return [button(ids.READ_LOCKS, "show_locks", card.key), button(ids.READ_MIGRATIONS, "migrations", card.key)]
    return []


def _alert(card: m.AlertCard) -> list[tuple[str, list[Button]]]:
    return packed([_pressed(card, made) for made in _alert_buttons(card)])


def _alert_buttons(card: m.AlertCard) -> list[Button]:
    """Return the next steps in sight; once somebody has it, what is rarely needed stands in the menu."""
    status, runbook = button(ids.READ_STATUS, "status", card.key), button(ids.READ_RUNBOOK, "runbook", card.key)
    timeline, by_hand = button(ids.READ_TIMELINE, "timeline", card.key), button(ids.RESOLVE, "by_hand", card.key)
    if card.face in (m.AlertFace.RECOVERED, m.AlertFace.BY_HAND):
        return [timeline, status]
    if card.check == "db_reachable":
        return [status]
    ack = [] if card.acked_by else [button(ids.ACK, "acknowledge", card.key, style="primary")]
    rest = menu(runbook, status, timeline, by_hand)
    if card.face is m.AlertFace.HIDDEN or card.check != "worker_heartbeat":
        by_scenario = _by_scenario(card)
        return [*ack, *by_scenario, rest] if by_scenario else [*ack, status, menu(timeline, by_hand)]
    reset = _reset(card, primary=False)
    if ack:
        return [*ack, reset, status, runbook]
    return _primary([*_logs_and_restart(card), reset, rest], card.next_steps)


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
    return button(ids.PLAN_RESET, "reset_stuck", card.key, style="primary" if primary else "")


def _pressed(card: m.AlertCard, made: Button) -> Button:
    """Return a button, or the link to the plan it has become: the one that was pressed, and no other."""
    plan = card.open_plan
    if plan is None or made["action_id"] != ids.plan_action(card.open_step):
        return made
    return button(ids.OPEN_PLAN, "open_plan", plan.key, url=plan.url, key=plan.key)


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
        logs = button(ids.READ_LOGS, "check_logs", asked("-", service=card.logs, oom="yes"))
        return [("act", [again, *([logs] if card.logs else []), button(ids.READ_ONCALL, "who_to_call", "-")])]
    act = []
    if card.next_steps[:1] == ("logs",):
        asks = asked("-", service=card.restart, oom="yes", alert=card.down)
        act.append(button(ids.READ_LOGS, "check_logs", asks))
    if card.restart and card.changes_on:
        act += _restart(card.restart)
    if card.queue.stuck_dead and card.reset_possible and card.changes_on:
        act.append(button(ids.PLAN_RESET, "reset_stuck", "-"))
    act = _primary(act, card.next_steps)
    look = [button(ids.REFRESH, "refresh", "status")]
    if not card.shared_by:
        look.append(button(ids.SHARE, "share", "status"))
    return [("act", act), ("look", look)] if width(act) <= ROW else packed([*act, menu(*look)])


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
    again = button(ids.REFRESH, "try_again", asked("logs", service=report.service))
    railway = [button(ids.OPEN_RAILWAY, "railway", "-", url=report.url)] if report.url else []
    return [*([again] if report.why_unknown and not report.local else []), *railway]


def _cannot(card: m.CannotPlan) -> list[Button]:
    """Return a probe where it is the vendor's answers that lack, the locks where they are why, else the status."""
    if "dragonfly probe" in card.remedy:
        return [button(ids.READ_PROBE, "probe", "-")]
    if "dragonfly locks" in card.remedy:
        return [button(ids.READ_LOCKS, "show_locks", "-", style="primary"), button(ids.READ_STATUS, "status", "-")]
    return [button(ids.READ_STATUS, "status", "-")]


def _status_button(_message: m.Message) -> list[Button]:
    return [button(ids.READ_STATUS, "status", "-")]


_ROWS: Mapping[type, Callable[[Any], list[tuple[str, list[Button]]]]] = {
    m.AlertCard: _alert,
    m.AlertReply: _reply,
    m.StatusCard: _status,
    m.PlanCard: plan_buttons.rows,
    m.RunbookCard: lambda card: [("act", _runbook(card)[:2]), ("look", _runbook(card)[2:])],
    m.AlertList: _row(_alerts),
    m.NothingStuck: _row(_status_button),
    m.StuckList: _row(_status_button),
    m.CannotPlan: _row(_cannot),
    m.LockTree: _row(_locks),
    m.MigrationList: _row(_migrations),
    m.PauseCard: _row(_pause),
    m.LogReport: _row(_logs),
    m.ProbeReport: _row(lambda card: [button(ids.REFRESH, "try_again", asked("probe", vendor=card.vendor))]),
    m.GateReport: _gate,
    m.DoctorReport: _row(lambda _report: [button(ids.REFRESH, "run_again", "doctor", style="primary")]),
    m.Help: _row(lambda _help: [button(ids.READ_STATUS, "status", "-"), button(ids.READ_RUNBOOK, "runbook", "-")]),
    m.Notice: _row(_notice),
    m.Home: _row(_home),
    m.AwayCard: _row(_away),
}
