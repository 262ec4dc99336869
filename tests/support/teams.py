"""A team's own runbooks as tests need them: the shipped example, or one written for a test."""

import shutil
from dataclasses import replace
from pathlib import Path

from bot.domain.messages import CannotPlan, PlanCard
from bot.domain.runbook import Catalogue
from bot.operations import plans, runs
from bot.operations.issuing import Place
from bot.operations.services import Services
from runbooks import load
from runbooks.reading import build, team
from tests.support.jobs import Target
from tests.support.product import ADA, INCIDENTS

HERE = Place(channel=INCIDENTS)
EXAMPLE = Path(__file__).parents[2] / "examples" / "runbooks"
RUNBOOK = """\
scenario = "our-own"
title = "Our own"
trigger = "A test wants it."
{top}
[[step]]
id = "our-step"
title = "Our step"
kind = "sql_change"
risk = "change"
why = "It shows what holds."
proof = "it is done"
way_back = ""
settings = {{ {settings} }}
sql = {{ preview = "ours", effect = "touch"{sql} }}
{more}
"""
PREVIEW = """\
SELECT j.id::text AS id, j.attempts, j.last_error
FROM ops.job_queue AS j
WHERE j.status = 'failed' AND (%(ids)s::text[] IS NULL OR j.id::text = ANY (%(ids)s::text[]))
ORDER BY j.id
LIMIT %(most)s"""
EFFECT = """\
UPDATE ops.job_queue SET status = 'pending'
WHERE status = 'failed' AND id::text = ANY (%(ids)s::text[])
RETURNING id::text AS id"""

PROOF = """
-- name: waits
-- Those that nobody has picked up.
{};
"""
PROVED_BY = ', proof = "waits"'
WAITING = "SELECT id::text AS id FROM ops.job_queue WHERE status = 'pending' AND id::text = ANY (%(ids)s::text[])"


def example(place: Path) -> str:
    """Return a directory with a copy of the shipped example that nobody else may write."""
    copied = Path(shutil.copytree(EXAMPLE, place / "runbooks"))
    for path in (copied, *copied.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return str(copied)


def write(
    place: Path,
    *,
    preview: str = PREVIEW,
    effect: str = EFFECT,
    settings: str = "",
    sql: str = "",
    more: str = "",
    top: str = "",
    blocks: str = "",
) -> Path:
    """Return a directory with one runbook of one step `our-step`, whole unless a test says otherwise."""
    folder = place / "team" / "our_own"
    folder.mkdir(parents=True, exist_ok=True)
    text = RUNBOOK.format(settings=settings, sql=sql, more=more, top=top)
    queries = f"-- name: ours\n-- What it would touch.\n{preview};\n\n-- name: touch\n-- Touch it.\n{effect};\n{blocks}"
    for name, content in {"runbook.toml": text, "queries.sql": queries}.items():
        (folder / name).write_text(content, encoding="utf-8")
        (folder / name).chmod(0o644)
    for path in (folder, folder.parent):
        path.chmod(0o755)
    return folder.parent


def unchecked(services: Services, folder: Path) -> Services:
    """Return services with a team's runbooks that nobody looked at: what only the rails can stop."""
    built = tuple(build(item) for item in team(str(folder)))
    return replace(services, runbooks=Catalogue(runbooks=(*load().runbooks, *built)))


def failed(target: Target, count: int) -> list[str]:
    """Return jobs that failed."""
    ids = target.pending(count)
    target.fail(ids, "duplicate key value for Jane Roe")
    return ids


def make(services: Services, step: str = "our-step", **params: str) -> PlanCard:
    """Return a plan made by Ada."""
    made = plans.make(services, step, params, ADA, HERE)
    assert isinstance(made, PlanCard), made
    return made


def refused(services: Services, step: str = "our-step", **params: str) -> str:
    """Return why there is no plan."""
    made = plans.make(services, step, params, ADA, HERE)
    assert isinstance(made, CannotPlan), made
    return "; ".join(made.reasons)


def carry_out(services: Services, card: PlanCard) -> PlanCard:
    """Return a plan's card after it was confirmed and run."""
    plans.confirm(services, card.key, ADA, secret=card.secret)
    runs.perform_due(services)
    return shown(services, card)


def shown(services: Services, card: PlanCard) -> PlanCard:
    """Return a plan's card as it stands now."""
    now = plans.card(services, card.key)
    assert isinstance(now, PlanCard)
    return now
