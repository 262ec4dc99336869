"""Run one child for as long as our standard input stays open, then stop it.

The parent holds the other end of the pipe. It closes when the parent ends, even by `kill -9`, so nothing is left behind.
Started as a file of its own with nothing but the standard library, so that it is ready at once.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

GENTLE_SECONDS = 10


def main() -> int:
    """Run the child until input ends or the child does; return the child's exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--log")
    parser.add_argument("--remove", help="a directory to remove at the end")
    parser.add_argument("--uid", type=int, default=-1)
    parser.add_argument("--signal", type=int, default=signal.SIGINT)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = open(args.log, "ab") if args.log else None  # noqa: SIM115  # lives as long as the child
    user = {"user": args.uid, "group": args.uid} if args.uid >= 0 else {}
    child = subprocess.Popen(
        args.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/" if user else None, **user
    )
    threading.Thread(target=_stop_at_end_of_input, args=(child, args.signal), daemon=True).start()
    code = child.wait()
    if args.remove:
        shutil.rmtree(args.remove, ignore_errors=True)
    return code


def _stop_at_end_of_input(child: "subprocess.Popen[bytes]", gentle: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    child.send_signal(gentle)
    try:
        child.wait(timeout=GENTLE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main())
