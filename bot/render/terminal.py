"""Messages as text for a terminal: the same facts, the same order; colour only where a terminal shows it."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from enum import Enum

from bot.domain import messages as m
from bot.domain.messages import Message
from bot.domain.timing import PLAYBOOK, Timing
from bot.render.engine import Engine
from bot.render.slack import template_name

_SECRET = ("secret",)
_MARKS = re.compile(r"\*([^*\n]+)\*")


def _headline(head: str, key: str) -> str:
    """Return a header whose state word stands first, in capitals: `🟡 Plan: reset` becomes `PLAN 7F3K  reset`."""
    words = head.lstrip("🔴🟡🟢⚪⏸⚠\ufe0f ")
    state, colon, thing = words.partition(":")
    return f"{state.upper()} {key} {thing.strip()}".replace("  ", " ") if colon else words


class TerminalRenderer:
    """Text of about 80 columns."""

    def __init__(self, *, zone: str = "UTC", names: Mapping[str, str] | None = None, timing: Timing = PLAYBOOK) -> None:
        """Prepare the templates."""
        self._zone = zone
        self._engine = Engine("terminal", zone=zone, names=names or {}, timing=timing, escape=False)
        self._engine.add_filter("link", lambda url, label: f"{label}: {url}" if url else str(label))
        self._engine.add_filter("pre", str)

    def text(self, message: Message, mode: m.Mode | None = None) -> str:
        """Return a message as plain text, the zone in its last line; below it, what is reduced at present."""
        name = template_name(message)
        if self._engine.has(name):
            body = f"{self._engine.text(name, {'card': message})}\nas of {self._local(message.as_of)}"
        else:
            body = self._from_blocks(name, message)
        return f"{body}\n{self._engine.text('parts/mode', {'mode': mode, 'card': message})}" if mode else body

    def _from_blocks(self, name: str, message: Message) -> str:
        """Return a card's words line by line, without marks and emoji (cards, 0.7)."""
        values = {"card": message, "name": type(message).__name__}
        parts = self._engine.blocks(name, values)
        parts.pop("fallback", None)
        parts["head"] = _headline(
            parts.get("head", "").replace("\n", " "),
            message.key if isinstance(message, m.PlanCard | m.AlertCard) else "",
        )
        parts.pop("statement", None)
        statement = (
            message.statement if isinstance(message, m.CannotPlan | m.PlanDetails) else ""
        )  # as it is, to be run
        lines = "\n".join(part for part in parts.values() if part)
        return _MARKS.sub(r"\1", lines).replace("`", "") + (f"\n\n{statement}" if statement else "")

    def _local(self, at: datetime) -> str:
        return self._engine.clock(at) + f" {self._zone}"


def colour(message: Message) -> str:
    """Return the colour of a message's first line: who has to act? (cards, 0.5)."""
    match message:
        case m.StatusCard():
            bad = message.has_findings and not (message.alerts and all(line.acked_by for line in message.alerts))
            return "bold red" if bad and not message.blind else "dim" if message.blind else "green"
        case m.AlertCard():
            return "bold red" if not message.acked_by and not message.resolved_at else "yellow"
        case m.PlanCard():
            return "yellow"
        case m.AuditVerdict():
            return "green" if message.broken_at is None else "bold red"
    return "bold"


def to_json(message: Message) -> str:
    """Return the facts of a message as JSON: ISO times, durations in seconds, never words, never a secret."""
    return json.dumps(_plain(asdict(message)), ensure_ascii=False, indent=2)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if key not in _SECRET}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
