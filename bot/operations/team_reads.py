"""A team's own reads: one statement, under the team's role, in a transaction that can change nothing, for who asked."""

from collections.abc import Mapping

from bot.domain.messages import Message, TableReport
from bot.domain.params import checked
from bot.errors import InvalidCommand, StatementRefused
from bot.operations.declared import left_out, reading_steps
from bot.operations.kinds import team
from bot.operations.kinds.base import blind, cannot_see
from bot.operations.services import Services

MOST = 50
"""Rows that are shown; a list for people, no export."""
_WIDTH = 40


def read(services: Services, step_id: str, given: Mapping[str, str]) -> Message:
    """Return what a declared read shows, or why it cannot be seen.

    Raises:
        InvalidCommand: no such read, or parameters it does not take.
    """
    known = {step.id: step for step in reading_steps(services.runbooks)}
    if step_id not in known:
        message = f"no read {step_id!r} in a runbook; reads here: {', '.join(known) or 'none'}"
        raise left_out(services, message) or InvalidCommand(message, hint="dragonfly runbook list")
    step = known[step_id]
    values = team.values(step, checked(step_id, step.params, given))
    with services.db.read() as tx:
        catalog = services.catalog.get(tx)
        unseen = blind(services, tx, catalog, step.id)
        if unseen is not None:
            return unseen
        try:
            found = team.look(services, tx, step, "read", catalog, values)
        except StatementRefused as error:
            return cannot_see(services, tx, step.id, [error.message], [team.by_hand(services, catalog)])
        kept = found[: min(MOST, team.most(step))]
        return TableReport(
            env=services.config.env,
            as_of=tx.now,
            step=step.id,
            title=step.title,
            columns=tuple(kept[0]) if kept else (),
            rows=tuple(tuple(team.shown(name, value, _WIDTH) for name, value in row.items()) for row in kept),
            more=len(found) > len(kept),
        )
