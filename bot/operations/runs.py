"""Carry out what was confirmed, exactly once, and prove that it worked (§9, class A).

In one transaction: lock the run's row, look again at authority, database and guards, act on the pinned rows that still
qualify, write the outcome, queue the card's edit, append to the record. Large plans do this batch by batch; each batch
marks its targets, so that a crash loses nothing and repeats nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.actor import Actor, Role, Surface
from bot.domain.catalog import Catalog
from bot.domain.runbook import Step
from bot.errors import BotError, NotAllowed, StatementRefused, StatementTimedOut, StoreUnavailable
from bot.operations import authority, plan_cards
from bot.operations.kinds import Done, Kind
from bot.operations.plans import changing_step
from bot.operations.services import Services
from bot.store import audit, plans, runs
from bot.store.db import Tx
from bot.store.plans import Plan
from bot.store.runs import Outcome, Run

_AT_ONCE = 5
_TRIES = 3
NOT_BEGUN = "not begun in time"


def perform_due(services: Services) -> int:
    """Carry out every run that may begin now and return how many were taken."""
    with services.db.write() as tx:
        due = runs.claim_due(tx, _AT_ONCE)
    for run_id in due:
        perform(services, run_id)
    return len(due)


def perform(services: Services, run_id: str) -> None:
    """Carry one run out to its end; safe to call twice, by two replicas, or after a crash.

    Raises:
        StoreUnavailable: the database went away; the run's row tells the truth when it is back.
    """
    with services.db.read() as tx:
        run, plan = runs.find(tx, run_id), plans.find(tx, run_id)
    if run is None or plan is None:
        return
    not_allowed = _why_not_allowed(services, run)
    tries = 0
    while True:
        try:
            if not _advance(services, plan, not_allowed):
                break
        except StatementTimedOut:
            tries += 1
            if tries >= _TRIES:
                _fail(services, run_id, "jobs are locked by a live worker", "55P03")
                break
        except StatementRefused as error:
            _fail(services, run_id, error.message, error.sqlstate)
            break
    services.wake("delivery")


def _why_not_allowed(services: Services, run: Run) -> str:
    """Return why the one who confirmed may not do this any more, or empty (Z5); asked before the transaction."""
    surface = Surface(run.surface)
    try:
        authority.require(services, Actor(key=run.actor, surface=surface), Role.OPERATOR, "this")
    except NotAllowed as error:
        return error.message
    except StoreUnavailable:
        raise
    except BotError:
        return "who confirmed it cannot be verified"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One locked run with all that is needed to go on with it."""

    run: Run
    plan: Plan
    step: Step
    kind: Kind
    catalog: Catalog


def _advance(services: Services, plan: Plan, not_allowed: str) -> bool:
    """Carry out one batch in one transaction; say whether there is another. A consumed plan never changes."""
    with services.db.write() as tx:
        run = runs.find(tx, plan.id, lock=True)
        if run is None or run.state not in ("confirmed", "executing"):
            return False
        step, kind = changing_step(run.step)
        work = _Work(run=run, plan=plan, step=step, kind=kind, catalog=services.catalog.get(tx))
        reason = _why_not(services, tx, work, not_allowed)
        if reason:
            _finish(services, tx, work, _stopped(run, "aborted", reason))
            return False
        return _batch(services, tx, work)


def _why_not(services: Services, tx: Tx, work: _Work, not_allowed: str) -> str:
    timing = services.config.timing
    if tx.now - work.run.not_before > timing.begin_within and work.run.started_at is None:
        return NOT_BEGUN
    if work.run.started_at is not None and tx.now - work.run.confirmed_at > timing.begin_within * 5:
        return "stopped half-way and not gone on with in time"
    if not_allowed:
        return not_allowed
    if work.plan.database != work.catalog.identity:
        return "the database is not the one of the plan"
    if work.plan.step_rev != work.step.rev(work.kind.settings(services)):
        return "the step was changed since the plan"
    return work.kind.why_not_now(services, tx, work.step)


def _batch(services: Services, tx: Tx, work: _Work) -> bool:
    """Act on the next batch; in one transaction with its outcome, its card and its record."""
    size, acting = services.config.queue.batch, int(work.plan.preview["acting"])
    first, upto = work.run.done_to, min(work.run.done_to + size, acting)
    done = _act_or_take_back(services, tx, work, first, upto)
    services.crash_hook("K5")
    if done.refused:
        _finish(services, tx, work, _stopped(work.run, "aborted", done.refused))
        return False
    result = dict(Counter(work.run.result) + Counter(done.result))
    rows = work.run.rows_affected + done.rows
    outcome = Outcome(state="succeeded" if rows else "noop", result=result, rows=rows, done_to=upto, moved=done.moved)
    if upto < acting:
        runs.progress(tx, work.run.id, outcome)
        audit.append(tx, "step.batch", actor=work.run.actor, plan=work.run.id, done_to=upto, result=done.result)
        return True
    _finish(services, tx, work, _with_proof(services, tx, work, outcome))
    return False


def _stopped(run: Run, state: str, reason: str, sqlstate: str = "") -> Outcome:
    """Return the end of a run that keeps what its earlier batches did."""
    return Outcome(
        state=state,
        result=run.result,
        rows=run.rows_affected,
        done_to=run.done_to,
        reason=reason,
        sqlstate=sqlstate,
    )


