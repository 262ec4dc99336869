"""A vendor's endpoint and status page, asked with short deadlines and believed with care."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx

from bot.domain.vendor import Answer, read_page
from bot.targets.bounded import body, client, read_json

SECONDS = 5.0
_STEPS = 3
"""Addresses of one host that are followed."""
_NO_ADDRESS = (httpx.UnsupportedProtocol, httpx.InvalidURL)


class HttpProbe:
    """Asks over HTTP; addresses come from the configuration only, never from a person's words."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._client = client(SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, url: str) -> Answer:
        """Return whether an endpoint answers: any answer below 500 is a sign of life; 429 cannot tell. No body is read."""
        if not url:
            return Answer(verdict="unknown", detail="no endpoint is configured")
        began = time.monotonic()
        try:
            with self._asked(url) as answer:
                status = answer.status_code
        except httpx.TimeoutException:
            return Answer(verdict="unknown", detail=f"no answer in {int(SECONDS)} s")
        except _NO_ADDRESS:
            return Answer(verdict="unknown", detail="what is configured is no http address")
        except httpx.HTTPError as error:
            return Answer(verdict="failing", detail=f"cannot be reached ({type(error).__name__})")
        took = timedelta(seconds=time.monotonic() - began)
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return Answer(verdict="unknown", detail="429, it limits our rate", took=took)
        failing = status >= httpx.codes.INTERNAL_SERVER_ERROR
        return Answer(verdict="failing" if failing else "ok", detail=str(status), took=took)

    def status_page(self, url: str) -> Answer:
        """Return what a status page says."""
        if not url:
            return Answer(verdict="unknown", detail="no status page is configured")
        until = time.monotonic() + SECONDS
        try:
            with self._asked(url) as answer:
                if answer.status_code != httpx.codes.OK:
                    return Answer(verdict="unknown", detail=f"the page answers {answer.status_code}")
                return read_page(read_json(body(answer, until=until)))
        except (httpx.HTTPError, *_NO_ADDRESS, ValueError):
            return Answer(verdict="unknown", detail="the page cannot be read")

    @contextmanager
    def _asked(self, url: str) -> Iterator[httpx.Response]:
        """Give the answer of an address, which may lead on within its own host and nowhere else (§17, G8)."""
        here = httpx.URL(url)
        for _ in range(_STEPS):
            with self._client.stream("GET", here) as answer:
                there = here.join(answer.headers["location"]) if answer.has_redirect_location else None
                if there is None or there.host != here.host:
                    yield answer
                    return
            here = there
        raise httpx.TooManyRedirects("led round in circles")
