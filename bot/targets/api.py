"""The target's own status endpoint (target-system facts, section 4).

`ok: false` comes with HTTP 200 and means "cannot tell"; so do a timeout, a 5xx and a shape we do not know.
"""

import json
import time
from collections.abc import Mapping

import httpx

from bot.domain.workers import SourceVerdict
from bot.targets.bounded import body, client

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
        data, why = self._data()
        return {name: self._verdict(data, field, why) for name, field in _FIELDS.items()}

    def _data(self) -> tuple[Mapping[str, object], str]:
        until = time.monotonic() + TIMEOUT_SECONDS
        try:
            with self._client.stream("GET", _PATH) as answer:
                answer.raise_for_status()
                content = json.loads(body(answer, until=until))
        except httpx.HTTPStatusError as error:
            return {}, f"HTTP {error.response.status_code}"
        except httpx.HTTPError:
            return {}, "no answer"
        except ValueError:
            return {}, "not JSON, too long or too slow"
        if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
            return {}, "unknown shape"
        if content.get("ok") is not True or content.get("degraded"):
            return {}, "the API cannot tell"
        return content["data"], ""

    @staticmethod
    def _verdict(data: Mapping[str, object], field: str, why: str) -> SourceVerdict:
        part = data.get(field)
        said = part.get("status") if isinstance(part, dict) else None
        if said in ("online", "offline"):
            return SourceVerdict(source="api", verdict=str(said))
        return SourceVerdict(source="api", verdict="unknown", detail=why)
