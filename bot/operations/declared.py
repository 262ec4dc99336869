"""The declared steps that the bot can carry out, each with its kind, and those that it can show."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.actor import Risk
from bot.domain.ids import COMMAND
from bot.domain.messages import Message
from bot.domain.params import nearest
from bot.domain.runbook import Catalogue, Step
from bot.errors import InvalidCommand
from bot.operations.kinds import KINDS
from bot.operations.kinds.base import Done, Kind, Proof, Work
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
        near = nearest(step_id, known) or "reset-stuck"
        message = f"no step {step_id!r}; steps here: {', '.join(known)}"
        raise left_out(services, message) or InvalidCommand(message, hint=f"{COMMAND} {near}")
    taken_back = known.get((params or {}).get("step", "")) if step_id == UNDO_STEP else None
    if taken_back is None:
        return found, KINDS[found.kind]
    undo = replace(found, statements=taken_back.statements, settings=taken_back.settings)
    return undo, KINDS[taken_back.kind].undo or KINDS[found.kind]


def left_out(services: Services, message: str) -> InvalidCommand | None:
    """Return the refusal of a name that may stand in the team's own runbooks, while a fault leaves them out."""
    if not services.runbook_faults:
        return None
    said = f"{message}. The team's own runbooks are left out: {services.runbook_faults[0]}"
    return InvalidCommand(said, hint=f"dragonfly runbook lint {services.config.team_runbooks}")


def _refuse(*_: object) -> Done:
    return Done(result={}, rows=0, refused="its step is not declared here")


def _no_plan(*_: object) -> Message:
    raise InvalidCommand("its step is not declared here")


def _cannot_tell(_services: Services, work: Work) -> Proof:
    return Proof(left=work.run.rows_affected, total=work.run.rows_affected, unknown=True)


UNKNOWN_HERE = Kind(preview=_no_plan, act=_refuse, prove=_cannot_tell)
"""The kind of a step that this process does not know: it does nothing, and can tell nothing."""


def stored_step(services: Services, step_id: str, params: Mapping[str, str]) -> tuple[Step, Kind]:
    """Return the step of a stored plan, which another process made: this one may have no such runbook, or no more."""
    try:
        return changing_step(services, step_id, params)
    except InvalidCommand:
        return shown_step(services, step_id), UNKNOWN_HERE


def shown_step(services: Services, step_id: str) -> Step:
    """Return a declared step; one that is not declared here, or no more, is shown by its name alone."""
    nameless = Step(id=step_id, title=step_id, kind="manual", risk=Risk.CHANGE, why="not declared here")
    return services.runbooks.step(step_id) or nameless


def touched_step(services: Services, step: Step, params: Mapping[str, str]) -> Step:
    """Return the step whose things a plan touches: an undo's are those of what it takes back."""
    return shown_step(services, params["step"]) if step.id == UNDO_STEP else step


def scenario_of(declared: Catalogue, step_id: str, params: Mapping[str, str]) -> str:
    """Return the scenario whose runbook has a step; an undo is of the step it takes back."""
    wanted = params.get("step", step_id) if step_id == UNDO_STEP else step_id
    found = (book.scenario for book in declared.runbooks if any(step.id == wanted for step in book.steps))
    return next(found, "")


def changing_steps(declared: Catalogue) -> tuple[Step, ...]:
    """Return every declared step that changes something."""
    return tuple(step for runbook in declared.runbooks for step in runbook.steps if step.kind in KINDS)


def reading_steps(declared: Catalogue) -> tuple[Step, ...]:
    """Return every declared step that is a statement of its own which only looks."""
    return tuple(step for runbook in declared.runbooks for step in runbook.steps if step.kind == "sql_read")
