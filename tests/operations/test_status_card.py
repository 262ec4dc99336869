"""The status card: what the checks saw last, with its age, and the step that helps now (cards, section 2)."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from bot.domain import ids
from bot.domain.configuration import DEFAULT_SERVICES, DEFAULT_VENDORS
from bot.domain.messages import Message
from bot.domain.workers import Status
from bot.operations import alerts, checks, status
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer, to_json
from bot.sandbox.target.vendor import HEALTH, PAGE, Mood
from bot.sandbox.target.vendor import Vendor as SimulatedVendor
from bot.store import alerts as stored
from bot.targets.vendor import HttpProbe
from tests.support.jobs import Target
from tests.support.product import ADA, CONFIG, product

RAILWAY = replace(CONFIG, services=DEFAULT_SERVICES, railway=True)


def shown(services: Services) -> tuple[str, str]:
    """Return the card as Slack and as a terminal show it."""
    card = status.read(services)
    return repr(SlackRenderer().card(card)), TerminalRenderer().text(card)


@pytest.mark.parametrize(("mood", "said"), [(Mood.WELL, "ok"), (Mood.FAILING, "failing")])
def test_a_vendor_is_shown_as_its_check_saw_it(bot_dsn: str, mood: Mood, said: str) -> None:
    """With the age of that look; the card itself asks nobody."""
    now = [datetime.now(UTC)]
    vendor = SimulatedVendor().start()
    vendor.mood = mood
    asked = replace(DEFAULT_VENDORS[0], endpoint=vendor.url + HEALTH, status_page=vendor.url + PAGE)
    probe = HttpProbe()
    with product(bot_dsn, replace(CONFIG, vendors=(asked,)), now=lambda: now[0]) as services:
        assert "Simplicity API not known" in shown(services)[1]
        checks.run_outside_due(replace(services, vendor_probe=probe))
        vendor.stop()
        now[0] += timedelta(seconds=25)
        slack, terminal = shown(services)
        facts = json.loads(to_json(status.read(services)))["elsewhere"][0]
    probe.close()
    assert f"Simplicity API {said}, 25 s ago" in slack and f"Simplicity API {said}, 25 s ago" in terminal
    assert (facts["verdict"], facts["age"]) == (said, 25.0)


def acting(services: Services) -> list[tuple[str, str]]:
    """Return action id and style of the buttons that do more than look."""
    rows = [
        block["elements"] for block in SlackRenderer().card(status.read(services)).blocks if block["type"] == "actions"
    ]
    return [
        (item["action_id"], item.get("style", ""))
        for row in rows
        for item in row  # type: ignore[attr-defined]
        if item["action_id"].startswith("plan.")
    ]


def test_dead_workers_are_restarted_first(bot_dsn: str, target: Target) -> None:
    """Restart is primary where a service is known and may be restarted; what dead workers left comes after it."""
    target.worker()
    target.worker("enforcement_engine-1", silent_seconds=1, worker_type="enforcement_engine")
    target.stuck(2)
    with product(bot_dsn, RAILWAY) as services:
        assert status.read(services).restart == "ingest"
        assert acting(services) == [(ids.PLAN_RESTART, "primary"), (ids.PLAN_RESET, "")]
        assert "*Next* restart ingest,\\nthen reset stuck jobs" in shown(services)[0]
        assert "dragonfly plan restart service=ingest    then  dragonfly plan reset-stuck" in shown(services)[1]
    with product(bot_dsn, replace(RAILWAY, railway=False)) as services:
        assert acting(services) == [(ids.PLAN_RESET, "primary")]


def following(card: Message) -> str:
    """Return what a card says comes next."""
    blocks = [dict(block) for block in SlackRenderer().card(card).blocks]
    return next(str(block["text"]["text"]) for block in blocks if block["block_id"] == "next")  # type: ignore[index]


def test_alert_and_status_say_the_same_comes_next(bot_dsn: str, target: Target) -> None:
    """Acknowledge, logs, restart, reset: whatever was done falls away on both cards, and the next one is primary on both."""
    target.worker()
    target.worker("enforcement_engine-1", silent_seconds=1, worker_type="enforcement_engine")
    target.stuck(2)
    config = replace(RAILWAY, timing=replace(RAILWAY.timing, pending_for=timedelta(0)))
    with product(bot_dsn, config) as services:
        with services.db.write() as tx:
            labels, evidence = {"worker_type": "ingest_processor"}, {"label": "ingest", "online": 0, "total": 1}
            alerts.observe(
                services,
                tx,
                Observation(
                    check="worker_heartbeat", labels=labels, status=Status.BAD, started_at=tx.now, evidence=evidence
                ),
            )
        said = []
        for happens in (None, "acknowledged", "logs"):
            with services.db.write() as tx:
                found = stored.find(tx, 1)
                assert found is not None
                if happens == "logs":
                    stored.add_event(tx, found, "logs", found={"OOM": 2})
            if happens == "acknowledged":
                alerts.acknowledge(services, 1, ADA)
            alert, now = alerts.card(services, 1), status.read(services)
            assert following(alert) == following(now)
            said.append(following(now).removeprefix("*Next* "))
        assert said == [
            "acknowledge, then check logs for OOM",
            "check logs for OOM,\nthen restart ingest",
            "restart ingest,\nthen reset stuck jobs",
        ]
        assert acting(services)[0] == (ids.PLAN_RESTART, "primary")


def test_nothing_is_restarted_where_all_is_well(bot_dsn: str, target: Target) -> None:
    """Workers that beat have no button; nor have those that cannot be seen."""
    for worker, kind in (("i-1", "ingest_processor"), ("e-1", "enforcement_engine")):
        target.worker(worker, silent_seconds=1, worker_type=kind)
    with product(bot_dsn, RAILWAY) as services:
        assert (status.read(services).restart, acting(services)) == ("", [])


def test_without_a_database_the_last_look_is_dated(bot_dsn: str, target: Target) -> None:
    """What this process saw last stands there with its time, never as what is now; logs may be looked at meanwhile."""
    target.worker()
    with product(bot_dsn, RAILWAY) as services:
        checks.run_due(services)
        services.db.close()
        card = status.read(replace(services, platform=cast(Any, object())))
        slack, terminal = repr(SlackRenderer().card(card)), TerminalRenderer().text(card)
    for words in (
        "ingest 0 of 1 online at <!date",
        "enforcement 0 of 0 online at",
        "0 pending, 0 processing at <!date",
    ):
        assert words in slack
    assert "ingest 0 of 1 online, enforcement 0 of 0 online, 0 pending" in terminal
    assert [line.online for line in card.workers] == [None, None]
    [row] = [block["elements"] for block in SlackRenderer().card(card).blocks if block["type"] == "actions"]
    assert ids.READ_LOGS in [item["action_id"] for item in row]  # type: ignore[attr-defined]
