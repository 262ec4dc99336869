"""A role that lacks a right on the schema or on a table: each command names it, and what grants it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.cli.test_commands import Run, dragonfly

__all__ = ["dragonfly"]
GRANTS = "dragonfly db grants"
pytestmark = pytest.mark.parametrize("target_schema", ["deployed"])


@pytest.fixture
def bare(target_dsn: str, worker_id: str) -> Iterator[str]:
    """Give the address of a role that may log in and nothing more."""
    role = f"dragonfly_test_bare_{worker_id}"
    with psycopg.connect(target_dsn, autocommit=True) as owner:
        owner.execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
        yield make_conninfo(target_dsn, user=role, password="x")
        owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


@pytest.mark.parametrize("command", ["db status", "db migrate", "plan reset-stuck", "alerts", "audit list", "check"])
def test_a_right_that_lacks_is_named(dragonfly: Run, bare: str, command: str) -> None:
    """No USAGE on the schema: the refusal says so, and which command prints the GRANT."""
    done = dragonfly(*command.split(), DRAGONFLY_DATABASE_URL=bare)
    assert done.returncode == 4
    assert "lacks USAGE on schema ops" in done.stderr
    assert (GRANTS if command != "db migrate" else "DRAGONFLY_OWNER_DATABASE_URL") in done.stderr


def test_status_and_doctor_name_the_right_too(dragonfly: Run, bare: str, target_dsn: str) -> None:
    """Neither calls it an outage, and status says it once; doctor says of each table what cannot be read."""
    lacks = "lacks USAGE on schema ops"
    status = dragonfly("status", DRAGONFLY_DATABASE_URL=bare)
    assert (status.returncode, status.stdout.count(lacks), "cannot be reached" in status.stdout) == (4, 1, False)
    assert f"next  {GRANTS}" in status.stdout
    doctor = dragonfly("doctor", DRAGONFLY_DATABASE_URL=bare).stdout
    assert (lacks in doctor, "BAD  target" in doctor, f"do: {GRANTS}" in doctor) == (True, True, True)

    role = psycopg.conninfo.conninfo_to_dict(bare)["user"]
    with psycopg.connect(target_dsn, autocommit=True) as owner:
        owner.execute(f"GRANT USAGE ON SCHEMA ops TO {role}".encode())
        owner.execute(f"GRANT SELECT ON ops.chatops_schema_version TO {role}".encode())
    assert "lacks a right on table " in dragonfly("status", DRAGONFLY_DATABASE_URL=bare).stdout
    assert "applied 0001" in dragonfly("db", "status", DRAGONFLY_DATABASE_URL=bare).stdout
