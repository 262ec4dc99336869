"""A refusal carries the button that goes on from it, and the button does what it says (cards, 0.8 and 9)."""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest
from slack_bolt import Ack, BoltContext

from bot.domain import ids
from bot.domain.messages import PlanCard
from bot.operations import plans
from bot.operations.services import Services
from bot.ports import Envelope, Rendered
from handlers import actions, dispatch
from handlers.answers import Asked
from handlers.listeners import Listeners, Ours
from tests.support import signed
from tests.support.danger import make, plan
from tests.support.jobs import Target
from tests.support.product import BEN, DANA, INCIDENTS, TEAM, product


@pytest.fixture
def target_schema() -> str:
    """An answer is the same on both schemas."""
    return "deployed"


@dataclass
class Asking:
    """One who types and presses, and the last answer that only they saw."""

    services: Services
    told: str = ""
    buttons: tuple[tuple[str, str, str], ...] = ()

    def ephemeral(self, _channel: str, _user: str, content: Rendered, **_: object) -> None:
        """Keep what was shown: its words, and (label, action, value or address) of each button."""
        self.told = repr(content)
        rows = [block["elements"] for block in content.blocks if block["type"] == "actions"]
        found = [item for row in rows for item in cast("list[dict[str, Any]]", row)]
        self.buttons = tuple((i["text"]["text"], i["action_id"], i.get("url") or i["value"]) for i in found)

    def open_view(self, _trigger: str, _view: object) -> str:
        """Open a form."""
        return "V1"

    def update_view(self, view_id: str, view: object) -> None:
        """Keep what the form shows."""
        self.told = f"{view_id}: {view!r}"

    def link(self, channel: str, ts: str) -> str:
        """Return a message's address."""
        return f"https://slack.test/{channel}/{ts}"

    def sends(self, kind: str, user: str = "U0ADA", **what: Any) -> None:
        """Type or press."""
        self.told, self.buttons = "", ()
        sent = Envelope(key="k1", kind=kind, team_id=TEAM, user_id=user, channel_id=INCIDENTS, **what)
        dispatch.handle(self.services, sent)

    def presses(self, label: str) -> None:
        """Press a button of the last answer."""
        [(action, value)] = [(action, value) for text, action, value in self.buttons if text == label]
        self.sends("action", action_id=action, value=value)


def asking(services: Services) -> Asking:
    """Return Ada, who is answered."""
    made = Asking(services)
    made.services = replace(services, chat=cast(Any, made))
    return made


def listening(made: Asking) -> Listeners:
    """Return what Bolt calls, with work that is done at once."""
    ours = Ours(app_id="", team_id="")
    return Listeners(made.services, ours=lambda: ours, spawn=lambda act: act(), rejected=lambda _why: None)


def plans_made(target: Target) -> list[tuple[str, str]]:
    """Return the step and state of every plan, oldest first."""
    rows = target.connection.execute("SELECT step, state FROM ops.chatops_plan ORDER BY created_at, id").fetchall()
    return [(row[0], row[1]) for row in rows]


def posted(target: Target) -> None:
    """Let Slack have taken every card."""
    target.connection.execute(
        "UPDATE ops.chatops_outbox SET state = 'delivered', sent_channel = 'C0INCIDENTS', sent_ts = '1.1',"
        " ended_at = now() WHERE kind = 'post'"
    )


def test_a_command_that_is_nearly_one_is_planned_at_a_press(services: Services, target: Target) -> None:
    """The nearest command has its button, and help beside it; one that only reads has help alone."""
    target.worker()
    target.stuck(1)
    ada = asking(services)
    ada.sends("command", text="rest-stuck")
    assert "Nearest: `reset-stuck`" in ada.told
    assert [label for label, *_ in ada.buttons] == ["Plan reset-stuck…", "Help"]
    ada.presses("Plan reset-stuck…")
    assert plans_made(target) == [("reset-stuck", "issued")]
    ada.sends("command", user="U0DANA", text="statsu")
    assert [label for label, *_ in ada.buttons] == ["Help"]
    ada.presses("Help")
    assert "Dragonfly help" in ada.told


