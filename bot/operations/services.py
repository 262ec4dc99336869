"""What every operation is given: one frozen bundle, made in `bot.bootstrap`."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.clock import Clock, SystemClock
from bot.domain.catalog import Catalog
from bot.domain.configuration import Configuration
from bot.domain.messages import LastSeen, Notice
from bot.domain.runbook import Catalogue
from bot.ports import Chat, Count, Directory, HealthApi, Pager, Platform, Renderer, VendorProbe, Wake
from bot.store import outbox
from bot.store.db import Database, Tx
from bot.targets.catalog import CatalogCache
from runbooks import load

_DBA_RIGHTS = frozenset({"signal", "history_writable"})
"""What a step may count on where `DRAGONFLY_DBA_DATABASE_URL` is set; `doctor` looks whether it is so."""


def _nothing(_what: str) -> None:
    """No loop runs in this process: another one finds the work."""


def _at_once(work: Callable[[], None]) -> None:
    """A shell waits for it."""
    work()


def _not_counted(_what: str, _label: str) -> None:
    """Nobody measures this process."""


@dataclass(slots=True)
class Memory:
    """What this process keeps of what it saw, for answers while the database is away."""

    seen: LastSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Ports and configuration; a shell has no chat and no directory."""

    config: Configuration
    db: Database
    catalog: CatalogCache
    runbooks: Catalogue = field(default_factory=load)
    """What may be done: ours, and the team's own."""
    runbook_faults: tuple[str, ...] = ()
    """Why the team's own runbooks are left out."""
    renderer: Renderer | None = None
    chat: Chat | None = None
    directory: Directory | None = None
    api: HealthApi | None = None
    platform: Platform | None = None
    vendor_probe: VendorProbe | None = None
    pager: Pager | None = None
    """The second path; a shell has none, and may queue nothing for it but what follows a page."""
    memory: Memory = field(default_factory=Memory)
    clock: Clock = field(default_factory=SystemClock)
    wake: Wake = _nothing
    beside: Callable[[Callable[[], None]], None] = _at_once
    """Does work that may take minutes where it holds up nothing else: handling a press must end within its claim."""
    count: Count = _not_counted
    plan_key: bytes = field(default=b"", repr=False)
    """From which the secrets of plans are derived; empty in a shell."""
    audit_key: bytes = field(default=b"", repr=False)
    """With which copies of the record's head are signed (`DRAGONFLY_AUDIT_KEY`); empty = they are not."""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("dragonfly"))
    dba: Database | None = None
    """`DRAGONFLY_DBA_DATABASE_URL`, opened only for an approved unlock, repair or rollback."""
    crash_hook: Callable[[str], None] = _nothing
    """Called at the points K1 to K11 of §9, once each, and does nothing; tests end the process there."""

    def close(self) -> None:
        """Close every connection; safe to repeat."""
        self.db.close()
        for other in (self.dba, self.api, self.platform, self.vendor_probe, self.pager):
            if other is not None:
                other.close()

    def notice(self, tx: Tx, kind: str, **facts: object) -> Notice:
        """Return a short answer for one person."""
        return Notice(env=self.config.env, as_of=tx.now, kind=kind, facts=facts)

    def link(self, tx: Tx, builder: str, number: object) -> str:
        """Return the address of a live card (`alert`, 31), or nothing while it does not stand in Slack."""
        where = outbox.whereabouts(tx, outbox.live_key(builder, number))
        return self.chat.link(where.channel, where.ts) if self.chat and where else ""

    def offered(self, catalog: Catalog) -> frozenset[str]:
        """Return what steps may need and this database, role and configuration have."""
        return catalog.features | self.config.features | (_DBA_RIGHTS if self.dba is not None else frozenset())
