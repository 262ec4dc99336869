"""`db_reachable`: the one alert that cannot live in the database it is about (design, section 7, *Alerts*).

Held in memory, posted without the outbox, edited when the database is back. One post per process and episode; another
replica's post of the same episode is found in the channel's history and not repeated.
"""

from datetime import UTC, datetime, timedelta

from bot.domain.escalation import calls, chain
from bot.domain.messages import AlertCard, AlertFace
from bot.errors import DeliveryError, StoreError
from bot.operations.services import Services
from bot.store import audit

FAILS = 3
_MARK = "db_reachable"


class Watch:
    """Looks whether the database answers, and tells the channel when it does not."""

    def __init__(self, services: Services) -> None:
        """Start well."""
        self._services = services
        self._failed = 0
        self._since: datetime | None = None
        self._reason = ""
        self._ts = ""
        self._adopted = False

    def look(self) -> None:
        """Look once; the third failure in a row is told, and so is the recovery."""
        try:
            with self._services.db.read(wait=timedelta(seconds=2)):
                pass
        except StoreError as error:
            self._failed += 1
            self._since = self._since or self._services.clock.now()
            self._reason = error.message
            if self._failed >= FAILS and not self._ts:
                self._tell()
            return
        if not self._adopted:
            self._adopt()
        if self._ts:
            self._recovered()
        self._failed, self._since, self._ts = 0, None, ""

    def _adopt(self) -> None:
        """Take over what an earlier process posted and could not close: a lockout ends with a restart of the bot."""
        services = self._services
        if services.chat is None:
            return
        try:
            since = services.clock.now() - services.config.timing.away_adopted
            lately = services.chat.history(services.config.alert_channel, since)
            with services.db.read() as tx:
                closed = audit.newest_of(tx, "database.was_away")
        except (DeliveryError, StoreError):
            return
        self._adopted = True
        posted = [item for item in lately if item.outbox_id == _MARK]
        at = max((datetime.fromtimestamp(float(item.ts), UTC) for item in posted), default=None)
        if at is not None and (closed is None or closed.at < at):
            self._ts, self._since = max(posted, key=lambda item: float(item.ts)).ts, at

    def _card(self, face: AlertFace) -> AlertCard:
        now, config = self._services.clock.now(), self._services.config
        called = calls(chain(config, "self-check", now), now)
        return AlertCard(
            env=config.env,
            as_of=now,
            key="A0",
            check="db_reachable",
            face=face,
            severity="critical",
            label="database",
            started_at=self._since or now,
            fired_at=now,
            reason=f"{self._failed} tries failed: {self._reason}"
            if face is AlertFace.FIRING
            else "the database answers again",
            calls=called[:1],
            resolved_at=now if face is AlertFace.RECOVERED else None,
            reopens_until=now if face is AlertFace.RECOVERED else None,
        )

    def _tell(self) -> None:
        services = self._services
        if services.chat is None or services.renderer is None:
            return
        channel = services.config.alert_channel
        try:
            lately = services.chat.history(channel, services.clock.now() - services.config.timing.away_lately)
            others = [item for item in lately if item.outbox_id == _MARK]
            if others:
                self._ts = others[0].ts
                return
            content = services.renderer.card(self._card(AlertFace.FIRING))
            self._ts = services.chat.post(channel, content, outbox_id=_MARK)
        except DeliveryError as error:
            services.log.warning("reachability_not_told error=%s", error.slack_error)

    def _recovered(self) -> None:
        services = self._services
        assert services.chat is not None
        assert services.renderer is not None
        content = services.renderer.card(self._card(AlertFace.RECOVERED))
        try:
            services.chat.update(services.config.alert_channel, self._ts, content)
            with services.db.write() as tx:
                down = int((tx.now - self._since).total_seconds()) if self._since else 0
                audit.append(tx, "database.was_away", actor="dragonfly", down_seconds=down)
        except (DeliveryError, StoreError) as error:
            services.log.warning("reachability_not_told error=%s", error.code)
