"""Run alone: every condition without which it is refused, and what ends it before it begins (§10, V6)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.messages import AloneForm, Message, Notice, PlanCard, PlanFace
from bot.errors import ChangesOff, InvalidCommand, NotAllowed
from bot.operations import approvals, audit, emergency, freezing, plans, runs
from bot.operations.declared import changing_step
from bot.operations.services import Services
from bot.store import inbox
from tests.support.danger import HERE, REASON
from tests.support.jobs import Target
from tests.support.product import ADA, BEN, CONFIG, DANA, SHELL, product

CAREFUL = replace(CONFIG, queue=replace(CONFIG.queue, approve_above=2), security_channel="C0SECURITY")
MINUTE = timedelta(seconds=61)


class Night:
    """Ada, alone, with a plan that waits for a second person; time is told."""

    def __init__(self, services: Services, target: Target, clock: list[datetime]) -> None:
        """Let three jobs be stuck, and ask."""
        self.services, self.target, self.clock = services, target, clock
        target.worker()
        target.stuck(3)
        made = plans.make(services, "reset-stuck", {}, ADA, HERE)
        assert isinstance(made, PlanCard)
        approvals.ask(services, made.key, ADA, REASON)
        self.key = made.key

    def alert(self, scenario: str = "worker-death", state: str = "firing") -> None:
        """Let an alert fire."""
        self.target.connection.execute(
            "INSERT INTO ops.chatops_alert (fingerprint, check_id, scenario, state, severity, started_at, fired_at, "
            "last_bad_at, channel) VALUES (%s, 'worker_heartbeat', %s, %s, 'critical', now(), now(), now(), 'C0INCIDENTS')",
            (scenario, scenario, state),
        )

    def over(self) -> None:
        """Let every alert be over."""
        self.target.connection.execute("UPDATE ops.chatops_alert SET state = 'resolved', resolved_at = now()")

    def told(self) -> None:
        """Let Slack have taken every message that waits."""
        self.target.connection.execute(
            "UPDATE ops.chatops_outbox SET state = 'delivered', sent_ts = '1.2', sent_channel = destination, "
            "ended_at = now() WHERE kind = 'post'"
        )

    def runs(self, typed: str = "3", actor: object = ADA) -> Message:
        """Let somebody run it alone."""
        return emergency.run_alone(self.services, self.key, actor, reason=REASON, typed=typed)  # type: ignore[arg-type]

    def passes(self, time: timedelta = MINUTE) -> PlanCard:
        """Let the minute pass, and whoever carries runs out look; return the card."""
        self.clock[0] += time
        runs.perform_due(self.services)
        card = plans.card(self.services, self.key)
        assert isinstance(card, PlanCard)
        return card


@pytest.fixture
def night(bot_dsn: str, target: Target) -> Iterator[Night]:
    """Give the situation."""
    clock = [datetime.now(UTC)]
    with product(bot_dsn, CAREFUL, now=lambda: clock[0]) as services:
        yield Night(services, target, clock)


def kind(message: Message) -> str:
    """Return a notice's kind."""
    assert isinstance(message, Notice), message
    return message.kind


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_five_wrong_entries_end_the_request(night: Night) -> None:
    """Four are refused, the fifth ends it, and the right one comes too late: nobody was told, nothing was done."""
    night.alert()
    said = []
    for number in range(1, 6):
        db, mark = night.services.db, f"view:{number}"
        assert (
            inbox.receive_wrong(db, key=mark, signature=None, kind="submission", envelope={}, plan=night.key) == number
        )
        said.append(kind(night.runs(typed="0")))
    assert said == ["wrong-typed"] * 4 + ["wrong-too-often"]
    assert kind(night.runs()) == "ended"
    assert night.passes().face is PlanFace.CANCELLED
    events = [entry.event for entry in audit.list_newest(night.services, 100).entries]
    assert (events.count("approval.ended"), "confirmation.consumed" in events) == (1, False)
    assert night.target.statuses() == {"processing": 3}


def test_it_runs_after_a_minute(night: Night) -> None:
    """Not before; then it is carried out like any other run, and its review is open."""
    night.alert()
    assert isinstance(emergency.form(night.services, night.key, ADA), AloneForm)
    waiting = night.runs()
    assert isinstance(waiting, PlanCard)
    assert (waiting.face, waiting.runs_at) == (PlanFace.EMERGENCY, night.clock[0] + timedelta(seconds=60))
    night.told()
    assert night.passes(timedelta(seconds=59)).face is PlanFace.EMERGENCY
    runs.perform(night.services, night.key)
    assert night.target.statuses() == {"processing": 3}
    done = night.passes(timedelta(seconds=2))
    assert done.face is PlanFace.WORKING and done.alone is not None and done.alone.is_open
    assert night.target.statuses() == {"pending": 3}


