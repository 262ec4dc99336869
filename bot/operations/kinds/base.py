"""What a kind of step offers to the engine: a preview, a deed, a proof, a way back.

One mechanism serves all steps; a kind adds only what is its own. A deed is either SQL, in the transaction of its outcome
(`act`, §9 class A), or one call to something outside (`call`, class B): never both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.messages import CannotPlan, Message
from bot.domain.needs import Missing, unseen
from bot.domain.plan import digest
from bot.domain.runbook import Step, Strategy
from bot.operations.services import Services
from bot.store import plans
from bot.store.db import Tx
from bot.store.plans import Plan, Target
from bot.store.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What exactly would be done, as facts; nothing has happened yet."""

    params: Mapping[str, str]
    facts: Mapping[str, Any]
    """What the card shows; durations as seconds, times as ISO text."""
    sealed: Mapping[str, Any] = field(default_factory=dict)
    """What the seal covers beside the targets: everything that must not change between preview and effect."""
    targets: Sequence[Target] = ()
    acting: int = 1
    approval_why: str = ""
    milder: bool = False
    """It is a change where the step in general is a danger: nobody else need agree."""
    typed: str = ""
    """What must be typed when a second person agreed; the number of things, where it is empty."""
    resource: str = ""
    """At most one unfinished run each; the step's own, where it is empty."""

    def digest(self, step: str, database: str) -> str:
        """Return the digest of all that was previewed: same seal, same plan."""
        return digest({"step": step, "params": self.params, "facts": dict(self.sealed), "database": database})


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One locked run with all that is needed to go on with it."""

    run: Run
    plan: Plan
    step: Step
    kind: "Kind"
    catalog: Catalog

    def targets(self, tx: Tx) -> list[Target]:
        """Return the plan's pinned targets."""
        return plans.targets(tx, self.plan.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one batch came to."""

    result: Mapping[str, int]
    """Counts by what became of the targets."""
    rows: int
    """Things of the target that were changed."""
    moved: Sequence[int] = ()
    """Ordinals of the targets that had changed since the preview, and were left alone."""
    refused: str = ""
    """Why the batch must be taken back, or empty."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the proof begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How far "it worked" has come."""

    left: int
    """How much has not recovered yet; 0 = proved."""
    total: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    unknown: bool = False
    """The proof itself could not be looked at now."""
    over: bool = False
    """What is left cannot come any more: nothing is waited for."""


def _nothing(*_: object) -> Any:  # the empty answer of an optional verb: "", None
    return ""


def _never(*_: object) -> None:
    return None


def watched(services: Services, _facts: Mapping[str, Any]) -> timedelta:
    """Return how long a proof is usually watched."""
    return services.config.timing.proof_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The verbs of one kind of step."""

    preview: Callable[..., Preview | Message]
    """Look, given (services, tx, step, catalog, params) and, by keyword, what `outside` returned; it calls nobody."""
    outside: Callable[[Services, Mapping[str, str]], Mapping[str, Any]] = lambda _services, _params: {}
    """Ask or write what the preview needs before its snapshot begins: Postgres ends one that waits, and it only reads."""
    act: Callable[[Services, Tx, Work, int, int], Done] | None = None
    """Carry out the targets with `after` < ordinal <= `upto` in the given transaction."""
    call: Callable[[Services, Work], Done] | None = None
    """Ask something outside, once; raises `OutcomeUnknown` where no answer came."""
    read_back: Callable[[Services, Work], bool | None] = _never
    """Whether a call of unknown outcome happened, read back from outside; None = cannot tell."""
    settings: Callable[[Services], Mapping[str, object]] = lambda _services: {}
    """The configured numbers that void a plan when they change."""
    why_not_now: Callable[[Services, Tx, Step], str] = _nothing
    """Why it must not run at this moment, or empty."""
    not_before: Callable[[Services, Sequence[Target], datetime], datetime | None] = _never
    """When a second look is over, if one is needed."""
    proof_for: Callable[[Services, Mapping[str, Any]], timedelta | None] = _never
    """How long the proof of what was previewed will be watched, as the plan says; None = there is nothing to watch."""
    prove: Callable[[Services, Work], Proof] | None = None
    prove_sparingly: bool = False
    """Each look at the proof asks somebody who counts requests."""
    undo: "Kind | None" = None
    """The way back: a kind whose preview is given `{"run": id}`."""
    dba: bool = False
    """Its transaction runs on `DRAGONFLY_DBA_DATABASE_URL`, where one is set."""
    may_run_alone: bool = True
    """One person may run it in an emergency, where it needs a second one."""
    statement: str = ""
    """Which of the step's statements its details show."""


NEEDS_NO_ROWS = ("end_session", "repair", "rollback", "set_variable", "allow_release", "undo")
"""Kinds of step that work where neither the queue nor the heartbeats can be seen."""


def rows_unseen(step: Step, catalog: Catalog) -> tuple[Missing, ...]:
    """Return why the rows that a step touches cannot be seen, or nothing: hidden ones give no error (D6)."""
    return () if step.kind in NEEDS_NO_ROWS else unseen(catalog)


def readiness(services: Services, step: Step, catalog: Catalog) -> tuple[Strategy | None, tuple[Missing, ...]]:
    """Return by which strategy a step would work now, and what it lacks: nothing = it would."""
    offered = services.offered(catalog)
    chosen, lacking = step.choose(offered), rows_unseen(step, catalog)
    if not lacking and step.strategies and chosen is None:
        lacking = step.strategies[-1].unmet(offered, catalog.role)
    return chosen, lacking


def impossible(services: Services, tx: Tx, step: Step, catalog: Catalog) -> CannotPlan | None:
    """Return why a step cannot work on this database under our role, with what mends it, or None."""
    _, lacking = readiness(services, step, catalog)
    return cannot(services, tx, step, *told(lacking)) if lacking else None


def blind(services: Services, tx: Tx, catalog: Catalog, what: str) -> CannotPlan | None:
    """Return why the target cannot be seen at all, or None; what cannot be seen is never shown as empty (D6)."""
    lacking = unseen(catalog)
    return cannot_see(services, tx, what, *told(lacking)) if lacking else None


def told(lacking: Sequence[Missing]) -> tuple[list[str], list[str]]:
    """Return the reasons of what is lacking, and what mends it, once each."""
    return [item.reason for item in lacking], list(dict.fromkeys(item.remedy for item in lacking if item.remedy))


def cannot(services: Services, tx: Tx, step: Step, reasons: Sequence[str], remedy: Sequence[str] = ()) -> CannotPlan:
    """Return why a step cannot be planned, with what to do about it."""
    return replace(cannot_see(services, tx, step.id, reasons, remedy), title=step.title, verb="plan")


def cannot_see(services: Services, tx: Tx, what: str, reasons: Sequence[str], remedy: Sequence[str] = ()) -> CannotPlan:
    """Return why something cannot be looked at, with what to do about it."""
    return CannotPlan(
        env=services.config.env,
        as_of=tx.now,
        step=what,
        title=what,
        verb="see",
        reasons=tuple(reasons),
        remedy=tuple(item for item in remedy if item),
    )
