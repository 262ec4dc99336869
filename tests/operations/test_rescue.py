"""Preview, confirm, effect, proof: the ladder of a rescue, on both target schemas."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.messages import NothingStuck, Notice, PlanCard, PlanFace
from bot.operations import audit, judging, plans, proofs, runs, stuck
from bot.operations.declared import changing_step
from bot.operations.issuing import Place
from bot.operations.kinds import KINDS
from bot.operations.services import Services
from tests.support.danger import shown
from tests.support.jobs import ALIVE, Target
from tests.support.product import ADA, BEN, INCIDENTS

HERE = Place(channel=INCIDENTS)


def make(services: Services) -> PlanCard:
    """Return a plan made by Ada in the incident channel."""
    card = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(card, PlanCard), card
    return card


def test_the_whole_ladder(services: Services, target: Target) -> None:
    """A plan changes nothing, Confirm resets what was shown, the proof is read, a second plan finds nothing."""
    target.worker()
    target.stuck(2, minutes=1)
    nothing = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(nothing, NothingStuck) and nothing.soon == 2
    assert "2 more become stuck by" in shown(nothing) and "2 more become stuck by" in shown(stuck.read(services))
    target.connection.execute("DELETE FROM ops.job_queue")
    target.stuck(3)

    card = make(services)
    assert not card.facts["soon"]
    assert (card.face, card.facts["counts"]) == (PlanFace.ISSUED, {"reset": 3})
    assert target.statuses() == {"processing": 3}
    warned = "Nobody picks them up until a worker is back:\nnone is online for"
    assert f"{warned} {target.job_type}" in shown(card).replace("*", "")
    if target.has_worker_id:
        target.worker(ALIVE, silent_seconds=1)
        card = make(services)
        assert card.facts["unserved"] == []

    plans.confirm(services, card.key, ADA, secret=card.secret)
    assert runs.perform_due(services) == 1
    assert target.statuses() == {"pending": 3}

    done = plans.card(services, card.key)
    assert isinstance(done, PlanCard)
    assert (done.face, done.rows) == (PlanFace.WORKING, 3)
    row = target.connection.execute("SELECT proof_until - ended_at FROM ops.chatops_run").fetchone()
    assert row and card.proof_limit
    assert abs(row[0] - card.proof_limit) < timedelta(seconds=30), "as long as the plan said"
    assert proofs.watch(services) == 0
    target.pick_up()
    assert proofs.watch(services) == 1
    proved = plans.card(services, card.key)
    assert isinstance(proved, PlanCard)
    assert (proved.face, proved.proof["left"]) == (PlanFace.RECOVERED, 0)

    again = plans.make(services, "reset-stuck", {}, ADA, HERE)
    assert isinstance(again, NothingStuck)
    assert audit.verify(services).broken_at is None


def test_what_is_paused_or_hidden_has_not_recovered(
    services: Services, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that were reset and then paused still wait; those that cannot be seen are not known; a look that breaks is no end."""
    target.worker()
    target.stuck(3)
    card = make(services)
    plans.confirm(services, card.key, ADA, secret=card.secret)
    runs.perform_due(services)
    if target.has_worker_id:
        target.connection.execute("DROP POLICY chatops_queue ON ops.job_queue")
    else:
        target.connection.execute("UPDATE ops.job_queue SET status = 'paused'")
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, "rescue", replace(KINDS["rescue"], prove=lambda *_: dict[str, Any]()["of another shape"]))
        assert proofs.watch(services) == 0
    assert proofs.watch(services) == 0
    target.connection.execute("UPDATE ops.chatops_run SET proof_until = now() - interval '1 second'")
    assert proofs.watch(services) == 1
    decided = plans.card(services, card.key)
    assert isinstance(decided, PlanCard)
    assert decided.face is (PlanFace.PROOF_UNKNOWN if target.has_worker_id else PlanFace.NO_EFFECT)


def test_only_what_still_qualifies_is_touched(services: Services, target: Target) -> None:
    """Of ten planned, three finish and five new ones appear: exactly seven change (scenario 19)."""
    target.worker()
    first = target.stuck(10)
    card = make(services)
    target.complete(first[:3])
    later = target.stuck(5)

    plans.confirm(services, card.key, ADA, secret=card.secret)
    runs.perform_due(services)

    assert target.statuses() == {"completed": 3, "pending": 7, "processing": 5}
    assert all(target.job(job)["status"] == "processing" for job in later)
    done = plans.card(services, card.key)
    assert isinstance(done, PlanCard)
    assert done.result == {"reset": 7, "moved_on": 3}


def test_counted_as_judged(services: Services, target: Target) -> None:
    """Where only numbers are shown jobs are judged in groups, and the numbers are those of a look at each job."""
    target.worker()
    if target.has_worker_id:
        target.worker(ALIVE, silent_seconds=-20)
    target.stuck(4)
    target.stuck(2, attempts=5)
    target.stuck(3, owner=ALIVE)
    target.stuck(1, owner=None)
    target.stuck(2, owner="ingest_processor-unseen01", minutes=6)
    target.stuck(2, owner="ingest_processor-unseen01", minutes=60)
    step, _kind = changing_step(services, "reset-stuck")
    with services.db.read() as tx:
        catalog = services.catalog.get(tx)
        each = judging.look(tx, step, catalog, services.config).verdicts
        counted = judging.count(tx, step, catalog, services.config)
    assert counted == Counter((item.job.job_type, item.disposition) for item in each)
    assert len({item.reason for item in each}) >= (5 if target.has_worker_id else 2)


def test_nobody_else_confirms(services: Services, target: Target) -> None:
    """Ben's press on Ada's button does nothing, is answered, and is recorded."""
    target.worker()
    target.stuck(1)
    card = make(services)

    answer = plans.confirm(services, card.key, BEN, secret=card.secret)

    assert isinstance(answer, Notice)
    assert answer.kind == "not-yours"
    assert runs.perform_due(services) == 0
    assert "confirmation.refused" in [entry.event for entry in audit.list_newest(services, 5).entries]


@pytest.mark.parametrize("table", ["worker_heartbeats", "job_queue"])
def test_what_is_hidden_after_the_preview_is_left_alone(services: Services, target: Target, table: str) -> None:
    """Rows hidden since: a worker that came back unseen would lose its jobs, and jobs unseen would count as moved on."""
    target.worker()
    target.stuck(3)
    plan = make(services)
    target.worker(silent_seconds=0)
    target.hide(table)
    plans.confirm(services, plan.key, ADA, secret=plan.secret)
    runs.perform_due(services)
    done = plans.card(services, plan.key)
    assert isinstance(done, PlanCard)
    assert (done.face, target.statuses()) == (PlanFace.REFUSED, {"processing": 3})
    assert "row security hides rows" in done.reason
