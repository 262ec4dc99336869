"""A pause and its resume as tests walk them: planned, confirmed, and tended while time is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bot.domain.configuration import DEFAULT_VENDORS
from bot.domain.messages import PauseCard, PlanCard
from bot.operations import pausing, plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from bot.sandbox.target.vendor import HEALTH, PAGE, Vendor
from bot.store import pauses
from bot.targets.vendor import HttpProbe
from tests.support.product import ADA, CONFIG, INCIDENTS, product
from tests.support.told import Clock

HERE = Place(channel=INCIDENTS)
REASON = {"reason": "Simplicity API down"}
BATCH = 2
"""Jobs that a resume lets go at a time."""


@contextmanager
def asking(dsn: str, vendor: Vendor, clock: Clock) -> Iterator[Services]:
    """Give the product with a vendor to ask over the network, at the time that is told."""
    asked = replace(DEFAULT_VENDORS[0], endpoint=vendor.url + HEALTH, status_page=vendor.url + PAGE)
    config = replace(CONFIG, vendors=(asked,), queue=replace(CONFIG.queue, resume_batch=BATCH))
    with product(dsn, config, now=lambda: clock.now) as made:
        probe = HttpProbe()
        yield replace(made, vendor_probe=probe)
        probe.close()


def do(services: Services, step: str, params: dict[str, str], *, undo: bool = False) -> PlanCard:
    """Plan, confirm and carry out a step; return its card."""
    asked = plans.undo_params(services, params["run"]) if undo else params
    made = plans.make(services, step, asked, ADA, HERE)
    assert isinstance(made, PlanCard), made
    plans.confirm(services, made.key, ADA, secret=made.secret)
    runs.perform_due(services)
    done = plans.card(services, made.key)
    assert isinstance(done, PlanCard)
    return done


def pause(services: Services) -> PlanCard:
    """Pause ingest."""
    return do(services, "pause", REASON)


def card(services: Services, key: str) -> PauseCard:
    """Return a pause's card."""
    with services.db.read() as tx:
        found = pauses.find(tx, key)
        assert found is not None
        return pausing.build(services, tx, found)


def good_answers(services: Services, clock: Clock) -> None:
    """Let the vendor answer well three times over a minute."""
    for _ in range(4):
        clock.passes(20)
        pausing.tend(services)
