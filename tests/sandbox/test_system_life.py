"""The simulated system stops without leaving anything behind, and the bot is told all that it needs of it."""

import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from bot import settings
from bot.sandbox import configured
from bot.sandbox.pager import Pager
from bot.sandbox.slack.server import SlackServer
from bot.sandbox.target.crew import SERVICES
from bot.sandbox.target.platform import API
from bot.sandbox.target.system import System
from tests.sandbox.systems import INGEST, Running, Systems
from tests.support.databases import TestServer
from tests.support.waiting import eventually

WRONG = ("crash-loop", "vendor-slow", "block-migrations", "half-applied-migration", "hide-rows", "pooler-lockout")


def traces(running: Running) -> list[object]:
    """What faults leave in the database: policies, row security, tables, roles."""
    found = running.ask(
        "SELECT (SELECT array_agg(p.policyname::text ORDER BY 1) FROM pg_policies AS p WHERE p.schemaname = 'ops'), "
        "(SELECT relrowsecurity FROM pg_class WHERE oid = 'ops.job_queue'::regclass), "
        "to_regclass('public.settlement_offers'), (SELECT count(*) FROM pg_roles WHERE rolname = 'engineer_' || current_database())"
    )
    return list(found)


def test_nothing_is_left_when_it_stops(server: TestServer, tmp_path: Path, worker_id: str, target_schema: str) -> None:
    """No process, no thread, no port; and the database is as it was, although much was wrong."""
    threads = set(threading.enumerate())
    with ExitStack() as stack:
        running = Systems(server, tmp_path, worker_id).start(target_schema, stack)
        before = traces(running)
        for name in WRONG:
            running.system.fault(name)
        assert traces(running) != before
        running.system.stop()

        assert not [man for man in running.system.crew.men if man.alive]
        eventually(lambda: set(threading.enumerate()) <= threads)
        for address in (running.system.railway.url, running.system.vendor.url):
            with pytest.raises(httpx.ConnectError):
                httpx.get(address, trust_env=False)
        assert traces(running) == before
        psycopg.connect(running.bot_dsn).close()


def test_what_never_started_can_be_stopped(tmp_path: Path) -> None:
    """A start that failed half-way is cleaned up like any other."""
    System("dbname=none", "deployed", home=tmp_path, bot_role="nobody").stop()


def test_the_bot_is_told_everything(systems: Systems, tmp_path: Path) -> None:
    """Its file and environment are valid, in the mode in which steps on Railway are real."""
    running = systems.get("deployed")
    path = tmp_path / "dragonfly.toml"
    path.write_text(configured.file(running.system), encoding="utf-8")
    with SlackServer() as slack, Pager() as pager:
        environment = configured.environment(
            settings=path,
            system=running.system,
            slack=slack,
            dsn=running.bot_dsn,
            api_url="http://127.0.0.1:1",
            api_key="key",
            hooks=configured.free_hooks(),
            pager=pager,
        )
        loaded = settings.load(environment, needs_mode=True, needs_slack=True)

    config = loaded.config
    assert loaded.env.port and loaded.env.dragonfly_hook_token and config.pager == "webhook"
    assert "SLACK" not in configured.shell(environment) and "DRAGONFLY_DATABASE_URL" in configured.shell(environment)
    assert config.env == "prod" and config.railway and config.api_url == "http://127.0.0.1:1"
    assert {service.name for service in config.services} == {*SERVICES, API}
    assert {service.name: service.worker_types for service in config.services if service.worker_types} == {
        name: (worker_type,) for name, (worker_type, _) in SERVICES.items()
    }
    [vendor] = config.vendors
    assert vendor.services == (INGEST,) and vendor.variable == "SIMPLICITY_OFFLINE_MODE" and vendor.patterns
    for address in (vendor.endpoint, vendor.status_page):
        assert httpx.get(address, trust_env=False).status_code == 200
    assert Path(config.migrations.source).is_dir() and Path(config.migrations.rollbacks).is_dir()
