"""Messages as Block Kit: words from `templates/slack`, order and limits here, controls from `bot.render.buttons`."""

import re
from collections.abc import Mapping
from typing import Any

from bot.domain import ids
from bot.domain import messages as m
from bot.domain.messages import Message
from bot.ports import Rendered
from bot.render import buttons, filters, limits
from bot.render.engine import Engine

_SNAKE = re.compile(r"(?<!^)(?=[A-Z])")
_FORMS = (m.Working, m.AskForm, m.TypedForm, m.ResolveForm, m.SettleForm, m.PlanDetails)


def template_name(message: Message) -> str:
    """Return the name of a message's template; all forms share one."""
    if isinstance(message, _FORMS):
        return "views"
    return _SNAKE.sub("_", type(message).__name__).lower()


class SlackRenderer:
    """The one renderer of the product (`ports.Renderer`)."""

    def __init__(self, *, zone: str = "UTC", names: Mapping[str, str] | None = None) -> None:
        """Prepare the templates; `names` are given names by id, for plain text."""
        self._engine = Engine("slack", zone=zone, names=names or {}, escape=True)
        self._engine.add_filter("link", _link)
        self._engine.add_filter("pre", _pre)

    def card(self, message: Message) -> Rendered:
        """Return a message's blocks and fallback text."""
        parts = self._parts(message)
        text = limits.cut_text(parts.pop("fallback", "").replace("\n", " "), 200)
        blocks = [_block(name, part) for name, part in limits.fit(list(parts.items()))]
        blocks += [{"type": "actions", "block_id": name, "elements": row} for name, row in buttons.rows(message)]
        return Rendered(text=text, blocks=tuple(blocks[: limits.BLOCKS]))

    def plain(self, message: Message) -> Rendered:
        """Return a message as text of at most 2,000 characters, without blocks."""
        parts = self._parts(message)
        fallback = parts.pop("fallback")
        text = "\n".join([fallback, *(parts[name] for name in ("facts", "do", "next", "foot") if name in parts)])
        return Rendered(text=limits.cut_text(text, limits.TEXT))

    def view(self, message: Message) -> Mapping[str, object]:
        """Return a modal, or a person's Home."""
        if isinstance(message, m.Home):
            return {"type": "home", "blocks": list(self.card(message).blocks)}
        if not isinstance(message, _FORMS):
            return self._notice_view(message)
        parts = self._parts(message)
        blocks = [_block(name, part) for name, part in limits.fit(list(parts.items()))]
        return {**_shell(message), "blocks": [*blocks, *_inputs(message)]}

    def _notice_view(self, message: Message) -> Mapping[str, object]:
        parts = self._parts(message)
        return {**_modal(ids.VIEW_WORKING, "Dragonfly", ""), "blocks": [_block("what", parts["facts"])]}

    def _parts(self, message: Message) -> dict[str, str]:
        return self._engine.blocks(template_name(message), {"card": message, "name": type(message).__name__})


def _link(url: str, label: str) -> str:
    return f"<{filters.clean(url)}|{label}>" if url else str(label)


def _pre(text: str) -> str:
    """Return a statement as preformatted text, short enough for one section."""
    kept = "\n".join(line.replace("`", "'") for line in text.splitlines() if line.strip())
    escaped = kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"```{limits.cut_text(escaped, limits.SECTION - 20)}```"


def _block(name: str, text: str) -> dict[str, Any]:
    if name == "head":
        return {"type": "header", "block_id": name, "text": limits.plain(limits.header(text.replace("\n", " ")), limits.HEADER)}
    if name == "foot":
        return {"type": "context", "block_id": name, "elements": [limits.mrkdwn(text.replace("\n", " "))]}
    return {"type": "section", "block_id": name, "text": limits.mrkdwn(text)}


def _modal(callback: str, title: str, private: str, submit: str = "") -> dict[str, Any]:
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": private,
        "title": limits.plain(title, limits.MODAL_TITLE),
        "close": limits.plain("Go back" if submit else "Close", limits.MODAL_TITLE),
    }
    if submit:
        view["submit"] = limits.plain(submit, limits.MODAL_TITLE)
    return view


def _shell(message: Message) -> dict[str, Any]:
    match message:
        case m.AskForm():
            return _modal(ids.VIEW_ASK, "Second person", message.card.key, "Ask second person")
        case m.TypedForm():
            return _modal(ids.VIEW_TYPED, message.card.title, message.card.secret, "Run")
        case m.SettleForm():
            view = ids.VIEW_SETTLE_YES if message.happened else ids.VIEW_SETTLE_NO
            return _modal(view, "What did you see?", message.card.key, "Settle")
        case m.ResolveForm():
            return _modal(ids.VIEW_RESOLVE, f"Resolve {message.key}", message.key, "Resolve")
        case m.PlanDetails():
            return _modal(ids.VIEW_PLAN, f"Plan {message.key}", message.key)
        case m.Working():
            return _modal(ids.VIEW_WORKING, message.title, "")
    raise TypeError(type(message).__name__)


def _inputs(message: Message) -> list[dict[str, Any]]:
    match message:
        case m.AskForm():
            return [_input("reason", ids.INPUT_REASON, "Why now?", least=15, most=500, multi=True)]
        case m.SettleForm():
            return [_input("reason", ids.INPUT_REASON, "What did you see?", least=15, most=500, multi=True)]
        case m.ResolveForm():
            return [_input("reason", ids.INPUT_REASON, "Why?", least=5, most=500, multi=True)]
        case m.TypedForm():
            return [_input("typed", ids.INPUT_TYPED, f"Type {message.card.target} to go on", least=1, most=40)]
    return []


def _input(block: str, action: str, label: str, *, least: int, most: int, multi: bool = False) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "plain_text_input", "action_id": action, "min_length": least, "max_length": most}
    if multi:
        element["multiline"] = True
    return {"type": "input", "block_id": block, "label": limits.plain(label, 150), "element": element}
