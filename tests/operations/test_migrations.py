"""The migration history against the local list: sets by version, never times (target-system 9, rows 4, 5, 6 and 24)."""

from dataclasses import replace

import psycopg
import pytest

from bot.domain.configuration import Migrations
from bot.domain.history import compare
from bot.domain.messages import CannotPlan, MigrationList
from bot.operations import history, verifying
from bot.operations.services import Services
from bot.sandbox.target.migrations import RECORDED
from tests.operations.conftest import Files
from tests.support.danger import shown
from tests.support.people import People

deployed = pytest.mark.parametrize("target_schema", ["deployed"])


@pytest.fixture
def listed(repairing: Services, files: Files) -> Services:
    """Give services whose local list is what is recorded."""
    for version, name in RECORDED:
        files.migration(f"{version}_{name}.sql")
    return repairing


def look_again(services: Services) -> None:
    """Let the catalog be read anew."""
    with services.db.read() as tx:
        services.catalog.get(tx, fresh=True)


def seen(services: Services, most: str = "") -> MigrationList:
    """Return the list."""
    found = history.read(services, {"most": most} if most else {})
    assert isinstance(found, MigrationList), found
    return found


def verdicts(found: MigrationList) -> dict[str, str]:
    """Return every verdict that is no `applied`, by version."""
    return {line.version: line.verdict for line in found.lines if line.verdict != "applied"}


def test_row_24_pending_is_a_difference_of_sets(listed: Services, people: People, files: Files) -> None:
    """Of 4, 8 and 14 digits: pending, unknown and differing ones first, by version; then what is applied."""
    for name in ("0003_late.sql", "20261201_next.sql", "20270101000000_after.sql"):
        files.migration(name)
    people.record("0009", "gone_from_git")
    people.grant("UPDATE supabase_migrations.schema_migrations SET name = 'other' WHERE version = '0002'")

    found = seen(listed, "50")

    assert (found.pending, found.unknown, found.differs, found.applied) == (3, 1, 1, len(RECORDED) + 1)
    assert verdicts(found) == {
        "0003": "pending",
        "20261201": "pending",
        "20270101000000": "pending",
        "0002": "differs",
        "0009": "unknown",
    }
    assert [line.version for line in found.lines][:3] == ["0003", "20261201", "20270101000000"]
    assert found.mixed_lengths
    assert "3 pending" in shown(found).replace("*", "") and "ordered as text" in shown(found)
    assert len(seen(listed, "2").lines) == 2


def test_row_04_only_version_and_name_are_asked_for(listed: Services, people: People) -> None:
    """No column `statements_applied_successfully`, no time: the columns that there are, even if it is one."""
    assert seen(listed).applied == len(RECORDED)
    people.grant("DROP VIEW public.v_migration_status")
    people.grant("ALTER TABLE supabase_migrations.schema_migrations DROP statements, DROP name")
    look_again(listed)
    assert seen(listed).applied == len(RECORDED)


def test_row_05_no_time_is_shown(listed: Services) -> None:
    """Order is by version; a version in the future is not newer, and nothing says when it ran."""
    found = seen(listed)
    assert [line.version for line in found.lines] == sorted((version for version, _ in RECORDED), reverse=True)
    assert "order is by version, not by time" in shown(found)
    assert "executed" not in shown(found) and "2026-1" not in repr(found.lines)


@deployed
def test_row_06_who_may_not_read_is_told_the_grant(listed: Services, people: People, bot_dsn: str) -> None:
    """No access is no empty history: a refusal with what to run, and nothing from the view."""
    role = psycopg.conninfo.conninfo_to_dict(bot_dsn)["user"]
    people.grant(f"REVOKE ALL ON supabase_migrations.schema_migrations FROM {role}")
    people.grant(f"REVOKE ALL ON SCHEMA supabase_migrations FROM {role}")
    found = history.read(listed, {})
    assert isinstance(found, CannotPlan)
    assert found.verb == "see" and "may not read" in found.reasons[0]
    assert "0 pending" not in shown(found)
    people.grant(found.remedy[0])
    look_again(listed)
    assert seen(listed).pending == 0


@deployed
def test_a_database_without_a_history(listed: Services, people: People) -> None:
    """No table is another fault than no right."""
    people.grant("DROP SCHEMA supabase_migrations CASCADE")
    found = history.read(listed, {})
    assert isinstance(found, CannotPlan)
    assert "no migration was ever recorded here" in found.reasons[0] and found.remedy == ()


@deployed
def test_row_24_without_a_local_list_pending_is_not_known(repairing: Services, files: Files) -> None:
    """None set, none there, none readable, or one without a single migration: never "0 pending"."""
    binary = files.source.parent / "list.bin"
    binary.write_bytes(b"\xff\xfe\x00")
    for source in ("", str(files.source / "nowhere"), str(files.source), str(binary)):
        services = replace(repairing, config=replace(repairing.config, migrations=Migrations(source=source)))
        found = seen(services)
        assert found.pending is None and verdicts(found) == {}, source
        assert "pending: not known" in shown(found).replace("*", "") and "0 pending" not in shown(found)


@deployed
@pytest.mark.parametrize(
    "line", ["{}", "supabase/migrations/{}", "100644 blob 9f1c2ab\tsupabase/migrations/{}", "100644 blob 9f1c2ab\t{}"]
)
def test_a_list_in_a_file(repairing: Services, files: Files, line: str) -> None:
    """One name a line, as a manifest or as `git ls-tree` writes it; other lines are passed over."""
    names = [f"{version}_{name}.sql" for version, name in RECORDED] + ["20261201_a name with spaces.sql", "README.md"]
    path = files.source.parent / "manifest.txt"
    path.write_text("# list of 9f1c2ab\n" + "".join(f"{line.format(name)}\n" for name in names), encoding="utf-8")
    listed = replace(repairing, config=replace(repairing.config, migrations=Migrations(source=str(path))))
    found = seen(listed)
    assert verdicts(found) == {"20261201": "pending"}
    assert found.lines[0].name == "a name with spaces"


@deployed
def test_files_that_are_no_migrations(listed: Services, files: Files) -> None:
    """Directories and other names are passed over; every number of digits is a version."""
    (files.source / "20261203_folder.sql").mkdir()
    for name in ("notes.sql", "20261204.sql", "x20261205_a.sql", "202612060000_twelve.sql"):
        files.migration(name)
    assert verdicts(seen(listed)) == {"202612060000": "pending"}


def test_names_of_several_tools() -> None:
    """A name may be missing, or be the whole stem: that is no difference; another name is."""
    recorded = {"0001": "", "0002": "0002_judgments", "0003": "0003_jobs.sql", "0004": "other"}
    found = compare(recorded, {"0001": "initial", "0002": "judgments", "0003": "jobs", "0004": "feed"})
    assert (found.differs, found.applied, found.pending) == (1, 4, 0)


@deployed
def test_a_migration_that_waits_is_said(listed: Services, people: People) -> None:
    """While a migration waits nobody can read the history: not an error, but who blocks it, and not yet recovered."""
    holder = people.hold()
    assert seen(listed).blocked == ""
    people.wait()
    found = history.read(listed, {})
    assert isinstance(found, CannotPlan)
    assert found.reasons[0] == "the migration history is locked by somebody else"
    assert f"session {holder.info.backend_pid} blocks it for" in found.reasons[1]
    quick = replace(listed.config.timing, check_interval=listed.config.timing.check_interval * 0)
    report = verifying.read(replace(listed, config=replace(listed.config, timing=quick)), "migration-block")
    assert "not yet" in shown(report) and f"session {holder.info.backend_pid}" in shown(report)
