"""In an answer that one person sees, a button stands only for whoever may press it (cards, 0.2)."""

import pytest

from bot.domain import ids
from bot.domain.actor import Role
from bot.operations.authority import needed_role
from bot.ports import Rendered
from handlers import actions
from handlers.answers import pressable

OF_APPROVERS = {ids.APPROVE, ids.DENY, ids.REVIEW}
OF_ALL = {ids.ACK, ids.SHARE, ids.REFRESH, ids.GATE, ids.STOP_ALONE}


@pytest.mark.parametrize("action", sorted(actions.HANDLERS))
def test_each_press_has_its_role(action: str) -> None:
    """What looks is for everyone; what decides about others is for approvers; all else, known or not, is for operators."""
    looks = action in OF_ALL or action.startswith("read.")
    expected = Role.VIEWER if looks else Role.APPROVER if action in OF_APPROVERS else Role.OPERATOR
    assert needed_role(action) is expected
    assert needed_role("unheard.of:v1") is Role.OPERATOR


@pytest.mark.parametrize(
    ("role", "left"),
    [
        (Role.NOBODY, []),
        (Role.VIEWER, [ids.READ_LOCKS]),
        (Role.OPERATOR, [ids.READ_LOCKS, ids.PLAN_UNLOCK]),
        (Role.APPROVER, [ids.READ_LOCKS, ids.PLAN_UNLOCK, ids.APPROVE]),
    ],
)
def test_what_somebody_may_not_press_is_left_out(role: Role, left: list[str]) -> None:
    """A row without buttons goes with them; what is read stays."""
    words = {"type": "section", "block_id": "facts"}
    first = {"type": "actions", "elements": [{"action_id": ids.READ_LOCKS}, {"action_id": ids.PLAN_UNLOCK}]}
    second = {"type": "actions", "elements": [{"action_id": ids.APPROVE}]}
    shown = pressable(Rendered(text="locks", blocks=(words, first, second)), role)
    rows = [block["elements"] for block in shown.blocks[1:]]
    assert shown.blocks[0] == words
    assert [item["action_id"] for row in rows for item in row] == left  # type: ignore[attr-defined]
    assert all(rows)
