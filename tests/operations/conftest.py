"""Fixtures of scenario 2: other people's sessions, the DBA's role, and local files of migrations."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.configuration import Migrations
from bot.operations.services import Services
from bot.operations.tables import grants
from bot.store.db import Database
from tests.support.databases import TestServer
from tests.support.people import People


@pytest.fixture
def people(target_dsn: str, worker_id: str) -> Iterator[People]:
    """Give other people's sessions."""
    made = People(target_dsn, f"dragonfly_test_engineer_{worker_id}")
    yield made
    made.close()


@pytest.fixture
def dba(people: People, server: TestServer, pooled: bool) -> Iterator[Database]:
    """Give the connection of `DRAGONFLY_DBA_DATABASE_URL`, under the role that `db grants --dba` makes."""
    people.grant(grants(server.dba_role, dba=True))
    with server.entry(people.make_role(server.dba_role), pooled=pooled) as address:
        made = Database(address, size=1).open()
        yield made
        made.close()


@pytest.fixture
def at_once(services: Services, dba: Database) -> Services:
    """Give services with a DBA's connection, for which nobody is idle too briefly."""
    timing = replace(services.config.timing, idle_limit=timedelta(0))
    return replace(services, dba=dba, config=replace(services.config, timing=timing))


class Files:
    """The local list of migrations and the reviewed rollback scripts."""

    def __init__(self, home: Path) -> None:
        """Make both directories, empty."""
        self.source, self.rollbacks = home / "migrations", home / "rollbacks"
        self.source.mkdir()
        self.rollbacks.mkdir()

    def migration(self, name: str, text: str = "SELECT 1;\n") -> None:
        """Put a migration there."""
        (self.source / name).write_text(text, encoding="utf-8")

    def rollback(self, version: str, text: str) -> Path:
        """Put a reviewed script there, which nobody else may write."""
        path = self.rollbacks / f"{version}.sql"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        return path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Give the local files."""
    return Files(tmp_path)


@pytest.fixture
def repairing(at_once: Services, files: Files) -> Services:
    """Give services that know the local files and have a DBA's connection."""
    known = Migrations(source=str(files.source), rollbacks=str(files.rollbacks))
    return replace(at_once, config=replace(at_once.config, migrations=known))
