"""What a step needs before it can work, and what to say and do where it is missing (design, D5 and *Preflight*). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot import words
from bot.domain.catalog import Catalog

_WORDS = words.load("needs")
_SAID = _WORDS["known"]
CONFIGURED = ("railway", "rollbacks", "migrations_source", "vendor", "offline_services")
"""Needs that a setting meets: a step that lacks only these is not set up, which is no fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One need that is not met."""

    need: str
    reason: str
    remedy: str = ""


def missing(needs: Iterable[str], offered: Iterable[str], *, role: str) -> tuple[Missing, ...]:
    """Return each need that is not offered, as a sentence and the statement or setting that mends it."""
    have = frozenset(offered)
    lacking = [need for need in needs if need not in have]
    columns = {f"updatable:{need}" for need in lacking}
    return tuple(_missing(need, role) for need in lacking if need not in columns)


def unseen(catalog: Catalog) -> tuple[Missing, ...]:
    """Return why the queue and the heartbeats cannot be seen, or nothing."""
    reasons = [_WORDS["unread"].format(need=name) for name in catalog.missing_least()]
    reasons = reasons or ([_WORDS["hidden"]] if catalog.hidden else [])
    return tuple(Missing(need="rows", reason=reason, remedy="dragonfly db grants") for reason in reasons)


def _missing(need: str, role: str) -> Missing:
    column = need.partition(":")[2]
    said = _WORDS["updatable"] if column else _SAID.get(need, {"reason": _WORDS["unnamed"]})
    facts = {"need": need, "role": role, "column": column}
    return Missing(need=need, **{name: text.format(**facts) for name, text in said.items()})


def is_known(need: str) -> bool:
    """Say whether a need can be looked at, so that a declaration asks for nothing that can never be met."""
    return need.startswith("updatable:") or need in _SAID
