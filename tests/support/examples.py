"""One of every message, ordinary; and hostile words to put into them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain import messages as m
from bot.domain.ids import SecretValue
from bot.domain.workers import SourceVerdict

NOW = datetime(2026, 11, 24, 3, 11, 50, tzinfo=UTC)
HOSTILE = (
    "<!channel> <@U1> <http://evil|here>",
    "``` `code` ```",
    "\u202eright to left",
    "{{7*7}} %s {0}",
    "'; DROP TABLE jobs; --",
    "x" * 5000,
    "🔥" * 1000,
    "&lt;&amp;",
)


def ago(seconds: float) -> datetime:
    """Return a moment before now."""
    return NOW - timedelta(seconds=seconds)


ALERT = m.AlertCard(
    env="dev",
    as_of=NOW,
    key="A31",
    check="worker_heartbeat",
    face=m.AlertFace.FIRING,
    severity="critical",
    label="ingest",
    started_at=ago(108),
    fired_at=ago(10),
    reason="no heartbeat",
    online=0,
    total=2,
    newest_heartbeat=ago(108),
    verdicts=(SourceVerdict(source="heartbeats", verdict="offline"), SourceVerdict(source="view", verdict="offline")),
    pending=212,
    processing=17,
    jobs_held=3,
    worst=tuple(
        m.WorkerLine(
            worker_id=f"enforcement_generate_packet-4f2a91c{n}", silent_for=timedelta(seconds=400), jobs_held=n
        )
        for n in range(10)
    ),
    worst_total=38,
    calls=(m.Call(who=("U0ADA",), label="on call", at=ago(10)),),
    next_calls=(m.Call(who=("U0BEN",), label="team lead", at=NOW), m.Call(who=("C0OPSALL",), label="everyone", at=NOW)),
    steps=(
        m.StepLine(title="Reset stuck jobs", state="14 jobs reset, picked up", at=NOW, by="slack:T0/U0ADA", key="7F3K"),
    ),
)
TAKEN = replace(
    ALERT, acked_by="slack:T0DRAGON/U0ADA", acked_at=ago(5), ack_reminder_at=NOW, ack_ends_at=NOW, next_calls=()
)
ENDED = replace(TAKEN, resolved_at=NOW, online_since=ago(65), reopens_until=NOW, recovered_if_until=NOW)
GROUP = m.JobGroup(
    disposition="reset",
    reason="no heartbeat",
    job_type="ingest_csv",
    count=14,
    locked_least=timedelta(seconds=400),
    locked_most=timedelta(seconds=542),
    attempts_least=1,
    attempts_most=3,
    max_attempts=5,
)
PLAN = m.PlanCard(
    env="dev",
    as_of=NOW,
    key="7F3K",
    face=m.PlanFace.ISSUED,
    step="reset-stuck",
    requester="slack:T0DRAGON/U0ADA",
    seal="4c1e09ab",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=5),
    database="db/ops as dragonfly_bot by DRAGONFLY_DATABASE_URL",
    strategy="clears every lock column there is",
    resets=340,
    fails_exhausted=9,
    fails_poison=4,
    left_slow=3,
    left_unknown=2,
    groups=(
        GROUP,
        replace(GROUP, disposition="leave_slow", count=3),
        replace(GROUP, disposition="leave_unknown", count=2),
    ),
    dead_for=timedelta(seconds=329),
    wait=(timedelta(minutes=1), timedelta(minutes=4)),
    approvers=("U0BEN", "U0CLEO"),
    secret=SecretValue("7F3K", "A" * 43).encode(),
    alert=m.Link(key="A31"),
)
RAN = {
    "confirmed_by": "slack:T0DRAGON/U0ADA",
    "confirmed_at": NOW,
    "runs_at": NOW,
    "took": timedelta(milliseconds=38),
    "did_reset": 12,
    "moved_on": 2,
    "picked_up": 7,
    "proof_until": NOW,
    "proof_took": timedelta(seconds=41),
    "record_n": 1842,
    "ended_by": "slack:T0DRAGON/U0BEN",
    "ended_at": NOW,
    "superseded_by": "8Q2M",
    "approved_by": "slack:T0DRAGON/U0BEN",
    "approved_at": NOW,
    "run_before": NOW,
    "approval_why": "over 500 jobs",
    "ask_reason": "Deploy of 03:20 waits since 6 min",
    "reason": "too much has moved on (9 of 14)",
    "called": ("U0BEN",),
}
STATUS = m.StatusCard(
    env="dev",
    as_of=NOW,
    took=timedelta(milliseconds=84),
    workers=(
        m.WorkersLine(
            label="ingest",
            worker_type="ingest_processor",
            online=0,
            total=2,
            newest_heartbeat=ago(233),
            status="bad",
            reason="no heartbeat",
        ),
        m.WorkersLine(
            label="enforcement",
            worker_type="enforcement_engine",
            online=1,
            total=1,
            newest_heartbeat=ago(9),
            status="ok",
            reason="online",
        ),
    ),
    queue=m.QueueLine(
        pending=231,
        oldest_pending=timedelta(seconds=230),
        processing=17,
        paused=0,
        failed_24h=4,
        stuck=17,
        stuck_dead=14,
        stuck_slow=2,
        stuck_unknown=1,
    ),
    elsewhere=(m.SourceLine(name="API", verdict="ok"), m.SourceLine(name="database", verdict="ok")),
    alerts=(
        m.AlertLine(
            key="A31",
            title="ingest workers offline",
            state="firing",
            since=ago(233),
            acked_by="slack:T0DRAGON/U0ADA",
            acked_at=NOW,
        ),
    ),
    oncall=m.OnCallNow(who="U0ADA", until=NOW, then="U0BEN"),
    reset_possible=True,
)
NOT_KNOWN = m.QueueLine(
    pending=None,
    oldest_pending=None,
    processing=None,
    paused=None,
    failed_24h=None,
    stuck=None,
    stuck_dead=None,
    stuck_slow=None,
    stuck_unknown=None,
)
JOB = m.JobLine(
    id="a3f09c11-0000",
    job_type="ingest",
    locked_for=timedelta(seconds=542),
    attempts=3,
    max_attempts=5,
    worker_id="w-1",
    disposition="reset",
    reason="no heartbeat",
)
FACTS: dict[str, object] = {
    "requester": "slack:T0DRAGON/U0ADA",
    "plan": "7F3K",
    "command": "/dragonfly reset-stuck",
    "ended_by": "slack:T0DRAGON/U0ADA",
    "ended_at": NOW,
    "did_reset": 14,
    "did_fail": 0,
    "superseded_by": "8Q2M",
    "message": "reset-stuck needs an operator, you may read and acknowledge",
    "hint": "/dragonfly stuck 5m",
    "oncall": "U0ADA",
    "holder": "6T9W",
    "holder_actor": "slack:T0DRAGON/U0BEN",
    "holder_since": NOW,
    "approval_why": "over 500 jobs",
    "target": "340",
    "actor": "slack:T0DRAGON/U0ADA",
    "at": NOW,
    "key": "A31",
    "resolved_at": NOW,
    "word": "rest-stuck",
    "nearest": "reset-stuck",
    "channel": "C0INCIDENTS",
    "late": "9 s",
    "age": timedelta(seconds=20),
    "url": "https://example.org/archives/C1/p1",
    "report": "E-4K2",
}
NOTICES = [
    "not-yours",
    "already-done",
    "twice",
    "expired",
    "replaced",
    "ended",
    "not-allowed",
    "someone-else",
    "old-card",
    "other-database",
    "step-changed",
    "needs-second",
    "wrong-typed",
    "own-approval",
    "acknowledged",
    "late-acknowledge",
    "resolved",
    "not-found",
    "near-miss",
    "bad-input",
    "not-here",
    "database-away",
    "storage-away",
    "late-press",
    "link-status",
    "bug",
]


def examples() -> list[m.Message]:
    """Return one of every message, each card in every face."""
    call = m.Call(who=("U0ADA",), label="on call", at=NOW)
    found: list[m.Message] = []
    for face in m.AlertFace:
        ended = face in (m.AlertFace.RECOVERED, m.AlertFace.BY_HAND)
        base = (
            ENDED
            if ended
            else TAKEN
            if face is m.AlertFace.ACKED
            else replace(ALERT, online_since=NOW, recovered_if_until=NOW)
        )
        found.append(replace(base, face=face, resolved_by="slack:T0DRAGON/U0ADA", resolved_reason="planned stop"))
    found += [
        replace(ALERT, check=check, label="worker heartbeats", reason="3 looks in a row failed")
        for check in ("check_blind", "api_health", "db_reachable")
    ]
    found.append(replace(TAKEN, face=m.AlertFace.ACKED, open_plan=m.Link(key="7F3K", url="https://example.org/x")))
    for event in ("escalated", "recovered", "reopened", "resolved_by_hand", "ack_lapsed", "unsteady"):
        found.append(
            m.AlertReply(
                env="dev",
                as_of=NOW,
                key="A31",
                event=event,
                label="ingest worker",
                at=NOW,
                mentions=("U0BEN",),
                earlier=(call,),
                next_calls=(call,),
                down_for=timedelta(seconds=318),
                online=0,
                total=2,
                pending=231,
                reset=14,
                picked_up=True,
                reason="planned",
                actor="slack:T0/U0ADA",
                card=m.Link(key="A31", url="https://example.org/x"),
            )
        )
    found += [
        STATUS,
        replace(STATUS, alerts=(), workers=STATUS.workers[1:], queue=replace(STATUS.queue, stuck=0, stuck_dead=0)),
    ]
    found += [
        replace(STATUS, queue=NOT_KNOWN, alerts=(), blind=blind, blind_reason="timed out", changes_on=False)
        for blind in ("unreachable", "hidden")
    ]
    found += [PLAN, *(replace(PLAN, face=face, **RAN) for face in m.PlanFace)]  # type: ignore[arg-type]
    for event in ("done", "proved", "no_effect", "asked", "approved"):
        found.append(
            m.PlanReply(
                env="dev",
                as_of=NOW,
                key="7F3K",
                event=event,
                actor="slack:T0/U0ADA",
                at=NOW,
                did_reset=14,
                run_before=NOW,
                took=timedelta(seconds=41),
            )
        )
    found += [
        m.StuckList(
            env="dev",
            as_of=NOW,
            total=17,
            stuck_after=timedelta(minutes=5),
            jobs=(JOB,) * 12,
            dead=14,
            slow=2,
            unknown=1,
            unlisted=0,
        ),
        m.CannotPlan(
            env="dev",
            as_of=NOW,
            step="reset-stuck",
            title="Reset stuck jobs",
            reasons=("role x may not update status",),
            remedy=("GRANT UPDATE",),
        ),
        m.NothingStuck(env="dev", as_of=NOW, stuck=3, slow=2, unknown=1, unlisted=0, guard_until=NOW, jobs=(JOB,)),
        m.PlanDetails(
            env="dev",
            as_of=NOW,
            key="7F3K",
            seal="4c1e09ab",
            jobs=(JOB,) * 30,
            total=358,
            strategy="clears locks",
            statement="UPDATE x < y && `z`\n" * 400,
        ),
        m.AskForm(env="dev", as_of=NOW, key="7F3K", title="Reset stuck jobs", acting=340),
        m.TypedForm(
            env="dev",
            as_of=NOW,
            key="7F3K",
            title="Reset stuck jobs",
            target="340",
            approved_by="U0BEN",
            secret="v1",
            run_before=NOW,
        ),
        m.ResolveForm(env="dev", as_of=NOW, key="A31", label="ingest"),
        m.Working(env="dev", as_of=NOW, title="Dragonfly", what="7F3K"),
        m.RunbookCard(
            env="dev",
            as_of=NOW,
            scenario="worker-death",
            title="Worker death",
            trigger="A type is silent.",
            calls=(call,),
            checked_at=NOW,
            steps=(
                m.RunbookStepLine(
                    number=1,
                    step="reset-stuck",
                    title="Reset stuck jobs",
                    why="They stay.",
                    risk="change",
                    ready="ready",
                    shell="dragonfly plan reset-stuck",
                    action="plan.reset-stuck:v1",
                ),
            ),
        ),
        m.OnCallCard(env="dev", as_of=NOW, now=STATUS.oncall, chains=(("worker-death", (call, call)),)),
        m.AlertList(env="dev", as_of=NOW, alerts=STATUS.alerts * 12),
        m.AlertList(env="dev", as_of=NOW, alerts=(), last=STATUS.alerts[0]),
        m.Timeline(
            env="dev",
            as_of=NOW,
            key="A31",
            label="ingest",
            summary="recovered",
            entries=(m.TimelineEntry(at=NOW, text="fired", note="bad"),) * 60,
        ),
        m.Help(env="dev", as_of=NOW),
        m.Help(env="dev", as_of=NOW, topic="stuck", found=(("/dragonfly stuck", "jobs"),)),
        m.Home(
            env="dev",
            as_of=NOW,
            role="operator",
            oncall=STATUS.oncall,
            on_call_self=False,
            waiting=(),
            alerts=STATUS.alerts,
            mine=(),
        ),
    ]
    found += [m.Notice(env="dev", as_of=NOW, kind=kind, facts=FACTS) for kind in NOTICES]
    return found
