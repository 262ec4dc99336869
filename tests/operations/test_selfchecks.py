"""The bot's own checks: each fires at once, as an alert that nobody can silence, and ends when it is well again (§16)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.configuration import Level
from bot.domain.watch import FORGED, Said
from bot.domain.workers import Status
from bot.operations import alerts, changes, delivery, pages
from bot.operations.alerts import Observation
from bot.operations.selfchecks import Pulse
from bot.sandbox.slack.people import Channel
from bot.store import outbox
from tests.support.jobs import Target
from tests.support.product import ADA, CONFIG, INCIDENTS
from tests.support.told import Night, told

OPS_ALL = "C0OPSALL"


@pytest.fixture
def target_schema() -> str:
    """The bot's own checks are the same on both schemas."""
    return "deployed"


@pytest.fixture
def night(bot_dsn: str, target: Target) -> Iterator[Night]:
    """Give a quiet night."""
    with told(bot_dsn, target) as made:
        yield made


def test_a_quiet_night_is_well(night: Night) -> None:
    """Nothing fires, nobody is paged, and the outside monitor may hear it."""
    night.passes(120)
    assert night.rows("SELECT check_id FROM ops.chatops_alert") == []
    assert night.pager.pages == []
    assert night.pulse.is_well()


@pytest.mark.parametrize(
    ("check", "said", "reason"),
    [
        ("scheduler_lag", Said(late_tick="escalations", late_seconds=61), "escalations is 61 s late"),
        (
            "slack_auth",
            Said(slack_fails=3, slack_error="invalid_auth"),
            "sign-in to Slack failed three times: invalid_auth",
        ),
    ],
)
def test_what_a_process_says_of_itself(night: Night, check: str, said: Said, reason: str) -> None:
    """Bad at once, told to the channel and to the pager by one key; well for a minute, it is over on both."""
    night.passes(15)
    night.said = said
    night.passes(15)
    assert night.opened(check) == [reason]
    assert not night.pulse.is_well()
    [card] = night.messages("Failing: Dragonfly itself")
    assert "Cannot be silenced" in str(card.blocks) and "pager" in str(card.blocks)
    [page] = night.paged(check)

    night.said = Said()
    night.passes(90)
    assert night.opened(check) == []
    [over] = night.paged(check, "resolve")
    assert over["dedup_key"] == page["dedup_key"]
    assert "Recovered" in str(night.messages("Dragonfly itself")[0].blocks)


@pytest.mark.parametrize("said", [Said(late_tick="plans", late_seconds=59), Said(slack_fails=2)])
def test_a_little_late_is_nothing(night: Night, said: Said) -> None:
    """Below the limits nothing fires."""
    night.said = said
    night.passes(30)
    assert night.rows("SELECT check_id FROM ops.chatops_alert") == []


def test_clocks_that_differ(night: Night) -> None:
    """Over 2 s is a warning, which pages nobody; over 30 s is critical, turns changes off, and is said in every answer."""
    night.is_ahead(3)
    night.passes(15)
    assert night.opened("clock_skew") == ["clocks differ by 3 s"]
    assert "pager" not in str(night.messages("Dragonfly itself")[0].blocks)
    assert night.pager.pages == []

    night.is_ahead(-31)
    night.passes(15)
    assert night.opened("bot_clock_skew") == ["clocks differ by 31 s: changes are off"]
    assert len(night.paged("bot_clock_skew")) == 1
    with night.services.db.read() as tx:
        assert changes.why_off(night.services, tx) is not None
    assert night.services.renderer is not None
    answer = night.services.renderer.card(alerts.list_open(night.services))
    assert "Changes are off: clocks differ by 31 s. Ages may be wrong by that." in str(answer.blocks[-2])

    night.is_ahead(0)
    night.passes(15)
    answer = night.services.renderer.card(alerts.list_open(night.services))
    assert "Changes are off" not in str(answer.blocks)


def test_forged_signatures_of_all_processes_count_together(night: Night) -> None:
    """Twenty within five minutes, wherever they came in, are an alert; nineteen are none, and neither pages anybody."""
    other = Pulse(night.services, lambda: Said(forged=8))
    night.said = Said(forged=FORGED - 9)
    other.beat()
    night.passes(15)
    assert night.opened("inbound_abuse") == []
    night.said = Said(forged=FORGED - 8)
    other.beat()
    night.passes(15)
    assert night.opened("inbound_abuse") == ["20 wrong signatures in 5 min"]
    assert night.pager.pages == []


