"""A button that lacks what its step needs opens a form; submitted, it makes the plan where the button stood."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bot.domain import ids
from bot.domain.configuration import Configuration, Migrations
from bot.process import Bot
from bot.sandbox.slack.entities import Json, View
from bot.sandbox.slack.person import Person
from bot.sandbox.slack.server import SlackServer
from tests.scenarios.conftest import LIVELY
from tests.support import signed
from tests.support.cards import card, typed, written

PENDING = "20991226000000"


@pytest.fixture
def config(tmp_path: Path) -> Configuration:
    """Give a local list with one migration that is not recorded, and a Dana who may read."""
    file = tmp_path / "list"
    file.write_text(f"{PENDING}_add_feed_view.sql\n", encoding="utf-8")
    people = replace(LIVELY.people, approvers=("U0BEN", "U0CLEO"))
    return replace(LIVELY, migrations=Migrations(source=str(file)), people=people)


@pytest.fixture(autouse=True)
def may_repair(target_dsn: str, bot_dsn: str) -> None:
    """Let the bot's role change the history."""
    role = conninfo_to_dict(bot_dsn)["user"]
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        connection.execute(f"GRANT INSERT, UPDATE, DELETE ON supabase_migrations.schema_migrations TO {role}".encode())


def opened(person: Person) -> None:
    """Look at the migrations and press *Repair…*."""
    person.types("/dragonfly migrations")
    person.presses(person.is_told(PENDING), ids.PLAN_REPAIR)


def filled(form: View, version: str, status: str) -> Json:
    """Return the form's fields with these values."""
    element = next(block for block in form.blocks if block["block_id"] == "status")["element"]
    chosen = next(option for option in element["options"] if option["value"] == status)
    return typed(version=version) | {"status": {"status:v1": {"selected_option": chosen}}}


def test_a_repair_is_planned_from_its_form(bot: Bot, slack: SlackServer) -> None:
    """The first version that is not well stands in it; a version that is none is said under its field."""
    ada = slack.person("U0ADA")
    opened(ada)
    form = ada.sees_modal(ids.VIEW_STEP)
    fields = {block["block_id"]: block["element"] for block in form.blocks if block["type"] == "input"}
    assert fields["version"]["initial_value"] == PENDING
    assert [option["value"] for option in fields["status"]["options"]] == ["applied", "reverted"]

    answer = ada.submits(form, filled(form, "2099", "applied") | typed(version="last one"))
    assert answer.errors == {"version": "That is not a version of 4, 8 or 14 digits. Nothing was done."}
    assert ada.submits(form, filled(form, PENDING, "applied")).ok
    plan = card(slack, f"🟡 Plan: repair {PENDING}")
    assert "needs a second person" in plan.text.lower() and "Record 20991226000000 as applied" in written(plan)
    assert bot.services.config.env == "dev"


def test_what_is_known_only_later_is_told(bot: Bot, slack: SlackServer) -> None:
    """A version that nobody knows is refused when the plan is made: its sender alone is told, nothing is posted."""
    ada = slack.person("U0ADA")
    opened(ada)
    form = ada.sees_modal(ids.VIEW_STEP)
    assert ada.submits(form, filled(form, "20000101000000", "applied")).ok
    assert "no local migration 20000101000000" in ada.is_told("Nothing was done: no local").text
    assert bot.services.config.alert_channel == "C0INCIDENTS"


def test_the_form_is_for_operators(bot: Bot, slack: SlackServer) -> None:
    """Whoever may only read is shown what looks and not what changes; a press all the same is refused."""
    dana = slack.person("U0DANA")
    dana.types("/dragonfly migrations")
    shown = written(dana.is_told(PENDING))
    assert ids.READ_LOCKS in shown and ids.PLAN_REPAIR not in shown
    signed.press(bot, slack, ids.PLAN_REPAIR, f"-?version={PENDING}", user="U0DANA")
    assert "needs an operator" in dana.is_told("Nothing was done").text
    assert not [item for item in slack.workspace.messages("C0INCIDENTS") if "Plan:" in str(item.blocks)]
