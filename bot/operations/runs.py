"""Carry out what was confirmed, exactly once, and prove that it worked (§9).

SQL steps: in one transaction, lock the run's row, look again at authority, database and guards, act on the pinned rows
that still qualify, write the outcome, queue the card's edit, append to the record. Large plans do this batch by batch.
Steps that call out: write down that the call is about to be sent, send it once, write down what came back.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial

from bot.domain.actor import Actor, Role, Surface
from bot.domain.params import require_reason
from bot.domain.plan import LEAST_REASON
from bot.errors import OutcomeUnknown, StatementRefused, StatementTimedOut, TargetError
from bot.operations import authority, changes, emergency, plan_cards
from bot.operations.again import once_more
from bot.operations.declared import UNDO_STEP, stored_step, touched_step
from bot.operations.kinds.base import Done, Work, rows_unseen
from bot.operations.kinds.undo import why_not
from bot.operations.services import Services
from bot.store import audit, plans, reviews, runs
from bot.store.db import Database, Tx
from bot.store.limits import EFFECT_LIMITS
from bot.store.plans import Plan
from bot.store.runs import Outcome, Run
from bot.targets.catalog import look

_AT_ONCE = 5
_TRIES = 3
_LOCKED = "55P03"
_AGAIN = {
    _LOCKED: "what it would change is locked by somebody else",
    "40001": "somebody else changes the same at the same time",
    "40P01": "it and somebody else wait for each other",
}
"""What may be gone in a moment (§9); everything else fails at once."""
_TOO_LONG = f"a statement took longer than {EFFECT_LIMITS.statement.total_seconds():g} s; all of it was taken back"
NOT_BEGUN = "not begun in time"
HALF_WAY = "stopped half-way and not gone on with in time"


def perform_due(services: Services) -> int:
    """Carry out every run that may begin now and return how many were taken."""
    with services.db.write() as tx:
        due = runs.claim_due(tx, _AT_ONCE)
    for run_id in due:
        once_more(partial(perform, services, run_id))
    return len(due)


def perform(services: Services, run_id: str) -> None:
    """Carry one run out to its end; safe to call twice, by two replicas, or after a crash.

    Raises:
        StoreUnavailable: the database went away; the run's row tells the truth when it is back.
    """
    with services.db.read() as tx:
        run, plan, now = runs.find(tx, run_id), plans.find(tx, run_id), tx.now
        is_late = run is not None and now - run.not_before > services.config.timing.begin_within
    if run is None or plan is None or run.not_before > now:
        return
    step, kind = stored_step(services, plan.step, plan.params)
    is_same = plan.step_rev == step.rev(kind.settings(services))
    for_others = not is_same or (run.approver and services.directory is None)
    if for_others and not is_late:
        return  # another process knows the step as it was planned (L5), or can verify the approver; found late, it did not run
    not_allowed = _why_not_allowed(services, run, plan)
    if kind.call:
        _call_once(services, plan, not_allowed)
    else:
        _act_in_batches(services, plan, not_allowed)


def _why_not_allowed(services: Services, run: Run, plan: Plan) -> str:
    """Return why who confirmed or approved may not do so any more, or empty (Z5); asked before the transaction."""
    confirmer = Actor(key=run.actor, surface=Surface(run.surface), channel=plan.channel)
    lost = authority.why_lost(services, confirmer, Role.OPERATOR)
    if lost:
        return f"who confirmed it may not any more: {lost}"
    if not run.approver:
        return ""
    if services.config.people.are_same(run.actor, run.approver):
        return "who approved it is the person who confirmed it"
    approver = Actor(key=run.approver, surface=Surface.SLACK, channel=plan.channel)
    lost = authority.why_lost(services, approver, Role.APPROVER)
    return f"who approved it may not any more: {lost}" if lost else ""


def _act_in_batches(services: Services, plan: Plan, not_allowed: str) -> None:
    """Carry out one batch after the other; the kind says once, when the run is taken up, why it must not run now."""
    tries, taken_up = 0, False
    while True:
        try:
            goes_on = _advance(services, plan, not_allowed, taken_up=taken_up)
            services.crash_hook("K6")
            if not goes_on:
                return
            taken_up = True
        except (StatementTimedOut, StatementRefused) as error:
            tries += 1
            if error.sqlstate not in _AGAIN or tries >= _TRIES:
                _fail(services, plan, _why_failed(error), error.sqlstate)
                return


def _why_failed(error: StatementTimedOut | StatementRefused) -> str:
    if error.sqlstate in _AGAIN:
        return f"{_AGAIN[error.sqlstate]} ({_TRIES} tries)"
    return _TOO_LONG if error.sqlstate == "57014" else error.message


def _database(services: Services, plan: Plan) -> Database:
    """Return the connection on which a plan's whole transaction runs."""
    kind = stored_step(services, plan.step, plan.params)[1]
    return services.dba if kind.dba and services.dba is not None else services.db


