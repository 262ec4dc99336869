"""Pause and resume of the jobs that a vendor outage stops (§12; cards, section 5).

Confirming a pause begins a lease that `operations.pausing` tends: it holds new jobs too, reminds, and ends. Confirming
a resume lets the first batch go; the lease's tending lets the others go, and stops when errors return.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.durations import parse_duration, typed
from bot.domain.messages import Message
from bot.domain.needs import unseen
from bot.domain.platform import matches
from bot.domain.runbook import Step
from bot.domain.timing import Timing
from bot.domain.vendor import GOOD_IN_A_ROW, good_in_a_row
from bot.errors import InvalidCommand
from bot.operations import announcing, vendors
from bot.operations.kinds.base import Done, Kind, Preview, Proof, Work, cannot, impossible, told, watched
from bot.operations.services import Services
from bot.store import pauses
from bot.store.db import Tx
from bot.store.pauses import Pause
from bot.targets.queue import SQL as QUEUE

THING, SCENARIO = "ingest", "vendor-outage"
BY_NEXT_RUN = "next-run-at"
"""The strategy that holds a job by its next try."""
MOST = 5000
"""Jobs held or let go by one transaction; the next follows at once."""


def stands(
    tx: Tx, pause_id: str, state: str, *, batch_at: datetime | None = None, resume_run: str | None = None
) -> None:
    """Write down where a pause stands now; the vendor's alert says what comes next then."""
    pauses.set_state(tx, pause_id, state, resume_run=resume_run, batch_at=batch_at)
    announcing.edit_alerts(tx, SCENARIO)


def hold(tx: Tx, step: Step, catalog: Catalog, pause: Pause) -> int:
    """Hold what is pending and not held yet, and return how many jobs that were."""
    return len(_send(tx, step, "hold", catalog, pause, MOST))


def release(tx: Tx, step: Step, catalog: Catalog, pause: Pause, most: int) -> Counter[str]:
    """Let the oldest of a pause's own jobs go, and return how many were `released` and how many had `moved on`."""
    return Counter(row["outcome"] for row in _send(tx, step, "release", catalog, pause, most))


def _send(tx: Tx, step: Step, name: str, catalog: Catalog, pause: Pause, most: int) -> list[dict[str, Any]]:
    values = {"pause": pause.id, "job_types": pause.job_types, "held_until": pause.held_until, "most": most}
    return tx.records(step.statements[name], _features(catalog, pause.strategy), **values, now=tx.now)


def _features(catalog: Catalog, strategy: str) -> frozenset[str]:
    return catalog.features | ({"by_next_run_at"} if strategy == BY_NEXT_RUN else set())


def since_release(
    tx: Tx, step: Step, catalog: Catalog, pause: Pause, since: datetime, patterns: Sequence[str]
) -> tuple[int, int]:
    """Return how many jobs that were let go since a moment were completed, and failed with an error of the vendor's kind."""
    rows = tx.records(step.statements["since_release"], catalog.features, pause=pause.id, since=since)
    completed = sum(row["jobs"] for row in rows if row["status"] == "completed")
    tried = [row for row in rows if row["status"] in ("pending", "failed")]
    failed = sum(row["jobs"] for row in tried if matches(patterns, [row["last_error"]]))
    return completed, failed


def foreign(tx: Tx, step: Step, job_types: Sequence[str]) -> int:
    """Return how many jobs somebody else paused."""
    row = tx.record(step.statements["foreign"], job_types=list(job_types))
    return int(row["jobs"]) if row else 0


