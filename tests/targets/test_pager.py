"""The second path over HTTP: two shapes, one key, and errors that never hold the address."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.domain.messages import Page
from bot.errors import DeliveryAmbiguous, DeliveryPermanent
from bot.sandbox.pager import Pager
from bot.targets.pager import HttpPager, Monitor
from tests.support.examples import PAGE

KEY = "R0UT1NGKEY"


@pytest.fixture
def pager() -> Iterator[Pager]:
    """Give the other side."""
    with Pager() as made:
        yield made


def sent(pager: Pager, address: str, shape: str, *pages: Page) -> list[dict[str, object]]:
    """Send pages and return what arrived."""
    client = HttpPager(address, shape)
    try:
        for page in pages:
            client.send(page, "a line")
    finally:
        client.close()
    return pager.pages


def test_a_plain_webhook(pager: Pager) -> None:
    """All that somebody's own receiver needs, flat."""
    [page] = sent(pager, pager.url, "webhook", PAGE)
    assert page == {
        "action": "trigger",
        "dedup_key": "3" * 64,
        "text": "a line",
        "env": "prod",
        "alert": "A31",
        "check": "worker_heartbeat",
        "severity": "critical",
        "since": PAGE.since.isoformat(),
        "at": PAGE.as_of.isoformat(),
    }


def test_pagerduty(pager: Pager) -> None:
    """Events of version 2: the routing key is the address's user and leaves it; what ends needs no payload."""
    address = pager.url.replace("http://", f"http://{KEY}@")
    trigger, resolve = sent(pager, address, "pagerduty", PAGE, replace(PAGE, action="resolve"))
    assert (trigger["routing_key"], trigger["event_action"], trigger["dedup_key"]) == (KEY, "trigger", "3" * 64)
    assert trigger["payload"] == {
        "summary": "a line",
        "source": "dragonfly prod",
        "severity": "critical",
        "timestamp": PAGE.since.isoformat(),
        "class": "worker_heartbeat",
        "custom_details": {"alert": "A31", "env": "prod"},
    }
    assert resolve == {"routing_key": KEY, "event_action": "resolve", "dedup_key": "3" * 64}


@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_a_refusal_names_its_status_and_nothing_else(pager: Pager, status: int) -> None:
    """Whoever reads the error learns the status, and not where it was sent."""
    pager.status = status
    with pytest.raises(DeliveryPermanent) as refused:
        sent(pager, pager.url, "webhook", PAGE)
    assert refused.value.slack_error == f"pager_{status}"
    assert "127.0.0.1" not in str(refused.value)


def test_nobody_answers(pager: Pager) -> None:
    """No answer is not known to be a refusal; the monitor's silence is no error."""
    page, ping = pager.url, pager.ping_url
    monitor = Monitor(ping)
    assert monitor.ping()
    pager.stop()
    assert not monitor.ping()
    monitor.close()
    with pytest.raises(DeliveryAmbiguous) as unanswered:
        sent(pager, page, "webhook", PAGE)
    assert "127.0.0.1" not in f"{unanswered.value} {unanswered.value.slack_error}"
