"""The declared steps that the bot can carry out, each with its kind."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.runbook import Catalogue, Step
from bot.errors import InvalidCommand
from bot.operations.kinds import KINDS
from bot.operations.kinds.base import Kind
from bot.operations.services import Services

UNDO_STEP = "undo"


def changing_step(services: Services, step_id: str, params: Mapping[str, str] | None = None) -> tuple[Step, Kind]:
    """Return a declared step that the bot can carry out, with its kind; an undo is of the kind it takes back.

    Raises:
        InvalidCommand: there is no such step, or it is done by hand.
    """
    known = {step.id: step for step in changing_steps(services.runbooks)}
    found = known.get(step_id)
    if found is None:
        message = f"no step {step_id!r}; steps here: {', '.join(known)}"
        raise InvalidCommand(message, hint="dragonfly plan reset-stuck")
    taken_back = known.get((params or {}).get("step", "")) if step_id == UNDO_STEP else None
    if taken_back is None:
        return found, KINDS[found.kind]
    undo = replace(found, statements=taken_back.statements, settings=taken_back.settings)
    return undo, KINDS[taken_back.kind].undo or KINDS[found.kind]


def changing_steps(declared: Catalogue) -> tuple[Step, ...]:
    """Return every declared step that changes something."""
    return tuple(step for runbook in declared.runbooks for step in runbook.steps if step.kind in KINDS)
