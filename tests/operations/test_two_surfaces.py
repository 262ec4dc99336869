"""Slack and a shell answer alike where they can."""

import argparse
import json

import pytest

from bot.cli.reads import _look
from bot.domain.messages import Help
from bot.operations.services import Services
from bot.ports import Envelope
from handlers.answers import Asked
from handlers.commands import help_card
from tests.support.jobs import Target


@pytest.mark.parametrize("target_schema", ["deployed"], indirect=True)
def test_help_and_failures_are_found_alike(
    services: Services, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word is found however it is written, and whole errors come as rows for a program too."""
    asked = Asked(services=services, envelope=Envelope(key="k", kind="command", team_id="T0DRAGON", user_id="U0ADA"))
    found = [card.found for word in ("Stuck", "stuck") if isinstance(card := help_card(asked, word), Help)]
    assert found[0] == found[1] != ()

    jobs = target.stuck(1)
    target.fail(jobs, "http 500")
    for as_json in (True, False):
        assert _look(argparse.Namespace(command="failed", show_errors=True, json=as_json, since=""), services) == 0
    facts, _, line = capsys.readouterr().out.rpartition("]\n")
    assert json.loads(f"{facts}]") == [{"id": jobs[0], "job_type": target.job_type, "last_error": "http 500"}]
    assert line == f"{jobs[0]} {target.job_type} http 500\n"
