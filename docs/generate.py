"""Write `docs/reference` and `docs/runbooks` from the code and the declarations. A test fails when a page is stale."""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path

from bot import errors
from bot.domain import timing
from bot.domain.runbook import Runbook
from bot.domain.timing import FAST, PLAYBOOK, Timing
from bot.operations.kinds import KINDS
from bot.operations.table import OPERATIONS
from bot.render.filters import duration
from runbooks import load

HERE = Path(__file__).parent
_SOURCE = re.compile(r" \((?:§|target-system|cards, )[^)]*\)")
"""Where a duration comes from, for whoever changes it; those documents are not shipped."""


def commands() -> str:
    """Return the page of commands."""
    rows = [
        f"| {item.name} | {_code('/dragonfly ', item.slack)} | {_code('dragonfly ', item.shell)} | {item.risk.value} | {item.sentence} |"
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
            found[before.target.id] = _SOURCE.sub("", " ".join(ast.literal_eval(after.value).split()))
    return found


def runbook_page(runbook: Runbook) -> str:
    """Return the page of one runbook."""
    lines = [f"# {runbook.title}", "", runbook.trigger, ""]
    if runbook.contacts:
        lines += [f"First {runbook.contacts[0].lower()}, then {' and '.join(runbook.contacts[1:]).lower()}.", ""]
    for number, step in enumerate(runbook.steps, start=1):
        lines += [f"## {number}. {step.title}", "", step.why, ""]
        lines += [f"- Risk: {step.risk.value}{', with a second person' if step.approval else ''}"]
        lines += [f"- Slack: `/dragonfly {' '.join([step.id, *(item.usage for item in step.typed)])}`"] * (
            step.kind in KINDS
        )
        lines += [f"- Shell: `{step.shell}`"] if step.shell else []
        lines += [
            f"- How, {item.id}: {item.says}. Needs {', '.join(map(_code_of, item.needs)) or 'nothing'}"
            for item in step.strategies
        ]
        lines += [f"- It worked when {step.proof}"] if step.proof else []
        if step.kind in KINDS:
            lines += [f"- Way back: {step.way_back or 'none'}"]
        lines.append("")
    return "\n".join(lines)


def _code_of(text: str) -> str:
    return f"`{text}`"


def index() -> str:
    """Return the page that lists the runbooks."""
    rows = [f"- [{book.title}]({book.scenario}.md): {book.trigger}" for book in load().runbooks]
    return "\n".join(["# Runbooks", "", "Written from the declarations in `runbooks/`.", "", *rows, ""])


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/durations.md": durations,
    "runbooks/README.md": index,
    **{f"runbooks/{book.scenario}.md": partial(runbook_page, book) for book in load().runbooks},
}


def main() -> int:
    """Write every page."""
    for name, make in PAGES.items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
