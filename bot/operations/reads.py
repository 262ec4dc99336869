"""Every operation that only looks, by its name: one table for Slack, buttons and the shell."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.domain.durations import parse_duration
from bot.domain.ids import encode_request, parse_alert_key
from bot.domain.messages import Message
from bot.operations import (
    alerts,
    doctor,
    gate,
    history,
    logs,
    oncall,
    queues,
    runbooks,
    sessions,
    status,
    stuck,
    timeline,
    vendors,
    verifying,
)
from bot.operations.services import Services

Read = Callable[[Services, Mapping[str, str]], Message]


def _stuck(services: Services, args: Mapping[str, str]) -> Message:
    older = parse_duration(args["older_than"]) if args.get("older_than") else None
    return stuck.read(services, args.get("type", ""), older)


def _timeline(services: Services, args: Mapping[str, str]) -> Message:
    return timeline.read(services, parse_alert_key(args["alert"]) or 0)


def _queue(services: Services, args: Mapping[str, str]) -> Message:
    return queues.queue(services, args.get("type", ""), int(args.get("next") or queues.NEXT))


def _logs(services: Services, args: Mapping[str, str]) -> Message:
    alert, oom = args.get("alert", ""), bool(args.get("oom"))
    after = logs.begins(services, alert) if alert else None
    report = logs.read(services, args["service"], args.get("lines", ""), oom=oom, after=after)
    if after and not report.why_unknown:
        logs.note(services, report, alert)
    return report


READS: Mapping[str, Read] = {
    "status": lambda services, _args: status.read(services),
    "workers": lambda services, _args: queues.workers(services),
    "queue": _queue,
    "failed": lambda services, args: queues.failed(services, args.get("since", "")),
    "stuck": _stuck,
    "ingest": lambda services, _args: queues.ingest(services),
    "migrations": history.read,
    "locks": lambda services, _args: sessions.locks(services),
    "logs": _logs,
    "probe": lambda services, args: vendors.probe(services, args.get("vendor", "")),
    "verify": lambda services, args: verifying.read(services, args.get("scenario", "")),
    "gate": lambda services, args: gate.read(services, args["mode"], args.get("skip", "")),
    "alerts": lambda services, _args: alerts.list_open(services),
    "timeline": _timeline,
    "runbook": lambda services, args: runbooks.read(services, args.get("scenario", "")),
    "oncall": lambda services, _args: oncall.read(services),
    "doctor": lambda services, _args: doctor.examine(services),
}

ASKS_OTHERS = ("logs", "probe", "verify", "gate", "doctor")
"""Reads that wait for Railway, a vendor or Slack."""

PAGE = 20
_PAGED = {"workers": "workers", "migrations": "lines", "queue": "next", "stuck": "jobs"}
"""Lists that a card shows page by page, and where their rows stand."""


def page(services: Services, name: str, args: Mapping[str, str]) -> Message:
    """Return a read as Slack shows it: a long list from the row `from`, with what the button for the next page asks."""
    found = READS[name](services, args)
    rows = getattr(found, _PAGED.get(name, ""), None)
    if rows is None:
        return found
    start = int(args.get("from") or 0)
    value = encode_request("-", {**args, "from": str(start + PAGE)})
    shown = {_PAGED[name]: rows[start:], "next_page": (name, value) if len(rows) > start + PAGE else None}
    return replace(found, **shown)
