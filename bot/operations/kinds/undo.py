"""The undo of a step that has no way back: a refusal that says so. Others bring their own (`Kind.undo`)."""

from collections.abc import Mapping

from bot.domain.catalog import Catalog
from bot.domain.messages import CannotPlan, Message
from bot.domain.runbook import Step
from bot.operations.kinds.base import Kind, Preview, cannot
from bot.operations.services import Services
from bot.store import runs
from bot.store.db import Tx
from bot.store.runs import Run

_OPEN = ("awaiting_approval", "confirmed", "executing", "unknown")
_DONE = ("succeeded", "reconciled_done")


def cannot_undo(services: Services, tx: Tx, step: Step, params: Mapping[str, str]) -> CannotPlan | None:
    """Return why a run cannot be taken back, whatever it was of; None for every other step, and where it can."""
    if step.kind != "undo":
        return None
    run = runs.find(tx, params["run"])
    why = why_not(run) if run else "it is not known"
    return cannot(services, tx, step, [f"{params['run']}: {why}"], ["dragonfly audit list"]) if why else None


def why_not(run: Run) -> str:
    """Return why a run has nothing to take back, or empty: it goes on, it did nothing, it was undone."""
    if run.undone_by:
        return f"it was undone already, by {run.undone_by}"
    if run.state in _OPEN:
        return "it has not ended yet"
    if run.state == "handed_over":
        return "it was handed over to be run by somebody else"
    return "" if run.state in _DONE or run.rows_affected else "it changed nothing, so there is nothing to put back"


def _preview(services: Services, tx: Tx, step: Step, _catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    name = params.get("step", "this step")
    declared = services.runbooks.step(name)
    by_hand = declared.way_back if declared else ""
    return cannot(services, tx, step, [f"{name} cannot be undone"], [f"by hand: {by_hand}" if by_hand else ""])


UNDO = Kind(preview=_preview)