def _locked(services: Services, tx: Tx, plan: Plan, states: tuple[str, ...], *, fresh: bool = False) -> Work | None:
    """Return a run with all that is needed, its row locked, while it is in one of these states."""
    run = runs.find(tx, plan.id, lock=True)
    if run is None or run.state not in states:
        return None
    step, kind = stored_step(services, run.step, plan.params)
    known = services.catalog.visible if fresh else services.catalog.get
    catalog = look(tx) if kind.dba and services.dba is not None else known(tx)
    return Work(run=run, plan=plan, step=step, kind=kind, catalog=catalog)


def _advance(services: Services, plan: Plan, not_allowed: str, *, taken_up: bool) -> bool:
    """Carry out one batch in one transaction; say whether there is another. A consumed plan never changes.

    A row that somebody else holds is left to the claim loop: another replica is at it, or what a killed process left
    running on the server, which may still commit (§9).
    """
    work = None
    try:
        with _database(services, plan).write() as tx:
            work = _locked(services, tx, plan, ("confirmed", "executing"), fresh=not taken_up)
            if work is None:
                return False
            reason = _why_not(services, tx, work, not_allowed, taken_up=taken_up)
            if not reason and not taken_up:
                reason = work.kind.why_not_now(services, tx, work.step)
            if not reason:
                return _batch(services, tx, work)
            _finish(tx, work, _stopped(work.run, "aborted", reason))
    except _TakeBack as taken:
        _abort(services, plan, taken.reason)
    except StatementTimedOut as error:
        if work is not None or error.sqlstate != _LOCKED:
            raise
    return False


def _abort(services: Services, plan: Plan, reason: str) -> None:
    """Record that a batch was taken back; a crash before this finds the run as it was, and refuses it again."""
    with _database(services, plan).write() as tx:
        work = _locked(services, tx, plan, ("confirmed", "executing"))
        if work is not None:
            _finish(tx, work, _stopped(work.run, "aborted", reason))


def _why_not(services: Services, tx: Tx, work: Work, not_allowed: str, *, taken_up: bool = False) -> str:
    """Return why a run must not go on, or empty; one that is taken up late is not begun, nor gone on with after a crash."""
    if not taken_up and tx.now - work.run.not_before > services.config.timing.begin_within:
        return NOT_BEGUN if work.run.started_at is None else HALF_WAY
    off = changes.why_off(services, tx)
    if off or not_allowed:
        return f"changes are off: {off.reason}" if off else not_allowed
    over = emergency.why_over(services, tx, work.plan) if work.run.started_at is None else ""
    if over:
        return over
    if work.plan.database != work.catalog.identity:
        return "the database is not the one of the plan"
    if not taken_up and work.plan.step_rev != work.step.rev(work.kind.settings(services)):
        return "the step was changed since the plan"
    return _unseen(services, work) or _undone_already(tx, work)


def _unseen(services: Services, work: Work) -> str:
    """Return why the rows cannot be seen, or empty: hidden ones give no error, they look as if they had moved on (D6)."""
    lacking = rows_unseen(touched_step(services, work.step, work.plan.params), work.catalog)
    return lacking[0].reason if lacking else ""