def test_a_bad_value_names_the_nearest_and_plans_it(services: Services, target: Target) -> None:
    """A type that is not known is answered with those that are, the nearest on a button."""
    target.worker()
    target.stuck(1)
    ada = asking(services)
    ada.sends("command", text="reset-stuck ingest_cvs")
    assert "Nearest: ingest_csv" in ada.told
    [(label, _action, _value)] = ada.buttons
    assert label == "Plan reset-stuck ingest_csv…"
    ada.presses(label)
    assert plans_made(target) == [("reset-stuck", "issued")]


def test_a_plan_that_ended_is_made_anew_at_a_press(target_dsn: str, target: Target) -> None:
    """The refusal of an ended plan has *Make a new plan…*, and it makes one."""
    target.worker()
    target.stuck(1)
    clock = [datetime.now(UTC)]
    with product(target_dsn, now=lambda: clock[0]) as services:
        ada = asking(services)
        card = plan(services, "reset-stuck", {})
        clock[0] += timedelta(minutes=5, seconds=1)
        ada.sends("action", action_id=ids.CONFIRM, value=card.secret)
        assert "ended at" in ada.told
        assert [label for label, *_ in ada.buttons] == ["Make a new plan…"]
        ada.presses("Make a new plan…")
    assert plans_made(target)[-1] == ("reset-stuck", "issued")


def test_a_refusal_opens_the_card_that_counts(services: Services, target: Target) -> None:
    """Replaced, somebody else at it, an older card: each has the link to the plan meant, once its card stands in Slack."""
    target.worker()
    target.stuck(1)
    ada = asking(services)
    old, new = plan(services, "reset-stuck", {}), plan(services, "reset-stuck", {})
    ada.sends("action", action_id=ids.CONFIRM, value=old.secret)
    assert (ada.buttons, f"replaced by `{new.key}`" in ada.told) == ((), True)
    posted(target)
    address = "https://slack.test/C0INCIDENTS/1.1"
    ada.sends("action", action_id=ids.CONFIRM, value=old.secret)
    assert ada.buttons == ((f"Open plan {new.key}", ids.OPEN_PLAN, address),)
    ada.presses(f"Open plan {new.key}")
    assert ada.told == ""
    ada.sends("action", action_id=ids.CONFIRM, value=ids.SecretValue(new.key, "A" * 43).encode())
    assert ada.buttons == ((f"Open plan {new.key}", ids.OPEN_PLAN, address),)
    assert "Here is the present one" in ada.told

    other = make(services, "reset-stuck", {}, BEN)
    assert isinstance(other, PlanCard)
    plans.confirm(services, other.key, BEN, secret=other.secret)
    posted(target)
    ada.sends("action", action_id=ids.CONFIRM, value=new.secret)
    assert re.search(r"<@U0BEN> is resetting stuck jobs since .*`" + other.key, ada.told)
    assert ada.buttons == ((f"Open plan {other.key}", ids.OPEN_PLAN, address),)


def test_a_button_of_an_older_version_leads_to_the_present_card(services: Services, target: Target) -> None:
    """An action that is not known any more is answered with the alert's card of today."""
    target.connection.execute(
        "INSERT INTO ops.chatops_outbox (kind, destination, message_key, render_from, state, next_attempt_at, sent_ts,"
        " sent_channel, created_at, ended_at) VALUES"
        " ('post', 'C0INCIDENTS', 'alert:31', '{}', 'delivered', now(), '1.1', 'C0INCIDENTS', now(), now())"
    )
    ada = asking(services)
    ada.sends("action", action_id="ancient:v0", value="A31")
    assert ada.buttons == (("Open A31", ids.OPEN_CARD, "https://slack.test/C0INCIDENTS/1.1"),)
    ada.sends("action", action_id="ancient:v0", value="A32")
    assert not ada.buttons
    assert "Make a new plan" in ada.told


