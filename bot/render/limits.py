"""Block Kit's limits, and how a message that is too long gives way (cards, 0.6).

Numbers: Slack's Block Kit reference, checked 2026-11; the total is undocumented (bolt-js issue 2509): we stay far below.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.render.filters import cut_name, middle

HEADER = 36
"""One line on a phone (cards, 0.2); Slack itself takes 150."""
SECTION = 2900
FENCE = "```"
BLOCKS = 30
TOTAL = 9000
TEXT = 2000
BUTTON = 75
DIALOG = 300
PAGE = 140
"""One text message (cards, section 13)."""
MODAL_TITLE = 24

GIVES_WAY = ("samples", "list", "evidence", "know", "good")
"""Sections that are shortened first, in this order; head, next and foot never are."""
_LONGEST_ENTITY = 120
_KEPT = ("head", "next", "foot", "act", "look")
_ID = re.compile(r"\d{8,}")
_SHORTEST_ID = 11


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


def header(text: str) -> str:
    """Return a card's header in one line of a phone; state word and environment stay.

    A long id of the thing between them gives way in its middle, then whole words at the end (cards, 0.6).
    """
    over = len(text) - HEADER
    if over <= 0:
        return text
    said, dot, env = text.rpartition(" · ")
    state, colon, thing = said.partition(": ") if ": " in said else ("", "", said)
    room = len(thing) - over
    thing = _ID.sub(lambda found: middle(found[0], max(_SHORTEST_ID, len(found[0]) - over)), thing)
    while len(thing) > room and " " in thing:
        thing = thing.rpartition(" ")[0].rstrip(",")
    return f"{state}{colon}{cut_name(thing, room)}{dot}{env}"


def in_pieces(parts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the parts, preformatted text in sections of its own length: two at most, each closed."""
    return [piece for name, text in parts.items() for piece in _pieces(name, text)]


def _pieces(name: str, text: str) -> list[tuple[str, str]]:
    room, inside = SECTION - 2 * len(FENCE), text.strip("`")
    if len(text) <= SECTION or not text.startswith(FENCE):
        return [(name, text)]
    end = inside.rfind("\n", 0, room + 1)
    end = end if end > 0 else len(cut_text(inside, room)) - 1
    rest = cut_text(inside[end:].lstrip("\n"), room)
    return [(name, f"{FENCE}{inside[:end]}{FENCE}"), (f"{name}_rest", f"{FENCE}{rest}{FENCE}")]


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
