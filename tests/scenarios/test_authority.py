"""Who may do what, pressed over signed HTTP: identity, tokens and approvals (§7, §8, §10; scenarios 17 to 22, 30 and 50)."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import psycopg
import pytest
from psycopg.rows import dict_row

from bot.clock import SystemClock
from bot.domain import ids
from bot.domain.configuration import Configuration
from bot.errors import ChangesOff
from bot.operations import audit, plans
from bot.process import Bot
from bot.sandbox.slack.entities import Message
from bot.sandbox.slack.people import UserGroup
from bot.sandbox.slack.person import Person
from bot.sandbox.slack.server import SlackServer, SlackSettings
from tests.scenarios.conftest import LIVELY
from tests.support import signed
from tests.support.cards import card, head, result, typed, value_of, written
from tests.support.databases import TestServer
from tests.support.holding import held
from tests.support.jobs import Target
from tests.support.product import ADA
from tests.support.running import running_bot
from tests.support.waiting import eventually

ASKED = "two of us have to look at this one"
PATIENT = 20


@pytest.fixture
def target_schema() -> str:
    """Authority is the same on both schemas."""
    return "deployed"


@pytest.fixture
def transport() -> str:
    """Presses come over signed HTTP."""
    return "http"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """Give a workspace that does not count calls: hundreds are refused here."""
    with SlackServer(SlackSettings(rate_limits=False)) as server:
        yield server


@pytest.fixture
def config() -> Configuration:
    """Ask the directory each time; from three jobs on a second person is needed; Ada has a second account."""
    people = replace(
        LIVELY.people, operators=("S0OPS",), approvers=("U0DANA", "S0APPROVERS"), same=(("U0ADA", "U0DANA"),)
    )
    timing = replace(LIVELY.timing, identity_fresh=timedelta(0), identity_kept=timedelta(0))
    return replace(LIVELY, people=people, timing=timing, queue=replace(LIVELY.queue, approve_above=2))


def stuck(target: Target, jobs: int) -> None:
    """Let jobs be stuck whose worker is dead, while others of its type live on."""
    target.worker()
    target.worker("ingest_processor-alive", silent_seconds=-600)
    target.worker("enforcement_engine-1", silent_seconds=-600, worker_type="enforcement_engine")
    target.stuck(jobs)


def planned(slack: SlackServer, jobs: int, person: str = "U0ADA") -> tuple[Message, str]:
    """Let somebody plan a reset; return its card and the value of its Confirm."""
    slack.person(person).types("/dragonfly reset-stuck")
    plan = card(slack, f"🟡 Plan: reset {jobs} stuck jobs")
    return plan, value_of(plan, ids.CONFIRM)


def asked_for(slack: SlackServer, jobs: int) -> Message:
    """Let Ada plan a large reset and ask for a second person."""
    ada = slack.person("U0ADA")
    plan, _none = planned(slack, jobs)
    ada.presses(plan, ids.ASK)
    ada.submits(ada.sees_modal(ids.VIEW_ASK), typed(reason=ASKED))
    return card(slack, "⚠️ Second person")


def records(bot: Bot) -> list[tuple[str, str, str]]:
    """Return every record: what, who, why."""
    with bot.services.db.read() as tx:
        rows = tx.connection.execute(
            "SELECT event, actor, coalesce(record ->> 'reason', '') AS why FROM ops.chatops_audit ORDER BY n"
        ).fetchall()
    return [(row["event"], row["actor"], row["why"]) for row in rows]


def events(bot: Bot) -> list[str]:
    """Return what was recorded."""
    return [event for event, _who, _why in records(bot)]


def plan_state(dsn: str) -> str:
    """Return the state of the newest plan."""
    with psycopg.connect(dsn) as owner:
        row = owner.execute("SELECT state FROM ops.chatops_plan ORDER BY created_at DESC").fetchone()
    assert row is not None
    return str(row[0])


@contextmanager
def second(bot_dsn: str, slack: SlackServer, config: Configuration) -> Iterator[Bot]:
    """Give another replica on the same database."""
    with running_bot(bot_dsn, slack, config, "http") as running:
        yield running


POLITE = ("first press counted", "cannot check who you are")
"""What a press is told that came second, or for which a busy directory did not answer in time."""


def test_17_double_click(bot: Bot, bot_dsn: str, slack: SlackServer, config: Configuration, target: Target) -> None:
    """Fifty concurrent confirms of one plan on two replicas: one run, forty-nine polite refusals, one record of the confirmation."""
    stuck(target, 2)
    plan, value = planned(slack, 2)
    ada = slack.person("U0ADA")
    with second(bot_dsn, slack, config) as other, ThreadPoolExecutor(50) as pool:
        together = Barrier(50)

        def press(side: Bot) -> int:
            together.wait(PATIENT)
            return signed.press(side, slack, ids.CONFIRM, value).status_code

        assert list(pool.map(press, [bot, other] * 25)) == [200] * 50
        eventually(lambda: len(ada.private_messages) >= 49, PATIENT)
        assert [item.text for item in ada.private_messages if not any(words in item.text for words in POLITE)] == []
        slack.workspace.wait_for(lambda: head(slack, plan.ts).startswith("🟡 Working: 2 of 2"), PATIENT)

    assert target.statuses() == {"pending": 2}
    found = events(bot)
    assert (found.count("confirmation.consumed"), found.count("step.succeeded")) == (1, 1)
    assert found.count("confirmation.refused") == 1, "one row for an actor, a reason and a minute"
    assert audit.verify(bot.services).broken_at is None


def foreign(slack: SlackServer, *, channel: bool = False, **user: object) -> None:
    """Let Ben be somebody else to the directory, or the incident channel belong to others too."""
    if channel:
        found = slack.workspace.channel("C0INCIDENTS")
        assert found is not None
        slack.workspace.put_channel(replace(found, is_ext_shared=True))
        return
    ben = slack.workspace.user("U0BEN")
    assert ben is not None
    slack.workspace.put_user(replace(ben, **user))  # type: ignore[arg-type]


FORGERIES: dict[str, tuple[dict[str, object], dict[str, str], str, str]] = {
    "another operator": ({}, {"user": "U0BEN"}, "slack:T0DRAGON/U0BEN", "not-yours"),
    "a guest": ({"is_restricted": True}, {"user": "U0BEN"}, "slack:T0DRAGON/U0BEN", "a guest"),
    "a guest of one channel": ({"is_ultra_restricted": True}, {"user": "U0BEN"}, "slack:T0DRAGON/U0BEN", "a guest"),
    "a workflow": ({"is_workflow_bot": True}, {"user": "U0BEN"}, "slack:T0DRAGON/U0BEN", "a workflow"),
    "a deleted account": ({"deleted": True}, {"user": "U0BEN"}, "slack:T0DRAGON/U0BEN", "a deleted account"),
    "a bot": ({}, {"user": "U0BOT"}, "slack:T0DRAGON/U0BOT", "a bot"),
    "nobody Slack knows": ({}, {"user": "U9NOBODY"}, "slack:T0DRAGON/U9NOBODY", "somebody unknown to this workspace"),
    "a stranger": ({"is_stranger": True}, {"user": "U0BEN"}, "slack:T0DRAGON/U0BEN", "somebody from another workspace"),
    "another team": ({}, {"team": "T9OTHER"}, "slack:T9OTHER/U0ADA", "somebody from another workspace"),
    "an external in a shared channel": (
        {},
        {"user_team": "T9OTHER"},
        "slack:T9OTHER/U0ADA",
        "somebody from another workspace",
    ),
    "a team that hides": (
        {"team_id": "T9OTHER"},
        {"user": "U0BEN"},
        "slack:T0DRAGON/U0BEN",
        "somebody from another workspace",
    ),
    "another channel": ({}, {"channel": "C0GENERAL"}, "slack:T0DRAGON/U0ADA", "a channel that is not listed"),
    "another message": ({}, {"message": "1795000000.000001"}, "slack:T0DRAGON/U0ADA", "old-card"),
    "a direct message": ({}, {"channel": "D0ADA"}, "slack:T0DRAGON/U0ADA", "a channel that is not listed"),
    "a channel that others share": ({"channel": True}, {}, "slack:T0DRAGON/U0ADA", "another organisation is in it"),
}


@pytest.mark.parametrize("who", FORGERIES)
def test_18_forged_actor(bot: Bot, slack: SlackServer, target: Target, target_dsn: str, who: str) -> None:
    """Whoever is not the requester, a full member of our team, in a listed channel of our own is refused and recorded; the plan stays."""
    world, said, actor, why = FORGERIES[who]
    stuck(target, 2)
    plan, value = planned(slack, 2)
    foreign(slack, **world)  # type: ignore[arg-type]

    assert signed.press(bot, slack, ids.CONFIRM, value, **said).status_code == 200
    eventually(lambda: [row for row in records(bot) if row[1:] == (actor, why)], PATIENT)
    assert (plan_state(target_dsn), target.statuses()) == ("issued", {"processing": 2})

    if "channel" not in world:
        slack.person("U0ADA").presses(plan, ids.CONFIRM)
        eventually(lambda: target.statuses() == {"pending": 2}, PATIENT)


def test_18_a_user_id_in_text_is_nobody(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Who acts is who signed for it: an id in the words of a command, or of a bot's message, changes nothing."""
    stuck(target, 1)
    gil = slack.person("U0GIL")
    gil.types("/dragonfly resolve A1 <@U0ADA> says so")
    assert "a guest may not" in gil.is_told("Nothing was done").text
    assert signed.mention(bot, slack, "status <@U0ADA>", bot_id="B0OTHER", user="U0ADA").status_code == 200
    assert signed.mention(bot, slack, "status", user="U0GIL").status_code == 200
    eventually(lambda: ("request.refused", "slack:T0DRAGON/B0OTHER", "a bot") in records(bot), PATIENT)
    eventually(lambda: [row for row in records(bot) if row[1:] == ("slack:T0DRAGON/U0GIL", "a guest")], PATIENT)
    assert not [item for item in slack.workspace.messages("C0INCIDENTS") if "All well" in written(item)]


