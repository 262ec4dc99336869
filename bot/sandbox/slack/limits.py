"""What Slack refuses in the finished JSON of a message or a view.

Written on its own, not shared with the product's renderer: a limit misread there must not be misread here too. The
single values are checked by the table in `block_kit.py`; here stand the rules that span a whole payload.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.block_kit import (
    BLOCKS_IN_MESSAGE,
    MARKDOWN_TOTAL_MAX,
    SURFACES,
    VIEW_BYTES_MAX,
    VIEWS,
)
from bot.sandbox.slack.shapes import Many, Problem, Typed

ONE_A_MESSAGE = ("table", "data_table")


def check_message(blocks: object) -> list[Problem]:
    """Return what Slack refuses in the blocks of a message."""
    found: list[Problem] = []
    Many(Typed(SURFACES["message"]), BLOCKS_IN_MESSAGE, low=0).check(blocks, "/blocks", found)
    if isinstance(blocks, list):
        _check_together(blocks, "/blocks", found)
        kinds = Counter(str(block.get("type")) for block in _objects(blocks))
        found += [Problem("/blocks", f"only one {kind} allowed") for kind in ONE_A_MESSAGE if kinds[kind] > 1]
    return found


def check_view(view: object) -> list[Problem]:
    """Return what Slack refuses in a modal or a Home tab."""
    found: list[Problem] = []
    Typed(VIEWS).check(view, "/view", found)
    if not isinstance(view, dict) or not isinstance(view.get("blocks"), list):
        return found
    blocks = view["blocks"]
    _check_together(blocks, "/view/blocks", found)
    has_input = any(block.get("type") == "input" for block in _objects(blocks))
    if view.get("type") == "modal" and has_input and not view.get("submit"):
        found.append(Problem("/view/submit", "missing required field: submit"))
    if sum(item.get("focus_on_load") is True for item in walk(blocks)) > 1:
        found.append(Problem("/view/blocks", "only one element may have focus_on_load"))
    return found


def view_is_too_large(view: object) -> bool:
    """Return whether a view is larger than Slack takes (250 kB)."""
    return len(json.dumps(view).encode()) > VIEW_BYTES_MAX


def block_text_length(blocks: object) -> int:
    """Return the number of characters in all texts of the blocks."""
    return sum(len(item["text"]) for item in walk(blocks) if isinstance(item.get("text"), str))


def walk(value: object) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON value, outermost first."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from walk(item)


def _objects(blocks: list[object]) -> list[dict[str, Any]]:
    return [block for block in blocks if isinstance(block, dict)]


def _check_together(blocks: list[object], pointer: str, found: list[Problem]) -> None:
    _check_unique_ids(blocks, pointer, found)
    _check_input_lengths(blocks, pointer, found)
    markdown = sum(len(str(b.get("text", ""))) for b in _objects(blocks) if b.get("type") == "markdown")
    if markdown > MARKDOWN_TOTAL_MAX:
        found.append(Problem(pointer, f"markdown text must be less than {MARKDOWN_TOTAL_MAX + 1} characters in all"))


def _check_unique_ids(blocks: list[object], pointer: str, found: list[Problem]) -> None:
    block_ids = Counter(b["block_id"] for b in _objects(blocks) if isinstance(b.get("block_id"), str))
    found += [Problem(pointer, f"block_id {name} already exists") for name, n in block_ids.items() if n > 1]
    for index, block in enumerate(blocks):
        actions = Counter(i["action_id"] for i in walk(block) if isinstance(i.get("action_id"), str))
        found += [
            Problem(f"{pointer}/{index}", f"action_id {name} already exists") for name, n in actions.items() if n > 1
        ]


def _check_input_lengths(blocks: list[object], pointer: str, found: list[Problem]) -> None:
    for item in walk(blocks):
        low, high = item.get("min_length"), item.get("max_length")
        if isinstance(low, int) and isinstance(high, int) and low > high:
            found.append(Problem(pointer, "min_length must not be greater than max_length"))
