"""People's data stays in the database, and whatever anybody writes is only ever shown (§17, design D8)."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from typing import Any

import psycopg
import pytest

from bot.domain import ids
from bot.domain.configuration import Configuration
from bot.domain.params import MOST, example
from bot.domain.redaction import Redactor
from bot.operations import audit
from bot.operations.declared import changing_steps, reading_steps
from bot.operations.reads import READS
from bot.operations.table import in_slack
from bot.process import Bot
from bot.render.filters import visible
from bot.render.terminal import TerminalRenderer, to_json
from bot.sandbox.railway.faults import FaultKind
from bot.sandbox.slack.server import SlackServer, SlackSettings
from bot.sandbox.target.seeds import ERROR, SEEDS, piece_of
from bot.sandbox.target.vendor import HEALTH, PAGE, Mood, Vendor
from tests.support.cards import card, chosen, head, typed, written
from tests.support.jobs import Target
from tests.support.people import LOCK_HISTORY, People
from tests.support.railway import Cloud, cloud, with_railway
from tests.support.requests import STRANGER
from tests.support.running import settings
from tests.support.seeds import leaks
from tests.support.waiting import eventually

PATIENT = 40
CAUGHT = tuple(seed for seed in SEEDS if piece_of(Redactor()(seed)) == "")
"""Those that the second net knows by their form: a name and an address have none."""
METRICS = "a-long-random-token-of-the-metrics"
ARGS = {
    "timeline": {"alert": "A1"},
    "logs": {"service": "ingest"},
    "gate": {"mode": "prod"},
    "verify": {"scenario": "worker-death"},
}
"""What some reads need in a shell."""


@pytest.fixture
def transport() -> str:
    """The same over both; both are walked elsewhere."""
    return "http"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """Give a workspace that does not count calls."""
    with SlackServer(SlackSettings(rate_limits=False)) as server:
        yield server


@pytest.fixture
def railway(target: Target) -> Iterator[Cloud]:
    """Give a simulated Railway whose logs speak of people."""
    with cloud(target) as found:
        found.log(ERROR, *SEEDS, "Killed", f"Job 17 failed: {SEEDS[0]}")
        yield found


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """Give a vendor that fails, with people in what it answers."""
    made = Vendor().start()
    made.mood, made.says = Mood.FAILING, ERROR
    yield made
    made.stop()


@pytest.fixture
def people(target_dsn: str, worker_id: str) -> Iterator[People]:
    """Give other people's sessions."""
    made = People(target_dsn, f"dragonfly_test_engineer_{worker_id}")
    yield made
    made.close()


@contextmanager
def tripping(
    dsn: str,
    slack: SlackServer,
    config: Configuration,
    railway: Cloud,
    vendor: Vendor,
    hook: Callable[[str], None],
) -> Iterator[Bot]:
    """Run a bot that reaches Railway and the vendor, and breaks where `hook` says so."""
    there = with_railway(config)
    asked = replace(there.vendors[0], endpoint=vendor.url + HEALTH, status_page=vendor.url + PAGE)
    said = {
        "dragonfly_metrics_token": METRICS,
        "railway_token": railway.server.settings.project_token,
        "railway_api_url": railway.server.url,
    }
    bot = Bot(settings(dsn, slack, replace(there, vendors=(asked,)), "http", **said), crash_hook=hook)
    bot.start()
    slack.use_request_url(f"http://127.0.0.1:{bot.port}/slack/events")
    try:
        yield bot
    finally:
        bot.stop()


def still(bot: Bot) -> bool:
    """Say whether every delivery is handled and every message sent."""
    with bot.services.db.read() as tx:
        row = tx.connection.execute(
            "SELECT (SELECT count(*) FROM ops.chatops_inbox WHERE state = 'pending' AND attempts = 0) AS waiting"
        ).fetchone()
    assert row is not None
    return bool(row["waiting"] == 0)


def lines(bot: Bot) -> list[str]:
    """Return every command there is, as it is typed, with words that it takes; the last one turns changes off."""
    steps = (*changing_steps(bot.services.runbooks), *reading_steps(bot.services.runbooks))
    known = {item.name: item.params for item in in_slack()} | {step.id: step.typed for step in steps}
    return [example(name, params) for name, params in sorted(known.items(), key=lambda item: item[0] == "freeze")]