def test_a_process_that_stopped_says_no_more(night: Night) -> None:
    """Who stops by itself, and who was killed a minute ago, is not judged by what it said last."""
    stopped, killed = (Pulse(night.services, lambda: Said(slack_fails=9)) for _ in range(2))
    stopped.beat()
    stopped.stop()
    killed.beat()
    night.passes(75)
    night.passes(90)
    assert night.opened("slack_auth") == []
    assert night.rows("SELECT count(*) FROM ops.chatops_process WHERE slack_fails > 0") == [(1,)]


def test_late_messages(night: Night) -> None:
    """A critical message that nobody got for 120 s is an alert of its own, told by the second path."""
    night.slack.workspace.faults.set(down=True)
    night.fires()
    night.passes(105)
    assert night.opened("outbox_lag") == []
    night.passes(30)
    assert len(night.opened("outbox_lag")) == 1
    assert len(night.paged("outbox_lag")) == 1


def test_messages_that_are_given_up(night: Night) -> None:
    """After a day what nobody got is dead, and that is an alert and a record; what still fires never dies."""
    night.slack.workspace.faults.set(down=True)
    night.fires()
    with night.services.db.write() as tx:
        facts = {"message": "status", "by": "cli:a@b"}
        outbox.enqueue(tx, "post", channel=INCIDENTS, message_key="status:1", render_from=facts)
    night.clock.passes(24 * 3600)
    night.passes(30)
    dead = night.rows("SELECT message_key FROM ops.chatops_outbox WHERE state = 'dead'")
    assert dead == [("status:1",)]
    assert night.opened("outbox_dead") == ["1 messages were given up: nobody got them"]
    assert len(night.paged("outbox_dead")) == 1
    assert night.rows("SELECT record ->> 'count' FROM ops.chatops_audit WHERE event = 'delivery.dead'") == [("1",)]


def test_a_channel_that_takes_nothing(night: Night) -> None:
    """What goes to the fallback channel instead is told there, as a warning: the way is bad, the message arrived."""
    incidents = night.slack.workspace.channel(INCIDENTS)
    assert isinstance(incidents, Channel)
    night.slack.workspace.put_channel(replace(incidents, is_archived=True))
    night.fires()
    night.passes(30)
    assert len(night.messages("Offline: ingest worker", OPS_ALL)) == 1
    assert night.opened("routing_degraded") == [f"{INCIDENTS} took no message; it went to the fallback channel"]
    assert night.paged("worker_heartbeat") == night.paged("routing_degraded") == []


def test_nobody_looks(night: Night) -> None:
    """A check that nobody looked at for three intervals cannot see, and can again after the next look (O2)."""
    night.passes(60)
    for _ in range(6):
        night.clock.passes(10)
        night.beat()
        night.pulse.beat()
    blind = night.rows("SELECT labels ->> 'check' FROM ops.chatops_alert WHERE check_id = 'check_blind' ORDER BY 1")
    assert ("worker_heartbeat",) in blind
    night.passes(90)
    assert night.opened("check_blind") == []


