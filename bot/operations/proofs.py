"""Proof of recovery: what "it worked" means is watched to a deadline, reported on the card, and escalated if it fails."""

from datetime import datetime

from bot.domain.escalation import chain
from bot.errors import BotError, StoreUnavailable
from bot.operations import plan_cards
from bot.operations.declared import scenario_of, stored_step, touched_step
from bot.operations.kinds.base import Proof, Work, rows_unseen
from bot.operations.services import Services
from bot.store import audit, plans, runs
from bot.store.db import Tx


def watch(services: Services) -> int:
    """Look at every run whose proof is still open, and say what came of it; return how many were decided."""
    with services.db.read() as tx:
        found = [(run, plans.find(tx, run.id)) for run in runs.watched(tx)]
        catalog, now = services.catalog.get(tx, fresh=True) if found else None, tx.now
    decided = 0
    for run, plan in found:
        if plan is not None and catalog is not None:
            step, kind = stored_step(services, plan.step, plan.params)
            work = Work(run=run, plan=plan, step=step, kind=kind, catalog=catalog)
            decided += _judge(services, work, _look(services, work)) if _is_due(services, work, now) else 0
    return decided


def _is_due(services: Services, work: Work, now: datetime) -> bool:
    """Say whether a proof may be looked at now: some looks ask a platform that counts requests."""
    last = work.run.proof_facts.get("looked_at")
    return last is None or now - datetime.fromisoformat(last) >= services.config.timing.proof_interval


def _look(services: Services, work: Work) -> Proof:
    """Return how far it is; what cannot be asked or seen now is unknown, never "recovered" and never "no effect"."""
    if work.kind.prove is None:
        return Proof(left=0, total=0)
    if work.step.kind == "sql_change" and work.plan.step_rev != work.step.rev(work.kind.settings(services)):
        rows = work.run.rows_affected  # a step of this name with other SQL has another proof
        return Proof(left=rows, total=rows, unknown=True)
    if rows_unseen(touched_step(services, work.step, work.plan.params), work.catalog):
        return Proof(left=1, total=1, unknown=True)
    try:
        return work.kind.prove(services, work)
    except StoreUnavailable:
        raise
    except Exception as error:  # one run that cannot be looked at must not stop the others
        if not isinstance(error, BotError):
            services.log.exception("proof_failed run=%s", work.run.id)
        return Proof(left=1, total=1, unknown=True)


def _judge(services: Services, work: Work, proof: Proof) -> int:
    facts = {**proof.facts, "left": proof.left, "total": proof.total}
    with services.db.write() as tx:
        if proof.left == 0 and not proof.unknown:
            _decide(tx, work, "proved", facts)
            return 1
        assert work.run.proof_until is not None
        if tx.now > work.run.proof_until or proof.over:
            silent = proof.unknown or proof.facts.get(
                "stopped"
            )  # who stopped it has said so, and the vendor's alert calls
            called = () if silent else _next_contact(services, work, tx.now)
            _decide(tx, work, "not_known" if proof.unknown else "no_effect", {**facts, "called": list(called)})
            return 1
        _edit_numbers(services, tx, work, proof, facts)
    return 0


def _decide(tx: Tx, work: Work, verdict: str, facts: dict[str, object]) -> None:
    if runs.set_proof(tx, work.run.id, verdict, facts):
        plan_cards.announce_reply(tx, work.plan, verdict, work.run.actor)
        audit.append(tx, f"proof.{verdict}", actor="dragonfly", plan=work.run.id, **facts)


def _next_contact(services: Services, work: Work, now: datetime) -> tuple[str, ...]:
    """Return who is called when a step had no effect: the second level of its scenario, or of the step it takes back."""
    levels = chain(services.config, scenario_of(services.runbooks, work.step.id, work.plan.params), now)
    return levels[1].who if len(levels) > 1 else ()


def _edit_numbers(services: Services, tx: Tx, work: Work, proof: Proof, facts: dict[str, object]) -> None:
    """Edit the card when its numbers changed, no more often than numbers may be edited."""
    last = work.run.proof_facts.get("edited_at")
    due = last is None or tx.now - datetime.fromisoformat(last) >= services.config.timing.numbers_edit
    if proof.left != work.run.proof_facts.get("left") and due:
        runs.set_proof(tx, work.run.id, "watching", {**facts, "edited_at": tx.now.isoformat()})
        plan_cards.announce_edit(tx, work.plan)
    if work.kind.prove_sparingly:
        runs.set_proof(tx, work.run.id, "watching", {"looked_at": tx.now.isoformat()})
