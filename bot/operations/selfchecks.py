"""The bot looks at itself: each process says how it is, and any of them judges all (§16). An alert like every other.

What nobody inside can notice, the death of all processes, is noticed by the outside monitor that is not pinged any more.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version

from bot import words
from bot.domain import watch as judge
from bot.domain.messages import Mode
from bot.domain.watch import CheckAge, Finding, Said
from bot.domain.workers import Status
from bot.operations import alerts, blindness, checks, modes, returning
from bot.operations.alerts import Observation
from bot.operations.services import Services
from bot.store import audit, outbox, watch
from bot.store import checks as stored
from bot.store.db import Tx

CHECK = "self_checks"
VERSION = version("dragonfly-bot")


class Pulse:
    """What one process knows of itself, told to all of them at each beat."""

    def __init__(self, services: Services, said: Callable[[], Said]) -> None:
        """Keep how to ask this process; nothing is written yet."""
        self.id = secrets.token_hex(8)
        self.mode: Mode | None = None
        """What is reduced at present; the last line of every answer."""
        self._services = services
        self._said = said
        self._beaten_at: datetime | None = None
        self._up_since: datetime | None = None
        self._well_at: float | None = None

    def beat(self) -> bool:
        """Write down how this process is, and let what all of them say act on the bot's own alerts.

        Returns:
            Whether nobody was there for long until now; then a card says so.

        Raises:
            StoreError: nothing could be written; the outside monitor is not pinged.
        """
        services, timing = self._services, self._services.config.timing
        with services.db.write(wait=timedelta(seconds=2)) as tx:
            skew = services.clock.now() - tx.now
            before = watch.newest_pulse(tx)
            was_away = before is not None and tx.now - before > timing.away_after
            if before is not None and was_away:
                returning.tell(services, tx, before, restarted=self._beaten_at is None)
            if self._beaten_at is None:
                returning.started(services, tx, VERSION)
            watch.beat(tx, self.id, VERSION, skew, self._said())
            well, mode = self._judge(tx, self._looking_since(tx.now))
        self._beaten_at, self.mode = tx.now, mode
        self._well_at = services.clock.monotonic() if well else None
        return was_away

    def _looking_since(self, now: datetime) -> datetime:
        """Return since when this process has looked without a break; before, nobody may have."""
        gap = now - self._beaten_at if self._beaten_at else None
        if self._up_since is None or gap is None or gap > self._services.config.timing.overdue_least:
            self._up_since = now
        return self._up_since

    def _judge(self, tx: Tx, up_since: datetime) -> tuple[bool, Mode | None]:
        """Return whether all is well, and what is reduced."""
        services, timing = self._services, self._services.config.timing
        figures = watch.figures(tx, timing.trouble_lately)
        found = judge.findings(watch.processes(tx, timing.silent_after), figures, up_since, tx.now, timing)
        intervals = {**checks.here(services), **checks.outside(services)}
        ages = watch.check_ages(tx, list(intervals))
        late = judge.overdue(ages, intervals, up_since, tx.now, timing)
        present = modes.present(services, tx, figures)
        if stored.take_due(tx, CHECK, timing.self_check_interval):
            modes.announce(services, tx, CHECK, present)
            _observe(services, tx, found)
            _observe_ages(services, tx, ages, late)
            _give_up(tx, timing.outbox_life)
        return judge.is_well(found, late), present[0] if present else None

    def is_well(self) -> bool:
        """Say whether the last beats found all well, lately enough to believe (§16, W1)."""
        lately = self._services.config.timing.pulse_interval.total_seconds() * 3
        return self._well_at is not None and self._services.clock.monotonic() - self._well_at <= lately

    def stop(self) -> None:
        """Say that this process stops by itself.

        Raises:
            StoreError: nothing could be written; it will be found silent.
        """
        with self._services.db.write(wait=timedelta(seconds=2)) as tx:
            watch.leave(tx, self.id)


def _observe(services: Services, tx: Tx, found: tuple[Finding, ...]) -> None:
    said = words.load("alerts")["itself"]
    for item in found:
        reason = said[item.check].format(**item.facts) if item.bad else said["well"]
        seen = Observation(
            check=item.check,
            labels={},
            status=Status.BAD if item.bad else Status.OK,
            started_at=tx.now,
            evidence={"label": said["name"], "reason": reason},
            severity=item.severity,
        )
        alerts.observe(services, tx, seen)


def _observe_ages(services: Services, tx: Tx, ages: list[CheckAge], late: dict[str, timedelta]) -> None:
    """A check that nobody looks at is blind too (O2); one that was looked at and could tell is not."""
    said = words.load("alerts")["itself"]
    outside = checks.outside(services)
    for name, waited in late.items():
        evidence = {
            "label": name.replace("_", " "),
            "reason": said["overdue"].format(seconds=int(waited.total_seconds())),
        }
        severity = "warning" if name in outside else "critical"
        alerts.observe(services, tx, blindness.observation(name, Status.BAD, evidence, tx.now, severity))
    for age in ages:
        if age.check_id not in late and age.observed_at and not age.unknown_streak:
            evidence = {"label": age.check_id.replace("_", " "), "reason": said["well"]}
            alerts.observe(services, tx, blindness.observation(age.check_id, Status.OK, evidence, tx.now))


def _give_up(tx: Tx, life: timedelta) -> None:
    """End what nobody will get any more; that is an alert, and stands in the record."""
    dead = outbox.give_up(tx, life)
    if dead:
        audit.append_or_go_on(tx, "delivery.dead", actor="dragonfly", messages=dead[:20], count=len(dead))
