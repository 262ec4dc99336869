"""The second path and the outside monitor: two addresses of the configuration, short deadlines, nothing read but a status.

PagerDuty's events, version 2: `trigger`, `acknowledge` and `resolve` by `dedup_key` (at most 255 characters), a summary of
at most 1,024, answered 202 (its documentation, 2026-11).
"""

import httpx

from bot.domain.messages import Page
from bot.errors import DeliveryAmbiguous, DeliveryPermanent
from bot.targets.bounded import client

SECONDS = 10.0


class HttpPager:
    """One address that is told of alerts; sending twice is harmless, because the key says what belongs together."""

    def __init__(self, url: str, shape: str) -> None:
        """Keep the address; PagerDuty's routing key is its user part."""
        address = httpx.URL(url)
        self._key = address.username if shape == "pagerduty" else ""
        self._url = address.copy_with(userinfo=b"") if self._key else address
        self._client = client(SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, page: Page, text: str) -> None:
        """Tell of a trigger, an acknowledgement or an end.

        Raises:
            DeliveryPermanent: it was refused; the word is the status.
            DeliveryAmbiguous: no answer came.
        """
        body = self._event(page, text) if self._key else _plain(page, text)
        try:
            with self._client.stream("POST", self._url, json=body) as answer:
                status = answer.status_code
        except httpx.HTTPError as error:
            message = "the second path does not answer"
            raise DeliveryAmbiguous(message, slack_error=type(error).__name__) from None
        if not httpx.codes.is_success(status):
            message = f"the second path answers {status}"
            raise DeliveryPermanent(message, slack_error=f"pager_{status}")

    def _event(self, page: Page, text: str) -> dict[str, object]:
        event: dict[str, object] = {
            "routing_key": self._key,
            "event_action": page.action,
            "dedup_key": page.dedup_key,
        }
        if page.action != "trigger":
            return event
        details = {"alert": page.key, "env": page.env}
        payload = {
            "summary": text,
            "source": f"dragonfly {page.env}",
            "severity": page.severity,
            "timestamp": page.since.isoformat(),
            "class": page.check,
            "custom_details": details,
        }
        return {**event, "payload": payload}


def _plain(page: Page, text: str) -> dict[str, object]:
    return {
        "action": page.action,
        "dedup_key": page.dedup_key,
        "text": text,
        "env": page.env,
        "alert": page.key,
        "check": page.check,
        "severity": page.severity,
        "since": page.since.isoformat(),
        "at": page.as_of.isoformat(),
    }


class Monitor:
    """The outside monitor that notices when nobody pings it any more."""

    def __init__(self, url: str) -> None:
        """Keep the address."""
        self._url = url
        self._client = client(SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ping(self) -> bool:
        """Say that all is well, and whether it was heard."""
        try:
            with self._client.stream("GET", self._url) as answer:
                return answer.is_success
        except httpx.HTTPError:
            return False
