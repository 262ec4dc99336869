"""Copies of the record's end: how they are written, signed, read back, and when they are due (§11, U4)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.anchors import COPY_AFTER, Anchor, Copied, by_number, due, read, since
from bot.domain.audit import AuditRow, Head
from bot.domain.redaction import Redactor
from bot.domain.timing import PLAYBOOK

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
KEY = b"a key that stands in no database"
ANCHOR = Anchor(n=1842, hash=bytes(range(32)), env="prod", at=NOW)


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        '{{"at": "2026-01-02 03:04:05,000", "level": "info", "logger": "dragonfly", "message": "{}"}}',
        "Ada copied this:\n> `{}`\nfrom Slack",
    ],
)
def test_a_copy_is_read_back_from_where_it_was_kept(around: str) -> None:
    """A line, a log as JSON, a message pasted into a file: every copy in it is found, as it was."""
    signed = ANCHOR.signed(KEY)
    text = around.format(signed.line) + "\n" + around.format(ANCHOR.line)
    assert read(text) == [signed, ANCHOR]
    assert (signed.is_forged(KEY), ANCHOR.is_forged(KEY)) == (False, False)


def test_the_second_net_leaves_a_copy_alone() -> None:
    """What takes secrets out of the log takes nothing out of a copy."""
    line = ANCHOR.signed(KEY).line
    assert Redactor()(line) == line


def test_what_was_typed_is_a_copy_without_a_signature() -> None:
    """A number and a hash are enough to compare; what is neither is nothing."""
    assert read(f"1842:{bytes(range(32)).hex()}") == [Anchor(n=1842, hash=bytes(range(32)))]
    assert read("1842:abc") == read("no copy") == []


@pytest.mark.parametrize("change", [{"n": 1843}, {"hash": bytes(32)}, {"env": "dev"}, {"at": NOW + timedelta(1)}])
def test_a_changed_copy_is_forged(change: dict[str, Any]) -> None:
    """Everything in the line is signed, and only the key's holder can tell."""
    [kept] = read(ANCHOR.signed(KEY).line)
    other = replace(kept, **change)
    assert (other.is_forged(KEY), kept.is_forged(b"another key"), other.is_forged(b"")) == (True, True, False)


def test_what_a_restoration_overtook_is_not_compared() -> None:
    """Copies of the lost end, and of what was accepted, tell of another chain; newer ones are compared."""
    restored = AuditRow(n=1800, at=NOW, record={}, prev=bytes(32), hash=bytes(32))
    before, after = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    lost, old = Anchor(n=1842, hash=b"a", at=before), Anchor(n=1700, hash=b"b", at=before)
    new, typed = Anchor(n=1850, hash=b"c", at=after), Anchor(n=1801, hash=b"d")
    assert since(restored, [lost, old, new, typed]) == [new, typed]
    assert by_number(since(None, [lost, old])) == {1842: {"61"}, 1700: {"62"}}


@pytest.mark.parametrize(
    ("fresh", "log_ago", "slack_ago", "ending", "to"),
    [
        (0, 9e9, 9e9, False, "slack"),
        (0, 9e9, 60, False, ""),
        (1, 60, 60, False, ""),
        (1, 15 * 60, 60, False, "log"),
        (COPY_AFTER, 0, 60, False, "log"),
        (1, 0, 24 * 3600, False, "slack"),
        (1, 0, 0, True, "slack"),
    ],
)
def test_a_copy_is_due(fresh: int, log_ago: float, slack_ago: float, ending: bool, to: str) -> None:
    """To the log after 15 minutes or 100 records, to Slack after a day and at the end; a record at rest stays at rest."""
    copied = Copied(
        n=99,
        log_n=100,
        log_at=NOW - timedelta(seconds=min(log_ago, 9e6)),
        slack_n=90,
        slack_at=NOW - timedelta(seconds=min(slack_ago, 9e6)),
    )
    assert due(Head(n=100 + fresh, hash=bytes(32)), copied, NOW, PLAYBOOK, ending=ending) == to


def test_nothing_is_copied_twice() -> None:
    """Where the copy itself is the last record, or there is none, there is nothing to copy."""
    copied = Copied(n=99, log_n=100, log_at=NOW, slack_n=100, slack_at=NOW)
    later = NOW + timedelta(days=9)
    assert due(Head(n=100, hash=bytes(32)), copied, later, PLAYBOOK, ending=True) == ""
    assert due(Head(n=0, hash=bytes(32)), None, later, PLAYBOOK) == ""
