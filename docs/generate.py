"""Write `docs/reference` from the code: commands, durations, runbooks. A test fails when a page is stale."""

import ast
import inspect
import sys
from dataclasses import fields
from pathlib import Path

from bot import errors
from bot.domain import timing
from bot.domain.timing import FAST, PLAYBOOK, Timing
from bot.operations.table import OPERATIONS
from bot.render.filters import duration
from runbooks import load

HERE = Path(__file__).parent / "reference"


def commands() -> str:
    """Return the page of commands."""
    rows = [
        f"| {item.name} | {_code('/dragonfly ', item.slack)} | {_code('dragonfly ', item.cli)} | {item.risk.value} | {item.sentence} |"
        for item in OPERATIONS
    ]
    exits = [
        f"| {value} | {name.removeprefix('EXIT_').lower().replace('_', ' ')} |"
        for name, value in vars(errors).items()
        if name.startswith("EXIT_")
    ]
    gaps = [f"- `{item.name}`: {item.why_one}." for item in OPERATIONS if item.why_one]
    return "\n".join(
        [
            "# Commands",
            "",
            "| name | Slack | shell | risk | does |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "Why some stand on one surface only:",
            "",
            *gaps,
            "",
            "## Exit codes",
            "",
            "| code | meaning |",
            "|---|---|",
            *exits,
            "",
        ]
    )


def _code(prefix: str, usage: str) -> str:
    return f"`{prefix}{usage}`".replace("|", "\\|") if usage else ""


def durations() -> str:
    """Return the page of durations, with the sentence that stands beneath each in the code."""
    said = _sentences()
    rows = [
        f"| `{field.name}` | {duration(getattr(PLAYBOOK, field.name))} | {duration(getattr(FAST, field.name))} | {said.get(field.name, '')} |"
        for field in fields(Timing)
    ]
    head = "Each is a key of `[timing]` in `dragonfly.toml`, written `45s`, `5m`, `1h`."
    return "\n".join(
        ["# Durations", "", head, "", "| key | playbook | fast | meaning |", "|---|---|---|---|", *rows, ""]
    )


def _sentences() -> dict[str, str]:
    [declared] = [node for node in ast.parse(inspect.getsource(timing)).body if isinstance(node, ast.ClassDef)]
    found: dict[str, str] = {}
    for before, after in zip(declared.body, declared.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(after, ast.Expr):
            found[before.target.id] = " ".join(ast.literal_eval(after.value).split())
    return found


def runbook_pages() -> str:
    """Return the page of runbooks."""
    lines = ["# Runbooks", ""]
    for runbook in load().runbooks:
        lines += [f"## {runbook.title}", "", runbook.trigger, ""]
        for number, step in enumerate(runbook.steps, start=1):
            lines.append(f"{number}. **{step.title}** ({step.risk.value}). {step.why}")
            lines += [f"   - {item.id}: {item.says}" for item in step.strategies]
            lines += [f"   - It worked when {step.proof}."] if step.proof else []
            lines += [f"   - `{step.shell}`"] if step.shell else []
        lines.append("")
    return "\n".join(lines)


PAGES = {"commands.md": commands, "durations.md": durations, "runbooks.md": runbook_pages}


def main() -> int:
    """Write every page."""
    HERE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
