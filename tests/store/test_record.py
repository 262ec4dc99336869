"""The record in the database: appended by its function alone, whole under concurrency, and honest about tampering."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bot.operations.services import Services
from bot.operations.tables import grants
from bot.store import audit
from tests.support.jobs import Target


@pytest.fixture
def target_schema() -> str:
    """The record is the same on both schemas."""
    return "playbook"


def append(services: Services, number: int) -> None:
    """Append a record, or roll it back when its number says so."""
    try:
        with services.db.write() as tx:
            audit.append(tx, "test.event", actor="dragonfly", number=number)
            if number % 3 == 0:
                raise RuntimeError
    except RuntimeError:
        return


def test_many_writers_leave_no_gap(services: Services) -> None:
    """Writers at the same time, a third of them rolled back: no number is missing (scenario 40)."""
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda number: append(services, number), range(120)))
    with services.db.read() as tx:
        found = audit.check(tx)
    assert (found.broken_at, found.whole_to) == (None, 80)


@pytest.mark.parametrize(
    ("attack", "fault"),
    [
        ("""UPDATE ops.chatops_audit SET record = record || '{"x": 1}' WHERE n = 3""", "content"),
        ("UPDATE ops.chatops_audit SET at = at + interval '1 second' WHERE n = 3", "content"),
        ("DELETE FROM ops.chatops_audit WHERE n = 3", "gap"),
        ("DELETE FROM ops.chatops_audit WHERE n > 3", "gap"),
        ("UPDATE ops.chatops_audit_head SET hash = decode(repeat('11', 32), 'hex')", "head"),
        ("UPDATE ops.chatops_audit_head SET n = 9", "gap"),
    ],
)
def test_a_superuser_is_noticed(services: Services, target: Target, attack: str, fault: str) -> None:
    """Each way to change the record by hand is named (scenario 41, without anchors yet)."""
    for number in (1, 2, 4, 5, 7):
        append(services, number)
    target.connection.execute("ALTER TABLE ops.chatops_audit DISABLE TRIGGER ALL")
    target.connection.execute(attack.encode())
    with services.db.read() as tx:
        assert audit.check(tx).fault == fault


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ops.chatops_audit SET record = '{}'",
        "DELETE FROM ops.chatops_audit",
        "TRUNCATE ops.chatops_audit",
        "INSERT INTO ops.chatops_audit (n, at, record, hash) VALUES (9, now(), '{}', '')",
        "UPDATE ops.chatops_audit_head SET n = 0",
        "UPDATE ops.job_queue SET payload = '{}'",
        "SELECT payload FROM ops.job_queue",
        "ALTER TABLE ops.chatops_audit DISABLE TRIGGER ALL",
    ],
)
def test_the_bots_role_cannot(services: Services, target: Target, target_dsn: str, attack: str, worker_id: str) -> None:
    """The least-privilege role of `db grants` may append and nothing else; payloads are not even readable (scenario 43)."""
    role = f"dragonfly_test_app_{worker_id}"
    append(services, 1)
    target.connection.execute(grants(role).encode())
    target.connection.execute(f"ALTER ROLE {role} PASSWORD 'x'")
    own = psycopg.conninfo.make_conninfo(target_dsn, user=role, password="x")
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("""SELECT ops.chatops_audit_append('{"actor":"dragonfly","event":"x"}')""")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(attack.encode())
    target.connection.execute(f"DROP OWNED BY {role}")


def test_the_owner_is_stopped_by_the_trigger(services: Services, target: Target) -> None:
    """Even the owner is refused until the trigger is taken away."""
    append(services, 1)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        target.connection.execute("DELETE FROM ops.chatops_audit")
