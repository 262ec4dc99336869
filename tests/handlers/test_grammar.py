"""What somebody typed, as a command, or why it is none (§17, G1)."""

import pytest

from bot.cli.words import in_a_shell
from bot.domain.params import Param, not_known
from bot.errors import InvalidCommand
from bot.operations.reads import READS
from bot.operations.table import OPERATIONS
from handlers import envelopes
from handlers.commands import HANDLERS
from handlers.grammar import Command, NoSuchCommand, parse
from runbooks import load


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Command("help")),
        ("status", Command("status")),
        ("  STATUS ", Command("status")),
        ("incidents", Command("alerts")),
        ("stuck 10m", Command("stuck", {"older_than": "10m"})),
        ("reset-stuck ingest_csv 1h", Command("reset-stuck", {"type": "ingest_csv", "older_than": "1h"}, is_step=True)),
        ("reset-stuck 1h ingest", Command("reset-stuck", {"type": "ingest", "older_than": "1h"}, is_step=True)),
        ("ack A31", Command("ack", {"alert": "A31"})),
        ("resolve A31 planned stop", Command("resolve", {"alert": "A31", "reason": "planned stop"})),
        ("runbook worker", Command("runbook", {"scenario": "worker"})),
        ("ｓｔａｔｕｓ", Command("status")),
    ],
)
def test_what_is_a_command(text: str, command: Command) -> None:
    """Words and options are understood in the order people type them."""
    assert parse(text, load()) == command


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status now", "takes no words"),
        ("stuck 5", "no unit"),
        ("reset-stuck ingest enforcement", "two values"),
        ("reset-stuck '; DROP TABLE jobs", "is not a job type"),
        ("ack", "needs an alert"),
        ("ack everything", "is not an alert"),
        ("resolve A31", "a reason"),
        ("x" * 501, "500 characters"),
        ("status \u202e", "direction characters"),
        ("status\u200b", "direction characters"),
        ("sta\x00tus", "direction characters"),
    ],
)
def test_what_is_refused_says_why_and_what_would_be_right(text: str, said: str) -> None:
    """A refusal names what is wrong and gives a command that works."""
    with pytest.raises(InvalidCommand, match=said) as refused:
        parse(text, load())
    assert parse(refused.value.hint.removeprefix("/dragonfly "), load())


def test_the_nearest_command_is_suggested() -> None:
    """A slip of the finger is understood."""
    with pytest.raises(NoSuchCommand) as refused:
        parse("rest-stuck", load())
    assert refused.value.nearest == "reset-stuck"
    with pytest.raises(NoSuchCommand) as begun:
        parse("reset", load())
    assert begun.value.nearest == "reset-stuck", "the only one that begins so, though `resume` is more alike"


def test_every_operation_is_on_both_surfaces_or_says_why_not() -> None:
    """The table has a reason for each gap, and a handler for each command of Slack."""
    for item in OPERATIONS:
        assert (item.slack and item.shell) or item.why_one, item.name
        assert not item.slack or item.name in HANDLERS or item.name in READS, item.name


def test_a_reason_is_what_was_typed() -> None:
    """Slack's three escapes are taken back once, in commands and in mentions; what was typed as one stays."""
    sent, typed = "pause ingest R&amp;D: vendor &lt;500 &amp;gt; now", "R&D: vendor <500 &gt; now"
    command = envelopes.command({"trigger_id": "1.2", "user_id": "U0ADA", "text": sent})
    mentioned = {"type": "app_mention", "user": "U0ADA", "channel": "C0", "ts": "1.2", "text": f"<@U0BOT> {sent}"}
    event = envelopes.event({"event_id": "Ev1", "event": mentioned})
    for text in (command.text, event.text):
        assert parse(text, load()).args["reason"] == typed


@pytest.mark.parametrize(
    ("text", "hint", "in_shell"),
    [
        ("reset-stuck 5", "/dragonfly reset-stuck 10m", "dragonfly plan reset-stuck older_than=10m"),
        ("repair 1", "/dragonfly repair 20251226000000 applied", None),
        ("failed 24", "/dragonfly failed 24h", None),
    ],
)
def test_an_example_shows_what_was_wrong(text: str, hint: str, in_shell: str | None) -> None:
    """It is a command that would be taken, with the parameter that was not, in Slack's words and in a shell's."""
    with pytest.raises(InvalidCommand) as refused:
        parse(text, load())
    assert refused.value.hint == hint
    assert parse(hint.removeprefix("/dragonfly "), load())
    assert in_shell in (None, in_a_shell(hint))


def test_a_name_that_is_not_here_is_refused_with_the_nearest() -> None:
    """Those that are here, the one that was nearly said, and a command with it; without one near, the first."""
    near, far = (not_known("restart", "service", word, ["api", "ingest"]) for word in ("ingst", "zzz"))
    assert near.message == "restart does not know service 'ingst'. Services here: api, ingest. Nearest: ingest"
    assert (near.hint, near.nearest) == ("/dragonfly restart ingest", "restart ingest")
    assert (far.hint, far.nearest, "Nearest" in far.message) == ("/dragonfly restart api", "", False)


@pytest.mark.parametrize("text", ["ingest_csv", "a5", "a-b_c, ingest_csv d"])
def test_words_are_names(text: str) -> None:
    """Each of several words is what one name may be: letters, digits, `_` and `-`."""
    assert Param(name="types", type="words").takes(text)
    assert not Param(name="types", type="words").takes(f"{text} --x")
