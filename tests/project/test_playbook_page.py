"""The page that leads from the playbook's commands to ours names only what there is, in Slack and in a shell."""

import re
import shlex

import pytest

from bot.cli.main import parser
from bot.cli.session import named
from bot.domain.params import checked
from handlers.grammar import parse
from runbooks import load
from tests.project.test_imports import ROOT

pytestmark = pytest.mark.project
PAGE = (ROOT / "docs" / "how-to" / "from-the-playbook.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.*) \| `([^`]+)` \| `dragonfly ([^`]+)` \|$", PAGE, re.MULTILINE)


def test_every_row_is_a_command_on_both_surfaces() -> None:
    """What stands in a row is understood in Slack and in a shell, and means the same command there."""
    assert len(ROWS) == PAGE.count("\n| ") - 1
    for _, slack, shell in ROWS:
        args, command = parser().parse_args(shlex.split(shell)), parse(slack, load())
        assert (args.step if args.command == "plan" else args.command) == command.name
        if args.command == "plan":
            step = load().step(command.name)
            assert step is not None
            assert checked(step.id, step.typed, named(args.values)) == command.args


@pytest.mark.parametrize(
    "word",
    [
        "railway logs",
        "railway up",
        "v_system_health",
        "v_migration_status",
        "schema_migrations",
        "pg_locks",
        "pg_terminate_backend",
        "migration repair",
        "`DELETE`",
        "worker_heartbeats",
        "prod_gate",
        "contacts",
    ],
)
def test_the_playbooks_words_are_found(word: str) -> None:
    """Whoever looks for what they used to type finds it in the first column."""
    assert any(word in old for old, _, _ in ROWS)
    assert "docs/how-to/from-the-playbook.md" in (ROOT / "README.md").read_text(encoding="utf-8")
