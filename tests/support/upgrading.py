"""The next version of the program, as far as it can be had before it is written: this one, with one migration more."""

import pytest

from bot.store import migrate
from bot.store.migrate import Migration

VARIABLE = "TEST_NEWER"
"""Makes a process of `tests.support.crashing` the newer version."""
_WIDER = "".join(
    f"ALTER TABLE ops.chatops_{table} ADD COLUMN later text NOT NULL DEFAULT '';\n"
    for table in ("plan", "plan_target", "run", "alert", "outbox", "inbox")
)
LATER = Migration(version=9000, name="9000_pre_later.sql", text=_WIDER)
"""Tables are widened first, and narrowed when no older program is left (§15, L5)."""


def be_newer(patch: pytest.MonkeyPatch) -> None:
    """Let this process be the newer version."""
    known = (*migrate.available(), LATER)
    patch.setattr(migrate, "available", lambda: known)
