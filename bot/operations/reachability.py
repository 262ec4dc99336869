"""`db_reachable`: the one alert that cannot live in the database it is about (design, section 7, *Alerts*).

Held in memory, told without the outbox, to the channel and to the second path; adopted by its row when the database is
back, and from then on an alert like every other. Another replica's post of the same episode is found in the channel.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.domain.alerts import fingerprint
from bot.domain.escalation import SELF_CHECK, calls, chain
from bot.domain.messages import AlertCard, AlertFace
from bot.domain.workers import Status
from bot.errors import DeliveryError, StoreError
from bot.operations import alerts, announcing, pages
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.store import alerts as stored
from bot.store import outbox
from bot.store.db import Tx

FAILS = 3
CHECK = "db_reachable"


class Watch:
    """Looks whether the database answers, and tells people when it does not."""

    def __init__(self, services: Services) -> None:
        """Start well."""
        self._services = services
        self._looked_back = False
        self._seen_at: datetime | None = None
        self._forget()

    def _forget(self) -> None:
        self._failed = 0
        self._since: datetime | None = None
        self._reason = ""
        self._ts = ""
        self._paged = False

    def look(self) -> None:
        """Look once; the third failure in a row is told, and so is the recovery."""
        services = self._services
        try:
            with services.db.read(wait=timedelta(seconds=2)):
                pass
        except StoreError as error:
            self._failed += 1
            self._since = self._since or self._seen_at or services.clock.now()
            self._reason = f"{self._failed} tries failed: {error.message}"
            if self._failed >= FAILS:
                self._paged = self._paged or self._try(self._page)
                if not self._ts:
                    self._try(self._tell)
            return
        self._looked_back = self._looked_back or self._try(self._look_back)
        try:
            with services.db.write() as tx:
                if self._failed >= FAILS or self._ts:
                    self._adopt(tx)
                alerts.observe(services, tx, self._observation(Status.OK, tx.now))
        except StoreError as error:
            services.log.warning("reachability_not_written error=%s", error.code)
        else:
            self._forget()
            self._seen_at = services.clock.now()

    def _try(self, tell: Callable[[], None]) -> bool:
        try:
            tell()
        except (DeliveryError, StoreError) as error:
            self._services.log.warning("reachability_not_told error=%s", error.code)
            return False
        return True

    def _page(self) -> None:
        services = self._services
        if services.pager is not None and services.renderer is not None:
            page = pages.of_database(services, pages.TRIGGER, self._reason)
            services.pager.send(page, services.renderer.line(page))

    def _tell(self) -> None:
        """Post the card, or show it in the place of one that was posted of late, by us or by another replica."""
        services = self._services
        if services.chat is None or services.renderer is None:
            return
        channel, content = services.config.alert_channel, services.renderer.card(self._card())
        lately = services.chat.history(channel, services.clock.now() - services.config.timing.away_lately)
        posted = max((item.ts for item in lately if item.outbox_id == CHECK), key=float, default="")
        if posted:
            services.chat.update(channel, posted, content)
        self._ts = posted or services.chat.post(channel, content, outbox_id=CHECK)

    def _card(self) -> AlertCard:
        now, config = self._services.clock.now(), self._services.config
        return AlertCard(
            env=config.env,
            as_of=now,
            key="A0",
            check=CHECK,
            face=AlertFace.FIRING,
            severity="critical",
            label="database",
            started_at=self._since or now,
            fired_at=now,
            reason=self._reason,
            seen_at=self._seen_at,
            calls=calls(chain(config, SELF_CHECK, now), now)[:1],
        )

    def _look_back(self) -> None:
        """Take over what an earlier process posted and could not close: a lockout ends with a restart of the bot."""
        services = self._services
        if services.chat is None:
            return
        channel = services.config.alert_channel
        lately = services.chat.history(channel, services.clock.now() - services.config.timing.away_adopted)
        posted = max((item.ts for item in lately if item.outbox_id == CHECK), key=float, default="")
        with services.db.read() as tx:
            if posted and not self._ts and not outbox.is_known(tx, channel, posted):
                self._ts, self._since = posted, datetime.fromtimestamp(float(posted), UTC)

    def _adopt(self, tx: Tx) -> None:
        """Give what was told its rows, as if it had been told through them."""
        services = self._services
        alerts.observe(services, tx, self._observation(Status.BAD, self._since or tx.now))
        alert = stored.newest(tx, fingerprint(services.config.env, CHECK, {}))
        if alert is None:
            return
        key = outbox.live_key("alert", alert.id)
        if self._ts:
            outbox.settle(tx, "post", key, alert.channel, self._ts)
            announcing.edit_alert(tx, alert)
        if self._paged:
            outbox.settle(tx, "page", pages.key(alert.id, pages.TRIGGER, key), alert.channel, alert.fingerprint)

    def _observation(self, status: Status, started_at: datetime) -> Observation:
        reason = self._reason or "it could not be reached" if status is Status.BAD else "the database answers again"
        seen_at = self._seen_at.isoformat() if self._seen_at and status is Status.BAD else None
        return Observation(
            check=CHECK,
            labels={},
            status=status,
            started_at=started_at,
            evidence={"label": "database", "reason": reason, "seen_at": seen_at},
        )
