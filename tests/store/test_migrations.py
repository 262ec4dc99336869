"""The files that make our tables."""

from bot.operations.services import Services
from bot.store.migrate import available, migrate


def test_each_migration_has_a_number_of_its_own() -> None:
    """Two files with one number would hide each other: the second would never be applied."""
    numbers = [item.version for item in available()]
    assert numbers == sorted(set(numbers))


def test_with_nothing_to_apply_any_role_may_ask(services: Services) -> None:
    """A release asks each time, as the bot's own role: it is told that nothing waits, and makes no table."""
    assert migrate(services.db, "dev") == ()
