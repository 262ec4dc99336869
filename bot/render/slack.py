"""Messages as Block Kit: words from `templates/slack`, order and limits here, controls from `bot.render.buttons`."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import ids
from bot.domain import messages as m
from bot.domain.messages import Message
from bot.domain.redaction import Redactor
from bot.domain.timing import PLAYBOOK, Timing
from bot.ports import Rendered
from bot.render import buttons, filters, forms, limits
from bot.render.controls import labels
from bot.render.engine import Engine

_SNAKE = re.compile(r"(?<!^)(?=[A-Z])")
_SAY_THEMSELVES = ("frozen", "unfrozen")
"""Notices whose own words are whether changes are on: what was reduced a moment before does not stand under them."""


def template_name(message: Message) -> str:
    """Return the name of a message's template; all forms share one."""
    if isinstance(message, forms.FORMS):
        return "views"
    return _SNAKE.sub("_", type(message).__name__).lower()


class SlackRenderer:
    """The one renderer of the product (`ports.Renderer`)."""

    def __init__(
        self,
        *,
        zone: str = "UTC",
        names: Mapping[str, str] | None = None,
        timing: Timing = PLAYBOOK,
        mode: Callable[[], m.Mode | None] = lambda: None,
        redact: Redactor | None = None,
    ) -> None:
        """Prepare the templates.

        Args:
            zone: of clock times in plain text.
            names: given names by id, for plain text.
            timing: the limits that the words name.
            mode: what is reduced at present; every card says so in its last line.
            redact: takes out of every text what must not leave.
        """
        self._mode = mode
        net = redact or Redactor()
        self._plain = Engine("terminal", zone=zone, names=names or {}, timing=timing, escape=False, redact=net)
        self._engine = Engine("slack", zone=zone, names=names or {}, timing=timing, escape=True, redact=net)
        self._engine.add_filter("link", _link)
        self._engine.add_filter("pre", _pre)

    def card(self, message: Message) -> Rendered:
        """Return a message's blocks and fallback text; of too many blocks its controls stay."""
        parts = self._parts(message)
        text = limits.cut_text(parts.pop("fallback", "").replace("\n", " "), 200)
        blocks = [_block(name, part) for name, part in limits.fit(limits.in_pieces(parts))]
        blocks += self._reduced(message, blocks)
        rows = [
            {"type": "actions", "block_id": name, "elements": [self._asked_first(message, item) for item in row]}
            for name, row in buttons.rows(message)
        ]
        return Rendered(text=text, blocks=(*blocks[: limits.BLOCKS - len(rows)], *rows))

    def _reduced(self, message: Message, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Say under a card what is reduced at present: in its foot, or as one where it has none."""
        mode = self._mode()
        says_so = isinstance(message, m.ModeNotice) or getattr(message, "kind", "") in _SAY_THEMSELVES
        if mode is None or says_so:
            return []
        line = limits.mrkdwn(self._engine.text("parts/mode", {"mode": mode, "card": message}))
        foot = next((block for block in blocks if block["block_id"] == "foot"), None)
        if foot is None:
            return [{"type": "context", "block_id": "foot", "elements": [line]}]
        foot["elements"].append(line)
        return []

    def _asked_first(self, message: Message, control: dict[str, Any]) -> dict[str, Any]:
        """Return a control; an approval with Slack's own dialog, which says who asks for what."""
        if control["action_id"] != ids.APPROVE:
            return control
        said = self._plain.blocks("parts/approval", {"card": message})
        dialog = {
            "title": limits.plain(said["title"], limits.BUTTON),
            "text": limits.plain(said["text"], limits.DIALOG),
            "confirm": limits.plain(labels()["approve"], limits.MODAL_TITLE),
            "deny": limits.plain(labels()["go_back"], limits.MODAL_TITLE),
        }
        return control | {"confirm": dialog}

    def line(self, message: Message) -> str:
        """Return a message as one line of at most 140 characters."""
        words = self._plain.text(template_name(message), {"card": message})
        return limits.cut_text(" ".join(words.split()), limits.PAGE)

    def plain(self, message: Message) -> Rendered:
        """Return a message as text of at most 2,000 characters, without blocks."""
        parts = self._parts(message)
        fallback = parts.pop("fallback")
        text = "\n".join([fallback, *(parts[name] for name in ("facts", "do", "next", "foot") if name in parts)])
        return Rendered(text=limits.cut_text(text, limits.TEXT))

    def view(self, message: Message) -> Mapping[str, object]:
        """Return a modal, or a person's Home; a message that is no form is shown in a modal without its controls."""
        content = self.card(message).blocks
        if isinstance(message, m.Home):
            return {"type": "home", "blocks": list(content)}
        shown = [item for item in content if item["type"] != "actions"]
        inputs = [forms.block(field, self._words(message, field)) for field in forms.fields(message)]
        return forms.modal(message, self._words(message, m.Field()), [*shown, *inputs])

    def _words(self, message: Message, field: m.Field) -> dict[str, str]:
        return self._engine.blocks("forms", {"card": message, "name": type(message).__name__, "field": field})

    def _parts(self, message: Message) -> dict[str, str]:
        return self._engine.blocks(template_name(message), {"card": message, "name": type(message).__name__})


def _link(url: str, label: str) -> str:
    return f"<{filters.escaped(filters.clean(url))}|{label}>" if url else str(label)


def _pre(text: str) -> str:
    """Return a statement as preformatted text."""
    kept = "\n".join(line.replace("`", "'") for line in text.splitlines() if line.strip())
    return f"{limits.FENCE}{filters.escaped(filters.visible(kept))}{limits.FENCE}"


def _block(name: str, text: str) -> dict[str, Any]:
    if name == "head":
        return {
            "type": "header",
            "block_id": name,
            "text": limits.plain(limits.header(text.replace("\n", " ")), limits.HEADER),
        }
    if name == "foot":
        return {"type": "context", "block_id": name, "elements": [limits.mrkdwn(text.replace("\n", " "))]}
    return {"type": "section", "block_id": name, "text": limits.mrkdwn(text)}
