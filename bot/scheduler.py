"""Fixed ticks, in memory, one instance a process (§15, L4); everything with a due time is a row found by query.

`misfire_grace_time=None`: APScheduler's default of one second drops late ticks silently (measurements, 2026-11).
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

_LOG = logging.getLogger("dragonfly.scheduler")


class Scheduler:
    """Ticks by name, each with a thread of its own, so that a slow one starves none."""

    def __init__(self, ticks: Mapping[str, tuple[timedelta, Callable[[], object]]]) -> None:
        """Prepare every tick; nothing runs before `start`."""
        self._said: dict[str, str] = {}
        self._intervals = {name: interval.total_seconds() for name, (interval, _tick) in ticks.items()}
        self._ended: dict[str, float] = {}
        """When each tick ended last, by the monotonic clock."""
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(max(1, len(ticks)))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for name, (interval, tick) in ticks.items():
            self._scheduler.add_job(
                self._run, "interval", seconds=interval.total_seconds(), args=(name, tick), id=name, name=name
            )

    def start(self) -> None:
        """Begin to tick."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._ended = dict.fromkeys(self._intervals, time.monotonic())
        self._scheduler.start()

    def latest(self, leave_out: Collection[str] = ()) -> tuple[str, float]:
        """Return the tick that is furthest behind, and by how many seconds; empty when none is."""
        now = time.monotonic()
        behind = {
            name: now - ended - self._intervals[name] for name, ended in self._ended.items() if name not in leave_out
        }
        name = max(behind, key=lambda name: behind[name], default="")
        return (name, behind[name]) if name and behind[name] > 0 else ("", 0.0)

    def stop(self) -> None:
        """Finish the ticks that run, and begin no more."""
        self._scheduler.shutdown(wait=True)

    def _run(self, name: str, tick: Callable[[], object]) -> None:
        """Run one tick; a failure is logged when its text changes and never stops the others."""
        try:
            tick()
        except Exception as error:  # noqa: BLE001  # the last resort of a loop that must go on
            text = f"{type(error).__name__}: {getattr(error, 'message', '')}"  # another's words may hold somebody's row
            if self._said.get(name) != text:
                _LOG.warning("tick_failed tick=%s error=%r", name, text, exc_info=error)
            self._said[name] = text
        else:
            self._said.pop(name, None)
        self._ended[name] = time.monotonic()
