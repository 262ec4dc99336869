"""The record watches over itself: its chain is walked, a break turns changes off, copies of its end go outside (§11)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from bot import words
from bot.domain.anchors import Anchor, by_number, due, since
from bot.domain.audit import Verdict
from bot.domain.workers import Status
from bot.errors import DeliveryError, StoreError
from bot.operations import alerts, delivery
from bot.operations.services import Services
from bot.store import audit, changes, checks, outbox
from bot.store.changes import Off
from bot.store.db import Tx

CHECK = "audit_chain"
_COPY = "audit_copy"
_ACTOR = "dragonfly"
_SAYS: Mapping[str, str] = words.load("alerts")["record"]


class Watch:
    """What one process has seen of the record; kept here, where whoever rewrites the database cannot change it."""

    def __init__(self, services: Services) -> None:
        """Begin without having seen anything: the first look walks the whole record."""
        self._services = services
        self._loaded = False
        self._seen: Anchor | None = None
        self._looked_at: datetime | None = None
        self._whole_at: datetime | None = None

    def begin(self) -> None:
        """Record that this process runs, and with which configuration; tried again at each look until it is written."""
        if self._loaded:
            return
        try:
            with self._services.db.write(wait=timedelta(seconds=1)) as tx:
                audit.append(tx, "config.loaded", actor=_ACTOR)
            self._loaded = True
        except StoreError as error:
            self._services.log.warning("start_not_recorded error=%s", error.code)

    def look(self) -> None:
        """Walk what is due of the chain, turn changes off or on by what was found, and copy its end where that is due."""
        self.begin()
        services = self._services
        with services.db.write() as tx:
            off, may, now = changes.find(tx, changes.RECORD), audit.rights(tx), tx.now
        found = self._walk(now, off) if self._is_due(now, off) else None
        why = _why(found, may)
        if off and (why or found is None):
            why = off.reason  # as it was found first: a record appended since may have given the break another name
        with services.db.write() as tx:
            self._turn(tx, off, found, why)
            alerts.observe(services, tx, _observation(why, tx.now))
        _copy(services)

    def _is_due(self, now: datetime, off: Off | None) -> bool:
        timing = self._services.config.timing
        every = timing.verify_again if off else timing.verify_interval
        return self._looked_at is None or now - self._looked_at >= every

    def _walk(self, now: datetime, off: Off | None) -> Verdict:
        """Look at what came since the last look; at everything once a day, and before changes may be on again."""
        with self._services.db.read(snapshot=True) as tx:
            known = since(audit.newest_of(tx, audit.RESTORED), [self._seen] if self._seen else [])
            is_old = self._whole_at is None or now - self._whole_at >= self._services.config.timing.verify_whole
            whole = is_old or off is not None or not known
            found = audit.check(tx, first=1 if whole else known[0].n, known=by_number(known))
            if not whole and not found.is_whole:
                whole, found = True, audit.check(tx, known=by_number(known))
        self._looked_at = now
        if found.is_whole:
            self._seen = Anchor(n=found.whole_to, hash=found.hash, at=now)
            self._whole_at = now if whole else self._whole_at
        return found

    def _turn(self, tx: Tx, off: Off | None, found: Verdict | None, why: str) -> None:
        if why:
            if changes.turn_off(tx, changes.RECORD, actor=_ACTOR, reason=why):
                self._tell(tx, found, why)
        elif found is not None and (off or (self._whole_at == self._looked_at and self._is_news(tx))):
            changes.turn_on(tx, changes.RECORD)
            tx.last.append(partial(audit.append, tx, "chain.verified", actor=_ACTOR, n=found.whole_to))

    def _tell(self, tx: Tx, found: Verdict | None, why: str) -> None:
        """Record the break, and what this process saw before, so that nobody who saw less takes it back."""
        seen = {"n": self._seen.n, "hash": self._seen.hash.hex()} if self._seen else None
        name = found.name if found else None
        audit.append_or_go_on(tx, audit.BROKEN, actor=_ACTOR, reason=why, found=name, seen=seen)

    def _is_news(self, tx: Tx) -> bool:
        """Say whether nobody has recorded of late that the whole record adds up."""
        last = audit.newest_of(tx, "chain.verified")
        return last is None or tx.now - last.at >= self._services.config.timing.verify_whole

    def end(self) -> None:
        """Copy the end of the record once more; what Slack does not take now goes out at the next start."""
        try:
            _copy(self._services, ending=True)
            delivery.deliver_due(self._services)
        except (StoreError, DeliveryError) as error:
            self._services.log.warning("record_not_copied error=%s", error.code)


def _why(found: Verdict | None, may: audit.Rights) -> str:
    """Return why the record is not to be relied on, by what was looked at now; empty = nothing was found."""
    if found is not None and not found.is_whole:
        return _SAYS["broken"].format(n=found.broken_at, fault=found.fault)
    return "" if may.may_append and may.has_room else _SAYS["unwritable"]


def _observation(why: str, now: datetime) -> alerts.Observation:
    return alerts.Observation(
        check=CHECK,
        labels={},
        status=Status.BAD if why else Status.OK,
        started_at=now,
        evidence={"label": "record", "reason": why or _SAYS["whole"]},
    )


def _copy(services: Services, *, ending: bool = False) -> None:
    """Copy the end of the record to the log, and to Slack, where that is due; of several replicas one does."""
    timing = services.config.timing
    with services.db.write() as tx:
        if not ending and not checks.take_due(tx, _COPY, timing.check_interval):
            return
        end = audit.head(tx)
        to = due(end, audit.copied(tx), tx.now, timing, ending=ending)
        if not to:
            return
        anchor = Anchor(n=end.n, hash=end.hash, env=services.config.env, at=tx.now).signed(services.audit_key)
        services.log.info("%s", anchor.line)
        if to == "slack":
            channel, facts = services.config.alert_channel, {"message": "anchor", "n": end.n, "line": anchor.line}
            outbox.enqueue(tx, "post", channel, f"anchor:{end.n}", facts)
        is_signed = bool(anchor.signature)
        audit.append(tx, audit.ANCHORED, actor=_ACTOR, n=end.n, hash=end.hash.hex(), to=to, signed=is_signed)
