"""One look at the heartbeats that is not fooled by rows hidden a moment ago."""

from bot.domain.catalog import Catalog
from bot.domain.workers import HeartbeatLook
from bot.operations.services import Services
from bot.store.db import Tx
from bot.targets import heartbeats


def look(services: Services, tx: Tx) -> tuple[Catalog, HeartbeatLook]:
    """Return the catalog and the heartbeats.

    An empty table is looked at again with a fresh catalog: row security gives no error, it gives no rows, and that
    looks like a total outage (target-system 1.4).
    """
    catalog = services.catalog.get(tx)
    found = heartbeats.look(tx, catalog, services.config)
    if found.types or catalog.hidden:
        return catalog, found
    catalog = services.catalog.get(tx, fresh=True)
    return catalog, heartbeats.look(tx, catalog, services.config)
