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
_COLOURS = {"🔴": "bold red", "🟡": "yellow", "🟢": "green", "⚪": "dim", "⏸": "cyan", "⚠": "red"}
"""The colour of a first line by the emoji that Slack's header has (cards, 0.5)."""
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
        return self.coloured(message, mode)[0]

    def coloured(self, message: Message, mode: m.Mode | None = None) -> tuple[str, str]:
        """Return a message as plain text, and the colour of its first line: who has to act? (cards, 0.5)."""
        name = template_name(message)
        if self._engine.has(name):
            body = f"{self._engine.text(name, {'card': message})}\nas of {self._local(message.as_of)}"
            style = _judged(message)
        else:
            body, style = self._from_blocks(name, message)
        if mode:
            body += f"\n{self._engine.text('parts/mode', {'mode': mode, 'card': message})}"
        return body, style

    def _from_blocks(self, name: str, message: Message) -> tuple[str, str]:
        """Return a card's words line by line, without marks and emoji (cards, 0.7), and the colour of its emoji."""
        values = {"card": message, "name": type(message).__name__}
        parts = self._engine.blocks(name, values)
        parts.pop("fallback", None)
        style = _COLOURS.get(parts.get("head", "")[:1], "bold")
        parts["head"] = _headline(
            parts.get("head", "").replace("\n", " "),
            message.key if isinstance(message, m.PlanCard | m.AlertCard) else "",
        )
        if _would_tell(message):  # a shell tells nobody later: what to type instead
            parts["next"] = self._engine.text("parts/told", values)
        parts.pop("statement", None)
        statement = (
            message.statement if isinstance(message, m.CannotPlan | m.PlanDetails) else ""
        )  # as it is, to be run
        lines = "\n".join(part for part in parts.values() if part)
        return _MARKS.sub(r"\1", lines).replace("`", "") + (f"\n\n{statement}" if statement else ""), style

    def _local(self, at: datetime) -> str:
        return self._engine.clock(at) + f" {self._zone}"


def _judged(message: Message) -> str:
    """Return the colour of a message that has no emoji here."""
    if isinstance(message, m.StatusCard) and message.blind:
        return "dim"
    if isinstance(message, m.StatusCard) and message.alerts and all(line.acked_by for line in message.alerts):
        return "yellow"
    return {True: "bold red", False: "green"}.get(getattr(message, "has_findings", None), "bold")  # type: ignore[arg-type]


def _would_tell(message: Message) -> bool:
    """Say whether Slack's card says that its readers will be told what becomes of it."""
    if isinstance(message, m.PlanCard):
        return message.face is m.PlanFace.WORKING and message.proof_until is not None
    return isinstance(message, m.AlertCard) and message.face is m.AlertFace.RECOVERING


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
