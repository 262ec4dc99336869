"""A call without an answer is settled from its card: a form, what was seen, and the record; once."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from bot.domain import ids
from bot.domain.messages import Notice, PlanFace
from bot.errors import NotAllowed
from bot.operations import audit
from bot.operations.services import Services
from bot.ports import Envelope
from bot.sandbox.railway.faults import FaultKind
from handlers import actions, submissions
from handlers.answers import Asked
from tests.support.jobs import Target
from tests.support.product import INCIDENTS, TEAM
from tests.support.railway import Cloud, carried_out, cloud, on, planned, shown

SAW = "the instances in Railway are those of yesterday"


@dataclass
class Views:
    """A chat of which only the modals are looked at."""

    shown: list[Any] = field(default_factory=list)

    def update_view(self, view_id: str, view: Any) -> None:  # noqa: ARG002  # the port's signature
        """Keep the view."""
        self.shown.append(view)

    def link(self, channel: str, ts: str) -> str:  # noqa: ARG002  # the port's signature
        """Return no address."""
        return ""


@pytest.fixture
def target_schema() -> str:
    """A settled call is the same on both schemas."""
    return "deployed"


@pytest.fixture
def railway(target: Target) -> Iterator[Cloud]:
    """Give a simulated Railway."""
    with cloud(target) as found:
        yield found


@pytest.fixture
def here(services: Services, railway: Cloud) -> Services:
    """Give the product with that Railway."""
    return on(services, railway)


@pytest.fixture
def unanswered(here: Services, railway: Cloud) -> str:
    """Give the plan of a restart that was not answered."""
    card = planned(here, "restart", service="api")
    railway.fault(FaultKind.ERROR, "deploymentRestart", status=502)
    return carried_out(here, card).key


def submitted(key: str, view: str, user: str = "U0BEN") -> Envelope:
    """Return a form that somebody sent."""
    return Envelope(
        key=f"{key}-{view}-{user}",
        kind="submission",
        team_id=TEAM,
        user_id=user,
        callback_id=view,
        private_metadata=key,
        inputs={ids.INPUT_REASON: SAW},
    )


@pytest.mark.parametrize(
    ("press", "view"), [(ids.SETTLE_YES, ids.VIEW_SETTLE_YES), (ids.SETTLE_NO, ids.VIEW_SETTLE_NO)]
)
def test_a_press_opens_the_form(here: Services, unanswered: str, press: str, view: str) -> None:
    """One field, what was seen, of 15 to 500 characters; it says what follows."""
    views = Views()
    pressed = Envelope(
        key="p",
        kind="action",
        team_id=TEAM,
        user_id="U0BEN",
        channel_id=INCIDENTS,
        action_id=press,
        value=unanswered,
        view_id="V1",
    )
    actions.handle(Asked(services=replace(here, chat=cast(Any, views)), envelope=pressed))
    [opened] = views.shown
    assert (opened["callback_id"], opened["private_metadata"]) == (view, unanswered)
    field = opened["blocks"][-1]["element"]
    assert (field["min_length"], field["max_length"]) == (15, 500)


def test_what_was_seen_settles_it_once(here: Services, railway: Cloud, unanswered: str) -> None:
    """The first form decides and is recorded with its words; the second is told so; nothing is sent again."""
    assert shown(here, unanswered).face is PlanFace.UNKNOWN
    with pytest.raises(NotAllowed):
        submissions.handle(Asked(services=here, envelope=submitted(unanswered, ids.VIEW_SETTLE_YES, "U0GIL")))
    assert submissions.handle(Asked(services=here, envelope=submitted(unanswered, ids.VIEW_SETTLE_NO))) is None
    late = submissions.handle(Asked(services=here, envelope=submitted(unanswered, ids.VIEW_SETTLE_YES, "U0ADA")))
    assert isinstance(late, Notice) and late.kind == "settled-already"
    ended = shown(here, unanswered)
    assert (ended.face, ended.reason) == (PlanFace.REFUSED, SAW)
    events = [entry.event for entry in audit.list_newest(here, 10).entries]
    assert events.count("step.reconciled_not_done") == 1
    assert len(railway.sent("deploymentRestart")) == 1
