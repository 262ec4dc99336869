"""Plans as people see them: one card for every kind of step, its forms, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.domain.messages.base import Field, Link, Message


class PlanFace(StrEnum):
    """Which of the plan card's faces is shown (cards, section 3)."""

    ISSUED = "issued"
    NEEDS_SECOND = "needs_second"
    ASKED = "asked"
    APPROVED = "approved"
    WAITING = "waiting"
    """Confirmed; runs after a second look."""
    WORKING = "working"
    """Carried out; the proof is watched."""
    RECOVERED = "recovered"
    NO_EFFECT = "no_effect"
    PROOF_UNKNOWN = "proof_unknown"
    NOTHING_TO_DO = "nothing_to_do"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    DENIED = "denied"
    REFUSED = "refused"
    NOT_RUN = "not_run"
    FAILED = "failed"
    STOPPED = "stopped"
    """Some batches done, the rest not."""
    UNKNOWN = "unknown"
    """A call was sent and no answer came."""
    UNDONE = "undone"
    EMERGENCY = "emergency"
    """One person runs it alone in a moment, unless somebody stops it."""
    HANDED_OVER = "handed_over"
    """Printed for the DBA to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What is to be said of a step that one person runs, or ran, without a second one."""

    reason: str
    alert: str
    """The key of the alert that fired, and below what it is about and how old it was."""
    alert_title: str
    alert_age: timedelta | None
    told: tuple[str, ...]
    """Channels that were told at once."""
    opened_at: datetime
    is_open: bool
    """Nobody else has looked at it yet."""
    stopped_by: str = ""
    closed_by: str = ""
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCard(Message):
    """What exactly would be done, to what, what not and why; later, what came of it.

    What a kind of step alone knows stands in `facts` (as previewed), `result` (counts) and `proof`; its words are the
    macros of `templates/slack/plan/<kind>.j2`.
    """

    key: str
    face: PlanFace
    step: str
    kind: str
    title: str
    risk: str
    requester: str
    seal: str
    created_at: datetime
    expires_at: datetime
    database: str
    """Host, name and role of the database, and the variable that named it."""
    acting: int
    """How many things the plan would touch."""
    target: str
    """What must be typed where a second person is needed."""
    moved: int = 0
    """How many of them have moved on since, while it may still be carried out."""
    unseen: bool = False
    """How many that are cannot be seen now: none is said to have moved on."""
    stale: bool = False
    """Fewer than half are left: it would be refused."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    proof_limit: timedelta | None = timedelta(minutes=5)
    """How long the effect will be watched; None = there is nothing to watch."""
    way_back: str = ""
    approval_why: str = ""
    ask_reason: str = ""
    approvers: tuple[str, ...] = ()
    """Who may decide: not whoever asks, by none of their accounts."""
    approved_by: str = ""
    approved_at: datetime | None = None
    secret: str = field(default="", repr=False)
    """The value of the button that acts, which a stale card does not show; empty where nothing may act."""
    run_before: datetime | None = None
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    runs_at: datetime | None = None
    took: timedelta | None = None
    rows: int = 0
    result: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    ended_by: str = ""
    ended_at: datetime | None = None
    superseded_by: str = ""
    wrong_entries: int = 0
    """How often something else than the target was typed."""
    record_n: int | None = None
    proof: Mapping[str, Any] = field(default_factory=dict)
    proof_took: timedelta | None = None
    proof_until: datetime | None = None
    undo: int | None = None
    """How many things can be put back now; None = there is nothing an undo would do."""
    undone_by: str = ""
    """Who took it back, when, and how many things that put back."""
    undone_at: datetime | None = None
    put_back: int = 0
    alert: Link | None = None
    alone: Alone | None = None
    """It is, or was, run by one person alone."""
    may_run_alone: bool = False
    """Its kind may be run alone, and its requester is somebody in Slack."""
    url: str = ""
    """Where the thing itself can be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReply(Message):
    """Who did what, in the plan's thread; and the proof."""

    card: PlanCard
    event: str
    """`done`, `proved`, `no_effect`, `asked`, `approved`, `denied`, `unknown`, `settled`."""
    actor: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotPlan(Message):
    """The step is not possible on this database as it stands."""

    step: str
    title: str
    reasons: tuple[str, ...]
    remedy: tuple[str, ...] = ()
    verb: str = "plan"
    """`plan`, or `see` where a read could not look."""
    statement: str = ""
    """What a DBA may run in the bot's place, where only a right is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One job of a list: only public facts, never payload or error text."""

    id: str
    job_type: str
    locked_for: timedelta
    attempts: int
    max_attempts: int
    worker_id: str
    disposition: str
    reason: str
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingStuck(Message):
    """A plan was asked for and there is nothing it would touch."""

    stuck: int
    slow: int
    unknown: int
    unlisted: int
    guard_until: datetime | None = None
    jobs: tuple[JobLine, ...] = ()
    soon: int = 0
    """Jobs of dead workers that are not stuck yet, and when the last of them will be."""
    stuck_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLine:
    """One target of a plan, with the facts it is pinned by and what became of it."""

    id: str
    disposition: str
    reason: str
    facts: Mapping[str, Any]
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDetails(Message):
    """Modal and shell: every target of a plan, the statement and the strategy."""

    key: str
    seal: str
    kind: str
    targets: tuple[TargetLine, ...]
    total: int
    strategy: str
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskForm(Message):
    """Modal: says why a second person is asked."""

    card: PlanCard


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanForm(Message):
    """Modal: asks what a step needs before it can be planned."""

    step: str
    title: str
    why: str
    fields: tuple[Field, ...]
    place: str
    """The step, and where its plan's card goes: what the submission brings back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleForm(Message):
    """Modal: whether a call without an answer happened, and what was seen."""

    card: PlanCard
    happened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedForm(Message):
    """Modal: type the target to go on."""

    card: PlanCard
    still: bool | None = None
    """Whether the one thing it is about is as it was planned; None = cannot be told, or the card counts what moved on."""
    now: str = ""
    """Why it could not be planned now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AloneForm(Message):
    """Modal: why nobody else can decide, and the target typed."""

    card: PlanCard
    told: tuple[str, ...]
    """Channels that are told at once."""
    delay: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewForm(Message):
    """Modal: another approver closes the review of what one person ran alone."""

    card: PlanCard