def test_whoever_may_not_plan_has_no_such_button(services: Services) -> None:
    """In an answer for one person, what they may not press is left out (cards, 0.2)."""
    dana = asking(
        replace(services, config=replace(services.config, people=replace(services.config.people, approvers=())))
    )
    dana.sends("command", user=DANA.user_id, text="rest-stuck")
    assert [label for label, *_ in dana.buttons] == ["Help"]


def test_a_plan_is_refreshed_on_its_card(services: Services, target: Target) -> None:
    """The answer is the edit: nobody is told anything; of a plan that is not known they are."""
    target.worker()
    target.stuck(2)
    made, card = asking(services), plan(services, "reset-stuck", {})
    edits = "SELECT count(*) FROM ops.chatops_outbox WHERE kind = 'update' AND message_key = %s"
    made.sends("action", action_id=ids.REFRESH, value=ids.encode_request("plan", {"id": card.key}))
    assert target.connection.execute(edits, (f"plan:{card.key}",)).fetchone() == (1,)
    assert made.told == ""
    made.sends("action", action_id=ids.REFRESH, value=ids.encode_request("plan", {"id": "2222"}))
    assert "I know no" in made.told


def test_a_press_that_comes_too_late_is_told_so(services: Services, target: Target) -> None:
    """It is not acknowledged and not carried out; whoever pressed reads why, and nothing is kept of it."""
    made = asking(services)
    body = json.loads(str(signed.pressed(ids.ACK, "A1")["payload"]))
    context = BoltContext({"arrived": services.clock.monotonic() - 9})
    ack = Ack()  # type: ignore[no-untyped-call]
    answer = listening(made).action(body, ack, context)
    assert answer is not None and answer.status == 503
    assert "Your press came 9 s late. Nothing was done. Press again." in made.told
    assert target.connection.execute("SELECT count(*) FROM ops.chatops_inbox").fetchone() == (0,)


def test_every_button_of_a_blind_status_works_without_a_database(services: Services) -> None:
    """What needs no row is answered; what would change something says that it could not be written down."""
    ada = asking(replace(services, platform=cast(Any, object())))
    services.db.close()
    pressed = {
        ids.REFRESH: ("status", "Cannot see"),
        ids.read_action("oncall"): ("-", "on call"),
        ids.READ_LOGS: (ids.encode_request("-", {"service": "payments"}), "no service"),
        ids.PLAN_RESET: ("-", "could not write it down"),
        ids.REFRESH + "x": ("status", "could not write it down"),
    }
    for action, (value, said) in pressed.items():
        ada.told = ""
        sent = Envelope(key="k1", kind="action", team_id=TEAM, user_id="U0ADA", channel_id=INCIDENTS)
        asked = Asked(services=ada.services, envelope=replace(sent, action_id=action, value=value))
        dispatch.from_memory(asked, partial(actions.answer_from_memory, asked))
        assert said in ada.told


def pressed_blind(made: Asking, action: str, value: str, user: str = "U0ADA") -> str:
    """Press while nothing can be written down, and return what is told."""
    made.told = ""
    body = json.loads(str(signed.pressed(action, value, user=user)["payload"]))
    listening(made).action(body, Ack(), BoltContext())  # type: ignore[no-untyped-call]
    return made.told


def test_a_form_says_that_nothing_was_done_without_a_database(services: Services) -> None:
    """It was opened before anything could be written down, so it is the form that answers."""
    made = asking(services)
    services.db.close()
    told = pressed_blind(made, ids.READ_PLAN, "7F3K")
    assert told.startswith("V1: ") and "Nothing was done: I could not write it down" in told


def test_a_guest_reads_nothing_without_a_database_either(services: Services) -> None:
    """The directory needs no database: a press and a command of a guest are refused, a member's are answered."""
    made = asking(services)
    services.db.close()
    assert "a guest may not" in pressed_blind(made, ids.READ_STATUS, "-", user="U0GIL")
    assert "Cannot see" in pressed_blind(made, ids.READ_STATUS, "-")
    for user, said in (("U0GIL", "a guest may not"), ("U0ADA", "on call")):
        body = dict(signed.typed("oncall", user=user))
        listening(made).command(body, Ack(), BoltContext())  # type: ignore[no-untyped-call]
        assert said in made.told