class _TakeBack(Exception):
    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def _require_kept(done: Done) -> None:
    if done.refused:
        raise _TakeBack(done)


def _act_or_take_back(services: Services, tx: Tx, work: _Work, first: int, upto: int) -> Done:
    """Act inside a savepoint, which is rolled back when too much has moved on."""
    try:
        with tx.connection.transaction():
            done = work.kind.act(services, tx, work.step, work.catalog, work.plan.id, first, upto)
            _require_kept(done)
    except _TakeBack as taken:
        return taken.done
    return done


def _with_proof(services: Services, tx: Tx, work: _Work, outcome: Outcome) -> Outcome:
    proof_for = work.kind.proof_for(services, outcome.result, work.plan.preview)
    return replace(outcome, proof="watching", proof_until=tx.now + proof_for) if proof_for else outcome


def _finish(services: Services, tx: Tx, work: _Work, outcome: Outcome) -> None:
    """Write the outcome, queue what the channel is told, and append to the record last."""
    if not runs.finish(tx, work.run.id, outcome):
        return
    plan_cards.announce_edit(tx, work.plan.id, work.plan.channel)
    if outcome.state == "succeeded":
        plan_cards.announce_reply(tx, work.plan, "done", work.run.actor)
    if work.run.surface == Surface.CLI.value:
        plan_cards.announce_from_shell(tx, work.plan, services.config.alert_channel)
    n = audit.append(
        tx,
        f"step.{outcome.state}",
        actor=work.run.actor,
        plan=work.run.id,
        step=work.step.id,
        preview_digest=work.plan.digest,
        rows_affected=outcome.rows,
        result=dict(outcome.result),
        reason=outcome.reason or None,
        sqlstate=outcome.sqlstate or None,
        approver=work.run.approver,
        alert=work.plan.alert_id,
    )
    runs.set_record(tx, work.run.id, n)


def _fail(services: Services, run_id: str, reason: str, sqlstate: str) -> None:
    """Record that a run failed; its effect was rolled back."""
    with services.db.write() as tx:
        run = runs.find(tx, run_id, lock=True)
        plan = plans.find(tx, run_id)
        if run is None or plan is None or run.state not in ("confirmed", "executing"):
            return
        step, kind = changing_step(run.step)
        work = _Work(run=run, plan=plan, step=step, kind=kind, catalog=services.catalog.get(tx))
        state = "aborted" if run.rows_affected else "failed"
        _finish(services, tx, work, _stopped(run, state, reason, sqlstate))


def watch(services: Services) -> int:
    """Look at every run whose proof is still open, and say what came of it; return how many were decided."""
    decided = 0
    with services.db.write() as tx:
        catalog = services.catalog.get(tx)
        for watched in runs.watched(tx):
            plan = plans.find(tx, watched.id)
            if plan is not None and _judge_proof(services, tx, catalog, watched, plan):
                decided += 1
    if decided:
        services.wake("delivery")
    return decided


def _judge_proof(services: Services, tx: Tx, catalog: Catalog, watched: runs.Watched, plan: Plan) -> bool:
    step, kind = changing_step(plan.step)
    total, waiting = kind.waiting(tx, step, catalog, plan.id)
    picked_up = total - waiting
    if waiting == 0:
        _proved(tx, watched, plan, {"picked_up": picked_up})
        return True
    if tx.now > watched.proof_until:
        called = _next_contact(services)
        facts = {"picked_up": picked_up, "called": list(called)}
        runs.set_proof(tx, watched.id, "no_effect", facts)
        plan_cards.announce_edit(tx, plan.id, plan.channel)
        plan_cards.announce_reply(tx, plan, "no_effect", watched.actor, waiting=waiting, called=list(called))
        audit.append(tx, "proof.no_effect", actor="dragonfly", plan=plan.id, waiting=waiting, picked_up=picked_up)
        return True
    _edit_numbers(services, tx, watched, plan, picked_up)
    return False


def _proved(tx: Tx, watched: runs.Watched, plan: Plan, facts: Mapping[str, int]) -> None:
    if runs.set_proof(tx, watched.id, "proved", facts):
        plan_cards.announce_edit(tx, plan.id, plan.channel)
        plan_cards.announce_reply(tx, plan, "proved", watched.actor)
        audit.append(tx, "proof.proved", actor="dragonfly", plan=plan.id, picked_up=facts["picked_up"])


def _edit_numbers(services: Services, tx: Tx, watched: runs.Watched, plan: Plan, picked_up: int) -> None:
    """Edit the card when its numbers changed, no more often than numbers may be edited."""
    last = watched.proof_facts.get("edited_at")
    due = last is None or tx.now - datetime.fromisoformat(last) >= services.config.timing.numbers_edit
    if picked_up != watched.proof_facts.get("picked_up") and due:
        runs.set_proof(tx, watched.id, "watching", {"picked_up": picked_up, "edited_at": tx.now.isoformat()})
        plan_cards.announce_edit(tx, plan.id, plan.channel)


def _next_contact(services: Services) -> tuple[str, ...]:
    """Return who is called when a step had no effect: the second level of worker death."""
    levels = services.config.contacts.get("worker-death") or services.config.contacts.get("default") or ()
    return levels[1].call if len(levels) > 1 else ()
