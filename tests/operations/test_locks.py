"""Who blocks whom: real sessions, found by their locks and never by the text of a query."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from bot.domain.configuration import Migrations
from bot.domain.locks import MOST_SESSIONS, PREPARED, Session, tree
from bot.domain.messages import CannotPlan, LockTree
from bot.operations import sessions
from bot.operations.kinds.session import SQL
from bot.operations.services import Services
from tests.support.danger import shown
from tests.support.people import HISTORY, People

ONE, TWO = "SELECT pg_advisory_xact_lock(1)", "SELECT pg_advisory_xact_lock(2)"
deployed = pytest.mark.parametrize("target_schema", ["deployed"])


def seen(services: Services) -> LockTree:
    """Return the tree as the bot sees it."""
    found = sessions.locks(services)
    assert isinstance(found, LockTree), found
    return found


def shape(found: LockTree) -> list[tuple[int, int]]:
    """Return each line's session and depth."""
    return [(line.session.pid, line.depth) for line in found.tree.lines]


def waiting(pid: int, *blockers: int, seconds: float = 1) -> Session:
    """Return a session that waits."""
    return Session(
        pid=pid,
        username="app",
        application_name="api",
        state="active",
        in_state_seconds=seconds,
        waits_seconds=seconds,
        blockers=blockers,
    )


def holding(pid: int) -> Session:
    """Return a session that holds."""
    return replace(waiting(pid), waits_seconds=None, state="idle in transaction")


def test_row_21_the_tree_shows_who_holds_and_who_waits(services: Services, people: People) -> None:
    """The holder's last statement names no migration; it is found by its lock, with user, application and age."""
    holder = people.hold()
    holder.execute("SELECT 'something else'")
    migration = people.wait(first=ONE)
    reader = people.wait(f"SELECT count(*) FROM {HISTORY}", name="api")
    behind = people.wait(ONE, name="worker")

    found = seen(services)

    assert shape(found)[0] == (holder.info.backend_pid, 0)
    assert set(shape(found)[1:]) == {(migration.pid, 1), (reader.pid, 2), (behind.pid, 2)}
    by_pid = {line.session.pid: line.session for line in found.tree.lines}
    assert by_pid[holder.info.backend_pid].username == people.role
    assert by_pid[holder.info.backend_pid].application_name == "psql"
    assert by_pid[holder.info.backend_pid].state == "idle in transaction"
    assert by_pid[migration.pid].is_migration and not by_pid[behind.pid].is_migration
    assert (by_pid[migration.pid].waits_seconds or -1) >= 0
    assert (found.tree.waiting, found.tree.left_out) == (3, 0)
    assert dict(found.advisory)[migration.pid] == 1
    with services.db.read() as tx:
        assert sessions.migration_wait(services, tx).startswith(f"session {holder.info.backend_pid} blocks it for ")


@deployed
def test_row_21_an_idle_holder_of_an_advisory_lock_is_found(services: Services, people: People) -> None:
    """A session-level advisory lock is held by a session that is plain idle, in no transaction."""
    holder = people.connect()
    holder.autocommit = True
    holder.execute("SELECT pg_advisory_lock(7)")
    waiter = people.wait("SELECT pg_advisory_lock(7)")
    found = seen(services)
    assert shape(found) == [(holder.info.backend_pid, 0), (waiter.pid, 1)]
    assert found.tree.lines[0].session.state == "idle"
    assert (holder.info.backend_pid, 1) in found.advisory


@deployed
def test_nobody_waits(services: Services) -> None:
    """Nothing waits, and it is said."""
    found = seen(services)
    assert (found.tree.waiting, found.tree.lines, found.endable) == (0, (), 0)
    assert "nobody waits" in shown(found)


@deployed
def test_who_may_not_see_is_told_so(services: Services, people: People, bot_dsn: str) -> None:
    """Without pg_read_all_stats it is never "nobody waits": the grant is named, and who waits is still counted."""
    role = psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"]
    people.grant(f"REVOKE pg_read_all_stats FROM {role}")
    blind = sessions.locks(services)
    assert isinstance(blind, CannotPlan)
    assert (blind.verb, blind.remedy) == ("see", (f"GRANT pg_read_all_stats TO {role}",))
    assert "nobody waits" not in shown(blind) and "cannot see other sessions" in shown(blind)

    holder, waiter = people.hold(), people.wait()
    found = seen(services)
    assert shape(found) == [(holder.info.backend_pid, 0), (waiter.pid, 1)]
    assert found.tree.lines[0].session.state == "not visible"
    assert "cannot see other sessions" in found.cannot and found.endable == 0
    with services.db.read() as tx:
        assert sessions.migration_wait(services, tx)


@deployed
def test_the_first_holder_that_may_be_ended_is_offered(at_once: Services, people: People) -> None:
    """Its button is there once it has been idle for long enough; why not, before that."""
    holder = people.hold()
    people.wait()
    assert seen(at_once).endable == holder.info.backend_pid
    patient = replace(at_once.config.timing, idle_limit=timedelta(minutes=5))
    found = seen(replace(at_once, config=replace(at_once.config, timing=patient)))
    assert found.endable == 0 and "less than 300 s" in found.cannot


