"""People's data in payloads and error texts is never shown, logged or kept by us (design, D8)."""

import json

import psycopg
import pytest

from bot.domain.messages import Message, PlanCard
from bot.operations import alerts, audit, checks, plans, runs, status, stuck
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer, to_json
from bot.sandbox.target.seeds import ERROR, PAYLOAD, SEEDS
from tests.support.jobs import Target
from tests.support.product import ADA, INCIDENTS


def ours(target: Target) -> str:
    """Return everything that our own tables hold."""
    names = target.connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ops'::regnamespace AND relkind = 'r' AND relname LIKE 'chatops%'"
    ).fetchall()
    rows = []
    for (name,) in names:
        query = psycopg.sql.SQL("SELECT to_jsonb(t) FROM ops.{} AS t").format(psycopg.sql.Identifier(name))
        rows += [json.dumps(row[0]) for row in target.connection.execute(query)]
    return "\n".join(rows)


def test_no_seed_is_ever_seen(services: Services, target: Target, caplog: pytest.LogCaptureFixture) -> None:
    """Every read, a plan, its run and its record: none of the seeded people appears anywhere (scenario 44, first cut)."""
    caplog.set_level("DEBUG")
    target.worker()
    target.stuck(3)
    target.stuck(2, attempts=5)
    target.connection.execute("UPDATE ops.job_queue SET payload = %s, last_error = %s", (json.dumps(PAYLOAD), ERROR))

    card = plans.make(services, "reset-stuck", {}, ADA, Place(channel=INCIDENTS))
    assert isinstance(card, PlanCard)
    shown: list[Message] = [card, plans.details(services, card.key), stuck.read(services), status.read(services)]
    checks.run_due(services)
    plans.confirm(services, card.key, ADA, secret=card.secret)
    runs.perform_due(services)
    shown += [plans.card(services, card.key), alerts.list_open(services), audit.list_newest(services, 50)]

    slack, terminal = SlackRenderer(), TerminalRenderer()
    text = [to_json(message) for message in shown]
    text += [terminal.text(message) for message in shown]
    text += [
        repr(slack.card(message))
        for message in shown
        if not hasattr(message, "jobs") and not hasattr(message, "entries")
    ]
    everything = "\n".join([*text, caplog.text, ours(target)])
    assert [seed for seed in SEEDS if seed in everything] == []
    assert target.statuses() == {"pending": 3, "failed": 2}
