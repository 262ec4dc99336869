"""Fixtures of the whole suite: a scrubbed environment, one real server, a fresh database a test."""

import os
from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo

_OURS = ("DRAGONFLY_", "SLACK_", "SUPABASE_", "RAILWAY_")
_KEPT = ("DRAGONFLY_TEST_DATABASE_URL", "DRAGONFLY_TEST_POOLER", "DRAGONFLY_TEST_REPLICAS")
for _name in [name for name in os.environ if name.startswith(_OURS) and name not in _KEPT] + ["DATABASE_URL", "PORT"]:
    os.environ.pop(_name, None)

from bot.operations.services import Services  # noqa: E402  # after the environment is scrubbed
from bot.store.breaker import BREAKER  # noqa: E402
from tests.support.databases import TestServer  # noqa: E402
from tests.support.jobs import Target  # noqa: E402
from tests.support.product import product  # noqa: E402
from tests.support.seeds import LogNet, leaks  # noqa: E402

POOLED = bool(os.environ.get("DRAGONFLY_TEST_POOLER"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, through the pooler, the tests that open no connection of the product's to a shared server."""
    if POOLED:
        left_out = [item for item in items if "bot_dsn" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if "bot_dsn" in getattr(item, "fixturenames", ())]


@pytest.fixture(autouse=True)
def closed_breaker() -> None:
    """Let no refused log-in of an earlier test keep this one from connecting: the breaker is one for the process."""
    BREAKER.reset()


@pytest.fixture(scope="session")
def log_net() -> LogNet:
    """Hear every line that an installation would write."""
    net = LogNet()
    net.spread()
    return net


@pytest.fixture(autouse=True)
def nobody_is_told_of(log_net: LogNet) -> Iterator[None]:
    """Fail the test in which a made-up person of the target's rows came into a log line, or to the simulated Slack."""
    yield
    assert log_net.take() == []


@pytest.fixture(scope="session")
def server(worker_id: str) -> Iterator[TestServer]:
    """Give the server of this test process."""
    running = TestServer(worker_id)
    yield running
    running.stop()


@pytest.fixture(params=["deployed"] if POOLED else ["playbook", "deployed"])
def target_schema(request: pytest.FixtureRequest) -> str:
    """Run the test on both target schemas; a pooler does not know what is in the tables."""
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
def pooled() -> bool:
    """Say whether the product's connections go through a pooler (`make test-pooler`)."""
    return POOLED


@pytest.fixture
def bot_dsn(server: TestServer, target_dsn: str, pooled: bool) -> Iterator[str]:
    """Give the same database under the least-privilege role of `dragonfly db grants`, as an installation runs it."""
    with server.entry(make_conninfo(target_dsn, user=server.role, password="x"), pooled=pooled) as address:
        yield address
    assert leaks(target_dsn) == []


@pytest.fixture
def services(bot_dsn: str) -> Iterator[Services]:
    """Give the product on a fresh database."""
    with product(bot_dsn) as made:
        yield made
