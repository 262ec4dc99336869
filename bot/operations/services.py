"""What every operation is given: one frozen bundle, made in `bot.bootstrap`."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.clock import Clock, SystemClock
from bot.domain.configuration import Configuration
from bot.ports import Chat, Directory, HealthApi, Renderer, Wake
from bot.store.db import Database
from bot.targets.catalog import CatalogCache


def _nothing(_what: str) -> None:
    """No loop runs in this process: another one finds the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Ports and configuration; a shell has no chat and no directory."""

    config: Configuration
    db: Database
    catalog: CatalogCache
    renderer: Renderer | None = None
    chat: Chat | None = None
    directory: Directory | None = None
    api: HealthApi | None = None
    clock: Clock = field(default_factory=SystemClock)
    wake: Wake = _nothing
    plan_key: bytes = b""
    """From which the secrets of plans are derived; empty in a shell."""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("dragonfly"))
    crash_hook: Callable[[str], None] = _nothing
    """Called at the named points K1 to K11 of the specification; tests end the process there."""
