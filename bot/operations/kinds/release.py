"""Two people allow a release that the gate refused: with a reason, for a while (cards, section 6)."""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.catalog import Catalog
from bot.domain.durations import parse_duration, typed
from bot.domain.messages import Message
from bot.domain.runbook import Step
from bot.errors import InvalidCommand
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, watched
from bot.operations.services import Services
from bot.store import gate, outbox
from bot.store.db import Tx


def _preview(services: Services, tx: Tx, step: Step, _catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    timing = services.config.timing
    lease = parse_duration(params["for"]) if params.get("for") else timing.release_lease
    if lease > timing.release_longest:
        message = f"an allowance for {params['for']!r} is too long: most {typed(timing.release_longest)}"
        raise InvalidCommand(message, hint="/dragonfly allow-release fix for A31 for 30m")
    found = gate.newest(tx, "prod")
    if found is None or tx.now - found.at > timing.gate_fresh:
        why = f"the prod gate has not run in the last {typed(timing.gate_fresh)}"
        return cannot(services, tx, step, [why], ["dragonfly gate --mode prod"])
    if found.passed:
        return cannot(services, tx, step, [f"gate G{found.id} passed; there is nothing to allow"], [])
    until = tx.now + lease
    facts = {
        "gate": found.id,
        "failed": found.failed,
        "reason": params["reason"],
        "until": until.isoformat(),
    }
    return Preview(
        params=dict(params),
        facts=facts,
        sealed={"gate": found.id, "failed": found.failed, "lease": int(lease.total_seconds())},
        typed=str(len(found.failed)),
        resource="gate",
    )


def _act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    facts = work.plan.preview
    until = _until(work)
    if until <= tx.now:
        return Done(result={}, rows=0, refused="it would be over already; ask for longer")
    done = gate.allow(tx, facts["gate"], run=work.run.id, until=until, why=facts["reason"])
    announce_edit(tx, facts["gate"])
    return Done(result={"allowed": int(done)}, rows=int(done), refused="" if done else "the gate has changed")


def _until(work: Work) -> datetime:
    """Return the end that everybody saw who agreed."""
    return datetime.fromisoformat(work.plan.preview["until"])


def announce_edit(tx: Tx, gate_id: int) -> None:
    """Queue an edit of the gate's card, where it stands."""
    where = outbox.whereabouts(tx, outbox.live_key("gate", gate_id))
    if where is not None:
        outbox.enqueue_live(tx, "update", "gate", gate_id, where.channel, priority=outbox.RESULT)


def _undo_preview(
    _services: Services, _tx: Tx, _step: Step, _catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    facts = {"of": params["step"], "run": params["run"], "thing": "allowance", "can": 1, "cannot": 0}
    return Preview(params=dict(params), facts=facts, sealed={"run": params["run"]}, resource="gate")


def _undo_act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    done = gate.disallow(tx, work.plan.params["run"])
    return Done(result={"put_back": int(done)}, rows=int(done))


def _prove(services: Services, work: Work) -> Proof:
    """Look whether the gate says so: an allowance until its end, or none any more once it is taken back."""
    undone = work.plan.params.get("run", "")
    with services.db.read() as tx:
        allowed = gate.is_allowed(tx, undone or work.run.id)
        is_over = not undone and _until(work) <= tx.now
    return Proof(left=int(allowed == bool(undone) and not is_over), total=1)


ALLOW_RELEASE = Kind(
    preview=_preview,
    act=_act,
    proof_for=watched,
    prove=_prove,
    may_run_alone=False,
    undo=Kind(preview=_undo_preview, act=_undo_act, proof_for=watched, prove=_prove),
)