def test_20_role_removed_midway(bot: Bot, slack: SlackServer, target: Target, target_dsn: str) -> None:
    """Between confirmation and execution Ada leaves the operators' group: aborted, nothing done, and the card says so."""
    stuck(target, 2)
    plan, _value = planned(slack, 2)
    with held(target_dsn):
        slack.person("U0ADA").presses(plan, ids.CONFIRM)
        eventually(lambda: "confirmation.consumed" in events(bot), PATIENT)
        slack.workspace.put_group(UserGroup(id="S0OPS", handle="ops", name="Operators", users=("U0BEN", "U0CLEO")))
    assert result(slack, plan.ts).startswith("⚪ Refused")
    shown = slack.workspace.find("C0INCIDENTS", plan.ts)
    assert shown is not None
    assert "may not any more: not an operator" in written(shown)
    assert target.statuses() == {"processing": 2}
    assert "step.aborted" in events(bot)


def later(dsn: str, seconds: int) -> None:
    """Let so much time have passed for every plan: the database's clock alone counts."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("UPDATE ops.chatops_plan SET expires_at = expires_at - make_interval(secs => %s)", (seconds,))


class Behind(SystemClock):
    """A process's clock that can be set back."""

    by = timedelta(0)

    def now(self) -> datetime:
        """Return the time of before."""
        return super().now() - self.by


