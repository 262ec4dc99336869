"""The running bot keeps the record: it says that it runs, and copies the record's end to Slack when it stops."""

from bot.domain.anchors import read
from bot.operations import audit
from bot.sandbox.slack.server import SlackServer
from tests.scenarios.conftest import LIVELY
from tests.support.product import INCIDENTS, product
from tests.support.running import running_bot


def test_from_the_start_to_the_end(bot_dsn: str, slack: SlackServer) -> None:
    """Its start is recorded; when it stops, the end of the record stands in the incident channel, and can be compared."""
    with running_bot(bot_dsn, slack, LIVELY, "http"), product(bot_dsn) as shell:
        assert "config.loaded" in [entry.event for entry in audit.list_newest(shell, 20).entries]
    posted = slack.workspace.wait_for_message(INCIDENTS, "dragonfly-anchor")
    with product(bot_dsn) as shell:
        verdict = audit.verify(shell, read(str(posted.blocks)))
        last = audit.list_newest(shell, 1).entries[0]
    assert (verdict.broken_at, verdict.copies, last.event) == (None, 1, "chain.anchored")
    assert verdict.anchored_to == last.n - 1
