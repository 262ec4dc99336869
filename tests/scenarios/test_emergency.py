"""One person alone at night, and the freeze that stops everybody (§7, §10; scenarios 51 and 57)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from bot.domain import ids
from bot.domain.configuration import Configuration
from bot.operations import audit, emergency
from bot.operations.tables import grants
from bot.process import Bot
from bot.sandbox.slack.entities import Message, View
from bot.sandbox.slack.person import Person
from bot.sandbox.slack.server import SlackServer
from tests.scenarios.conftest import LIVELY
from tests.support.cards import CHANNEL, card, chosen, head, typed, written
from tests.support.databases import TestServer
from tests.support.holding import held
from tests.support.jobs import Target
from tests.support.people import People
from tests.support.running import running_bot
from tests.support.waiting import eventually

SECURITY = "C0SECURITY"
PATIENT = 20
WHY = "Cleo and Dana called twice, no answer"


@pytest.fixture
def target_schema() -> str:
    """What people may do is the same on both schemas."""
    return "deployed"


@pytest.fixture
def approvers() -> tuple[str, ...]:
    """Say who may approve."""
    return ("U0BEN", "U0DANA")


@pytest.fixture
def config(approvers: tuple[str, ...]) -> Configuration:
    """Let whoever is alone wait three seconds in place of a minute, and tell the security channel."""
    timing = replace(
        LIVELY.timing, alone_delay=timedelta(seconds=3), idle_limit=timedelta(0), migration_wait=timedelta(seconds=1)
    )
    people = replace(LIVELY.people, operators=("U0ADA", "U0BEN"), approvers=approvers)
    return replace(LIVELY, timing=timing, people=people, security_channel=SECURITY)


@pytest.fixture
def people(target_dsn: str, worker_id: str) -> Iterator[People]:
    """Give other people's sessions."""
    made = People(target_dsn, f"dragonfly_test_engineer_{worker_id}")
    yield made
    made.close()


@pytest.fixture
def bot(
    bot_dsn: str, slack: SlackServer, config: Configuration, people: People, server: TestServer, pooled: bool
) -> Iterator[Bot]:
    """Give the running bot over signed HTTP, with the DBA's connection."""
    people.grant(grants(server.dba_role, dba=True))
    with (
        server.entry(people.make_role(server.dba_role), pooled=pooled) as dba,
        running_bot(bot_dsn, slack, config, "http", dragonfly_dba_database_url=dba) as running,
    ):
        yield running


def records(bot: Bot) -> list[dict[str, object]]:
    """Return every record."""
    with bot.services.db.read() as tx:
        rows = tx.connection.execute("SELECT record FROM ops.chatops_audit ORDER BY n").fetchall()
    return [row["record"] for row in rows]


def events(bot: Bot) -> list[str]:
    """Return what was recorded."""
    return [str(row["event"]) for row in records(bot)]


def in_security(slack: SlackServer, beginning: str) -> Message:
    """Wait for a card in the channel for security whose header begins with some words."""

    def found() -> Message | None:
        shown = [item for item in slack.workspace.messages(SECURITY) if item.blocks]
        return next(
            (item for item in shown if item.blocks[0].get("text", {}).get("text", "").startswith(beginning)), None
        )

    message = slack.workspace.wait_for(found, PATIENT)
    assert message is not None
    return message


def said(slack: SlackServer, words: str) -> bool:
    """Say whether some words stand in the incident channel."""
    return any(words in written(item) for item in slack.workspace.messages(CHANNEL))


def reads(slack: SlackServer, person: Person, words: str) -> View:
    """Wait until somebody's modal shows some words, and close it."""
    view = slack.workspace.wait_for(lambda: person.modal if words in str(person.modal) else None, PATIENT)
    assert view is not None
    person.closes(view)
    return view


def asked_to_end(slack: SlackServer, pid: int) -> Message:
    """Let Ada plan to end a session and ask for a second person."""
    ada = slack.person("U0ADA")
    ada.types(f"/dragonfly unlock {pid}")
    ada.presses(card(slack, "🟡 Plan: end session"), ids.ASK)
    ada.submits(ada.sees_modal(ids.VIEW_ASK), typed(reason="the deploy waits and nobody is at psql"))
    return card(slack, "⚠️ Second person")


