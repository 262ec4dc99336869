"""What is seen of vendors, deployments and migrations becomes one alert with its evidence; what cannot be seen, none."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
import pytest

from bot.domain.configuration import Level
from bot.domain.ids import parse_alert_key
from bot.domain.messages import AlertCard, AlertFace, AlertReply, Message
from bot.domain.redaction import Redactor
from bot.domain.vendor import Answer
from bot.operations import alert_cards, alerts, checks, detection, escalations, timeline
from bot.operations.services import Services
from bot.render.slack import SlackRenderer
from bot.render.terminal import TerminalRenderer
from bot.sandbox.railway.faults import FaultKind
from bot.sandbox.target.seeds import SEEDS
from bot.store import alerts as stored
from bot.store import outbox
from tests.support.jobs import Target
from tests.support.railway import INGEST, Cloud, carried_out, cloud, on, planned
from tests.support.seeds import ours
from tests.support.waiting import eventually

AT_ONCE = timedelta(0)
PHONE = "Simplicity support +1 555 0100"
CONTACTS = {
    "vendor-outage": (
        Level(after=AT_ONCE, label="on call", call=("oncall",)),
        Level(after=AT_ONCE, label="vendor support", call=(PHONE,)),
    ),
    "migration-block": (
        Level(after=AT_ONCE, label="backend lead", call=("U0BEN",)),
        Level(after=AT_ONCE, label="DBA", call=("U0CLEO",)),
    ),
}


@dataclass
class Vendor:
    """What a vendor's endpoint and page answer."""

    endpoint: str = "unknown"
    page: str = "unknown"

    def ask(self, url: str) -> Answer:  # noqa: ARG002  # the port's signature
        """Answer as told."""
        return Answer(verdict=self.endpoint, detail={"ok": "200", "failing": "500"}.get(self.endpoint, ""))

    def status_page(self, url: str) -> Answer:  # noqa: ARG002  # the port's signature
        """Answer as told."""
        return Answer(verdict=self.page, detail={"ok": "operational"}.get(self.page, "1 open incident"))

    def close(self) -> None:
        """Close nothing."""


@pytest.fixture
def target_schema(request: pytest.FixtureRequest) -> str:
    """One schema, where a test does not ask for the other."""
    return str(getattr(request, "param", "deployed"))


@pytest.fixture
def railway(target: Target) -> Iterator[Cloud]:
    """Give a simulated Railway."""
    with cloud(target) as found:
        yield found


@pytest.fixture
def vendor() -> Vendor:
    """Give a vendor that cannot be asked."""
    return Vendor()


def watching(services: Services, railway: Cloud, vendor: Vendor | None = None, **timing: timedelta) -> Services:
    """Return services whose alerts fire and recover at once."""
    made = on(services, railway, pending_for=AT_ONCE, keep_firing_for=AT_ONCE, **timing)
    return replace(made, config=replace(made.config, contacts=CONTACTS), vendor_probe=vendor)


@pytest.fixture
def here(services: Services, railway: Cloud, vendor: Vendor) -> Services:
    """Give the product with that Railway and that vendor."""
    return watching(services, railway, vendor)


def fired(services: Services) -> list[AlertCard]:
    """Return the cards of the open alerts."""
    with services.db.read() as tx:
        rows = tx.connection.execute("SELECT id FROM ops.chatops_alert WHERE state <> 'resolved' ORDER BY id")
        found = [alerts.card(services, row["id"]) for row in rows.fetchall()]
    return [card for card in found if isinstance(card, AlertCard)]


def card_text(card: Message) -> str:
    """Return what Slack shows."""
    return repr(SlackRenderer(names={}, redact=Redactor(public=[PHONE])).card(card))


def complaining(target: Target, count: int, error: str, status: str = "pending", job_type: str = "") -> list[str]:
    """Let jobs have failed just now with an error."""
    found = target.stuck(count, job_type=job_type)
    target.connection.execute(
        "UPDATE ops.job_queue SET last_error = %s, locked_at = NULL, updated_at = now() WHERE id::text = ANY(%s)",
        (error, found),
    )
    target.connection.execute(f"UPDATE ops.job_queue SET status = '{status}' WHERE id::text = ANY(%s)", (found,))
    return found


# A vendor


