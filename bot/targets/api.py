"""The target's own status endpoint (target-system facts, section 4).

`ok: false` comes with HTTP 200 and means "cannot tell"; so do a timeout, a 5xx and a shape we do not know.
"""

import time
from collections.abc import Mapping

import httpx

from bot.domain.workers import SourceVerdict
from bot.errors import TargetUnavailable
from bot.targets.bounded import body, client, read_json

TIMEOUT_SECONDS = 2.0
_PATH = "/api/v1/system/status"
_FIELDS = {"ingest_processor": "ingest_worker", "enforcement_engine": "enforcement_worker"}


class StatusApi:
    """A client of one fixed host; redirects are not followed."""

    def __init__(self, base_url: str, api_key: str) -> None:
        """Keep the address and the key; connect when asked."""
        self._client = client(TIMEOUT_SECONDS, base_url=base_url, headers={"X-DRAGONFLY-API-KEY": api_key})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def worker_verdicts(self) -> Mapping[str, SourceVerdict]:
        """Return online, offline or unknown by worker type; never raises for what the API does."""
        try:
            data = self._data()
        except TargetUnavailable as error:
            silent = SourceVerdict(source="api", verdict="unknown", detail=error.message, answered=False)
            return dict.fromkeys(_FIELDS, silent)
        return {name: _verdict(data.get(field)) for name, field in _FIELDS.items()}

    def _data(self) -> Mapping[str, object]:
        """Return what the API says of the workers; nothing where it says that it cannot tell.

        Raises:
            TargetUnavailable: no answer, or none that is known here.
        """
        until = time.monotonic() + TIMEOUT_SECONDS
        try:
            with self._client.stream("GET", _PATH) as answer:
                answer.raise_for_status()
                content = read_json(body(answer, until=until))
        except httpx.HTTPStatusError as error:
            raise TargetUnavailable(f"HTTP {error.response.status_code}") from None
        except httpx.HTTPError:
            raise TargetUnavailable("no answer") from None
        except ValueError:
            raise TargetUnavailable("not JSON, too long or too slow") from None
        if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
            raise TargetUnavailable("unknown shape")
        return content["data"] if content.get("ok") is True and not content.get("degraded") else {}


def _verdict(part: object) -> SourceVerdict:
    said = part.get("status") if isinstance(part, dict) else None
    if said in ("online", "offline"):
        return SourceVerdict(source="api", verdict=str(said))
    return SourceVerdict(source="api", verdict="unknown", detail="the API cannot tell")
