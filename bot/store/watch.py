"""What each process says of itself, and how messages and calls stand: what the bot's own checks are made of (§16)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.escalation import ROUNDS
from bot.domain.watch import CheckAge, Figures, Process, Said
from bot.sqlfile import load
from bot.store.db import Tx

SQL = load("bot.store", "watch.sql")


def beat(tx: Tx, process_id: str, version: str, skew: timedelta, said: Said) -> None:
    """Write down what a process says of itself now."""
    tx.run(
        SQL["beat"],
        id=process_id,
        version=version,
        now=tx.now,
        skew_seconds=abs(skew.total_seconds()),
        late_tick=said.late_tick,
        late_seconds=said.late_seconds,
        slack_fails=said.slack_fails,
        slack_error=said.slack_error,
        forged=said.forged,
    )


def leave(tx: Tx, process_id: str) -> None:
    """Forget a process that stops by itself."""
    tx.run(SQL["leave"], id=process_id, now=tx.now)


def processes(tx: Tx, silent_after: timedelta) -> list[Process]:
    """Return the processes that were seen of late, the oldest first."""
    return tx.rows(Process, SQL["processes"], now=tx.now, silent_seconds=silent_after.total_seconds())


def figures(tx: Tx, lately: timedelta) -> Figures:
    """Return how messages and calls stand now."""
    found = tx.row(Figures, SQL["figures"], now=tx.now, lately_seconds=lately.total_seconds(), rounds=ROUNDS)
    assert found is not None
    return found


def check_ages(tx: Tx, ids: Sequence[str]) -> list[CheckAge]:
    """Return when each check was looked at last."""
    return tx.rows(CheckAge, SQL["check_ages"], ids=list(ids))


def newest_pulse(tx: Tx) -> datetime | None:
    """Return when any process was seen last, and say that one is seen now: whoever asks first learns of a gap."""
    row = tx.record(SQL["newest_pulse"], now=tx.now)
    return row["before"] if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCalls:
    """Calls that were due while nobody was there, and how late the latest of them is."""

    count: int
    seconds: float


def late_calls(tx: Tx, began: datetime, ended: datetime) -> LateCalls:
    """Return the calls that were due in a gap and not made in it."""
    found = tx.row(LateCalls, SQL["late_calls"], began=began, ended=ended, now=tx.now)
    assert found is not None
    return found


def plans_ended(tx: Tx, began: datetime, ended: datetime) -> list[str]:
    """Return the plans whose time ran out in a gap."""
    return [str(row["id"]) for row in tx.records(SQL["plans_ended"], began=began, ended=ended)]


def found_at_start(tx: Tx) -> dict[str, int]:
    """Return how many alerts are open, runs unfinished and messages waiting."""
    return dict(tx.record(SQL["found_at_start"]) or {})


def runs_by_state(tx: Tx) -> list[tuple[str, int]]:
    """Return how many runs there are in each state."""
    return [(str(row["state"]), int(row["number"])) for row in tx.records(SQL["runs_by_state"])]


def open_by_check(tx: Tx) -> list[tuple[str, str, int]]:
    """Return how many alerts are open, by check and severity."""
    rows = tx.records(SQL["open_by_check"])
    return [(str(row["check_id"]), str(row["severity"]), int(row["number"])) for row in rows]
