"""The content: what to watch and what to do, declared in TOML and SQL, so that an operator can review it.

One folder a runbook: `runbook.toml` and `queries.sql`. Ours are shipped; a team's own stand in a configured directory and
follow the same form (docs/how-to/write-a-runbook.md). Kinds of step are the only thing that Python adds.
"""

from functools import cache

from bot.domain.runbook import Catalogue
from runbooks.lint import lint_all
from runbooks.reading import Folder, build, shipped, team

__all__ = ["faults", "load"]


@cache
def load(team_folder: str = "") -> Catalogue:
    """Return every declared runbook, ours first, in their order.

    Raises:
        ValueError: a declaration has a fault; `faults()` lists them all.
    """
    folders = _folders(team_folder)
    found = lint_all(folders)
    if found:
        raise ValueError("; ".join(found))
    return Catalogue(runbooks=tuple(build(folder) for folder in folders))


def faults(team_folder: str = "") -> tuple[str, ...]:
    """Return every fault of every declared runbook as a sentence that names the place."""
    return lint_all(_folders(team_folder))


def _folders(team_folder: str) -> tuple[Folder, ...]:
    return (*shipped(), *team(team_folder))
