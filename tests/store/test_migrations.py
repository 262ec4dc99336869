"""The files that make our tables."""

from bot.store.migrate import available


def test_each_migration_has_a_number_of_its_own() -> None:
    """Two files with one number would hide each other: the second would never be applied."""
    numbers = [item.version for item in available()]
    assert numbers == sorted(set(numbers))
