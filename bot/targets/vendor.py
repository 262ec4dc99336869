"""A vendor's endpoint and status page, asked with short deadlines and believed with care."""

import time
from datetime import timedelta

import httpx

from bot.domain.vendor import Answer, read_page

SECONDS = 5.0
_MOST_BYTES = 2_000_000


class HttpProbe:
    """Asks over HTTP; addresses come from the configuration only, never from a person's words."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._client = httpx.Client(
            timeout=SECONDS,
            trust_env=False,
            follow_redirects=True,
            max_redirects=2,
            headers={"User-Agent": "dragonfly-bot"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, url: str) -> Answer:
        """Return whether an endpoint answers: any answer below 500 is a sign of life; 429 cannot tell."""
        if not url:
            return Answer(verdict="unknown", detail="no endpoint is configured")
        began = time.monotonic()
        try:
            status = self._client.get(url).status_code
        except httpx.TimeoutException:
            return Answer(verdict="unknown", detail=f"no answer in {int(SECONDS)} s")
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
        try:
            answer = self._client.get(url)
            if answer.status_code != httpx.codes.OK or len(answer.content) > _MOST_BYTES:
                return Answer(verdict="unknown", detail=f"the page answers {answer.status_code}")
            return read_page(answer.json())
        except (httpx.HTTPError, ValueError):
            return Answer(verdict="unknown", detail="the page cannot be read")