@pytest.mark.parametrize(
    ("target_schema", "error"),
    [
        ("playbook", "Simplicity API returned 503"),
        ("deployed", "Max retries exceeded with url"),
        ("deployed", "CSV does not match Simplicity format"),
    ],
    indirect=["target_schema"],
)
def test_row_25_an_outage_is_seen_in_our_jobs_errors(here: Services, target: Target, error: str) -> None:
    """Patterns over `last_error` of configured types: failed ones and those to be tried again; nobody's data is kept."""
    complaining(target, 4, f"{error} for {SEEDS[0]}")
    detection.watch(here, detection.VENDOR)
    assert fired(here) == []
    complaining(target, 3, f"{error} for {SEEDS[0]}", "failed")
    detection.watch(here, detection.VENDOR)
    [card] = fired(here)
    assert (card.check, card.scenario, card.reason) == (
        "vendor_errors",
        "vendor-outage",
        "7 of 7 calls failed, consistent with an outage",
    )
    assert SEEDS[0] not in ours(target.connection) and SEEDS[0] not in card_text(card)


def test_row_25_the_deployed_worker_of_the_vendor_counts(here: Services, target: Target, railway: Cloud) -> None:
    """`simplicity_ingest` too, whose worker is another one, and with Railway away; job types of nobody's vendor do not."""
    complaining(target, 9, "Simplicity API returned 500", job_type="enforcement_generate_packet")
    detection.watch(here, detection.VENDOR)
    assert fired(here) == []
    complaining(target, 6, "storage download failed", job_type="simplicity_ingest")
    railway.fault(FaultKind.DOWN)
    detection.watch(here, detection.VENDOR)
    [card] = fired(here)
    assert "Logs: could not be read" in card_text(card)


def test_row_25_an_outage_is_seen_in_the_logs(here: Services, railway: Cloud) -> None:
    """The playbook's own trigger: its lines in the log of the vendor's service."""
    railway.log(*["Simplicity API returned 500"] * 4, "Simplicity API returned 404", "room 500")
    detection.watch(here, detection.VENDOR)
    assert fired(here) == []
    railway.log("ERROR Max retries exceeded")
    detection.watch(here, detection.VENDOR)
    assert [card.reason for card in fired(here)] == ["5 log lines consistent with an outage"]


def test_all_evidence_is_one_alert(here: Services, railway: Cloud, target: Target, vendor: Vendor) -> None:
    """Jobs, logs, probe and page together: one card with each of them, the runbook's next step, and no claim of proof."""
    vendor.endpoint, vendor.page = "failing", "ok"
    complaining(target, 6, "Simplicity API returned 500")
    railway.log(*["Max retries exceeded"] * 7)
    for _ in range(3):
        detection.watch(here, detection.VENDOR)
    [card] = fired(here)
    text = card_text(card)
    for said in ("6 of 6 failed in 5 min", "7 lines of its kind", "Own call: 500", "Status page: operational"):
        assert said in text
    assert "Consistent with an outage; no proof" in text and "pause ingest" in text


def test_its_contacts_are_called_with_their_phone(here: Services, vendor: Vendor, target: Target) -> None:
    """On call by mention, then vendor support as a card: name and phone, because they are not in Slack."""
    vendor.endpoint = "failing"
    detection.watch(here, detection.VENDOR)
    escalations.call_due(here)
    [card] = fired(here)
    assert [(call.label, call.who) for call in card.calls] == [("on call", ("U0ADA",)), ("vendor support", (PHONE,))]
    text = card_text(card)
    assert "<@U0ADA>" in text and "Simplicity support +1 555 0100" in text
    row = target.connection.execute("SELECT facts FROM ops.chatops_alert_event WHERE event = 'escalated'").fetchone()
    assert row is not None and row[0]["who"] == [PHONE]
    told = TerminalRenderer().text(timeline.read(here, parse_alert_key(card.key) or 0))
    assert f"not acknowledged; named {PHONE}, whom I do not call (vendor support)" in told
    assert "called U0ADA" in told


@pytest.mark.parametrize(
    ("endpoint", "page", "opens"),
    [
        ("unknown", "ok", 0),
        ("unknown", "failing", 1),
        ("ok", "failing", 0),
    ],
)
def test_a_page_alone_proves_little(here: Services, vendor: Vendor, endpoint: str, page: str, opens: int) -> None:
    """A green page proves nothing; a red one counts where we see nothing ourselves."""
    vendor.endpoint, vendor.page = endpoint, page
    detection.watch(here, detection.VENDOR)
    assert len(fired(here)) == opens


def test_a_green_page_does_not_end_an_outage(here: Services, vendor: Vendor) -> None:
    """It fired by our own call; the page is green and our call cannot tell: it stays, and says that it cannot see."""
    vendor.endpoint = "failing"
    detection.watch(here, detection.VENDOR)
    vendor.endpoint, vendor.page = "unknown", "ok"
    for _ in range(3):
        detection.watch(here, detection.VENDOR)
    [card] = fired(here)
    assert card.face is AlertFace.HIDDEN


def test_recovery_resolves(here: Services, vendor: Vendor, target: Target) -> None:
    """Our own call is answered and the errors stay away: recovered."""
    vendor.endpoint = "failing"
    detection.watch(here, detection.VENDOR)
    assert len(fired(here)) == 1
    vendor.endpoint = "ok"
    detection.watch(here, detection.VENDOR)
    detection.watch(here, detection.VENDOR)
    assert fired(here) == []