@pytest.mark.parametrize(
    ("scenario", "state"),
    [("worker-death", "resolving"), ("worker-death", "pending"), ("migration-block", "firing"), ("", "firing")],
)
@pytest.mark.parametrize("target_schema", ["deployed"])
def test_another_alert_is_no_reason(night: Night, scenario: str, state: str) -> None:
    """Only one that fires now, and is of the runbook of the step."""
    night.alert(scenario, state)
    assert kind(night.runs()) == "no-alert"


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_the_plans_own_alert_is_one(night: Night) -> None:
    """A plan made from an alert's card may be run alone while that alert fires, whatever runbook its step is of."""
    night.alert("migration-block")
    night.target.connection.execute("UPDATE ops.chatops_plan SET alert_id = (SELECT id FROM ops.chatops_alert)")
    assert isinstance(night.runs(), PlanCard)


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_who_may_not(night: Night) -> None:
    """Not somebody else, not from a shell, not with another target, not while changes are off, not twice."""
    night.alert()
    assert kind(night.runs(actor=BEN)) == "not-yours"
    with pytest.raises(NotAllowed, match="in Slack, never from a shell"):
        night.runs(actor=SHELL)
    assert kind(night.runs(typed="4")) == "wrong-typed"
    with pytest.raises(InvalidCommand, match="15 characters"):
        emergency.run_alone(night.services, night.key, ADA, reason="because" + " " * 20, typed="3")
    freezing.freeze(night.services, BEN, "database failover")
    with pytest.raises(ChangesOff):
        night.runs()
    freezing.unfreeze(night.services, DANA)
    assert isinstance(night.runs(), PlanCard)
    assert kind(night.runs()) == "runs-alone"
    assert kind(approvals.approve(night.services, night.key, DANA)) == "runs-alone"
    refused = [entry.summary for entry in audit.list_newest(night.services, 30).entries if "refused" in entry.event]
    assert len(refused) == 4


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_a_release_is_never_allowed_alone(night: Night) -> None:
    """What the gate refused takes two people, always."""
    night.alert()
    night.target.connection.execute("UPDATE ops.chatops_plan SET step = 'allow-release'")
    step, how = changing_step(night.services, "allow-release")
    rev = step.rev(how.settings(night.services))
    night.target.connection.execute("UPDATE ops.chatops_plan SET step_rev = %s", (rev,))
    assert kind(night.runs()) == "never-alone"


@pytest.mark.parametrize("target_schema", ["deployed"])
@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("over", "no matching alert fires any more"),
        ("unheard", "nobody could be told of it"),
        ("frozen", "changes are off"),
        ("stopped", "stopped before it ran"),
    ],
)
def test_what_ends_it_within_the_minute(night: Night, event: str, said: str) -> None:
    """The alert is over, nobody could be told, changes are off, somebody stops it: nothing is done, and there is no review."""
    night.alert()
    night.runs()
    if event != "unheard":
        night.told()
    if event == "over":
        night.over()
    if event == "frozen":
        freezing.freeze(night.services, BEN, "database failover")
    if event == "stopped":
        assert kind(emergency.stop(night.services, night.key, DANA)) == "alone-stopped"
        assert kind(emergency.stop(night.services, night.key, DANA)) == "too-late"
    ended = night.passes()
    assert said in ended.reason
    assert ended.face is (PlanFace.CANCELLED if event == "stopped" else PlanFace.REFUSED)
    assert night.target.statuses() == {"processing": 3}
    night.clock[0] += timedelta(days=2)
    assert emergency.remind_due(night.services) == 0
    assert kind(emergency.review_form(night.services, night.key, DANA)) == "no-review"


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_stopped_and_run_in_the_same_moment(night: Night) -> None:
    """Whichever is first: either it was stopped and nothing is done, or it is done and whoever pressed is told."""
    night.alert()
    night.runs()
    night.told()
    night.clock[0] += MINUTE
    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(runs.perform_due, night.services)
        stopped = kind(pool.submit(emergency.stop, night.services, night.key, BEN).result())
        done.result()
    assert night.target.statuses() == ({"processing": 3} if stopped == "alone-stopped" else {"pending": 3})


@pytest.mark.parametrize("target_schema", ["deployed"])
def test_a_review_is_closed_by_another_person(night: Night) -> None:
    """Not by whoever ran it, nor by another account of theirs; once."""
    people = replace(CAREFUL.people, approvers=(*CAREFUL.people.approvers, "U0ADA"), same=(("U0ADA", "U0BEN"),))
    night.services = replace(night.services, config=replace(CAREFUL, people=people))
    night.alert()
    night.runs()
    night.told()
    night.passes()
    close = emergency.close_review
    for who in (ADA, BEN):
        assert kind(close(night.services, night.key, who, "it was needed") or night.runs()) == "own-review"
    assert close(night.services, night.key, DANA, "it was needed") is None
    again = close(night.services, night.key, DANA, "it was needed")
    assert again is not None and kind(again) == "no-review"
