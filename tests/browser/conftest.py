"""A real Chromium on the page of a real sandbox: every part runs, nothing is replaced."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
PATIENT_MS = 20_000
"""How long a condition is waited for where a test says nothing else; CI's machine is busy."""
expect.set_options(timeout=PATIENT_MS)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that runs as a child."""

    url: str
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module", params=["deployed", "playbook"])
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give the product as `make sandbox` starts it, on both target schemas."""
    command = [sys.executable, "-m", "bot", "sandbox", "--ephemeral", "--no-browser", "--schema", str(request.param)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]})
    assert process.stdout is not None
    address = ""
    for line in process.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        if found:
            address = found[0]
            break
    assert address, "the sandbox printed no address"
    yield Running(address, process)
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser."""
    assert CHROMIUM, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(sandbox: Running, browser: Browser) -> Iterator[Page]:
    """Give Ada's page at a desk; no error may appear in its console."""
    opened = browser.new_page(viewport=DESKTOP)  # type: ignore[arg-type]  # the two keys it wants
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.set_default_timeout(PATIENT_MS)
    opened.goto(sandbox.url)
    opened.wait_for_selector("[data-fault=kill-ingest]")
    yield opened
    opened.close()
    assert errors == []


@pytest.fixture
def phone(sandbox: Running, browser: Browser) -> Iterator[Page]:
    """Give Ada's page on a phone."""
    opened = browser.new_page(viewport=PHONE)  # type: ignore[arg-type]  # the two keys it wants
    opened.set_default_timeout(PATIENT_MS)
    opened.goto(sandbox.url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Give the folder for the README's pictures, where they are asked for."""
    wanted = os.environ.get("PICTURES")
    return Path(wanted) if wanted else None