def _undone_already(tx: Tx, work: Work) -> str:
    """Return why an undo comes too late: once only, whoever was first."""
    taken_back = runs.find(tx, work.plan.params["run"], lock=True) if work.step.id == UNDO_STEP else None
    return why_not(taken_back) if taken_back else ""


def _batch(services: Services, tx: Tx, work: Work) -> bool:
    """Act on the next batch; in one transaction with its outcome, its card and its record."""
    size, acting = services.config.queue.batch, max(len_targets(work.plan), 1)
    first, upto = work.run.done_to, min(work.run.done_to + size, acting)
    assert work.kind.act is not None
    done = work.kind.act(services, tx, work, first, upto)
    services.crash_hook("K5")
    if done.refused:
        raise _TakeBack(done.refused)
    result = dict(Counter(work.run.result) + Counter(done.result))
    rows = work.run.rows_affected + done.rows
    state = "succeeded" if rows else "noop"
    outcome = Outcome(state=state, result=result, rows=rows, done_to=upto, moved=done.moved, facts=done.facts)
    if upto < acting:
        with tx.together():
            runs.progress(tx, work.run.id, outcome)
            audit.append(tx, "step.batch", actor=work.run.actor, plan=work.run.id, done_to=upto, result=done.result)
        return True
    _finish(tx, work, _with_proof(tx, work, outcome))
    return False