def test_a_recovery_says_what_a_pause_still_holds(here: Services, vendor: Vendor, target: Target) -> None:
    """The vendor is well again, and ingest still waits: that is something to do."""
    vendor.endpoint = "failing"
    detection.watch(here, detection.VENDOR)
    target.pending(3)
    carried_out(here, planned(here, "pause", reason="the API fails", **{"for": "2h"}))
    vendor.endpoint = "ok"
    with here.db.write() as tx:
        outbox.settle(tx, "post", "alert:1", "C0INCIDENTS", "1.000001")
    for _ in range(2):
        detection.watch(here, detection.VENDOR)
    with here.db.read() as tx:
        [last] = [event for event in stored.events(tx, 1) if event.event == "recovered"]
        reply = alert_cards.alert_reply(here, tx, {"id": 1, "event": last.id})
    assert isinstance(reply, AlertReply)
    assert reply.paused == 3
    assert "3 jobs still held by the pause" in card_text(reply)


def test_railway_away_neither_fires_nor_recovers(here: Services, railway: Cloud, vendor: Vendor) -> None:
    """It fired by the logs; Railway is away: unknown, so it stays. And with nothing open, nothing fires."""
    railway.fault(FaultKind.DOWN)
    vendor.endpoint = "ok"
    detection.watch(here, detection.VENDOR)
    detection.watch(here, detection.DEPLOY)
    assert fired(here) == []
    railway.server.faults.clear()
    railway.log(*["Simplicity API returned 500"] * 6)
    detection.watch(here, detection.VENDOR)
    railway.fault(FaultKind.DOWN)
    for _ in range(3):
        detection.watch(here, detection.VENDOR)
        detection.watch(here, detection.DEPLOY)
    [card] = fired(here)
    assert card.face is AlertFace.HIDDEN
    assert "could not be read" not in card_text(card), "the evidence is that of the look that saw"


def test_a_pause_does_not_make_old_errors_new(here: Services, target: Target, vendor: Vendor) -> None:
    """Holding and letting go touch every job (`updated_at`): their old errors are no new evidence."""
    vendor.endpoint = "ok"
    held = complaining(target, 8, "Simplicity API returned 500")
    target.connection.execute("ALTER TABLE ops.job_queue DISABLE TRIGGER USER")
    target.connection.execute("UPDATE ops.job_queue SET updated_at = now() - interval '1 hour'")
    target.connection.execute("ALTER TABLE ops.job_queue ENABLE TRIGGER USER")
    carried_out(here, planned(here, "pause", reason="Simplicity API down"))
    detection.watch(here, detection.VENDOR)
    assert fired(here) == []
    pause = target.connection.execute("SELECT id FROM ops.chatops_pause").fetchone()
    assert pause is not None
    carried_out(here, planned(here, "undo", run=pause[0]))
    detection.watch(here, detection.VENDOR)
    assert fired(here) == []
    target.connection.execute("UPDATE ops.chatops_pause_job SET released_at = now() - interval '2 minutes'")
    target.connection.execute("UPDATE ops.job_queue SET attempts = 2 WHERE id::text = ANY(%s)", (held,))
    detection.watch(here, detection.VENDOR)
    assert len(fired(here)) == 1, "what fails anew after it was let go counts"


# Migrations


def failed_deployment(railway: Cloud, *lines: str) -> None:
    """Let the newest deployment of ingest have failed with these lines in its log."""
    railway.processes.fails = True
    before = len(railway.server.service(INGEST).deployments)
    railway.client.set_variable(railway.server.service(INGEST).id, "RELEASE", str(before))
    eventually(lambda: railway.server.service(INGEST).deployments[-1].status == "FAILED")
    service = railway.server.service(INGEST)
    for line in lines:
        railway.server._world._write(service, service.deployments[-1].id, "i-hook", line, "error")


@pytest.mark.parametrize(
    "line",
    [
        "psycopg.errors.LockNotAvailable: 55P03: canceling statement due to lock timeout",
        'ERROR: 42P07: relation "settlement_offers" already exists',
        "duplicate key value violates unique constraint (SQLSTATE 23505)",
    ],
)
def test_a_failed_deployment_with_a_migrations_error_is_a_block(here: Services, railway: Cloud, line: str) -> None:
    """The backend lead is called, then the DBA; the line itself is not shown."""
    failed_deployment(railway, "Running migrations", line)
    detection.watch(here, detection.DEPLOY)
    [card] = fired(here)
    assert (card.check, card.scenario) == ("migration_blocked", "migration-block")
    escalations.call_due(here)
    [card] = fired(here)
    assert [(call.label, call.who) for call in card.calls] == [("backend lead", ("U0BEN",)), ("DBA", ("U0CLEO",))]
    assert "settlement_offers" not in card_text(card)
    assert "consistent with a blocked migration" in card_text(card)


