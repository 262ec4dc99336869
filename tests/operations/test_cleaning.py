"""What is old goes once a day; what is open, what is new, and the record stay (§22)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.operations import audit, checks, cleaning
from bot.operations.services import Services
from bot.store.db import Database
from bot.store.inbox import SQL
from tests.support.jobs import Target
from tests.support.railway import carried_out, planned

TABLES = ("inbox", "outbox", "plan", "plan_target", "run", "gate", "alert", "alert_event", "escalation")


@pytest.fixture
def target_schema() -> str:
    """Our own tables are the same on both schemas."""
    return "deployed"


def rows(target: Target) -> dict[str, int]:
    """Return how many rows each of our tables has that may be cleaned."""
    counts = {}
    for name in TABLES:
        row = target.connection.execute(f"SELECT count(*) FROM ops.chatops_{name}".encode()).fetchone()
        assert row is not None
        counts[name] = int(row[0])
    return counts


def age(target: Target, days: int) -> None:
    """Let everything that is over have been over for so long, and cleaning be due."""
    moves = {
        "inbox": "handled_at",
        "outbox": "ended_at",
        "plan": "ended_at",
        "run": "ended_at",
        "gate": "ended_at",
        "alert": "resolved_at",
        "check": "due_at",
    }
    for name, column in moves.items():
        target.connection.execute(
            f"UPDATE ops.chatops_{name} SET {column} = {column} - make_interval(days => %s)".encode(), (days,)
        )


@pytest.fixture
def lived(services: Services, target: Target) -> Services:
    """Give a product with something of everything: over and open."""
    target.worker()
    target.stuck(3)
    at_once = replace(
        services, config=replace(services.config, timing=replace(services.config.timing, pending_for=timedelta(0)))
    )
    checks.run_due(at_once)
    carried_out(services, planned(services, "reset-stuck"))
    target.connection.execute(
        "INSERT INTO ops.chatops_inbox (key, kind, envelope, state, handled_at) VALUES ('k', 'command', '{}', 'done', now());"
        "UPDATE ops.chatops_outbox SET state = 'delivered', sent_ts = '1.2', ended_at = now();"
        "UPDATE ops.chatops_run SET proof = 'proved';"
        "INSERT INTO ops.chatops_gate (mode, actor, at, ended_at) VALUES ('prod', 'x', now(), now())"
    )
    return services


def resolve(target: Target) -> None:
    """Let every alert have been resolved."""
    target.connection.execute("UPDATE ops.chatops_alert SET state = 'resolved', resolved_at = now()")


def test_each_kind_has_its_time(lived: Services, target: Target) -> None:
    """Deliveries a week, messages a month, plans and gates a quarter, alerts a year, the record for good."""
    resolve(target)
    before, recorded = rows(target), audit.list_newest(lived, 1000).whole
    assert all(before.values())
    gone: list[set[str]] = []
    for days in (6, 2, 23, 60, 275):
        age(target, days)
        cleaning.clean(lived)
        gone.append({name for name, count in rows(target).items() if not count})
    assert gone == [
        set(),
        {"inbox"},
        {"inbox", "outbox"},
        {"inbox", "outbox", "plan", "plan_target", "run", "gate"},
        set(TABLES),
    ]
    assert audit.list_newest(lived, 1000).whole == recorded
    assert audit.verify(lived).broken_at is None


def test_what_is_open_stays(lived: Services, target: Target) -> None:
    """A firing alert keeps its card's place in Slack, however old; so does a run that nobody has settled."""
    target.connection.execute("UPDATE ops.chatops_run SET state = 'unknown', ended_at = NULL")
    before = rows(target)
    age(target, 400)
    cleaning.clean(lived)
    after = rows(target)
    kept = target.connection.execute("SELECT message_key FROM ops.chatops_outbox WHERE kind = 'post'").fetchall()
    assert {key.partition(":")[0] for (key,) in kept} == {"alert", "plan"}
    assert {name: after[name] for name in ("plan", "run", "alert", "alert_event")} == {
        name: before[name] for name in ("plan", "run", "alert", "alert_event")
    }


def test_once_a_day_whoever_comes_first(lived: Services, target: Target, bot_dsn: str) -> None:
    """A second process finds nothing due; a new one the next day does."""
    age(target, 400)
    assert cleaning.clean(lived) > 0
    age(target, 0)
    other = Database(bot_dsn).open()
    try:
        assert cleaning.clean(replace(lived, db=other)) == 0
    finally:
        other.close()


def test_a_delivery_is_known_for_ten_minutes_at_least(services: Services, target: Target) -> None:
    """However short a time is configured: a signature is good for as long."""
    hasty = replace(services.config, timing=replace(services.config.timing, keep_deliveries=timedelta(0)))
    services.db.once(SQL["receive"], key="k", signature=b"s", kind="command", envelope="{}")
    target.connection.execute("UPDATE ops.chatops_inbox SET state = 'done', handled_at = now() - interval '9 minutes'")
    cleaning.clean(replace(services, config=hasty))
    assert rows(target)["inbox"] == 1


def test_much_of_it_goes_in_small_transactions(services: Services, target: Target) -> None:
    """Several batches of a thousand, until nothing old is left."""
    target.connection.execute(
        "INSERT INTO ops.chatops_inbox (key, kind, envelope, state, handled_at) "
        "SELECT n::text, 'command', '{}', 'done', now() - interval '8 days' FROM generate_series(1, 2500) AS n"
    )
    assert cleaning.clean(services) == 2500
    assert rows(target)["inbox"] == 0