def alone(slack: SlackServer, asked: Message, pid: int) -> None:
    """Let Ada mistype the target once, then say why nobody else can decide and type it."""
    ada = slack.person("U0ADA")
    ada.presses(asked, ids.MORE, given=chosen(asked, "Run alone (emergency)…"))
    form = ada.sees_modal(ids.VIEW_ALONE, timeout_seconds=PATIENT)
    assert ada.submits(form, typed(reason=WHY, typed="1")).errors == {"typed": f"That is not {pid}. Nothing was done."}
    assert ada.submits(form, typed(reason=WHY, typed=str(pid))).ok


def days_later(dsn: str, days: int) -> None:
    """Let so many days have passed since somebody ran something alone."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(
            "UPDATE ops.chatops_review SET opened_at = opened_at - make_interval(days => %(days)s), "
            "reminded_at = reminded_at - make_interval(days => %(days)s)",
            {"days": days},
        )


@pytest.mark.parametrize("approvers", [("U0ADA", "U0BEN", "U0DANA")])
def test_51_break_glass(bot: Bot, slack: SlackServer, people: People, target_dsn: str) -> None:
    """Without a firing alert refused; with one everybody is told, it runs, and reminders come until another approver than Ada has looked."""
    ada, ben = slack.person("U0ADA"), slack.person("U0BEN")
    pid = people.hold().info.backend_pid
    asked = asked_to_end(slack, pid)
    ben.presses(asked, ids.MORE, given=chosen(asked, "Run alone (emergency)…"))
    reads(slack, ben, "only <@U0ADA> may")
    ada.presses(asked, ids.MORE, given=chosen(asked, "Run alone (emergency)…"))
    reads(slack, ada, "None matches")

    waiter = people.wait()
    card(slack, "🔴 Blocked: migration")
    alone(slack, asked, pid)
    for post in (in_security(slack, "⚠️ Emergency: end session"), card(slack, "⚠️ Emergency: end session")):
        shown = written(post)
        assert "<@U0ADA> is to end session" in shown and WHY in shown and "migration" in shown
        assert "<@U0BEN>" in post.text and "anyone may stop it" in shown and f"<#{SECURITY}>" in shown
    eventually(lambda: not people.is_there(pid) and waiter.went_on, PATIENT)
    done = in_security(slack, f"⚠️ Emergency: {pid} ended")
    assert "alone" in written(done) and "Review open" in written(done)
    found = {row["event"]: row for row in records(bot)}
    assert found["confirmation.consumed"]["break_glass"] is True
    assert (found["confirmation.consumed"]["reason"], found["step.succeeded"]["break_glass"]) == (WHY, True)

    for _day in range(2):
        days_later(target_dsn, 1)
        assert (emergency.remind_due(bot.services), emergency.remind_due(bot.services)) == (1, 0)
    slack.workspace.wait_for(lambda: said(slack, "is still open, 2 d"), PATIENT)
    ada.presses(done, ids.REVIEW)
    reads(slack, ada, "another approver closes its review")
    ben.presses(done, ids.REVIEW)
    ben.submits(ben.sees_modal(ids.VIEW_REVIEW, timeout_seconds=PATIENT), typed(reason="looked at together: needed"))
    slack.workspace.wait_for(lambda: "Review closed by <@U0BEN>" in written(in_security(slack, "⚠️")), PATIENT)
    days_later(target_dsn, 2)
    assert emergency.remind_due(bot.services) == 0
    assert next(row for row in records(bot) if row["event"] == "review.closed")["break_glass"] is True
    assert audit.verify(bot.services).broken_at is None


def test_51_anybody_may_stop_it(bot: Bot, slack: SlackServer, people: People) -> None:
    """Cleo, who may change nothing, stops it in the channel for security: nothing was done, no review is open."""
    cleo = slack.person("U0CLEO")
    pid = people.hold().info.backend_pid
    asked = asked_to_end(slack, pid)
    people.wait()
    card(slack, "🔴 Blocked: migration")
    alone(slack, asked, pid)
    cleo.presses(in_security(slack, "⚠️ Emergency: end session"), ids.STOP_ALONE)
    assert "Stopped by <@U0CLEO>" in written(in_security(slack, "⚪ Cancelled: end session"))
    slack.workspace.wait_for(lambda: head(slack, asked.ts).startswith("⚪ Cancelled"), PATIENT)
    assert people.is_there(pid)
    [ended] = [row for row in records(bot) if row["event"] == "step.aborted"]
    assert (ended["actor"], ended["break_glass"]) == ("slack:T0DRAGON/U0CLEO", True)
    assert emergency.remind_due(bot.services) == 0


def test_57_freeze_midway(bot: Bot, slack: SlackServer, target: Target, target_dsn: str) -> None:
    """A freeze between confirmation and effect: aborted; reading works; who froze cannot unfreeze, another approver can."""
    ada, ben, dana = (slack.person(who) for who in ("U0ADA", "U0BEN", "U0DANA"))
    target.worker()
    target.worker("ingest_processor-alive", silent_seconds=-600)
    target.stuck(2)
    ada.types("/dragonfly reset-stuck")
    plan = card(slack, "🟡 Plan: reset 2 stuck jobs")
    with held(target_dsn):
        ada.presses(plan, ids.CONFIRM)
        eventually(lambda: "confirmation.consumed" in events(bot), PATIENT)
        ben.types("/dragonfly freeze database failover")
        slack.workspace.wait_for(lambda: said(slack, "Changes are off since"), PATIENT)
    slack.workspace.wait_for(lambda: head(slack, plan.ts).startswith("⚪ Refused"), PATIENT)
    refused = slack.workspace.find(CHANNEL, plan.ts)
    assert refused is not None and "database failover" in written(refused)
    assert target.statuses() == {"processing": 2}

    ada.types("/dragonfly reset-stuck")
    assert "changes are off since" in ada.is_told("Nothing was done", timeout_seconds=PATIENT).text
    ada.types("/dragonfly status")
    slack.workspace.wait_for(lambda: said(slack, "off since"), PATIENT)
    ada.types("/dragonfly unfreeze")
    assert "needs an approver" in ada.is_told("unfreeze", timeout_seconds=PATIENT).text
    ben.types("/dragonfly unfreeze")
    assert "another approver turns them on" in ben.is_told("Nothing was done", timeout_seconds=PATIENT).text

    dana.types("/dragonfly unfreeze")
    slack.workspace.wait_for(lambda: said(slack, "changes are on again"), PATIENT)
    ada.types("/dragonfly reset-stuck")
    slack.workspace.wait_for(lambda: len(plans_of(slack)) == 1, PATIENT)
    ada.presses(plans_of(slack)[0], ids.CONFIRM)
    eventually(lambda: target.statuses() == {"pending": 2}, PATIENT)
    found = {row["event"]: row for row in records(bot)}
    assert (found["freeze.set"]["actor"], found["freeze.set"]["reason"]) == (
        "slack:T0DRAGON/U0BEN",
        "database failover",
    )
    assert (found["freeze.lifted"]["actor"], found["freeze.lifted"]["frozen_by"]) == (
        "slack:T0DRAGON/U0DANA",
        "slack:T0DRAGON/U0BEN",
    )


def plans_of(slack: SlackServer) -> list[Message]:
    """Return the plans that may be confirmed now."""
    shown = [item for item in slack.workspace.messages(CHANNEL) if item.blocks]
    return [item for item in shown if str(item.blocks[0].get("text", {}).get("text", "")).startswith("🟡 Plan")]


def test_everybody_reads_and_acknowledges(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Cleo, who stands in no list, reads, is told who is on call and takes an alert; what changes something she is refused."""
    cleo = slack.person("U0CLEO")
    target.worker()
    alert = card(slack, "🔴 Offline: ingest worker")
    for words, answer in (("oncall", "On call now"), ("alerts", "ingest"), ("help", "status")):
        cleo.types(f"/dragonfly {words}")
        assert cleo.is_told(answer, timeout_seconds=PATIENT)
    cleo.presses(alert, ids.ACK)
    slack.workspace.wait_for(lambda: head(slack, alert.ts).startswith("🟡 Acknowledged"), PATIENT)
    for words, needs in (
        ("reset-stuck", "stuck jobs needs an operator"),
        ("freeze because", "freeze needs an operator"),
        ("unfreeze", "unfreeze needs an approver"),
        ("resolve A1 because", "resolve by hand needs an operator"),
    ):
        cleo.types(f"/dragonfly {words}")
        refused = cleo.is_told(needs, timeout_seconds=PATIENT).text
        assert "you may read and acknowledge" in refused and "<@U0" in refused
    assert [row["reason"] for row in records(bot) if row["event"] == "request.refused"]
