"""What a kind of step offers to the engine: a preview, a deed in batches, and a proof.

One mechanism serves all steps; a kind adds only what is its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.messages import Message
from bot.domain.runbook import Step
from bot.operations.services import Services
from bot.store.db import Tx
from bot.store.plans import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What exactly would be done, as facts; nothing has happened yet."""

    params: Mapping[str, str]
    facts: Mapping[str, Any]
    targets: Sequence[Target]
    acting: int
    approval_why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one batch came to."""

    result: Mapping[str, int]
    """Counts by what became of the targets."""
    rows: int
    """Rows of the target that were changed."""
    moved: Sequence[int] = ()
    """Ordinals of the targets that had changed since the preview, and were left alone."""
    refused: str = ""
    """Why the batch must be taken back, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The verbs of one kind of step; each is given an open transaction and never opens its own."""

    preview: Callable[[Services, Tx, Step, Catalog, Mapping[str, str]], Preview | Message]
    settings: Callable[[Services], Mapping[str, object]]
    """The configured numbers that void a plan when they change."""
    why_not_now: Callable[[Services, Tx, Step], str]
    """Why it must not run at this moment, or empty."""
    act: Callable[[Services, Tx, Step, Catalog, str, int, int], Done]
    """Carry out the targets with `after` < ordinal <= `upto`."""
    not_before: Callable[[Services, Sequence[Target], datetime], datetime | None]
    """When a second look is over, if one is needed."""
    proof_for: Callable[[Services, Mapping[str, int], Mapping[str, Any]], timedelta | None]
    """How long the proof is watched; None = there is nothing to prove."""
    waiting: Callable[[Tx, Step, Catalog, str], tuple[int, int]]
    """How many rows the proof is about, and how many have not recovered yet."""