def len_targets(plan: Plan) -> int:
    """Return how many of a plan's pinned targets act; 0 where the step pins none."""
    return int(plan.preview["acting"]) if plan.target_count else 0


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
    """The kind refused what it found: the whole transaction of the batch is rolled back."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _with_proof(tx: Tx, work: Work, outcome: Outcome) -> Outcome:
    """Begin to watch for as long as the plan said, where anything was changed that can be watched."""
    seconds = work.plan.preview.get("watch_seconds")
    until = tx.now + timedelta(seconds=seconds or 0)
    return replace(outcome, proof="watching", proof_until=until) if seconds and outcome.rows else outcome


def _finish(tx: Tx, work: Work, outcome: Outcome) -> None:
    """Write the outcome, queue what the channel is told, and append to the record last."""
    took_ms = runs.finish(tx, work.run.id, outcome)
    if took_ms is None:
        return
    if outcome.state == "succeeded" and work.step.id == UNDO_STEP:
        runs.set_undone(tx, work.plan.params["run"], work.run.id)
    if outcome.state == "succeeded":
        plan_cards.announce_reply(tx, work.plan, "done", work.run.actor)
    else:
        plan_cards.announce_edit(tx, work.plan)
    n = audit.append(
        tx,
        f"step.{outcome.state}",
        actor=work.run.actor,
        rows_affected=outcome.rows,
        result=dict(outcome.result),
        duration_ms=took_ms,
        reason=outcome.reason or None,
        sqlstate=outcome.sqlstate or None,
        break_glass=reviews.find(tx, work.run.id) is not None or None,
        **work.plan.facts,
    )
    runs.set_record(tx, work.run.id, n)


def _fail(services: Services, plan: Plan, reason: str, sqlstate: str) -> None:
    """Record that a run failed; its effect was rolled back."""
    with _database(services, plan).write() as tx:
        work = _locked(services, tx, plan, ("confirmed", "executing", "unknown"))
        if work is not None:
            state = "aborted" if work.run.rows_affected else "failed"
            _finish(tx, work, _stopped(work.run, state, reason, sqlstate))


def _call_once(services: Services, plan: Plan, not_allowed: str) -> None:
    """Send a call once: its intent is committed before, its outcome after; a lost answer is never sent again (§9)."""
    limit = services.config.timing.call_limit
    with _database(services, plan).write() as tx:
        work = _locked(services, tx, plan, ("confirmed", "executing"), fresh=True)
        if work is None:
            return
        if work.run.state == "executing":
            if tx.now - (work.run.started_at or tx.now) >= limit:
                _mark_unknown(tx, work, "the bot stopped while it waited for an answer")
            return
        reason = _why_not(services, tx, work, not_allowed)
        if reason or not runs.begin(tx, work.run.id, within=limit):
            _finish(tx, work, _stopped(work.run, "aborted", reason or "begun elsewhere"))
            return
        audit.append(tx, "step.started", actor=work.run.actor, **plan.facts)
    services.crash_hook("K8")
    assert work.kind.call is not None
    try:
        done = work.kind.call(services, work)
    except OutcomeUnknown as error:
        services.crash_hook("K9")
        with _database(services, plan).write() as tx:
            _mark_unknown(tx, work, error.message)
        return
    except TargetError as error:
        _fail(services, plan, error.message, "")
        return
    services.crash_hook("K10")
    once_more(lambda: _finish_call(services, plan, done))


def _finish_call(services: Services, plan: Plan, done: Done) -> None:
    with _database(services, plan).write() as tx:
        work = _locked(services, tx, plan, ("executing", "unknown"))
        if work is None:
            return
        if done.refused:
            _finish(tx, work, _stopped(work.run, "aborted", done.refused))
            return
        outcome = Outcome(
            state="succeeded" if done.rows else "noop", result=done.result, rows=done.rows, facts=done.facts
        )
        _finish(tx, work, _with_proof(tx, work, outcome))


def _mark_unknown(tx: Tx, work: Work, reason: str) -> None:
    if runs.mark_unknown(tx, work.run.id, reason):
        plan_cards.announce_reply(tx, work.plan, "unknown", work.run.actor)
        audit.append(tx, "step.unknown", actor=work.run.actor, reason=reason, **work.plan.facts)


def reconcile(services: Services) -> int:
    """Read back every call of unknown outcome, and settle those that can be told; return how many were."""
    with services.db.read() as tx:
        found = [(run, plans.find(tx, run.id)) for run in runs.unknown(tx, tx.now - services.config.timing.read_back)]
        catalog = services.catalog.get(tx) if found else None
    settled = 0
    for run, plan in found:
        if plan is None or catalog is None:
            continue
        step, kind = stored_step(services, plan.step, plan.params)
        happened = kind.read_back(services, Work(run=run, plan=plan, step=step, kind=kind, catalog=catalog))
        services.crash_hook("K11")
        if happened is not None:
            settled += _settle(services, plan, "dragonfly", happened=happened, reason="read back")
    return settled


def settle(services: Services, run_id: str, actor: Actor, *, happened: bool, reason: str) -> bool:
    """Settle by what a person saw whether a call happened; False = it is not open any more.

    Raises:
        NotAllowed: the actor is no operator.
        InvalidCommand: what was seen says too little.
    """
    authority.require(services, actor, Role.OPERATOR, f"settle {run_id}")
    require_reason(reason, LEAST_REASON, "what did you see?")
    with services.db.read() as tx:
        plan = plans.find(tx, run_id)
    return plan is not None and bool(_settle(services, plan, actor.key, happened=happened, reason=reason))


def _settle(services: Services, plan: Plan, actor: str, *, happened: bool, reason: str) -> int:
    with services.db.write() as tx:
        work = _locked(services, tx, plan, ("unknown",))
        if work is None:
            return 0
        state = "reconciled_done" if happened else "reconciled_not_done"
        outcome = Outcome(state=state, result={}, rows=int(happened), reason=reason, facts=work.run.proof_facts)
        runs.finish(tx, work.run.id, _with_proof(tx, work, outcome) if happened else outcome)
        how = "it happened" if happened else "it did not happen"
        plan_cards.announce_reply(tx, plan, "settled", actor, how=how, reason=reason)
        if happened and plan.step == UNDO_STEP:
            runs.set_undone(tx, plan.params["run"], plan.id)
        n = audit.append(tx, f"step.{state}", actor=actor, reason=reason, **plan.facts)
        runs.set_record(tx, plan.id, n)
    return 1
