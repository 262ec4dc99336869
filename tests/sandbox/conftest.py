"""The simulated system, running, once for each target schema and module."""

from collections.abc import Iterator

import pytest

from tests.sandbox.systems import Running, Systems
from tests.support.databases import TestServer


@pytest.fixture(scope="module")
def systems(server: TestServer, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    """Give what starts and keeps simulated systems."""
    made = Systems(server, tmp_path_factory.mktemp("systems"), worker_id)
    yield made
    made.stop()


@pytest.fixture
def running(systems: Systems, target_schema: str) -> Running:
    """Give a running system on each target schema; nothing is wrong with it."""
    return systems.get(target_schema)
