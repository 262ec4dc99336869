"""Two small ASGI apps over the simulated system: the panel of the page, and the target's own HTTP API."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import anyio.to_thread
import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.sandbox.target.system import FAULTS, System

Endpoint = Callable[[Request], Awaitable[Response]]
_HEALTH = "SELECT ingest_status, ingest_last_heartbeat, enforcement_status, enforcement_last_heartbeat, queue_depth, queue_processing FROM ops.v_system_health"


def panel(system: System, pages: Callable[[], list[str]] = list) -> Starlette:
    """Return the app behind `/system/…`: what the panel shows, and its buttons; `pages` are the newest of the pager."""

    async def state(_request: Request) -> Response:
        try:
            found = await anyio.to_thread.run_sync(system.state)
        except psycopg.Error:
            return JSONResponse({"error": "the database does not answer"}, status_code=503)
        faults = [{"name": name, "label": label} for name, label in FAULTS]
        return JSONResponse({**found, "faults": faults, "pages": pages(), "now": datetime.now(UTC).isoformat()})

    async def fault(request: Request) -> Response:
        name = str((await request.json()).get("name", ""))
        if name not in dict(FAULTS):
            return JSONResponse({"ok": False, "text": f"no fault {name!r}"}, status_code=404)
        try:
            text = await anyio.to_thread.run_sync(system.fault, name)
        except psycopg.Error as error:
            return JSONResponse({"ok": False, "text": f"the database refused: {error}"}, status_code=409)
        return JSONResponse({"ok": True, "text": text})

    return Starlette(routes=[Route("/state", state), Route("/fault", fault, methods=["POST"])])


def api(system: System, key: str) -> Starlette:
    """Return the target's HTTP API with its envelope (target-system facts, section 4)."""

    async def root(_request: Request) -> Response:
        return JSONResponse({"service_name": "dragonfly-api", "version": "1.3.1", "env": "sandbox"})

    async def health(_request: Request) -> Response:
        return JSONResponse(_envelope({"status": "ok", "environment": "sandbox"}))

    async def status(request: Request) -> Response:
        given = request.headers.get("x-dragonfly-api-key", "")
        if not secrets.compare_digest(given, key):
            return JSONResponse({"detail": "not authenticated"}, status_code=401)
        try:
            return JSONResponse(_envelope(await anyio.to_thread.run_sync(_read, system)))
        except psycopg.Error:
            unknown = {"status": "unknown", "last_heartbeat": None}
            data = {"ingest_worker": unknown, "enforcement_worker": unknown}
            return JSONResponse({**_envelope(data), "ok": False, "degraded": True, "error": "view not readable"})

    def while_it_runs(answer: Endpoint) -> Endpoint:
        """Answer like the platform's own page while the service is stopped."""

        async def answered(request: Request) -> Response:
            return await answer(request) if system.platform.api else PlainTextResponse("Application not found", 404)

        return answered

    paths = {"/": root, "/api/health": health, "/api/v1/system/status": status}
    return Starlette(routes=[Route(path, while_it_runs(answer)) for path, answer in paths.items()])


def _envelope(data: Mapping[str, object]) -> dict[str, object]:
    meta = {"trace_id": secrets.token_hex(8), "timestamp": datetime.now(UTC).isoformat()}
    return {"ok": True, "data": dict(data), "degraded": False, "error": None, "meta": meta}


def _read(system: System) -> dict[str, object]:
    """Return what the target's health view says; in the fast profile by the fast limit, as a deployment would set it."""
    with psycopg.connect(system.dsn, connect_timeout=2) as connection:
        row = connection.execute(_HEALTH.encode()).fetchone()
    assert row is not None
    both = row[0] == row[2] == "online"
    return {
        "ingest_worker": {"status": row[0], "last_heartbeat": row[1].isoformat() if row[1] else None},
        "enforcement_worker": {"status": row[2], "last_heartbeat": row[3].isoformat() if row[3] else None},
        "queue_depth": row[4],
        "queue_processing": row[5],
        "all_workers_online": both,
    }