def _preview(services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable:
        return unavailable
    lease = _lease(services.config.timing, params.get("for", ""))
    found = pauses.open_one(tx)
    if found is not None:
        return _keep(tx, found, lease, params)
    wanted = services.config.ingest_types
    types = [name for name in wanted if catalog.job_types is None or name in catalog.job_types]
    if not types:
        why = f"this database knows none of the job types {', '.join(wanted) or 'of a vendor'}"
        return cannot(services, tx, step, [why], ["name them: vendors.NAME.job_types"])
    strategy = step.choose(services.offered(catalog))
    assert strategy is not None
    counts = {row["status"]: row["jobs"] for row in tx.records(QUEUE["by_status"], catalog.features, job_types=types)}
    ends = tx.now + lease
    return Preview(
        params=dict(params),
        facts={
            "keeps": "",
            "job_types": types,
            "ignored": [name for name in wanted if name not in types],
            "pending": counts.get("pending", 0),
            "processing": counts.get("processing", 0),
            "foreign": foreign(tx, step, types),
            "strategy": strategy.id,
            "says": strategy.says,
            "ends_at": ends.isoformat(),
            "lease_seconds": lease.total_seconds(),
            "reason": params["reason"],
            "every_seconds": services.config.timing.sweep_interval.total_seconds(),
            "statement": step.statements["hold"].text(_features(catalog, strategy.id)),
        },
        sealed={"job_types": types, "strategy": strategy.id, "lease": int(lease.total_seconds())},
        acting=counts.get("pending", 0),
        resource=f"pause:{THING}",
    )


def _lease(timing: Timing, text: str) -> timedelta:
    """Return how long a pause lasts.

    Raises:
        InvalidCommand: no duration, or too short, or too long.
    """
    lease, least, most = parse_duration(text) if text else timing.pause_lease, timing.pause_least, timing.pause_longest
    if not least <= lease <= most:
        message = f"a pause for {text!r} is not taken: least {typed(least)}, most {typed(most)}"
        raise InvalidCommand(message, hint="/dragonfly pause ingest Simplicity API down for 2h")
    return lease


def _keep(tx: Tx, found: Pause, lease: timedelta, params: Mapping[str, str]) -> Preview:
    """Return the plan that keeps an open pause longer."""
    held = pauses.counts(tx, found.id)
    ends = max(found.ends_at, tx.now) + lease
    return Preview(
        params=dict(params),
        facts={
            "keeps": found.id,
            "held": held.now,
            "before": found.ends_at.isoformat(),
            "ends_at": ends.isoformat(),
            "lease_seconds": lease.total_seconds(),
            "job_types": found.job_types,
            "reason": params["reason"],
            "way_back": "",
            "statement": "",
        },
        sealed={"keeps": found.id, "before": found.ends_at.isoformat(), "lease": int(lease.total_seconds())},
        acting=held.now,
        resource=f"pause:{THING}",
    )


def _act(services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    """Begin the lease and hold the first jobs; or move the end of the one that is open."""
    facts = work.plan.preview
    if facts["keeps"]:
        kept = pauses.set_end(tx, facts["keeps"], datetime.fromisoformat(facts["ends_at"]))
        return Done(result={"kept": int(kept)}, rows=int(kept), refused="" if kept else "the pause has ended")
    begun = pauses.insert(
        tx,
        id=work.run.id,
        thing=THING,
        job_types=facts["job_types"],
        strategy=facts["strategy"],
        held_until=tx.now + services.config.timing.pause_ahead,
        owner=work.run.actor,
        reason=facts["reason"],
        channel=services.config.alert_channel or work.plan.channel,
        ends_at=tx.now + timedelta(seconds=facts["lease_seconds"]),
    )
    pause = pauses.find(tx, work.run.id) if begun else None
    if pause is None:
        return Done(result={}, rows=0, refused="ingest is paused already")
    held = hold(tx, work.step, work.catalog, pause)
    return Done(result={"held": held, "paused": 1}, rows=held or 1)


def _prove(services: Services, work: Work) -> Proof:
    """Look whether nothing of these types is left to be claimed, but for what came since the last sweeps.

    Of a pause that was kept: whether its end is as late as was asked.
    """
    facts = work.plan.preview
    if facts["keeps"]:
        return _prove_kept(services, facts)
    with services.db.read() as tx:
        rows = tx.records(QUEUE["states"], work.catalog.features, now=tx.now, job_type="")
    lately = tx.now - services.config.timing.sweep_interval * 2
    due = sum(
        row["jobs"]
        for row in rows
        if row["job_type"] in facts["job_types"]
        and row["state"] == "due"
        and (row["oldest"] is None or row["oldest"] < lately)
    )
    return Proof(left=due, total=max(due, facts["acting"]), facts={"due": due})


def _prove_kept(services: Services, facts: Mapping[str, Any]) -> Proof:
    with services.db.read() as tx:
        found = pauses.find(tx, facts["keeps"])
    kept = found is not None and found.ends_at >= datetime.fromisoformat(facts["ends_at"])
    return Proof(left=int(not kept), total=1)


def _resume_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    unavailable = impossible(services, tx, step, catalog)
    if unavailable:
        return unavailable
    found = pauses.open_one(tx)
    if found is None:
        return cannot(services, tx, step, ["ingest is not paused by me"], [])
    if found.state == "resuming":
        return cannot(services, tx, step, ["it is being resumed already"], [])
    good, asked = good_answers(services, found, tx.now)
    if asked and good < GOOD_IN_A_ROW:
        why = f"the API gave {good} of {GOOD_IN_A_ROW} good answers"
        return cannot(services, tx, step, [why], ["dragonfly probe"])
    counts = pauses.counts(tx, found.id)
    held, queue = counts.now, services.config.queue
    facts = {
        "pause": found.id,
        "held": held,
        "batch": queue.resume_batch,
        "batches": -(-held // queue.resume_batch),
        "every_seconds": services.config.timing.resume_interval.total_seconds(),
        "good": good,
        "asked": asked,
        "foreign": foreign(tx, step, found.job_types),
        "paused_seconds": (tx.now - found.started_at).total_seconds(),
        "way_back": "each job, until it is picked up: pause again",
        "statement": step.statements["release"].text(_features(catalog, found.strategy)),
    }
    return Preview(
        params=dict(params),
        facts=facts,
        sealed={"pause": found.id, "batch": queue.resume_batch},
        acting=held,
        resource=f"pause:{THING}",
    )


def good_answers(services: Services, pause: Pause, now: datetime | None = None) -> tuple[int, bool]:
    """Return how many good answers in a row the vendor gave, and whether it is asked at all."""
    asked = bool(vendors.asked(services, pause))
    timing, now = services.config.timing, now or services.clock.now()
    return good_in_a_row(pause.probes, within=timing.probe_span, now=now, fresh=timing.probe_fresh), asked


def _resume_act(services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    """Let the first batch go and hand the rest to the lease's tending."""
    found = pauses.find(tx, work.plan.preview["pause"], lock=True)
    if found is None or found.state not in ("active", "stopped"):
        return Done(result={}, rows=0, refused="the pause has ended, or is being resumed already")
    good, asked = good_answers(services, found, tx.now)
    if asked and good < GOOD_IN_A_ROW:
        return Done(result={}, rows=0, refused=f"the API gave {good} of {GOOD_IN_A_ROW} good answers by now")
    freed = release(tx, work.step, work.catalog, found, services.config.queue.resume_batch)
    batch_at = tx.now + services.config.timing.resume_interval
    stands(tx, found.id, "resuming", batch_at=batch_at, resume_run=work.run.id)
    return Done(result={"released": freed["released"], "moved_on": freed["moved on"], "resumed": 1}, rows=1)


def _resume_prove(services: Services, work: Work) -> Proof:
    with services.db.read() as tx:
        counts = pauses.counts(tx, work.plan.preview["pause"])
        found = pauses.find(tx, work.plan.preview["pause"])
    going = found is not None and found.state != "ended"
    left = max(counts.now, int(going))
    why = found.why_stopped if found is not None and found.state == "stopped" else ""
    total = max(counts.released + counts.moved + left, 1)
    return Proof(left=left, total=total, facts={"stopped": why, "released": counts.released}, over=bool(why))


def _watched(services: Services, batches: int) -> timedelta:
    """Return how long a resume is watched: its batches, one look after the last, and a while."""
    timing = services.config.timing
    return timing.resume_interval * (batches + 2) + timing.resume_grace


def _undo_preview(
    services: Services, tx: Tx, step: Step, catalog: Catalog, params: Mapping[str, str]
) -> Preview | Message:
    """Let every job go at once, without asking the vendor: for a pause that was a mistake."""
    lacking = unseen(catalog)
    if lacking:
        return cannot(services, tx, step, *told(lacking))
    found = pauses.find(tx, params["run"])
    if found is None or found.state == "ended":
        return cannot(services, tx, step, ["the pause has ended; there is nothing to put back"], [])
    counts = pauses.counts(tx, found.id)
    held = counts.now
    if held > MOST:
        return cannot(services, tx, step, [f"it holds {held} jobs, too many at once"], ["dragonfly plan resume"])
    facts = {"of": params["step"], "run": found.id, "thing": "paused jobs", "can": held, "cannot": counts.moved}
    return Preview(params=dict(params), facts=facts, sealed={"run": found.id}, acting=held, resource=f"pause:{THING}")


def _undo_act(_services: Services, tx: Tx, work: Work, _after: int, _upto: int) -> Done:
    found = pauses.find(tx, work.plan.params["run"], lock=True)
    if found is None or found.state == "ended":
        return Done(result={}, rows=0, refused="the pause has ended")
    freed = release(tx, work.step, work.catalog, found, MOST)
    left = pauses.counts(tx, found.id)
    if left.now:
        return Done(result={}, rows=0, refused=f"it holds more than {MOST} jobs by now; resume instead")
    stands(tx, found.id, "ended")
    return Done(result={"put_back": freed["released"], "moved_on": freed["moved on"]}, rows=max(freed["released"], 1))


def _undo_prove(services: Services, work: Work) -> Proof:
    """Look whether any job that was let go is still held by what the pause wrote."""
    with services.db.read() as tx:
        found = pauses.find(tx, work.plan.params["run"])
        assert found is not None
        values = {"pause": found.id, "held_until": found.held_until}
        row = tx.record(work.step.statements["still_held"], _features(work.catalog, found.strategy), **values)
    assert row is not None
    left = row["jobs"]
    return Proof(left=left, total=max(work.run.rows_affected, left))


_UNDO = Kind(preview=_undo_preview, act=_undo_act, proof_for=watched, prove=_undo_prove)
PAUSE = Kind(
    preview=_preview,
    act=_act,
    proof_for=watched,
    prove=_prove,
    undo=_UNDO,
)
RESUME = Kind(
    preview=_resume_preview,
    act=_resume_act,
    proof_for=lambda services, facts: _watched(services, int(facts["batches"])),
    prove=_resume_prove,
)
