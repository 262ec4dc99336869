"""Old errors are no news, many are counted whole, and what cannot be seen is said: never an outage, never its end."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.domain.messages import AlertFace
from bot.errors import StatementRefused
from bot.operations import checks, detection, sessions, vendors
from bot.operations.reachability import FAILS, Watch
from bot.operations.services import Services
from bot.sandbox.railway.faults import FaultKind
from bot.targets.catalog import CatalogCache
from tests.operations.test_detection import AT_ONCE, Vendor, card_text, complaining, fired, watching
from tests.support.jobs import Target
from tests.support.railway import Cloud, carried_out, cloud, planned


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


@pytest.fixture
def here(services: Services, railway: Cloud, vendor: Vendor) -> Services:
    """Give the product with that Railway and that vendor."""
    return watching(services, railway, vendor)


def aged(target: Target, jobs: list[str], minutes: int = 120) -> None:
    """Let nobody have touched jobs for so long."""
    target.connection.execute("ALTER TABLE ops.job_queue DISABLE TRIGGER USER")
    target.connection.execute(
        "UPDATE ops.job_queue SET updated_at = now() - make_interval(mins => %s) WHERE id::text = ANY(%s)",
        (minutes, jobs),
    )
    target.connection.execute("ALTER TABLE ops.job_queue ENABLE TRIGGER USER")


@pytest.mark.parametrize("target_schema", ["playbook", "deployed"], indirect=True)
def test_a_reset_does_not_make_old_errors_new(here: Services, target: Target, vendor: Vendor) -> None:
    """Failed two hours ago, claimed, and the worker died: neither claim nor reset is news; a try after it is."""
    vendor.endpoint = "ok"
    target.worker()
    jobs = target.stuck(12)
    target.connection.execute("UPDATE ops.job_queue SET last_error = 'Simplicity API returned 500'")
    detection.watch(here, detection.VENDOR)
    assert fired(here) == [], "a claim touches `updated_at`"
    aged(target, jobs)
    done = carried_out(here, planned(here, "reset-stuck"))
    assert done.result["reset"] == 12
    detection.watch(here, detection.VENDOR)
    assert fired(here) == [], "so does our own reset"
    target.connection.execute("UPDATE ops.chatops_run SET ended_at = ended_at - interval '2 minutes'")
    detection.watch(here, detection.VENDOR)
    assert fired(here) == [], "nobody has tried them since, however long ago"
    target.pick_up()
    target.connection.execute("UPDATE ops.job_queue SET status = 'pending', locked_at = NULL")
    detection.watch(here, detection.VENDOR)
    assert [card.reason for card in fired(here)] == ["12 of 12 calls failed, consistent with an outage"]


@pytest.mark.parametrize("each", ["", " for job "])
def test_a_large_outage_is_counted_whole(here: Services, target: Target, each: str) -> None:
    """More failures than a page, of one text or of as many: counted like completions, never fewer."""
    jobs = complaining(target, 900, "Simplicity API returned 500")
    if each:
        target.connection.execute("UPDATE ops.job_queue SET last_error = last_error || %s || id::text", (each,))
    target.complete(target.stuck(700))
    detection.watch(here, detection.VENDOR)
    assert [card.reason for card in fired(here)] == [f"{len(jobs)} of 1600 calls failed, consistent with an outage"]


def test_jobs_that_cannot_be_seen_do_not_end_an_outage(here: Services, target: Target, vendor: Vendor) -> None:
    """It fired by our jobs; `last_error` is gone: the alert stays and says that it cannot see; by itself that fires nothing."""
    vendor.endpoint = "ok"
    complaining(target, 6, "Simplicity API returned 500")
    detection.watch(here, detection.VENDOR)
    assert len(fired(here)) == 1
    target.connection.execute("ALTER TABLE ops.job_queue DROP COLUMN last_error CASCADE")
    blind = replace(here, catalog=CatalogCache(AT_ONCE))
    for _ in range(3):
        detection.watch(blind, detection.VENDOR)
    [card] = fired(here)
    assert card.face is AlertFace.HIDDEN
    vendor.endpoint = "failing"
    detection.watch(blind, detection.VENDOR)
    assert "Jobs: not known" in card_text(fired(here)[0])


# What goes blind


def look_at_all(services: Services, target: Target, times: int = 1) -> list[str]:
    """Let everything be due so often; return which checks are said to be blind."""
    for _ in range(times):
        target.connection.execute("UPDATE ops.chatops_check SET due_at = now() - interval '1 minute'")
        checks.run_due(services)
        checks.run_outside_due(services)
    with services.db.read() as tx:
        rows = tx.connection.execute(
            "SELECT labels ->> 'check' AS name FROM ops.chatops_alert "
            "WHERE check_id = 'check_blind' AND state <> 'resolved' ORDER BY 1"
        ).fetchall()
    return [row["name"] for row in rows]


def test_railway_away_is_said_after_three_looks(here: Services, target: Target, railway: Cloud) -> None:
    """Deployments and logs cannot be read: twice is nothing, three times an alert of its own; back again, it ends."""
    railway.fault(FaultKind.DOWN)
    assert look_at_all(here, target, 2) == []
    assert look_at_all(here, target) == ["deploys", "vendor_errors"]
    railway.server.faults.clear()
    assert look_at_all(here, target, 2) == []


def test_refused_statements_are_said_after_three_looks(
    here: Services, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locks and jobs whose statements are refused: three looks in a row are an alert; one that saw begins anew."""

    def refuse(*_: object) -> None:
        message = "permission denied"
        raise StatementRefused(message, sqlstate="42501")

    assert look_at_all(here, target) == []
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "waits", refuse)
        patch.setattr(vendors, "complaints", refuse)
        assert look_at_all(here, target, 2) == []
    assert look_at_all(here, target) == []
    monkeypatch.setattr(sessions, "waits", refuse)
    monkeypatch.setattr(vendors, "complaints", refuse)
    assert look_at_all(here, target, 2) == []
    assert look_at_all(here, target) == ["migration_blocked", "vendor_errors"]


def test_the_database_is_said_to_be_seen_last_when_it_was(services: Services) -> None:
    """The card counts from the last good look, not from the first failed one; who never saw it names no time."""
    seen, never = Watch(services), Watch(services)
    seen.look()
    services.db.close()
    for watch in (seen, never):
        for _ in range(FAILS):
            watch.look()
    card = seen._card()
    assert card.seen_at is not None and card.started_at == card.seen_at
    assert "Last seen" in card_text(card)
    assert never._card().seen_at is None and "Since" in card_text(never._card())
