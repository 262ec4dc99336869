"""Pauses and the jobs they hold."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "pauses.sql")
BY_HAND = "stopped by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One stored pause."""

    id: str
    thing: str
    job_types: list[str]
    strategy: str
    held_until: datetime
    owner: str
    reason: str
    channel: str
    state: str
    started_at: datetime
    ends_at: datetime
    reminded_at: datetime | None
    warned_at: datetime | None
    told_end_at: datetime | None
    swept_at: datetime | None
    probes: list[list[str]]
    """The newest answers of the vendor: [ISO time, verdict]."""
    resume_run: str | None
    batch_at: datetime | None
    why_stopped: str
    ended_at: datetime | None

    @property
    def errors_returned(self) -> str:
        """Return why its resume was stopped, or nothing where it was not, or a person did."""
        return self.why_stopped if self.state == "stopped" and self.why_stopped != BY_HAND else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many jobs a pause holds and has let go."""

    held: int
    held_later: int
    released: int
    moved: int

    @property
    def now(self) -> int:
        """Return how many jobs it holds now."""
        return self.held + self.held_later


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What a pause owes to its owner now."""

    remind: bool | None
    warn: bool | None
    over: bool | None


def insert(tx: Tx, **values: object) -> bool:
    """Begin a pause; False = one is open already."""
    return tx.record(SQL["insert_pause"], **values, now=tx.now) is not None


def open_one(tx: Tx) -> Pause | None:
    """Return the pause that is open."""
    return tx.row(Pause, SQL["find_pause"], {"open"})


def find(tx: Tx, pause_id: str, *, lock: bool = False) -> Pause | None:
    """Return a pause, locked until the transaction ends if asked."""
    return tx.row(Pause, SQL["find_pause"], {"locked"} if lock else (), id=pause_id)


def counts(tx: Tx, pause_id: str) -> Counts:
    """Return how many jobs a pause holds and has let go."""
    found = tx.row(Counts, SQL["counts"], id=pause_id)
    return found or Counts(held=0, held_later=0, released=0, moved=0)


def set_state(
    tx: Tx, pause_id: str, state: str, *, resume_run: str | None = None, batch_at: datetime | None = None
) -> None:
    """Write down where a pause stands."""
    tx.run(SQL["set_state"], id=pause_id, state=state, resume_run=resume_run, batch_at=batch_at, now=tx.now)


def stop(tx: Tx, pause_id: str, why: str) -> None:
    """Stop letting jobs go; what is held stays held."""
    tx.run(SQL["stop"], id=pause_id, why=why)


def set_end(tx: Tx, pause_id: str, ends_at: datetime) -> bool:
    """Keep a pause longer; False = it has ended."""
    return tx.record(SQL["set_end"], id=pause_id, ends_at=ends_at) is not None


def take_sweep(tx: Tx, pause_id: str, every: timedelta) -> bool:
    """Take the next sweep; False = it is not due, or another replica has just swept."""
    return tx.record(SQL["take_sweep"], id=pause_id, seconds=every.total_seconds(), now=tx.now) is not None


def sweep_again(tx: Tx, pause_id: str) -> None:
    """Make the next sweep due at once."""
    tx.run(SQL["sweep_again"], id=pause_id)


def set_probes(tx: Tx, pause_id: str, probes: Sequence[Sequence[str]]) -> None:
    """Keep the newest answers of the vendor."""
    tx.run(SQL["set_probes"], id=pause_id, probes=json.dumps([list(item) for item in probes]))


def take_due(tx: Tx, pause_id: str, *, remind: timedelta, warn: timedelta) -> Due | None:
    """Take what a pause owes to its owner now; once each, whichever replica asks."""
    values: Mapping[str, object] = {"remind": remind.total_seconds(), "warn": warn.total_seconds()}
    return tx.row(Due, SQL["take_due"], id=pause_id, **values, now=tx.now)
