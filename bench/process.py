"""Whole processes: how fast `--help` answers, how soon the bot is ready, how much memory it takes."""

import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure, plain
from bench.world import world


def measure() -> list[Figure]:
    """Return the figures of processes."""
    helped = []
    for _ in range(7):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "bot", "--help"], check=True, capture_output=True)
        helped.append(time.perf_counter() - began)
    ready, memory = _bot()
    return [
        plain("dragonfly --help, s", statistics.median(helped), 0.2),
        plain("bot ready, s", ready, 1.5),
        plain("bot resident memory, MB", memory, 120),
    ]


def _bot() -> tuple[float, float]:
    """Start the real bot over Socket Mode and return when it was ready and its memory a few seconds later."""
    with world("deployed") as (dsn, slack):
        environment = {
            "PATH": os.environ["PATH"],
            "SUPABASE_MODE": "dev",
            "DRAGONFLY_DATABASE_URL": dsn,
            "DRAGONFLY_ALERT_CHANNEL": "C0INCIDENTS",
            "DRAGONFLY_CONFIG": "dragonfly.example.toml",
            "SLACK_BOT_TOKEN": slack.settings.bot_token,
            "SLACK_APP_TOKEN": slack.settings.app_token,
            "SLACK_API_URL": slack.api_url,
        }
        began = time.perf_counter()
        bot = subprocess.Popen([sys.executable, "-m", "bot", "bot"], env=environment, stdout=subprocess.PIPE, text=True)
        assert bot.stdout is not None
        for line in bot.stdout:
            if "bot_ready" in line:
                break
        ready = time.perf_counter() - began
        time.sleep(3)
        status = _status_of(bot.pid)
        found = re.search(r"VmRSS:\s+(\d+)", status)
        bot.terminate()
        bot.wait(20)
        return ready, int(found[1]) / 1024 if found else 0.0


def _status_of(pid: int) -> str:
    """Return what the kernel says of a process, or nothing where it says it elsewhere."""
    place = Path(f"/proc/{pid}/status")
    return place.read_text(encoding="utf-8") if place.exists() else ""
