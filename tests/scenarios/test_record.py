"""The record under attack and under load: no gap, no quiet change, no deed without it (§20, 40 to 43)."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from bot.domain import ids
from bot.domain.anchors import Anchor
from bot.domain.audit import canonical
from bot.domain.messages import AlertCard, PlanCard
from bot.errors import ChangesOff, RecordUnavailable
from bot.operations import alerts, audit, plans, runs
from bot.operations.issuing import Place
from bot.operations.record import Watch
from bot.operations.services import Services
from bot.process import Bot
from bot.sandbox.pager import Pager
from bot.sandbox.slack.server import SlackServer
from bot.store import audit as chain
from bot.store.db import Database
from tests.scenarios.conftest import LIVELY
from tests.support.cards import card
from tests.support.jobs import Target
from tests.support.product import ADA, CONFIG, INCIDENTS, product
from tests.support.running import running_bot
from tests.support.tampering import CHANGE, CUT_MIDDLE, CUT_TAIL, HEAD_TO_TAIL, seal_anew, tamper
from tests.support.waiting import eventually

WRITERS, EACH = 20, 50
AT_ONCE = replace(
    CONFIG.timing,
    pending_for=timedelta(0),
    verify_interval=timedelta(0),
    verify_whole=timedelta(0),
    verify_again=timedelta(0),
)
"""Every look walks the whole record, and an alert fires at once."""


@pytest.fixture
def target_schema() -> str:
    """The record is the same on both schemas."""
    return "deployed"


@pytest.fixture
def transport() -> str:
    """The record is the same over both transports."""
    return "http"


@pytest.fixture
def watched(bot_dsn: str) -> Iterator[Services]:
    """Give the product under the least-privilege role, for which every look is due."""
    with product(bot_dsn, replace(CONFIG, timing=AT_ONCE)) as made:
        yield made


def role_of(services: Services) -> str:
    """Return the role under which the product works."""
    with services.db.read() as tx:
        return tx.stamp["session_user"]


def events(services: Services) -> list[str]:
    """Return the events of the record, oldest first."""
    return [entry.event for entry in audit.list_newest(services, 100).entries]


def planned(services: Services) -> PlanCard:
    """Return a reset that Ada planned."""
    made = plans.make(services, "reset-stuck", {}, ADA, Place(channel=INCIDENTS))
    assert isinstance(made, PlanCard), made
    return made


def append_or_roll_back(database: Database, number: int) -> int:
    """Append a record, or roll it back by chance; one that finds the record locked for too long comes again."""
    give_up = random.random() < 0.3
    while True:
        try:
            with database.write(wait=timedelta(seconds=60)) as tx:
                chain.append(tx, "test.event", actor="dragonfly", number=number)
                if give_up:
                    raise LookupError
        except LookupError:
            return 0
        except RecordUnavailable as error:
            assert error.sqlstate == "55P03"
        else:
            return 1


def test_40_chain_concurrency(services: Services, bot_dsn: str) -> None:
    """Twenty writers of fifty records each, some of them rolled back by chance: no number is missing, and it adds up."""
    before = audit.verify(services).whole_to
    database = Database(bot_dsn, size=WRITERS).open()
    with ThreadPoolExecutor(WRITERS) as pool:
        written = sum(pool.map(lambda number: append_or_roll_back(database, number), range(WRITERS * EACH)))
    database.close()
    found = audit.verify(services)
    assert 0 < written < WRITERS * EACH
    assert (found.broken_at, found.whole_to) == (None, before + written)


@pytest.mark.parametrize(
    ("attack", "name"),
    [
        pytest.param([CHANGE], "content 4", id="a-field-changed"),
        pytest.param(
            ["UPDATE ops.chatops_audit SET at = at + interval '1 second' WHERE n = 4"], "content 4", id="time"
        ),
        pytest.param(["UPDATE ops.chatops_audit SET prev = hash WHERE n = 4"], "link 4", id="link"),
        pytest.param([CUT_MIDDLE], "gap 4", id="the-middle-deleted"),
        pytest.param(["DELETE FROM ops.chatops_audit WHERE n = 1"], "gap 1", id="the-first-deleted"),
        pytest.param([CUT_TAIL], "head", id="the-tail-cut"),
        pytest.param(["DELETE FROM ops.chatops_audit"], "head", id="everything-deleted"),
        pytest.param([CUT_TAIL, HEAD_TO_TAIL], "anchor 6", id="the-tail-cut-and-the-head-rewritten"),
        pytest.param(["UPDATE ops.chatops_audit_head SET n = n + 3"], "head", id="head-number"),
        pytest.param(
            ["UPDATE ops.chatops_audit_head SET hash = decode(repeat('11', 32), 'hex')"], "head", id="head-hash"
        ),
        pytest.param(["UPDATE ops.chatops_audit_head SET n = 2"], "head", id="head-set-back"),
        pytest.param(["DELETE FROM ops.chatops_audit_head"], "head", id="no-head"),
        pytest.param([], "link 5", id="changed-and-sealed-anew"),
    ],
)
def test_41_tamper(watched: Services, target: Target, attack: list[str], name: str) -> None:
    """Whatever a superuser changes, the break is named, somebody is called, it is recorded once, and changes are off."""
    target.worker()
    target.stuck(3)
    plan = planned(watched)
    plans.confirm(watched, plan.key, ADA, secret=plan.secret)
    watch = Watch(watched)
    watch.look()
    assert (events(watched)[-1], audit.verify(watched).whole_to) == ("chain.verified", 6)
    copy = Anchor(n=6, hash=end_of(watched))

    if attack:
        tamper(target, *attack)
    else:
        seal_anew(target, 4)
    found = audit.verify(watched, [copy])
    assert (found.name, found.broken_at is None) == (name, False)
    watch.look()
    watch.look()
    with pytest.raises(ChangesOff, match="the record "):
        planned(watched)
    with suppress(RecordUnavailable):
        runs.perform_due(watched)
    assert target.statuses() == {"processing": 3}, "what was confirmed before is not carried out"
    alert = alerts.card(watched, 1)
    assert isinstance(alert, AlertCard)
    assert (alert.check, alert.severity) == ("audit_chain", "critical")
    assert f"({found.fault})" in alert.reason
    assert events(watched).count("chain.broken") <= 1


def end_of(services: Services) -> bytes:
    """Return the hash with which the record ends."""
    with services.db.read() as tx:
        return chain.head(tx).hash


def test_41_it_adds_up_again(watched: Services, target: Target) -> None:
    """Put back as it was, the record is whole: changes are on again, which is recorded, and the alert recovers."""
    target.worker()
    target.stuck(1)
    watch = Watch(watched)
    watch.look()
    target.connection.execute("CREATE TABLE kept AS SELECT n, record FROM ops.chatops_audit WHERE n = 2")
    tamper(target, "UPDATE ops.chatops_audit SET record = record || '{\"x\": 1}' WHERE n = 2")
    watch.look()
    with pytest.raises(ChangesOff, match=r"no\. 2 \(content\)"):
        planned(watched)
    tamper(target, "UPDATE ops.chatops_audit AS a SET record = k.record FROM kept AS k WHERE a.n = k.n")
    watch.look()
    assert planned(watched).acting == 1
    assert events(watched)[-3:] == ["alert.fired", "chain.verified", "preview.made"]
    assert alerts.list_open(watched).alerts[0].state == "resolving"


@pytest.fixture
def pager() -> Iterator[Pager]:
    """Give the second path."""
    with Pager() as made:
        yield made


@pytest.fixture
def bot(bot_dsn: str, slack: SlackServer, pager: Pager) -> Iterator[Bot]:
    """Give the running bot, which looks at the record every second."""
    config = replace(LIVELY, pager="webhook", timing=replace(LIVELY.timing, verify_again=timedelta(0)))
    with running_bot(bot_dsn, slack, config, dragonfly_pager_url=pager.url) as running:
        yield running


def test_42_audit_unavailable(bot: Bot, slack: SlackServer, pager: Pager, target: Target) -> None:
    """The record cannot be written: a press does nothing and says so, people are called on both paths; later all works."""
    ada, function = slack.person("U0ADA"), "FUNCTION ops.chatops_audit_append(text)"
    target.worker()
    target.stuck(2)
    ada.types("/dragonfly reset-stuck")
    plan = card(slack, "🟡 Plan: reset 2 stuck jobs")
    target.connection.execute(f"REVOKE EXECUTE ON {function} FROM {role_of(bot.services)}".encode())

    ada.presses(plan, ids.CONFIRM)
    assert "the record cannot be written" in ada.is_told("Nothing was done", timeout_seconds=30).text
    alert = card(slack, "🔴 Not in order: record")
    assert "dragonfly audit verify" in str(alert.blocks)
    [page] = eventually(lambda: [page for page in pager.pages if page["check"] == "audit_chain"], 30)
    assert page["action"] == "trigger"
    assert target.statuses() == {"processing": 2}
    ada.types("/dragonfly stuck")
    assert ada.is_told("worker dead", timeout_seconds=30).blocks

    before = events(bot.services).count("chain.verified")
    target.connection.execute(f"GRANT EXECUTE ON {function} TO {role_of(bot.services)}".encode())
    eventually(lambda: events(bot.services).count("chain.verified") > before, 30)
    ada.presses(plan, ids.CONFIRM)
    eventually(lambda: target.statuses() == {"pending": 2}, 30)


ROLE_MAY_NOT = [
    "UPDATE ops.chatops_audit SET record = '{}'",
    "DELETE FROM ops.chatops_audit",
    "TRUNCATE ops.chatops_audit",
    "INSERT INTO ops.chatops_audit (n, at, record, prev, hash) VALUES (9, now(), '{}', '', '')",
    "UPDATE ops.chatops_audit_head SET n = n + 1",
    "DELETE FROM ops.chatops_audit_head",
    "ALTER TABLE ops.chatops_audit DISABLE TRIGGER ALL",
    "ALTER TABLE ops.chatops_audit OWNER TO CURRENT_USER",
    "SET session_replication_role = replica",
    "DROP FUNCTION ops.chatops_audit_append(text)",
    "ALTER FUNCTION ops.chatops_audit_append(text) RESET search_path",
    """SELECT ops.chatops_audit_append(
        '{"actor":"dragonfly","digest":"","event":"chain.restored","session_user":"' || session_user || '"}')""",
]


def test_43_app_role_cannot_rewrite(services: Services, bot_dsn: str) -> None:
    """The role of `db grants` appends and reads; it changes, deletes and inserts nothing, moves no head, accepts no break."""
    with psycopg.connect(bot_dsn, autocommit=True) as connection:
        record = canonical({"actor": "dragonfly", "event": "x", "session_user": connection.info.user})
        connection.execute("SELECT ops.chatops_audit_append(%s)", (record,))
        for attack in ROLE_MAY_NOT:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attack.encode())
    with services.db.read() as tx:
        may = chain.rights(tx)
    assert (may.may_append, may.has_room, may.owns, may.may_rewrite, may.owner_logs_in) == (True, True, *[False] * 3)
    assert audit.verify(services).broken_at is None


NOBODY_MAY = [
    "UPDATE ops.chatops_audit SET record = '{}'",
    "DELETE FROM ops.chatops_audit",
    "TRUNCATE ops.chatops_audit",
    "UPDATE ops.chatops_audit_head SET n = n - 1",
    "UPDATE ops.chatops_audit_head SET hash = decode(repeat('11', 32), 'hex')",
    "DELETE FROM ops.chatops_audit_head",
    "TRUNCATE ops.chatops_audit_head",
]


def test_43_nobody_rewrites_by_accident(target: Target) -> None:
    """The triggers refuse the owner and a superuser too, in replica mode as well, until they are taken away."""
    for mode in ("origin", "replica"):
        target.connection.execute(f"SET session_replication_role = {mode}".encode())
        for attack in NOBODY_MAY:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is append-only"):
                target.connection.execute(attack.encode())
