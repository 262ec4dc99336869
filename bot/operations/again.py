"""What breaks off because the database went away is begun once more, at once: for work that reads how far it came."""

from collections.abc import Callable
from typing import TypeVar

from bot.errors import StoreUnavailable

T = TypeVar("T")


def once_more(work: Callable[[], T]) -> T:
    """Return what the work returns; a restart of the server, over in seconds, costs it no more than that.

    Raises:
        StoreUnavailable: the database is still away.
    """
    try:
        return work()
    except StoreUnavailable:
        return work()
