"""Fixtures of the whole suite: a scrubbed environment, one real server, a fresh database a test."""

import os
from collections.abc import Iterator

import pytest

_OURS = ("DRAGONFLY_", "SLACK_", "SUPABASE_", "RAILWAY_")
_KEPT = ("DRAGONFLY_TEST_DATABASE_URL",)
for _name in [name for name in os.environ if name.startswith(_OURS) and name not in _KEPT] + ["DATABASE_URL", "PORT"]:
    os.environ.pop(_name, None)

from bot.operations.services import Services  # noqa: E402  # after the environment is scrubbed
from tests.support.databases import TestServer  # noqa: E402
from tests.support.jobs import Target  # noqa: E402
from tests.support.product import product  # noqa: E402


@pytest.fixture(scope="session")
def server(worker_id: str) -> Iterator[TestServer]:
    """Give the server of this test process."""
    running = TestServer(worker_id)
    yield running
    running.stop()


@pytest.fixture(params=["playbook", "deployed"])
def target_schema(request: pytest.FixtureRequest) -> str:
    """Run the test on both target schemas."""
    return str(request.param)


@pytest.fixture
def target_dsn(server: TestServer, target_schema: str) -> Iterator[str]:
    """Give a fresh database with the target's tables and ours."""
    with server.database(target_schema) as dsn:
        yield dsn


@pytest.fixture
def target(target_dsn: str, target_schema: str) -> Iterator[Target]:
    """Give the target's tables."""
    made = Target(target_dsn, target_schema)
    yield made
    made.close()


@pytest.fixture
def services(target_dsn: str) -> Iterator[Services]:
    """Give the product on a fresh database."""
    with product(target_dsn) as made:
        yield made