def outside(bot: Bot, slack: SlackServer) -> str:
    """Return everything that left: Slack's calls, acknowledgements, figures, and whether the bot lives and is ready."""
    figures = STRANGER.get(
        f"http://127.0.0.1:{bot.port}/metrics", headers={"authorization": f"Bearer {METRICS}"}, timeout=30
    )
    assert figures.status_code == 200
    health = [STRANGER.get(f"http://127.0.0.1:{bot.port}/{path}", timeout=30).text for path in ("livez", "readyz")]
    calls = [json.dumps(call.args, default=str) for call in slack.workspace.calls]
    answers = [json.dumps(item.answer, default=str) for item in slack.workspace.deliveries]
    return "\n".join([*calls, *answers, figures.text, *health])


def test_44_debtor_data(
    bot_dsn: str,
    target_dsn: str,
    slack: SlackServer,
    target: Target,
    config: Configuration,
    railway: Cloud,
    vendor: Vendor,
    people: People,
) -> None:
    """Payloads, error texts, logs, queries and others' answers are full of people: no command, alert or failure tells of one.

    A worker's id may be shown, what the second net knows of it may not. Killed processes: `test_23_crash_matrix_sql`.
    """
    trips: set[str] = set()

    def hook(point: str) -> None:
        if point in trips:
            trips.discard(point)
            raise ValueError(ERROR)

    ada = slack.person("U0ADA")
    people.hold(f"{LOCK_HISTORY} -- {SEEDS[0]}")
    target.fail(target.pending(9), f"Simplicity API returned 503 for {SEEDS[0]} ({SEEDS[1]})")
    target.fail(target.pending(2), ERROR)
    target.worker()
    target.stuck(3)
    target.stuck(2, attempts=5)
    with tripping(bot_dsn, slack, config, railway, vendor, hook) as bot:
        card(slack, "🔴 Offline: ingest worker")
        card(slack, "🔴 Failing: Simplicity API")
        *all_but_freeze, freeze = lines(bot)
        for line in all_but_freeze:
            ada.types(line)
        eventually(lambda: still(bot), PATIENT)
        for name, read in READS.items():
            shown = read(bot.services, ARGS.get(name, {}))
            assert piece_of(to_json(shown) + TerminalRenderer().text(shown)) == "", name

        plan = card(slack, "🟡 Plan: reset 3")
        ada.presses(plan, ids.READ_PLAN)
        ada.presses(plan, ids.CONFIRM)
        eventually(lambda: head(slack, plan.ts).startswith("🟡 Working: 3 of 3"), PATIENT)

        for kind in (FaultKind.REFUSED, FaultKind.ERROR):
            railway.fault(kind, message=ERROR, status=502)
            for line in ("logs ingest", "restart ingest", "offline on"):
                ada.types(f"/dragonfly {line}")
            eventually(lambda: still(bot), PATIENT)
            railway.server.faults.clear()

        target.stuck(2)
        ada.types("/dragonfly reset-stuck")
        plan = card(slack, "🟡 Plan: reset 2")
        trips |= {"K5", "K2"}
        ada.types("/dragonfly oncall")
        ada.presses(plan, ids.CONFIRM)
        eventually(lambda: not trips, PATIENT)

        for seed in CAUGHT:
            target.worker(f"ingest_processor {seed}", worker_type="other")
        for line in ("workers", "status", "alerts"):
            ada.types(f"/dragonfly {line}")
        eventually(lambda: still(bot), PATIENT)
        ada.types(freeze)
        ada.is_told("Changes are off since", timeout_seconds=PATIENT)

        assert piece_of(outside(bot, slack)) == ""
        assert leaks(target_dsn) == []
        assert "step.succeeded" in [entry.event for entry in audit.list_newest(bot.services, 500).entries]


def test_46_constraint_error_detail(bot: Bot, slack: SlackServer, target: Target, target_dsn: str) -> None:
    """A run fails on a constraint whose DETAIL is somebody's row: SQLSTATE and constraint are shown and kept, no more."""
    ada = slack.person("U0ADA")
    target.worker()
    target.stuck(2)
    target.connection.execute(
        "CREATE UNIQUE INDEX one_debtor ON ops.job_queue ((payload ->> 'ssn')) WHERE status::text = 'pending'"
        if target.schema == "playbook"
        else "CREATE UNIQUE INDEX one_debtor ON ops.job_queue ((payload ->> 'ssn')) WHERE locked_at IS NULL"
    )
    ada.types("/dragonfly reset-stuck")
    plan = card(slack, "🟡 Plan: reset 2 stuck jobs")

    ada.presses(plan, ids.CONFIRM)

    eventually(lambda: head(slack, plan.ts).startswith("🔴 Failed"), PATIENT)
    found = slack.workspace.find("C0INCIDENTS", plan.ts)
    assert found is not None
    assert "23505" in written(found) and "one_debtor" in written(found)
    assert target.statuses() == {"processing": 2}
    with psycopg.connect(target_dsn) as owner:
        kept = owner.execute("SELECT record FROM ops.chatops_audit WHERE event = 'step.failed'").fetchone()
    assert kept is not None
    assert kept[0]["sqlstate"] == "23505"
    assert leaks(target_dsn) == []


