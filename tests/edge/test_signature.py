"""The age of a signature is judged by the process's wall clock, and by nothing else (§1, T2)."""

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from bot.clock import SystemClock
from bot.http.signature import sign, why_rejected

SIGNED = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
BODY = b"command=%2Fdragonfly"


@pytest.mark.parametrize(("seconds", "reason"), [(0, ""), (300, ""), (301, "stale"), (-300, ""), (-301, "stale")])
def test_five_minutes_either_way(seconds: int, reason: str) -> None:
    """A signature is good for five minutes, also from a clock that goes ahead."""
    stamp = str(int(SIGNED.timestamp()))
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": sign("new", stamp, BODY)}
    with freeze_time(SIGNED + timedelta(seconds=seconds)):
        assert why_rejected(headers, BODY, ["new", "old"], SystemClock().now().timestamp()) == reason


def test_two_secrets_while_they_rotate() -> None:
    """The previous secret is still taken, an unset one never is."""
    stamp = str(int(SIGNED.timestamp()))
    now = SIGNED.timestamp()
    old = {"x-slack-request-timestamp": stamp, "x-slack-signature": sign("old", stamp, BODY)}
    empty = {"x-slack-request-timestamp": stamp, "x-slack-signature": sign("", stamp, BODY)}
    assert why_rejected(old, BODY, ["new", "old"], now) == ""
    assert why_rejected(empty, BODY, ["new", ""], now) == "wrong signature"
