"""The vendor probe against a real server: signs of life, pages, and bad days."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from bot.targets import vendor
from bot.targets.vendor import HttpProbe

PAGE = {"status": {"indicator": "none"}, "incidents": []}


class Answer(BaseHTTPRequestHandler):
    """Answers by its path."""

    def do_GET(self) -> None:
        """Answer with a status, a page, or not in time."""
        what = self.path.strip("/")
        if what == "slow":
            time.sleep(0.6)
        if what == "loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = {"page": json.dumps(PAGE).encode(), "long": b"[" + b" " * 2_100_000 + b"]"}.get(what, b"<html>")
        self.send_response(int(what) if what.isdigit() else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.drip(body) if what == "drip" else self.wfile.write(body)

    def drip(self, body: bytes) -> None:
        """Send a body a byte at a time."""
        with suppress(OSError):
            for place in range(len(body)):
                self.wfile.write(body[place : place + 1])
                time.sleep(0.15)

    def log_message(self, *args: object) -> None:  # noqa: ARG002  # the library's signature
        """Log nothing."""
        return


@pytest.fixture
def url() -> Iterator[str]:
    """Give the address of such a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpProbe]:
    """Give an impatient probe."""
    monkeypatch.setattr(vendor, "SECONDS", 0.3)
    made = HttpProbe()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("path", "verdict", "detail"),
    [
        ("200", "ok", "200"),
        ("401", "ok", "401"),
        ("404", "ok", "404"),
        ("500", "failing", "500"),
        ("503", "failing", "503"),
        ("429", "unknown", "429, it limits our rate"),
        ("slow", "unknown", "no answer in 0 s"),
        ("loop", "failing", "cannot be reached (TooManyRedirects)"),
    ],
)
def test_an_endpoint_answers(probe: HttpProbe, url: str, path: str, verdict: str, detail: str) -> None:
    """Below 500 is a sign of life; no answer in time, or a limit, cannot tell."""
    found = probe.ask(f"{url}/{path}")
    assert (found.verdict, found.detail) == (verdict, detail)


@pytest.mark.parametrize("address", ["", "example.org/health", "ftp://example.org"])
def test_what_is_no_address_cannot_tell(probe: HttpProbe, address: str) -> None:
    """A slip in the configuration is no outage."""
    assert probe.ask(address).verdict == "unknown"
    assert probe.status_page(address).verdict == "unknown"


def test_nobody_there_is_failing(probe: HttpProbe) -> None:
    """Refused at the door."""
    assert probe.ask("http://127.0.0.1:9/").verdict == "failing"


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("page", "ok"),
        ("200", "unknown"),
        ("503", "unknown"),
        ("long", "unknown"),
        ("slow", "unknown"),
        ("drip", "unknown"),
    ],
)
def test_a_page_is_read_with_care(probe: HttpProbe, url: str, path: str, verdict: str) -> None:
    """Not JSON, another status, too long, too slow, or a byte at a time: could not tell."""
    began = time.monotonic()
    assert probe.status_page(f"{url}/{path}").verdict == verdict
    assert time.monotonic() - began < 2.0
