"""The story of the README, pressed with real buttons in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
CARD = '#messages [data-testid="message"]'
THREAD = "#thread-messages"


def act(page: Page, action: str, within: str = "#messages") -> None:
    """Press the newest button with an action id."""
    page.locator(f'{within} [data-action-id="{action}"]').last.click()


def fault(page: Page, name: str) -> None:
    """Press a fault in the panel, and wait until the simulated system has it."""
    with page.expect_response("**/system/fault", timeout=60_000):
        page.locator(f"[data-fault={name}]").dispatch_event("click")


def take(page: Page, folder: Path | None, name: str) -> None:
    """Take a picture for the README, where one is asked for."""
    if folder:
        page.screenshot(path=folder / f"{name}.png")


def test_the_whole_story(page: Page, phone: Page, pictures: Path | None) -> None:
    """Killed, called, acknowledged, planned, refused to another, confirmed, brought back, recovered."""
    expect(page.locator('[data-state="well"]')).to_have_count(6)
    expect(page.get_by_role("heading", name="Pager")).to_have_count(0)
    fault(page, "kill-ingest")
    expect(page.get_by_text("Offline: ingest worker")).to_be_visible(timeout=15_000)
    take(page, pictures, "alert")
    expect(page.locator(CARD).get_by_text("Ada").first).to_be_visible()
    expect(phone.get_by_text("Offline: ingest worker")).to_be_visible()
    take(phone, pictures, "alert-phone")

    act(page, "ack:v1")
    expect(page.get_by_text("Acknowledged: ingest")).to_be_visible()
    page.fill("[data-testid=composer]", "/dragonfly st")
    expect(page.locator("#completion")).to_contain_text("/dragonfly status")
    page.fill("[data-testid=composer]", "/dragonfly status")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 alert, acknowledged")).to_be_visible()
    expect(page.locator("#messages")).to_contain_text("worker dead", timeout=20_000)
    page.wait_for_timeout(9_000)

    page.locator(CARD, has_text="Acknowledged: ingest").locator('[data-action-id="plan.reset-stuck:v1"]').click()
    page.locator("[data-testid=replies]").first.click()
    expect(page.locator(THREAD)).to_contain_text("Plan: reset")
    take(page, pictures, "plan")
    act(page, "read.plan:v1", THREAD)
    expect(page.locator("[data-testid=modal]")).to_contain_text("UPDATE ops.job_queue")
    page.click("[data-testid=modal-close]")

    page.click('[data-user-id="U0BEN"]')
    page.locator("[data-testid=replies]").first.click()
    act(page, "confirm:v1", THREAD)
    expect(page.get_by_text("Nothing was done: only").first).to_be_visible()
    page.click('[data-user-id="U0ADA"]')
    page.locator("[data-testid=replies]").first.click()
    act(page, "confirm:v1", THREAD)
    expect(page.locator(THREAD)).to_contain_text("Working:", timeout=15_000)

    fault(page, "bring-back")
    expect(page.locator(THREAD)).to_contain_text("recovered", timeout=60_000)
    expect(page.locator(THREAD)).to_contain_text("all picked up", timeout=60_000)
    expect(page.get_by_text("Recovered: ingest worker").first).to_be_visible(timeout=30_000)
    take(page, pictures, "recovered")


def test_on_a_phone_nothing_scrolls_sideways(phone: Page) -> None:
    """At 390 pixels each view fits, headers are one line, and the composer can be reached."""
    for view in ("people", "chats", "panel"):
        phone.click(f'[data-go="{view}"]')
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.click('[data-go="chats"]')
    expect(phone.locator("[data-testid=composer]")).to_be_visible()
    heads = phone.locator(".block-header").evaluate_all(
        "nodes => nodes.map(node => [node.textContent, node.offsetHeight])"
    )
    assert [text for text, height in heads if height > 30] == []


def test_a_name_with_an_underscore_keeps_the_date_behind_it(page: Page) -> None:
    """Only what stands apart is formatted, as Slack does it: a job type does not begin italics that end in a date."""
    html = page.evaluate(
        """async (text) => (await import("/static/mrkdwn.js")).mrkdwn(text, {}).innerHTML""",
        "ingest_csv jobs since <!date^1795780367^{time_secs}|11:52> _so_ it is, *2*, a_b_c",
    )
    assert html.startswith("ingest_csv jobs since <time ")
    assert html.endswith(" <em>so</em> it is, <strong>2</strong>, a_b_c")


def test_preformatted_text_runs_over_lines(page: Page) -> None:
    """What stands between fences is one block as it is written, and what follows it is formatted again."""
    html = page.evaluate(
        """async (text) => (await import("/static/mrkdwn.js")).mrkdwn(text, {}).innerHTML""",
        "before\n```UPDATE *x*\nWHERE a &lt; 1```\n*after*",
    )
    assert html == "before<br><pre>UPDATE *x*\nWHERE a &lt; 1</pre><strong>after</strong>"


def test_only_the_addressee_sees_an_ephemeral_message(page: Page) -> None:
    """Help is for the asker; Ben does not see it."""
    page.fill("[data-testid=composer]", "/dragonfly help")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Who?").last).to_be_visible()
    page.click('[data-user-id="U0BEN"]')
    expect(page.get_by_text("Who?")).to_have_count(0)


def test_a_mistyped_command_is_answered(page: Page) -> None:
    """The nearest command is named."""
    page.fill("[data-testid=composer]", "/dragonfly rest-stuck")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No command").last).to_be_visible()


def test_a_form_keeps_the_focus_and_closes_on_escape(page: Page) -> None:
    """Stick jobs, plan, show all: the modal has the focus, Escape closes it, nothing was done."""
    fault(page, "kill-ingest")
    page.wait_for_timeout(10_000)
    fault(page, "stick-jobs")
    page.fill("[data-testid=composer]", "/dragonfly reset-stuck")
    page.keyboard.press("Enter")
    expect(page.get_by_text("nothing has been done yet").last).to_be_visible()
    act(page, "read.plan:v1")
    expect(page.locator("[data-testid=modal]")).to_contain_text("attempts used up")
    page.keyboard.press("Escape")
    expect(page.locator("[data-testid=modal]")).to_have_count(0)
    act(page, "cancel:v1")
    expect(page.get_by_text("Cancelled: plan").last).to_be_visible()
    fault(page, "bring-back")
