"""The real `dragonfly bot` as a child that holds a pipe of ours and ends when we do."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

STOP_SECONDS = 30


class BotChild:
    """One bot; it can be started anew as it was."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        """Start it."""
        self._environment = environment
        self._log = log
        self._guardian = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(Path(__file__).with_name("guardian.py")), "--signal", str(int(signal.SIGTERM))]
        command += ["--log", str(self._log), "--", sys.executable, "-m", "bot", "bot"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=self._environment, start_new_session=True)

    def stop(self) -> None:
        """Stop it, and wait until it has ended; safe to repeat."""
        if self._guardian.stdin:
            self._guardian.stdin.close()
        self._guardian.wait(STOP_SECONDS)

    def restart(self) -> None:
        """Stop it and start it anew."""
        self.stop()
        self._guardian = self._start()