def test_55_exhausted_on_both_paths(night: Night) -> None:
    """Nobody acknowledges: every level three times, each once a round; then both paths say that nobody is called any more."""
    night.fires()
    night.passes(24 * 60)
    assert night.rows("SELECT DISTINCT repeat FROM ops.chatops_escalation") == [(1,)]
    night.passes(55 * 60, tick=60)
    calls = night.rows(
        "SELECT repeat, level, count(*) FROM ops.chatops_escalation WHERE alert_id = 1 AND done_at IS NOT NULL "
        "GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert calls == [(repeat, level, 1) for repeat in (1, 2, 3) for level in (1, 2, 3, 4)]
    assert len(night.messages("nobody acknowledged A1")) == 1
    assert len(night.paged("escalation_exhausted")) == 1
    assert len(night.messages("now I call nobody any more", OPS_ALL)) == 1
    assert night.opened("escalation_gap") == []

    alerts.acknowledge(night.services, 1, ADA)
    night.passes(90)
    assert night.opened("escalation_exhausted") == []


CALLS_BY_PAGER = {
    "worker-death": (
        Level(label="on call", call=("oncall",)),
        Level(after=timedelta(minutes=2), label="phone", call=("pager",)),
    )
}


@pytest.fixture
def paging(bot_dsn: str, target: Target) -> Iterator[Night]:
    """Give a night on which the second level is the pager."""
    with told(bot_dsn, target, replace(CONFIG, contacts=CALLS_BY_PAGER)) as made:
        yield made


def test_a_level_that_names_the_pager(paging: Night) -> None:
    """Slack took every message: the pager is called when its level is due, hears who has it, and that it is over."""
    paging.fires()
    paging.passes(105)
    assert paging.pager.pages == []
    paging.passes(30)
    assert [page["action"] for page in paging.pager.pages] == ["trigger"]
    assert "pager" in str(paging.messages("Escalated: ingest")[0].blocks)
    assert "Call pager" not in str(paging.messages())

    alerts.acknowledge(paging.services, 1, ADA)
    paging.deliver()
    assert str(paging.pager.pages[-1]["text"]).startswith("Dragonfly dev A1: Ada has it since")
    paging.alive = True
    paging.passes(120)
    assert [page["action"] for page in paging.pager.pages] == ["trigger", "acknowledge", "resolve"]
    assert len({page["dedup_key"] for page in paging.pager.pages}) == 1
    history = paging.rows("SELECT reason FROM ops.chatops_alert_event WHERE event = 'paged' ORDER BY id")
    assert history == [("trigger",), ("acknowledge",), ("resolve",)]


def test_a_database_that_answers_again_pages_nobody(night: Night) -> None:
    """A page whose time comes while the database answers is moot: what is over asks nobody to acknowledge."""
    asked = {"id": 1, "action": "trigger", "unless": ""}
    told_of = []
    for status, reason in ((Status.BAD, "3 tries failed"), (Status.OK, "the database answers again")):
        with night.services.db.write() as tx:
            evidence = {"label": "database", "reason": reason}
            seen = Observation(check="db_reachable", labels={}, status=status, started_at=tx.now, evidence=evidence)
            alerts.observe(night.services, tx, seen)
            told_of.append(pages.page(night.services, tx, asked) is not None)
    assert told_of == [True, False]


def test_a_pager_that_fails_is_tried_again(paging: Night) -> None:
    """Nothing is lost on the second path either: it is told as soon as it takes what it is told."""
    paging.pager.status = 503
    paging.fires()
    paging.passes(150)
    assert paging.pager.pages == []
    paging.pager.status = 200
    paging.passes(60)
    assert [page["action"] for page in paging.pager.pages] == ["trigger"]


def test_a_second_path_that_was_taken_away(night: Night) -> None:
    """Pages that were queued and have nowhere to go any more do not wait for ever."""
    night.slack.workspace.faults.set(down=True)
    night.fires()
    night.clock.passes(61)
    delivery.deliver_pages(replace(night.services, pager=None))
    assert night.rows("SELECT DISTINCT state FROM ops.chatops_outbox WHERE kind = 'page'") == [("superseded",)]


def test_nobody_is_paged_for_what_somebody_has(night: Night) -> None:
    """Acknowledged from a shell while Slack is away, before the minute is over: the page is moot."""
    night.slack.workspace.faults.set(down=True)
    night.fires()
    alerts.acknowledge(night.services, 1, ADA)
    night.passes(75)
    assert night.paged("worker_heartbeat") == night.paged("worker_heartbeat", "acknowledge") == []


def test_slack_is_slow(night: Night) -> None:
    """Said once in the channel, under every answer while it lasts, and once when it is over."""
    until = night.clock.seconds() + 600
    night.slack.workspace.faults.limit_until(until)
    night.fires()
    night.passes(15)
    assert night.services.renderer is not None
    foot = str(night.services.renderer.card(alerts.list_open(night.services)).blocks[-2])
    assert "late (Slack limit). Calls go by pager too." in foot
    night.slack.workspace.faults.clear()
    night.passes(900)
    assert night.pulse.mode is None
    said = [item.text for item in night.messages() if item.text.startswith("Messages come")]
    assert [text.startswith("Messages come up to") for text in said] == [True, False]
    assert "again normal since" in said[1]


def test_back_after_a_restart(night: Night) -> None:
    """A new process after a gap says so first, and again when the first looks have shown what came meanwhile."""
    night.passes(30)
    night.alive = False
    night.clock.passes(840)
    night.pulse = Pulse(night.services, lambda: night.said)
    assert night.pulse.beat()
    night.deliver()
    [card] = night.messages("Back after 14 m")
    assert "Cause: restart" in str(card.blocks) and "I am looking" in str(card.blocks)
    night.passes(150)
    [card] = night.messages("Back after 14 m")
    assert "1 alert came in that time" in str(card.blocks) and "still so" in str(card.blocks)
    assert "Acknowledge A1" in str(card.blocks) and "I am looking" not in str(card.blocks)
    assert not Pulse(night.services, lambda: night.said).beat()


def test_what_was_open_before_is_said_on_the_way_back(night: Night) -> None:
    """An alert that nobody has taken is the next thing to do, though it came before the gap."""
    night.fires()
    night.alive = False
    night.clock.passes(840)
    night.pulse = Pulse(night.services, lambda: night.said)
    assert night.pulse.beat()
    night.deliver()
    [card] = night.messages("Back after 14 m")
    assert "1 alert open from before" in str(card.blocks)
    assert "*Next* acknowledge A1" in str(card.blocks)