@pytest.fixture
def clock() -> Behind:
    """Give the process's clock."""
    return Behind()


@pytest.fixture
def bot(bot_dsn: str, slack: SlackServer, config: Configuration, clock: Behind) -> Iterator[Bot]:
    """Give the running bot, whose clock can be set back."""
    with running_bot(bot_dsn, slack, config, clock=clock) as running:
        yield running


def unswept(dsn: str) -> None:
    """Let no plan be ended because its time is over: what is pressed is judged by its time alone."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(
            """
            CREATE FUNCTION public.unswept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER unswept BEFORE UPDATE ON ops.chatops_plan FOR EACH ROW WHEN (NEW.state = 'expired')
                EXECUTE FUNCTION public.unswept();
            """
        )


def too_late(ada: Person, approved: Message, dsn: str) -> str:
    """Let Ada open the form of an approved plan in time, and submit it 121 s after the approval; return what she is told."""
    ada.presses(approved, ids.RUN)
    form, before = ada.sees_modal(ids.VIEW_TYPED, timeout_seconds=PATIENT), len(ada.private_messages)
    later(dsn, 121)
    assert ada.submits(form, typed(typed="3")).ok
    told = eventually(lambda: ada.private_messages[before:], PATIENT)
    later(dsn, -121)
    return told[-1].text


def test_21_expired_and_clock(bot: Bot, clock: Behind, slack: SlackServer, target: Target, target_dsn: str) -> None:
    """An approved plan is refused at 121 s, by the database's clock alone; with a process's clock 10 min back all is refused.

    From 31 s on changes are off and reading works; what Slack signs 10 min in our future is no request of Slack's.
    """
    unswept(target_dsn)
    stuck(target, 3)
    ada, asked = slack.person("U0ADA"), asked_for(slack, 3)
    slack.person("U0BEN").presses(asked, ids.APPROVE)
    approved = card(slack, "⚠️ Approved")
    for behind in (0, 20):
        clock.by = timedelta(seconds=behind)
        assert "ended at" in too_late(ada, approved, target_dsn)
    assert plan_state(target_dsn) == "issued"

    later(target_dsn, -600)
    clock.by = timedelta(seconds=31)
    run = value_of(approved, ids.RUN)
    assert signed.press(bot, slack, ids.CONFIRM, run).status_code == 200
    assert "clocks differ by" in ada.is_told("changes are off", timeout_seconds=PATIENT).text
    ada.types("/dragonfly oncall")
    assert "On call: Ada" in ada.is_told("On call now", timeout_seconds=PATIENT).text
    clock.by = timedelta(minutes=10)
    assert signed.press(bot, slack, ids.CONFIRM, run).status_code == 401
    with pytest.raises(ChangesOff, match="clocks differ by"):
        plans.confirm(bot.services, run.split(".")[1], ADA, secret=run, typed="3")
    assert "confirmation.consumed" not in events(bot)
    assert target.statuses() == {"processing": 3}


def copied(plan: str, to: str) -> None:
    """Put a plan's row into another database, as a restored backup would."""
    with psycopg.connect(plan, row_factory=dict_row) as old, psycopg.connect(to, autocommit=True) as new:
        row = old.execute("SELECT to_jsonb(p)::text AS row FROM ops.chatops_plan AS p").fetchone()
        assert row is not None
        new.execute(
            "INSERT INTO ops.chatops_plan SELECT * FROM jsonb_populate_record(NULL::ops.chatops_plan, "
            "%s::jsonb || jsonb_build_object('secret_hash', NULL) || '{\"alert_id\": null}')",
            (row["row"],),
        )
        hashed = old.execute("SELECT secret_hash FROM ops.chatops_plan").fetchone()
        assert hashed is not None
        new.execute("UPDATE ops.chatops_plan SET secret_hash = %s", (hashed["secret_hash"],))