@deployed
def test_a_session_that_nobody_here_can_end(at_once: Services, people: People) -> None:
    """A superuser's session is shown as one of the platform, without a button."""
    holder = people.hold(role="owner")
    people.wait()
    found = seen(at_once)
    assert found.tree.lines[0].session.is_privileged
    assert found.endable == 0 and f"session {holder.info.backend_pid}: it belongs to" in found.cannot


@deployed
def test_a_tool_is_known_by_its_name(services: Services, people: People) -> None:
    """A wait for anything but the history is a migration's where the tool is named in the configuration."""
    people.hold(ONE)
    people.wait(ONE, name="flyway")
    with services.db.read() as tx:
        assert sessions.migration_wait(services, tx) == ""
        named = replace(services.config, migrations=Migrations(application_names=("flyway",)))
        assert sessions.migration_wait(replace(services, config=named), tx).startswith("session ")


@deployed
def test_a_waiting_migration_is_seen_without_a_right_on_its_schema(
    services: Services, people: People, bot_dsn: str
) -> None:
    """Who may not use the history's schema still sees who waits for the history, and how the holder stands."""
    role = psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"]
    holder = people.hold()
    migration = people.wait(name="alembic")
    people.grant(f"REVOKE ALL ON SCHEMA supabase_migrations FROM {role}")
    assert [pid for pid, _ in shape(seen(services))] == [holder.info.backend_pid, migration.pid]
    with services.db.read() as tx:
        assert sessions.migration_wait(services, tx).startswith(f"session {holder.info.backend_pid} blocks it for ")
        held = tx.record(SQL["session"], now=tx.now, pid=holder.info.backend_pid, ours="dragonfly")
        assert held is not None and held["holds_history"]


@deployed
def test_more_than_a_card_holds_are_counted(services: Services, people: People) -> None:
    """Twelve sessions are shown; the others are a number."""
    people.hold(ONE)
    for _ in range(MOST_SESSIONS + 2):
        people.wait(ONE)
    found = seen(services)
    assert (len(found.tree.lines), found.tree.waiting) == (MOST_SESSIONS, MOST_SESSIONS + 2)
    assert found.tree.left_out == 3
    assert "and 3 more wait" in shown(found)


@pytest.mark.parametrize("name", SQL)
def test_the_text_of_a_query_is_never_selected(name: str) -> None:
    """No statement about sessions reads `query`: it may hold people's data (design, section 7, *What leaves*)."""
    text = SQL[name].text().replace("query_start", "").lower()
    assert ".query" not in text and " query" not in text and "*" not in text.replace("count(*)", "")


@deployed
def test_no_text_of_a_query_on_a_card(services: Services, people: People) -> None:
    """What somebody typed stands neither in the message nor in what is drawn of it."""
    people.hold("SELECT 'Erika Mustermann', pg_advisory_xact_lock(1)")
    people.wait("SELECT 'Max Mustermann', pg_advisory_xact_lock(1)")
    found = seen(services)
    assert "Mustermann" not in f"{found!r}{shown(found)}"


def test_two_that_wait_for_each_other() -> None:
    """A loop is named once, and both stand in the tree beside one that is none."""
    found = tree([waiting(2, 1), waiting(5, 6), waiting(6, 5)], {1: holding(1)})
    assert found.loops == ((5, 6),)
    assert [(line.session.pid, line.depth) for line in found.lines] == [(1, 0), (2, 1), (5, 0), (6, 1)]
    assert (found.roots, found.left_out) == ((1,), 0)


def test_four_levels_are_shown() -> None:
    """A chain is cut below the fourth; the rest is counted."""
    found = tree([waiting(pid, pid - 1) for pid in range(2, 9)], {1: holding(1)})
    assert [line.depth for line in found.lines] == [0, 1, 2, 3, 4]
    assert (found.waiting, found.left_out) == (7, 3)


def test_the_longest_wait_first() -> None:
    """Those who wait for one session stand in the order of their patience; nobody twice."""
    found = tree([waiting(2, 1, seconds=5), waiting(3, 1, 2, seconds=60)], {1: holding(1)})
    assert [line.session.pid for line in found.lines] == [1, 3, 2]


def test_a_holder_that_has_gone_hides_nobody() -> None:
    """Between two looks the holder may go: who waited is shown all the same."""
    found = tree([waiting(2, 1)], {})
    assert [line.session.pid for line in found.lines] == [2]
    assert found.left_out == 0


def test_a_prepared_transaction_has_no_session() -> None:
    """It holds its locks as process 0, and is named as what it is."""
    held = Session(pid=0, username="", application_name=PREPARED, state="open", in_state_seconds=None)
    found = tree([waiting(2, 0)], {0: held})
    assert [line.session.application_name for line in found.lines] == [PREPARED, "api"]
