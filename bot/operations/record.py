"""The record watches over itself: its chain is walked, a break turns changes off, copies of its end go outside (§11)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from bot import words
from bot.domain.anchors import Anchor, accepted_at, by_number, due, is_accepted, print_of
from bot.domain.audit import AuditRow, Verdict, rfc3339
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
        self._taken = audit.ALL
        """The acceptance from which its chain counts; 0 = none. Until the first look, whichever is there."""
        self._refused: int | None = None
        """The newest acceptance when it last found a break; None = it found none."""
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
            accepted = audit.newest_of(tx, audit.RESTORED)
            is_beyond_us = off is not None and audit.is_of_another_key(tx, off.reason, services.audit_key)
        found = self._walk(now, off) if self._is_due(now, off, accepted) else None
        why, cannot_tell = _why(found, may), off is not None and (found is None or is_beyond_us)
        if off and (why or cannot_tell):
            why = off.reason  # as it was found first: a record appended since may have given the break another name
        with services.db.write() as tx:
            if not cannot_tell:
                self._turn(tx, off, found, why)
            if accepted:
                _announce(services, tx, accepted, counts=not why)
            alerts.observe(services, tx, _observation(why, tx.now, accepted))
        _copy(services)

    def _is_due(self, now: datetime, off: Off | None, accepted: AuditRow | None) -> bool:
        timing = self._services.config.timing
        every = timing.verify_again if off else timing.verify_interval
        is_news = _number(accepted) not in (self._taken, self._refused)
        return is_news or self._looked_at is None or now - self._looked_at >= every

    def _walk(self, now: datetime, off: Off | None) -> Verdict:
        """Look at what came since the last look; at everything once a day, and before changes may be on again."""
        key, timing = self._services.audit_key, self._services.config.timing
        with self._services.db.read(snapshot=True) as tx:
            newest = audit.newest_of(tx, audit.RESTORED)
            self._take(tx, newest)
            whole = self._seen is None or self._taken != _number(newest) or off is not None
            whole = whole or self._whole_at is None or now - self._whole_at >= timing.verify_whole
            known = by_number([self._seen] if self._seen else [])
            look = partial(audit.check, tx, key=key, known=known, taken=self._taken)
            found = look(first=1 if whole or not self._seen else self._seen.n)
            if not whole and not found.is_whole:
                whole, found = True, look()
        self._looked_at = now
        self._refused = None if found.is_whole else _number(newest)
        if found.is_whole:
            self._taken = _number(newest)
            self._seen = Anchor(n=found.whole_to, hash=found.hash, at=now)
            self._whole_at = now if whole else self._whole_at
        return found

    def _take(self, tx: Tx, newest: AuditRow | None) -> None:
        """Take an acceptance that came since, and forget what was seen before it, where that can be relied on.

        It is signed and newer than that; or, without a key, it accepts a break that this process had found itself. Any
        other is walked over: the record must hold all that was seen, as if nobody had accepted anything.
        """
        number = _number(newest)
        if self._taken == audit.ALL:
            self._taken = number
        elif newest and number != self._taken:
            key, found_before = self._services.audit_key, self._refused is not None and number != self._refused
            if is_accepted(newest, key) and self._is_new(tx, newest) if key else found_before:
                self._taken, self._seen = number, None

    def _is_new(self, tx: Tx, accepted: AuditRow) -> bool:
        """Say whether an acceptance came after what was seen: that stands before it, or was seen earlier.

        Its time alone does not tell: accepting takes minutes, and a look meanwhile may have seen a tail that is whole.
        """
        seen = self._seen
        if seen is None or seen.at is None or accepted_at(accepted) > rfc3339(seen.at):
            return True
        return seen.n < accepted.n and [row.hash for row in audit.page(tx, seen.n, seen.n)] == [seen.hash]

    def _turn(self, tx: Tx, off: Off | None, found: Verdict | None, why: str) -> None:
        if why:
            if changes.turn_off(tx, changes.RECORD, actor=_ACTOR, reason=why):
                self._tell(tx, found, why)
        elif found is not None and (off or (self._whole_at == self._looked_at and self._is_news(tx))):
            if off:
                changes.turn_on(tx, changes.RECORD)
            tx.last.append(partial(audit.append, tx, "chain.verified", actor=_ACTOR, n=found.whole_to))

    def _tell(self, tx: Tx, found: Verdict | None, why: str) -> None:
        """Record the break, what this process saw before and its key, so that nobody who sees less takes it back."""
        seen = {"n": self._seen.n, "hash": self._seen.hash.hex()} if self._seen else None
        name = found.name if found else None
        key = print_of(self._services.audit_key)
        audit.append_or_go_on(tx, audit.BROKEN, actor=_ACTOR, reason=why, found=name, seen=seen, key=key)

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


def _number(accepted: AuditRow | None) -> int:
    return accepted.n if accepted else 0


def _announce(services: Services, tx: Tx, accepted: AuditRow, *, counts: bool) -> None:
    """Tell everyone once that somebody accepted the record as it stands; messages are kept longer than this looks back.

    Args:
        counts: this process relies on it.
    """
    key = f"accepted:{accepted.n}"
    if tx.now - accepted.at < services.config.timing.keep_messages and not outbox.was_queued(tx, key):
        facts = {"message": "accepted", "n": accepted.n, "counts": counts}
        outbox.enqueue(tx, "post", services.config.alert_channel, key, facts, priority=outbox.CRITICAL)


def _why(found: Verdict | None, may: audit.Rights) -> str:
    """Return why the record is not to be relied on, by what was looked at now; empty = nothing was found."""
    if found is not None and not found.is_whole:
        return _SAYS["broken"].format(n=found.broken_at, fault=found.fault)
    return "" if may.may_append and may.has_room else _SAYS["unwritable"]


def _observation(why: str, now: datetime, accepted: AuditRow | None) -> alerts.Observation:
    said = accepted and {**audit.said(accepted), "at": accepted.at.isoformat()}
    return alerts.Observation(
        check=CHECK,
        labels={},
        status=Status.BAD if why else Status.OK,
        started_at=now,
        evidence={"label": "record", "reason": why or _SAYS["whole"], "accepted": said},
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