def test_22_cross_environment(
    server: TestServer,
    bot: Bot,
    slack: SlackServer,
    config: Configuration,
    target: Target,
    target_dsn: str,
) -> None:
    """A development plan's button, pressed at production with the same secrets, does nothing, not even with its row restored there."""
    stuck(target, 2)
    plan, value = planned(slack, 2)
    ada = slack.person("U0ADA")
    with server.database("deployed") as prod_dsn:
        with psycopg.connect(prod_dsn, autocommit=True) as owner:
            owner.execute("UPDATE ops.chatops_schema_version SET mode = 'prod'")
        prod_target = Target(prod_dsn, "deployed")
        stuck(prod_target, 2)
        with running_bot(prod_dsn, slack, replace(config, env="prod"), "http") as prod:
            signed.press(prod, slack, ids.CONFIRM, value)
            assert "I know no" in ada.is_told("Nothing was done", timeout_seconds=PATIENT).text
            copied(target_dsn, prod_dsn)
            signed.press(prod, slack, ids.CONFIRM, value)
            assert "not the one of the plan" in ada.is_told("the database is", timeout_seconds=PATIENT).text
            reasons = {why for event, _who, why in records(prod) if event == "confirmation.refused"}
            assert reasons == {"not-found", "other-database"}
        assert prod_target.statuses() == {"processing": 2}
        prod_target.close()
    slack.use_request_url(f"http://127.0.0.1:{bot.port}/slack/events")
    assert plan_state(target_dsn) == "issued"
    ada.presses(plan, ids.CONFIRM)
    eventually(lambda: target.statuses() == {"pending": 2}, PATIENT)


def test_30_concurrent_operators(
    bot: Bot, bot_dsn: str, slack: SlackServer, config: Configuration, target: Target, target_dsn: str
) -> None:
    """Ada and Ben confirm their own plans for the same thing at once, on two replicas: one run, the other is told who."""
    stuck(target, 2)
    planned(slack, 2)
    planned(slack, 2, "U0BEN")
    eventually(lambda: len(values(slack)) == 2, PATIENT)
    found = values(slack)
    with held(target_dsn), second(bot_dsn, slack, config) as other, ThreadPoolExecutor(2) as pool:
        sides = ((bot, "U0ADA"), (other, "U0BEN"))
        list(pool.map(lambda side: signed.press(side[0], slack, ids.CONFIRM, found[side[1]], user=side[1]), sides))
        eventually(lambda: "confirmation.refused" in events(bot), PATIENT)
        [winner] = [who for event, who, _why in records(bot) if event == "confirmation.consumed"]
        loser = "U0BEN" if winner.endswith("U0ADA") else "U0ADA"
        told = slack.person(loser).is_told("Nothing was done", timeout_seconds=PATIENT).text
        assert f"<@{winner.rpartition('/')[2]}> is resetting stuck jobs" in told
    eventually(lambda: target.statuses() == {"pending": 2}, PATIENT)
    assert events(bot).count("step.succeeded") == 1