EVIL = {
    "a call for everybody": "<!channel> <!here> <@U0GIL> <http://evil.example|press>",
    "entities": "&lt;!channel&gt; &amp;lt;",
    "code": "``` `code` ``` *bold* _it_ ~no~",
    "a line that turns": "\u202egnihtemos\u200b",
    "a statement": "'; DROP TABLE ops.job_queue; --",
    "a template": "{{7*7777}} ${7*7777} {% raw %} %s %(name)s {0}",
    "four thousand emoji": "🔥" * 4000,
}
_ALIVE = re.compile(r"<!(?!date\^)|<@(?!U0(?:ADA|BEN|CLEO|DANA)>)|<http://evil|\u202e|\u200b|54439|`code`")
"""A call for people, a link, a turned line, a sum that was worked out, a format of its own."""


def shown(slack: SlackServer) -> Iterator[str]:
    """Yield every text of Slack's markup that was sent: blocks, their fallback, and what was acknowledged."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if value.get("type") == "plain_text":
                return
            for name, item in value.items():
                if name == "text" and isinstance(item, str):
                    yield item
                else:
                    yield from texts(item)
        elif isinstance(value, list):
            for item in value:
                yield from texts(item)

    for call in slack.workspace.calls:
        yield from texts(call.args)
    for item in slack.workspace.deliveries:
        yield from texts(item.answer)


def is_read(slack: SlackServer, text: str) -> bool:
    """Say whether somebody can read a text somewhere, as it is."""
    return any(text in unescape(item) for item in shown(slack))


def literal(evil: str) -> list[str]:
    """Return how people read what was written: as a worker's id, and where it is taken as a command and a form's reason."""
    words = visible(evil).replace("`", "'")
    if words != evil.replace("`", "'"):
        return [f"`{words}`"]
    reason = [f"by <@U0ADA>: `{words[:100]}", f"resolved by hand by <@U0ADA>: `{words[:100]}"]
    return [f"`{words[:14]}", *reason, *([f"No command `{words.split()[0]}`"] if len(evil) <= MOST else [])]


@pytest.mark.parametrize("target_schema", ["deployed"])  # what a word is does not depend on the tables it came from
@pytest.mark.parametrize("name", EVIL)
def test_45_injection(bot: Bot, slack: SlackServer, target: Target, name: str) -> None:
    """Whatever is written into a command, a form, a worker's id or an error text stays what it is: words."""
    evil, ada = EVIL[name], slack.person("U0ADA")
    target.worker(f"ingest_processor-{evil[:200]}")
    target.worker("w-2", worker_type=f"odd {evil[:200]}")
    target.stuck(2, owner=f"ingest_processor-{evil[:200]}")
    target.fail(target.pending(3), f"DFE-{evil} {evil}")
    target.connection.execute(
        "INSERT INTO ops.worker_heartbeats (worker_id, worker_type, status, last_seen_at) VALUES (%s, 'ingest_processor', 'running', now() - interval '10 minutes')",
        (evil,),
    )
    ada.presses(card(slack, "🔴 Offline: ingest worker"), ids.ACK)
    alert = card(slack, "🟡 Acknowledged")
    ada.presses(alert, ids.MORE, given=chosen(alert, "Resolve by hand…"))
    form = ada.sees_modal(ids.VIEW_RESOLVE, timeout_seconds=PATIENT)
    assert ada.submits(form, typed(reason=evil[:400])).ok is (visible(evil) == evil), "what cannot be seen is not taken"
    eventually(lambda: head(slack, alert.ts).startswith("⚪ Resolved") or ada.modal, PATIENT)

    for line in (
        "{}",
        "status {}",
        "stuck {}",
        "logs {}",
        "ack {}",
        "resolve A1 {}",
        "pause {} for 1h",
        "help {}",
        "reset-stuck {}",
        "undo {}",
        "unlock {}",
    ):
        ada.types("/dragonfly " + line.format(evil))
    ada.says(f"@dragonfly {evil}")
    for line in ("workers", "failed", "stuck", "queue", "status", "alerts", "timeline A1"):
        ada.types(f"/dragonfly {line}")
    eventually(lambda: still(bot), PATIENT)
    ada.presses(alert, ids.PLAN_RESET)
    eventually(lambda: still(bot), PATIENT)

    found = [text for text in shown(slack) if _ALIVE.search(text)]
    assert found == []
    eventually(lambda: not [text for text in literal(evil) if not is_read(slack, text)], PATIENT)
    assert sum(target.statuses().values()) == 5