def test_a_failed_deployment_without_one_is_not(here: Services, railway: Cloud) -> None:
    """A build that broke is somebody else's alert; a later one that works ends what was open."""
    failed_deployment(railway, "ModuleNotFoundError: no module named 'x'")
    detection.watch(here, detection.DEPLOY)
    assert fired(here) == []
    failed_deployment(railway, "ERROR: 55P03")
    detection.watch(here, detection.DEPLOY)
    assert len(fired(here)) == 1
    railway.processes.fails = False
    railway.deploys()
    detection.watch(here, detection.DEPLOY)
    detection.watch(here, detection.DEPLOY)
    assert fired(here) == []


def test_a_deployment_that_stays_pending_is_a_block(services: Services, target: Target) -> None:
    """Longer than the limit in building or deploying: an alert with how long; within it, nothing."""
    with cloud(target, deploy_seconds=40.0) as railway:
        patient = watching(services, railway)
        railway.client.set_variable(railway.server.service(INGEST).id, "RELEASE", "7")
        detection.watch(patient, detection.DEPLOY)
        assert fired(patient) == []
        detection.watch(watching(services, railway, deploy_pending=timedelta(milliseconds=1)), detection.DEPLOY)
        [card] = fired(patient)
        assert "its deployment has been queued for 0 min" in card.reason
        assert card.label == "ingest-worker deploy"


def look(services: Services) -> list[AlertCard]:
    """Look at the locks, and return the cards of the open alerts."""
    detection.watch(services, detection.MIGRATION)
    return fired(services)


@contextmanager
def waiting_migration(dsn: str) -> Iterator[None]:
    """Let one session hold a table that another wants to alter."""
    with psycopg.connect(dsn) as holder, psycopg.connect(dsn, autocommit=True) as migration:
        holder.execute("LOCK TABLE ops.job_queue IN ACCESS SHARE MODE")
        thread = threading.Thread(target=lambda: migration.execute("ALTER TABLE ops.job_queue ADD COLUMN late text"))
        thread.start()
        try:
            yield
        finally:
            holder.rollback()
            thread.join(5)


def is_waiting(target: Target) -> Callable[[], bool]:
    """Return whether a session waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return lambda: (target.connection.execute(query).fetchone() or (0,))[0] > 0


def test_a_migration_that_waits_for_a_lock_is_a_block(
    services: Services, railway: Cloud, target: Target, target_dsn: str
) -> None:
    """Two real sessions: for less than the limit nothing, then an alert that names the holder; gone, it recovers."""
    soon = watching(services, railway, migration_wait=timedelta(milliseconds=50))
    with waiting_migration(target_dsn):
        eventually(is_waiting(target))
        detection.watch(watching(services, railway), detection.MIGRATION)
        assert fired(services) == []
        eventually(lambda: look(soon))
        [card] = fired(soon)
        assert (card.check, card.scenario, card.label) == ("migration_blocked", "migration-block", "migrations")
        assert "has blocked a migration for" in card.reason
        assert "Held by session " in card_text(card) and ", idle " in card_text(card)
        assert "acknowledge, then see who blocks" in card_text(card)
        assert "ALTER TABLE" not in ours(target.connection)
    detection.watch(soon, detection.MIGRATION)
    detection.watch(soon, detection.MIGRATION)
    assert fired(soon) == []


def test_a_role_that_sees_no_sessions_sees_that_a_migration_waits(
    services: Services, railway: Cloud, target: Target, target_dsn: str, worker_id: str
) -> None:
    """Without `pg_read_all_stats` the locks are still to be seen: nobody who waits is missed."""
    target.connection.execute(f"REVOKE pg_read_all_stats FROM dragonfly_test_bot_{worker_id}")
    soon = watching(services, railway, migration_wait=AT_ONCE)
    with waiting_migration(target_dsn):
        eventually(is_waiting(target))
        detection.watch(soon, detection.MIGRATION)
        assert len(fired(soon)) == 1


def test_a_hint_makes_the_deployments_due(here: Services, railway: Cloud) -> None:
    """What a hook tells is not believed: the deployments are looked at anew, and nothing else."""
    checks.run_outside_due(here)
    asked = len(railway.server.calls)
    checks.run_outside_due(here)
    assert len(railway.server.calls) == asked
    checks.hint(here, detection.DEPLOY)
    checks.run_outside_due(here)
    names = [name for call in railway.server.calls[asked:] for name in call.names]
    assert names.count("ServiceState") == 3
    assert "RuntimeLogs" not in names
