"""The playbook's other scenarios, pressed with real buttons: migration block, vendor outage, restart, release gate."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_story import CARD, THREAD, act, fault, take

pytestmark = pytest.mark.browser
MODAL = "[data-testid=modal]"


def say(page: Page, text: str) -> None:
    """Type a command."""
    page.fill("[data-testid=composer]", f"/dragonfly {text}")
    page.keyboard.press("Enter")


def shows(page: Page, text: str, seconds: float = 20) -> None:
    """Wait until some message of the channel says this."""
    expect(page.locator(CARD, has_text=text).last).to_be_visible(timeout=seconds * 1000)


def be(page: Page, user: str) -> None:
    """Act as somebody else."""
    page.click(f'[data-user-id="{user}"]')


def test_a_restart_is_proved_by_a_new_worker(page: Page, pictures: Path | None) -> None:
    """Killed by the platform for its memory: logs say so, the plan says what it is, a new worker id proves it."""
    fault(page, "oom-kill")
    shows(page, "Offline: ingest worker")
    act(page, "ack:v1")
    shows(page, "Acknowledged: ingest worker")
    act(page, "read.logs:v1")
    expect(page.get_by_text("OOM").last).to_be_visible()
    act(page, "plan.restart:v1")
    page.locator("[data-testid=replies]").first.click()
    expect(page.locator(THREAD)).to_contain_text("Restart the running deployment")
    act(page, "confirm:v1", THREAD)
    expect(page.locator(THREAD)).to_contain_text("New worker", timeout=60_000)
    take(page, pictures, "restart")
    fault(page, "bring-back")
    shows(page, "Recovered: ingest worker", 60)


def test_a_migration_block_needs_a_second_person(page: Page, pictures: Path | None) -> None:
    """The backend lead is called; the holder is found by its locks; Dana approves, Ada types the number, it is proved."""
    fault(page, "block-migrations")
    shows(page, "Blocked: migrations")
    expect(page.locator(CARD, has_text="Blocked: migrations").last).to_contain_text("Cleo")
    page.wait_for_timeout(8_000)
    say(page, "locks")
    shows(page, "Blocked: 1 session waits")
    take(page, pictures, "blocked")
    act(page, "plan.unlock:v1")
    shows(page, "Plan: end session")
    act(page, "ask:v1")
    page.locator(f"{MODAL} textarea").last.fill("The deploy waits since six minutes")
    page.click("[data-testid=modal-submit]")
    shows(page, "Second person: end session")
    act(page, "approve:v1")
    page.click("[data-testid=confirm-yes]")
    shows(page, "another person decides")
    be(page, "U0DANA")
    act(page, "approve:v1")
    expect(page.locator("[data-testid=confirm]")).to_contain_text("still has to type")
    page.click("[data-testid=confirm-yes]")
    shows(page, "Approved: end session")
    be(page, "U0ADA")
    act(page, "run:v1")
    expect(page.locator(MODAL)).to_contain_text("to go on")
    asked = re.search(r"Type (\d+) to go on", page.locator(MODAL).inner_text())
    assert asked is not None
    page.locator(f"{MODAL} input").last.fill("1")
    page.click("[data-testid=modal-submit]")
    expect(page.locator(f"{MODAL} .field-error")).to_have_text(f"That is not {asked[1]}. Nothing was done.")
    take(page, pictures, "mistyped")
    page.locator(f"{MODAL} input").last.fill(asked[1])
    page.click("[data-testid=modal-submit]")
    shows(page, f"Done: session {asked[1]} ended")
    shows(page, "Recovered: migrations", 60)
    fault(page, "bring-back")


def test_a_vendor_outage_is_paused_and_resumed(page: Page, pictures: Path | None) -> None:
    """Evidence from four sides in one alert; a pause that holds; no resume while it fails; small batches after."""
    fault(page, "vendor-500")
    shows(page, "Failing: Simplicity API", 40)
    expect(page.locator(CARD, has_text="Failing: Simplicity API").last).to_contain_text("Own call: 500")
    take(page, pictures, "vendor-alert")
    say(page, "pause ingest Simplicity API down for 2h")
    shows(page, "Plan: pause ingest")
    act(page, "confirm:v1")
    shows(page, "Paused: ingest")
    shows(page, "Nothing is left to be picked up")
    take(page, pictures, "paused")
    say(page, "resume ingest")
    shows(page, "good answers")
    fault(page, "vendor-ok")
    expect(page.locator(CARD, has_text="Paused: ingest").last).to_contain_text("Next resume in small", timeout=60_000)
    say(page, "resume ingest")
    shows(page, "Plan: resume ingest")
    act(page, "confirm:v1")
    shows(page, "Done: ingest resumed", 90)
    fault(page, "bring-back")


def test_the_gate_says_what_to_do(page: Page, pictures: Path | None) -> None:
    """Two local migrations are pending: the gate fails with the playbook's remedy, for everyone in the channel."""
    say(page, "gate prod --skip evaluator")
    shows(page, "Failed: gate")
    card = page.locator(CARD, has_text="Failed: gate").last
    expect(card).to_contain_text("Do not deploy.")
    expect(card).to_contain_text("db_push.ps1")
    take(page, pictures, "gate")
    say(page, "doctor")
    shows(page, "doctor")
    say(page, "migrations")
    shows(page, "Repair…")
    take(page, pictures, "migrations")
    act(page, "plan.repair:v1")
    expect(page.locator(f"{MODAL} select option")).to_have_text(["Choose", "applied", "reverted"])
    take(page, pictures, "repair-form")
    page.click("[data-testid=modal-close]")


def test_home_shows_what_waits(page: Page, pictures: Path | None) -> None:
    """A gate that said no is allowed by a plan that waits in Home; what is read there is shown in a modal."""
    say(page, "gate prod --skip evaluator")
    shows(page, "Failed: gate")
    act(page, "plan.allow-release:v1")
    page.locator(f"{MODAL} textarea").fill("the fix for the incident is in it")
    page.click("[data-testid=modal-submit]")
    shows(page, "Plan: allow the release")
    page.click("#home-entry")
    home = page.locator("[data-testid=home]")
    expect(home).to_contain_text("allow the release, ends")
    take(page, pictures, "home")
    home.locator('[data-action-id="read.status:v1"]').click()
    expect(page.locator(MODAL)).to_contain_text("Simplicity API")
    take(page, pictures, "home-status")
    page.click("[data-testid=modal-close]")


def test_new_cards_fit_a_phone(phone: Page) -> None:
    """At 390 pixels nothing scrolls sideways and every header is one line."""
    phone.click('[data-go="chats"]')
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    heads = phone.locator(".block-header").evaluate_all(
        "nodes => nodes.map(node => [node.textContent, node.offsetHeight])"
    )
    assert heads
    assert [text for text, height in heads if height > 30] == []
