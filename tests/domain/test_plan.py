"""Why a press is refused, as a table (cards, 0.8)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.plan import Facts, Press, derive_secret, why_refused, why_undecided

NOW = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
PLAN = Facts(
    state="issued",
    requester="slack:T1/U1",
    ended_by=None,
    expires_at=NOW + timedelta(minutes=5),
    approval="none",
    channel="C0INCIDENTS",
    typed_target="340",
    step_is_same=True,
    database_is_same=True,
)
PRESS = Press(actor="slack:T1/U1", from_shell=False, secret_matches=True, typed=None, now=NOW)
APPROVED = replace(PLAN, approval="approved")


@pytest.mark.parametrize(
    ("plan", "press", "kind"),
    [
        (PLAN, PRESS, ""),
        (PLAN, replace(PRESS, actor="slack:T1/U2"), "not-yours"),
        (PLAN, replace(PRESS, secret_matches=False), "old-card"),
        (PLAN, replace(PRESS, actor="cli:a@b", from_shell=True, secret_matches=False), ""),
        (PLAN, replace(PRESS, channel="C0INCIDENTS"), ""),
        (PLAN, replace(PRESS, channel="C0GENERAL"), "old-card"),
        (replace(PLAN, message="7.1"), replace(PRESS, message="7.2"), "old-card"),
        (replace(PLAN, message="7.1"), replace(PRESS, message="7.1"), ""),
        (PLAN, replace(PRESS, message="7.2"), ""),
        (replace(PLAN, requester="cli:a@b"), PRESS, ""),
        (replace(PLAN, requester="cli:a@b"), replace(PRESS, secret_matches=False), "old-card"),
        (APPROVED, replace(PRESS, typed="340", approved_it=True), "own-approval"),
        (APPROVED, replace(PRESS, actor="cli:a@b", from_shell=True, typed="340", approved_it=True), "own-approval"),
        (replace(PLAN, approval="asked", database_is_same=False), PRESS, "other-database"),
        (replace(PLAN, expires_at=NOW), PRESS, "expired"),
        (replace(PLAN, state="expired"), PRESS, "expired"),
        (replace(PLAN, state="superseded"), PRESS, "replaced"),
        (replace(PLAN, state="revoked"), PRESS, "ended"),
        (replace(PLAN, state="consumed", ended_by="slack:T1/U1"), PRESS, "twice"),
        (replace(PLAN, state="consumed", ended_by="slack:T1/U2"), PRESS, "already-done"),
        (replace(PLAN, database_is_same=False), PRESS, "other-database"),
        (replace(PLAN, step_is_same=False), PRESS, "step-changed"),
        (replace(PLAN, approval="needed"), PRESS, "needs-second"),
        (replace(PLAN, approval="asked"), PRESS, "needs-second"),
        (APPROVED, PRESS, "wrong-typed"),
        (APPROVED, replace(PRESS, typed="341"), "wrong-typed"),
        (APPROVED, replace(PRESS, typed=" 340 "), ""),
        (replace(APPROVED, wrong_entries=4), replace(PRESS, typed="340"), ""),
        (replace(APPROVED, wrong_entries=5), replace(PRESS, typed="340"), "wrong-too-often"),
    ],
)
def test_each_refusal(plan: Facts, press: Press, kind: str) -> None:
    """Each case of a press has its own answer."""
    assert why_refused(plan, press) == kind


def test_a_secret_is_bound_to_key_plan_and_nonce() -> None:
    """Another key, plan or nonce gives another secret; the same gives the same on every replica."""
    first = derive_secret(b"k", "7F3K", "n")
    assert first == derive_secret(b"k", "7F3K", "n")
    assert (
        len(
            {
                first,
                derive_secret(b"x", "7F3K", "n"),
                derive_secret(b"k", "8Q2M", "n"),
                derive_secret(b"k", "7F3K", "m"),
            }
        )
        == 4
    )
    assert len(first) == 43


@pytest.mark.parametrize(
    ("state", "approval", "late", "answer"),
    [
        ("issued", "asked", False, "asked-already"),
        ("issued", "approved", False, "decided"),
        ("issued", "needed", False, "not-asked"),
        ("issued", "none", False, "not-asked"),
        ("issued", "asked", True, "expired"),
        ("superseded", "asked", False, "replaced"),
        ("consumed", "approved", False, "already-done"),
        ("revoked", "denied", False, "ended"),
    ],
)
def test_what_a_plan_does_not_take_is_refused_by_what_it_is(state: str, approval: str, late: bool, answer: str) -> None:
    """A request asked twice, a decision nobody asked for, and both after the end, before anybody swept it."""
    ends = PRESS.now - timedelta(seconds=1) if late else PRESS.now + timedelta(minutes=1)
    assert why_undecided(state, approval, ends, PRESS.now) == answer
