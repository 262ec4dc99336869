"""Block Kit's limits, and how a message that is too long gives way (cards, 0.6).

Numbers: Slack's Block Kit reference, checked 2026-11; the total is undocumented (bolt-js issue 2509): we stay far below.
"""

from collections.abc import Sequence
from typing import Any

HEADER = 150
SECTION = 2900
BLOCKS = 30
TOTAL = 9000
TEXT = 2000
BUTTON = 75
MODAL_TITLE = 24

GIVES_WAY = ("samples", "list", "evidence", "know", "good")
"""Sections that are shortened first, in this order; head, next and foot never are."""
_LONGEST_ENTITY = 120
_KEPT = ("head", "next", "foot", "act", "look")


def cut_text(text: str, most: int) -> str:
    """Return text of at most `most` characters, never cut inside an entity, a mention or a date."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    for opening, closing in (("<", ">"), ("&", ";")):
        start = kept.rfind(opening)
        if start > kept.rfind(closing) and len(kept) - start < _LONGEST_ENTITY:
            kept = kept[:start]
    return f"{kept}…"


def fit(parts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the parts within a section's and a message's limits, giving way in the agreed order."""
    fitted = [(name, cut_text(text, SECTION)) for name, text in parts]
    for name in (*GIVES_WAY, *(item for item, _ in reversed(fitted) if item not in _KEPT)):
        over = sum(len(text) for _, text in fitted) - TOTAL
        if over <= 0:
            break
        fitted = [(item, cut_text(text, max(1, len(text) - over)) if item == name else text) for item, text in fitted]
    return fitted


def mrkdwn(text: str) -> dict[str, Any]:
    """Return a text object."""
    return {"type": "mrkdwn", "text": text}


def plain(text: str, most: int) -> dict[str, Any]:
    """Return a plain text object; entities are for mrkdwn only."""
    raw = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return {"type": "plain_text", "text": cut_text(raw, most), "emoji": True}
