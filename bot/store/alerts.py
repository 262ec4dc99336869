"""Alerts and what happened to them; every change of state is compared and set on the version."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bot.domain.alerts import State
from bot.errors import ConflictError
from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "alerts.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One stored alert."""

    id: int
    fingerprint: str
    check_id: str
    labels: Mapping[str, str]
    scenario: str
    state: str
    severity: str
    version: int
    started_at: datetime
    pending_since: datetime | None
    fired_at: datetime | None
    resolving_since: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolved_reason: str | None
    last_bad_at: datetime
    acked_by: str | None
    acked_at: datetime | None
    reopens: int
    changes: list[datetime]
    unsteady: bool
    evidence: Mapping[str, Any]
    channel: str
    edited_at: datetime | None

    def as_state(self) -> State:
        """Return what the state machine needs to know."""
        return State(
            state=self.state,
            pending_since=self.pending_since,
            resolving_since=self.resolving_since,
            resolved_at=self.resolved_at,
            by_hand=self.resolved_by is not None,
            changes=tuple(self.changes),
            unsteady=self.unsteady,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to an alert."""

    id: int
    at: datetime
    event: str
    actor: str
    reason: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run made for an alert."""

    id: str
    step: str
    state: str
    actor: str
    confirmed_at: datetime
    rows_affected: int
    proof: str
    result: Mapping[str, int]
    proved_at: datetime | None
    ended_at: datetime | None
    record_n: int | None
    undone_by: str | None
    """The run that took it back, and how many things that put back."""
    put_back: int
    gone: int
    """Jobs that it reset and that nobody can see any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What a scenario's alerts say together."""

    since: datetime
    until: datetime | None
    """When the last of them was well again."""
    done_at: datetime | None
    """When a step last ended that did something about it."""


def newest(tx: Tx, fingerprint: str) -> Alert | None:
    """Return the newest alert of a fingerprint, locked."""
    return tx.row(Alert, SQL["newest"], fingerprint=fingerprint)


def find(tx: Tx, alert_id: int, *, lock: bool = False) -> Alert | None:
    """Return an alert."""
    return tx.row(Alert, SQL["find"], {"locked"} if lock else (), id=alert_id)


def list_open(tx: Tx) -> list[Alert]:
    """Return announced alerts that are not resolved."""
    return tx.rows(Alert, SQL["list_open"])


def begun_of(tx: Tx, check: str) -> list[Mapping[str, str]]:
    """Return the labels of a check's alerts that are not resolved, announced or not."""
    return [row["labels"] for row in tx.records(SQL["begun_of"], check=check)]


def came_between(tx: Tx, began: datetime, ended: datetime) -> list[Alert]:
    """Return the alerts that began between two moments, those still open first."""
    return tx.rows(Alert, SQL["came_between"], began=began, ended=ended)


def last_resolved(tx: Tx) -> Alert | None:
    """Return the alert that was resolved last."""
    return tx.row(Alert, SQL["last_resolved"])


def insert(tx: Tx, **values: object) -> int | None:
    """Store a new alert and return its number; None = another replica has just made it."""
    row = tx.record(SQL["insert"], **values, now=tx.now)
    return int(row["id"]) if row else None


def change(tx: Tx, alert: Alert, **new: object) -> None:
    """Change an alert.

    Raises:
        ConflictError: another replica changed it since it was read.
    """
    if tx.record(SQL["change"], **{**asdict(alert), **new}) is None:
        raise ConflictError(f"alert A{alert.id} was changed in the same moment")


def forget(tx: Tx, alert_id: int) -> None:
    """Remove a pending alert that nobody was told about."""
    tx.run(SQL["forget"], id=alert_id)


def add_event(tx: Tx, alert: Alert, event: str, *, actor: str = "dragonfly", reason: str = "", **facts: object) -> int:
    """Write down what happened to an alert and return the event's number."""
    values = {"alert_id": alert.id, "fingerprint": alert.fingerprint, "event": event, "actor": actor}
    row = tx.record(SQL["insert_event"], **values, reason=reason, facts=facts, now=tx.now)
    assert row is not None
    return int(row["id"])


def events(tx: Tx, alert_id: int) -> list[Event]:
    """Return what happened to an alert, oldest first."""
    return tx.rows(Event, SQL["events"], alert_id=alert_id)


def event(tx: Tx, event_id: int) -> Event | None:
    """Return one event."""
    return tx.row(Event, SQL["event"], id=event_id)


def runs_of(tx: Tx, alert_id: int) -> list[RunLine]:
    """Return the runs made for an alert."""
    return tx.rows(RunLine, SQL["runs_of"], alert_id=alert_id)


def episode(tx: Tx, scenario: str, steps: Sequence[str], after: datetime) -> Episode | None:
    """Return the newest outage by a scenario's alerts, open or resolved after a moment; None = there are none."""
    return tx.row(Episode, SQL["episode"], scenario=scenario, steps=list(steps), after=after)
