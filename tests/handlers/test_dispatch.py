"""The one place where an error becomes an answer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from bot.errors import OutcomeUnknown, TargetError, TargetRefused, TargetUnavailable
from bot.operations.services import Services
from bot.ports import Envelope
from handlers import dispatch
from tests.support.product import INCIDENTS, TEAM, Answers


@pytest.fixture
def target_schema() -> str:
    """An answer is the same on both schemas."""
    return "deployed"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            TargetUnavailable("Railway cannot be reached", hint="dragonfly doctor says more"),
            "Nothing was done: Railway",
        ),
        (TargetRefused("it was stopped"), "Nothing was done: it was stopped"),
        (OutcomeUnknown("no answer came"), "Not known whether it was done: no answer came"),
    ],
)
def test_a_target_that_does_not_do_it_is_answered_at_once(
    services: Services, monkeypatch: pytest.MonkeyPatch, error: TargetError, said: str
) -> None:
    """It is no fault of ours: no second try a minute later, and no report."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("handlers.commands.handle", fail)
    answers = Answers()
    ours = replace(services, chat=cast(Any, answers))
    sent = Envelope(key="c1", kind="command", team_id=TEAM, user_id="U0ADA", channel_id=INCIDENTS, text="migrations")
    dispatch.handle(ours, sent)
    [shown] = answers.shown
    assert said in shown


def test_what_asks_others_holds_up_no_press(services: Services) -> None:
    """A read that waits for Railway goes aside, and what goes wrong there is answered; a read of the database does not."""
    waiting: list[Callable[[], None]] = []
    answers = Answers()
    busy = replace(services, beside=waiting.append, chat=cast(Any, answers))
    sent = Envelope(key="c1", kind="command", team_id=TEAM, user_id="U0ADA", channel_id=INCIDENTS, text="logs ingest")
    dispatch.handle(busy, sent)
    assert (len(waiting), answers.shown) == (1, [])
    waiting.pop()()
    assert "no service 'ingest'" in answers.shown[0]
    dispatch.handle(busy, replace(sent, text="oncall"))
    assert (len(waiting), len(answers.shown)) == (0, 2)
