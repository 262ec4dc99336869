"""The simulated vendor, "Simplicity API": a sign of life, what workers ask for, and a Statuspage-shaped page.

The page is honest: a vendor that fails says so there (railway-supabase reference 4.1).
"""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.sandbox.serving import Served

HEALTH = "/health"
LEADS = "/v1/leads"
PAGE = "/api/v2/summary.json"
SLOW_SECONDS = 8.0
"""Longer than anybody here waits."""
LOOK_EVERY_SECONDS = 0.05


class Mood(StrEnum):
    """How the vendor is."""

    WELL = "well"
    FAILING = "failing"
    SLOW = "slow"


_INDICATORS = {
    Mood.WELL: ("none", "All Systems Operational", "operational"),
    Mood.FAILING: ("major", "Partial System Outage", "major_outage"),
    Mood.SLOW: ("minor", "Degraded Performance", "degraded_performance"),
}


class Vendor:
    """One vendor; its mood may be changed at any time."""

    def __init__(self) -> None:
        """Be well; nothing answers yet."""
        self.mood = Mood.WELL
        self.says = "Internal Server Error"
        """What it answers while it fails, and what its page calls that."""
        self.calls = 0
        """How often a worker asked."""
        routes = [Route(HEALTH, self._health), Route(LEADS, self._leads), Route(PAGE, self._page)]
        self._served = Served(Starlette(routes=routes), "simulated-vendor")

    @property
    def url(self) -> str:
        """Return the address, without a slash at its end."""
        return self._served.url

    def start(self) -> Self:
        """The vendor answers."""
        self._served.start()
        return self

    def stop(self) -> None:
        """Nothing answers any more; safe to repeat."""
        self.mood = Mood.WELL
        self._served.stop()

    async def _health(self, _request: Request) -> Response:
        return await self._answer({"status": "ok"})

    async def _leads(self, _request: Request) -> Response:
        self.calls += 1
        return await self._answer({"leads": []})

    async def _answer(self, body: dict[str, Any]) -> Response:
        """Answer as the mood is; a slow answer comes when the mood has changed, or at last."""
        until = asyncio.get_running_loop().time() + SLOW_SECONDS
        while self.mood is Mood.SLOW and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        if self.mood is Mood.FAILING:
            return PlainTextResponse(self.says, 500)
        return JSONResponse(body)

    async def _page(self, _request: Request) -> Response:
        indicator, description, component = _INDICATORS[self.mood]
        now = datetime.now(UTC).isoformat()
        incident = {
            "id": "0simplicity1",
            "name": self.says,
            "status": "investigating",
            "impact": indicator,
            "created_at": now,
            "updated_at": now,
        }
        return JSONResponse(
            {
                "page": {"id": "0simplicity", "name": "Simplicity", "url": self.url, "updated_at": now},
                "status": {"indicator": indicator, "description": description},
                "components": [
                    {"id": "0api", "name": "API", "status": component, "group": False, "updated_at": now},
                ],
                "incidents": [] if self.mood is Mood.WELL else [incident],
                "scheduled_maintenances": [],
            }
        )
