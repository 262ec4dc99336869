"""Plans as values: seals, secrets, and why a press is refused."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import canonical

MOST_WRONG = 5
"""Wrong entries of a target that end its request (cards, section 4)."""
LEAST_REASON = 15
"""Characters of a reason for doing without a second person."""
OF_A_SHELL = "cli:"
"""Whoever made a plan in a shell is nobody in Slack: there any operator may confirm it, as their own act."""


def digest(facts: Mapping[str, object]) -> str:
    """Return the digest of all that was previewed; its first eight characters are the seal."""
    return hashlib.sha256(canonical(facts).encode()).hexdigest()


def derive_secret(key: bytes, plan_id: str, nonce: str) -> str:
    """Return a plan's single-use secret; it is made anew from the key when the card is drawn, and never stored."""
    mac = hmac.new(key, f"dragonfly-plan:{plan_id}:{nonce}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def secret_hash(secret: str) -> bytes:
    """Return what the database keeps of a secret."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody wants to carry a plan out."""

    actor: str
    from_shell: bool
    secret_matches: bool
    channel: str = ""
    """Where it was pressed; empty = in a form, or in a shell."""
    message: str = ""
    """Timestamp of the message it was pressed on; empty = on none that stays."""
    approved_it: bool = False
    """The same person is the one who approved it."""
    typed: str | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides whether a plan may be carried out."""

    state: str
    requester: str
    ended_by: str | None
    expires_at: datetime
    approval: str
    channel: str
    """Where its card stands."""
    message: str = ""
    """The card's timestamp; empty = not known yet."""
    typed_target: str
    step_is_same: bool
    database_is_same: bool
    wrong_entries: int = 0


def is_target(target: str, typed: str | None) -> bool:
    """Say whether what was typed is the target."""
    return typed is not None and typed.strip() == target


_ENDS = {"consumed": "already-done", "expired": "expired", "superseded": "replaced"}


def why_refused(plan: Facts, press: Press) -> str:
    """Return the kind of notice that answers a refused press, or an empty string (cards, 0.8)."""
    if plan.state != "issued":
        return _ended(plan, press)
    if plan.expires_at <= press.now:
        return "expired"
    if not press.from_shell and press.actor != plan.requester and not plan.requester.startswith(OF_A_SHELL):
        return "not-yours"
    if not plan.database_is_same:
        return "other-database"
    if not plan.step_is_same:
        return "step-changed"
    if plan.approval not in ("none", "approved"):
        return "needs-second"
    if not press.from_shell and not (press.secret_matches and _is_on_its_card(plan, press)):
        return "old-card"
    return "" if plan.approval == "none" else _not_typed(plan, press)


def _is_on_its_card(plan: Facts, press: Press) -> bool:
    """Say whether a press may be of the plan's own card: what is not known is no other one (§8, C2)."""
    return press.channel in ("", plan.channel) and (not press.message or plan.message in ("", press.message))


def _ended(plan: Facts, press: Press) -> str:
    return "twice" if plan.state == "consumed" and plan.ended_by == press.actor else _ENDS.get(plan.state, "ended")


def why_undecided(state: str, approval: str, expires_at: datetime, now: datetime) -> str:
    """Return the kind of notice that answers a request, a decision or a cancel that came to nothing."""
    if state != "issued":
        return _ENDS.get(state, "ended")
    if expires_at <= now:
        return "expired"
    return {"approved": "decided", "asked": "asked-already"}.get(approval, "not-asked")


def _not_typed(plan: Facts, press: Press) -> str:
    if press.approved_it:
        return "own-approval"
    if plan.wrong_entries >= MOST_WRONG:
        return "wrong-too-often"
    return "" if is_target(plan.typed_target, press.typed) else "wrong-typed"