def values(slack: SlackServer) -> dict[str, str]:
    """Return the value of Confirm by whoever made the plan."""
    plans = [item for item in slack.workspace.messages("C0INCIDENTS") if value_of(item, ids.CONFIRM)]
    return {
        who: value_of(item, ids.CONFIRM) for item in plans for who in ("U0ADA", "U0BEN") if f"<@{who}>" in item.text
    }


def test_50_self_approval(bot: Bot, slack: SlackServer, target: Target, target_dsn: str) -> None:
    """Ada's second account may not approve for her; another may, and who has lost the role by the time it runs has approved nothing."""
    stuck(target, 3)
    ada, dana, ben = (slack.person(who) for who in ("U0ADA", "U0DANA", "U0BEN"))
    asked = asked_for(slack, 3)
    assert "<@U0DANA>" not in written(asked), "who may not decide is not called"
    dana.presses(asked, ids.APPROVE)
    assert "another person decides" in dana.is_told("Nothing was done", timeout_seconds=PATIENT).text
    assert plan_state(target_dsn) == "issued"

    ben.presses(asked, ids.APPROVE)
    ada.presses(card(slack, "⚠️ Approved"), ids.RUN)
    with held(target_dsn):
        ada.submits(ada.sees_modal(ids.VIEW_TYPED), typed(typed="3"))
        eventually(lambda: "confirmation.consumed" in events(bot), PATIENT)
        slack.workspace.put_group(UserGroup(id="S0APPROVERS", handle="a", name="Approvers", users=("U0CLEO",)))
    slack.workspace.wait_for(lambda: head(slack, asked.ts).startswith("⚪ Refused"), PATIENT)
    shown = slack.workspace.find("C0INCIDENTS", asked.ts)
    assert shown is not None
    assert "who approved it may not any more: not an approver" in written(shown).lower()
    assert target.statuses() == {"processing": 3}


def decisions(bot: Bot) -> list[str]:
    """Return the decisions that counted."""
    return [event for event in events(bot) if event in ("approval.granted", "approval.denied")]


def test_50_approve_and_deny_together(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Ben approves and Cleo denies at once: whichever was first stands, the other is told, and a denial is final."""
    stuck(target, 3)
    asked = asked_for(slack, 3)
    key = value_of(asked, ids.APPROVE)
    acts: list[Callable[[], object]] = [
        lambda: signed.press(bot, slack, ids.APPROVE, key, user="U0BEN"),
        lambda: signed.press(bot, slack, ids.DENY, key, user="U0CLEO"),
    ]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda act: act(), acts))
    eventually(lambda: "confirmation.refused" in events(bot) and decisions(bot), PATIENT)
    [first] = decisions(bot)
    told = slack.person("U0CLEO" if first == "approval.granted" else "U0BEN")
    assert told.is_told("", timeout_seconds=PATIENT).text
    signed.press(bot, slack, ids.APPROVE, key, user="U0BEN")
    eventually(lambda: slack.person("U0BEN").private_messages, PATIENT)
    assert decisions(bot) == [first]


def test_50_a_denial_after_the_approval(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Ben has approved when Cleo denies: she is told who decided and how it can still be ended, and the approval stands."""
    stuck(target, 3)
    asked = asked_for(slack, 3)
    key = value_of(asked, ids.APPROVE)
    slack.person("U0BEN").presses(asked, ids.APPROVE)
    card(slack, "⚠️ Approved")
    signed.press(bot, slack, ids.DENY, key, user="U0CLEO")
    told = slack.person("U0CLEO").is_told("Nothing was done", timeout_seconds=PATIENT).text
    assert "<@U0BEN> approved" in told
    assert "*Withdraw*" in told
    assert decisions(bot) == ["approval.granted"]
    assert "confirmation.refused" in events(bot)


def test_50_a_change_voids_the_approval(bot: Bot, slack: SlackServer, target: Target) -> None:
    """Approved, then planned anew: the old approval is for nothing, and the new plan has none."""
    stuck(target, 3)
    ada = slack.person("U0ADA")
    asked = asked_for(slack, 3)
    slack.person("U0BEN").presses(asked, ids.APPROVE)
    run = value_of(card(slack, "⚠️ Approved"), ids.RUN)
    ada.types("/dragonfly reset-stuck")
    anew = card(slack, "🟡 Plan: reset 3 stuck jobs")
    assert "in place of" in written(anew) and value_of(anew, ids.ASK)
    slack.workspace.wait_for(lambda: head(slack, asked.ts).startswith("⚪ Expired"), PATIENT)
    signed.press(bot, slack, ids.CONFIRM, run)
    assert "was replaced by" in ada.is_told("Nothing was done", timeout_seconds=PATIENT).text
    assert target.statuses() == {"processing": 3}
