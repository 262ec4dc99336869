"""The threads that do the work of this process: woken when there is some, looking by themselves when not (design, D3).

The wake-up saves time and nothing else: every piece of work is a row that any replica finds.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

_LOG = logging.getLogger("dragonfly.executor")
_GRACE_SECONDS = 0.003
"""Lets the acknowledgement leave before its work begins: both need the interpreter."""


class Executor:
    """One thread or more for each kind of work."""

    def __init__(
        self, work: Mapping[str, Callable[[], int]], *, threads: Mapping[str, int], idle_seconds: float
    ) -> None:
        """Take the loops by name; each returns how much it did, and is called again at once while that is not nothing."""
        self._work = dict(work)
        self._idle_seconds = idle_seconds
        self._stopping = threading.Event()
        self._failed: dict[str, str] = {}
        self._awake = {name: threading.Event() for name in work}
        self._threads = [
            threading.Thread(target=self._loop, args=(name,), name=f"{name}-{number}", daemon=True)
            for name in work
            for number in range(threads.get(name, 1))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self, what: str) -> None:
        """Say that there is work of a kind now."""
        awake = self._awake.get(what)
        if awake is not None:
            awake.set()

    def stop(self, within_seconds: float = 20.0) -> None:
        """Let every thread finish what it is at, and end."""
        self._stopping.set()
        for awake in self._awake.values():
            awake.set()
        for thread in self._threads:
            thread.join(within_seconds)

    def once(self, name: str) -> int:
        """Do some work of a kind here and now, and return how much; a failure is logged when its text changes."""
        try:
            done = self._work[name]()
        except Exception as error:  # noqa: BLE001  # the last resort of a loop that must go on
            self._failed[name] = _say_once(name, error, self._failed.get(name, ""))
            return 0
        self._failed.pop(name, None)
        return done

    def _loop(self, name: str) -> None:
        awake = self._awake[name]
        while not self._stopping.is_set():
            awake.clear()
            self._stopping.wait(_GRACE_SECONDS)
            if not self.once(name) and not self._stopping.is_set():
                awake.wait(self._idle_seconds)


def _say_once(name: str, error: Exception, said: str) -> str:
    """Log a failure when its text changes, not each time."""
    text = f"{type(error).__name__}: {getattr(error, 'message', '')}"  # another's words may hold somebody's row
    if text != said:
        _LOG.warning("loop_failed loop=%s error=%r", name, text, exc_info=error)
    return text


class Beside:
    """Long work that holds up no loop: a thread each, waited for at the end."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._threads: list[threading.Thread] = []

    def begin(self, work: Callable[[], object]) -> None:
        """Begin work of its own; what goes wrong in it is logged."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._run, args=(work,), name="beside", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, within_seconds: float = 5.0) -> None:
        """Wait for what is under way; what takes longer ends with the process, and its row says how far it came."""
        deadline = time.monotonic() + within_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # the last resort of a thread: nobody waits for it
            _say_once("beside", error, "")
