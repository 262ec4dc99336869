"""One of every message, ordinary; and hostile words to put into them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain import messages as m
from bot.domain.ids import SecretValue
from bot.domain.locks import Session, tree
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
TAKEN = replace(ALERT, acked_by="slack:T0DRAGON/U0ADA", acked_at=ago(5), ack_ends_at=NOW, next_calls=())
RESTARTED = m.StepLine(
    title="Restart", state="recovered", at=NOW, by="slack:T0/U0ADA", key="5C8D", step="restart", proved=True
)
RESET = replace(ALERT.steps[0], step="reset-stuck", reset=14, proved=True, took=timedelta(seconds=41))
ENDED = replace(
    TAKEN,
    resolved_at=NOW,
    online_since=ago(65),
    reopens_until=NOW,
    recovered_if_until=NOW,
    in_logs=(("OOM", 2),),
    steps=(RESTARTED, RESET),
)
WAITS = {"waits": 72, "holder": 48213, "idle": 840.0, "others": 2}
GROUP = {
    "disposition": "reset",
    "reason": "no heartbeat",
    "job_type": "ingest_csv",
    "count": 14,
    "locked_least": 400,
    "locked_most": 542,
    "attempts_least": 1,
    "attempts_most": 3,
    "max_attempts": 5,
    "idempotent": "yes",
}
PLAN = m.PlanCard(
    env="dev",
    as_of=NOW,
    key="7F3K",
    face=m.PlanFace.ISSUED,
    step="reset-stuck",
    kind="rescue",
    title="Reset stuck jobs",
    risk="change",
    requester="slack:T0DRAGON/U0ADA",
    seal="4c1e09ab",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=5),
    database="db/ops as dragonfly_bot by DRAGONFLY_DATABASE_URL",
    acting=353,
    target="353",
    way_back="each job, until it is picked up",
    facts={
        "says": "clears every lock column there is",
        "counts": {"reset": 340, "fail_exhausted": 9, "fail_poison": 4, "leave_slow": 3, "leave_unknown": 2},
        "groups": [GROUP, {**GROUP, "disposition": "leave_slow"}, {**GROUP, "disposition": "leave_unknown"}],
        "silent_seconds": 329,
        "waits": [60, 240],
        "left_over": 0,
        "soon": {"count": 2, "by": NOW.isoformat()},
        "unserved": ["ingest_csv", "enforcement_generate_packet_again"],
    },
    approvers=("U0BEN", "U0CLEO"),
    secret=SecretValue("7F3K", "A" * 43).encode(),
    alert=m.Link(key="A31"),
)
RAN = {
    "confirmed_by": "slack:T0DRAGON/U0ADA",
    "confirmed_at": NOW,
    "runs_at": NOW,
    "took": timedelta(milliseconds=38),
    "rows": 12,
    "result": {"reset": 12, "moved_on": 2},
    "proof": {"total": 12, "left": 5, "called": ["U0BEN"]},
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
}
ALONE = m.Alone(
    reason="Cleo and Dana called twice, no answer",
    alert="A34",
    alert_title="migration blocked",
    alert_age=timedelta(seconds=580),
    told=("C0INCIDENTS", "C0SECURITY"),
    opened_at=ago(90_000),
    is_open=True,
)
REVIEWED = replace(ALONE, is_open=False, closed_by="slack:T0DRAGON/U0BEN", closed_at=NOW)


def in_every_face(plan: m.PlanCard, **ran: object) -> list[m.PlanCard]:
    """Return a plan in every face, with what came of it; one person alone runs it where that is the face."""
    waits = replace(ALONE, is_open=False)
    faces = ({**ran, "face": face, "alone": waits if face is m.PlanFace.EMERGENCY else None} for face in m.PlanFace)
    return [replace(plan, **given) for given in faces]  # type: ignore[arg-type]


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
    elsewhere=(
        m.SourceLine(name="Simplicity API", verdict="ok", age=timedelta(seconds=18)),
        m.SourceLine(name="API", verdict="ok"),
        m.SourceLine(name="database", verdict="ok"),
        m.SourceLine(name="migrations", verdict="0 pending"),
    ),
    alerts=(
        m.AlertLine(
            key="A31",
            title="ingest workers offline",
            state="firing",
            online=0,
            total=2,
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
TARGET = m.TargetLine(
    id="a3f09c11-0000",
    disposition="reset",
    reason="no heartbeat",
    facts={"job_type": "ingest", "since": ago(542).isoformat(), "attempts": 3, "max_attempts": 5},
)
FACTS: dict[str, object] = {
    "requester": "slack:T0DRAGON/U0ADA",
    "plan": "7F3K",
    "command": "/dragonfly reset-stuck",
    "ended_by": "slack:T0DRAGON/U0ADA",
    "ended_at": NOW,
    "card": None,
    "superseded_by": "8Q2M",
    "decided_by": "slack:T0DRAGON/U0BEN",
    "decided_at": NOW,
    "message": "reset-stuck needs an operator, you may read and acknowledge",
    "hint": "/dragonfly stuck 5m",
    "ask": (),
    "oncall": "U0ADA",
    "holder": "6T9W",
    "holder_step": "reset-stuck",
    "holder_actor": "slack:T0DRAGON/U0BEN",
    "holder_since": NOW,
    "approval_why": "over 500 jobs",
    "target": "340",
    "gate": "G7",
    "wrong_entries": 5,
    "what": "a version of 4, 8 or 14 digits",
    "actor": "slack:T0DRAGON/U0ADA",
    "at": NOW,
    "key": "A31",
    "resolved_at": NOW,
    "word": "rest-stuck",
    "nearest": "reset-stuck",
    "channel": "C0INCIDENTS",
    "late": timedelta(seconds=9),
    "age": timedelta(seconds=20),
    "url": "https://example.org/archives/C1/p1",
    "report": "E-4K2",
    "unknown": False,
    "by": "slack:T0DRAGON/U0BEN",
    "reason": "database failover",
    "still": "",
    "cause": "freeze",
    "since": NOW,
    "shell": "dragonfly apply 7F3K",
    "n": 1851,
    "counts": True,
    "why": "the migration truncated it",
}
NOTICES = [
    "not-yours",
    "already-done",
    "twice",
    "kept",
    "left",
    "expired",
    "replaced",
    "ended",
    "decided",
    "settled-already",
    "stopped",
    "gate-stopped",
    "gate-ended",
    "not-resuming",
    "not-allowed",
    "someone-else",
    "old-card",
    "other-database",
    "step-changed",
    "needs-second",
    "wrong-typed",
    "wrong-too-often",
    "not-a-value",
    "own-approval",
    "acknowledged",
    "late-acknowledge",
    "resolved",
    "not-found",
    "near-miss",
    "bad-input",
    "target-failed",
    "handed-over",
    "not-here",
    "database-away",
    "storage-away",
    "late-press",
    "link-status",
    "bug",
    "frozen",
    "unfrozen",
    "accepted",
    "frozen-already",
    "not-frozen",
    "own-freeze",
    "changes-off",
    "no-alert",
    "never-alone",
    "no-need",
    "runs-alone",
    "alone-stopped",
    "too-late",
    "no-review",
    "own-review",
    "asked-already",
    "not-asked",
    "fired-since",
    "not-verified",
]


MOMENT = (NOW + timedelta(hours=2)).isoformat()
PLANS: dict[str, tuple[str, str, dict[str, object]]] = {
    "restart": (
        "restart",
        "ingest",
        {
            "label": "ingest",
            "service": "ingest-worker",
            "built": NOW.isoformat(),
            "replicas": 2,
            "holds": 3,
            "reset_first": 3,
            "worker_types": ["ingest_processor"],
            "status": "SUCCESS",
            "says": "deploymentRestart",
        },
    ),
    "set_variable": (
        "offline",
        "1",
        {
            "variable": "SIMPLICITY_OFFLINE_MODE",
            "service": "ingest-worker",
            "before": None,
            "after": "true",
            "lines": ["if OFFLINE: sleep"],
            "holds": 4,
        },
    ),
    "end_session": (
        "unlock",
        "48213",
        {
            "pid": 48213,
            "username": "deploy",
            "application_name": "psql",
            "state": "idle in transaction",
            "in_state_seconds": 860.0,
            "holds_history": True,
            "blocks": [48377],
            "cancel": False,
        },
    ),
    "repair": (
        "repair",
        "20251226000000",
        {
            "version": "20251226000000",
            "status": "applied",
            "name": "add_feed_view",
            "row": None,
            "statements": 0,
        },
    ),
    "rollback": ("rollback", "20251226000000", {"version": "20251226000000", "lines": 3, "script": "4c1e09ab77d0"}),
    "pause": (
        "pause",
        "212",
        {
            "keeps": "",
            "pending": 212,
            "processing": 2,
            "every_seconds": 15.0,
            "ends_at": MOMENT,
            "lease_seconds": 7200.0,
            "reason": "Simplicity API down",
            "job_types": ["ingest_csv"],
            "ignored": ["ingest"],
            "foreign": 8,
            "strategy": "next-run-at",
            "says": "next try moved far ahead, old value kept",
        },
    ),
    "resume": (
        "resume",
        "260",
        {
            "held": 260,
            "batch": 50,
            "batches": 6,
            "every_seconds": 30.0,
            "paused_seconds": 2458.0,
            "foreign": 0,
            "asked": True,
            "good": 3,
        },
    ),
    "undo": ("undo", "5", {"run": "7F3K", "of": "reset-stuck", "can": 5, "cannot": 9, "thing": "jobs"}),
    "allow_release": (
        "allow-release",
        "2",
        {"gate": 7, "failed": ["Worker Heartbeats", "Migration Status"], "reason": "fix for A31", "until": MOMENT},
    ),
    "sql_change": (
        "reset-failed",
        "3",
        {"sample": ["a3f0 job_type ingest_csv"], "proof": "none of them is failed", "has_proof": True},
    ),
}
"""Facts of a plan of every kind: (step, what is typed, what was previewed)."""
LOCKS = m.LockTree(
    env="dev",
    as_of=NOW,
    tree=tree(
        [
            Session(
                pid=48377,
                username="postgres",
                application_name="supabase",
                state="active",
                in_state_seconds=362.0,
                waits_seconds=362.0,
                is_migration=True,
                blockers=(48213,),
            ),
            Session(
                pid=48402,
                username="api",
                application_name="api",
                state="active",
                in_state_seconds=75.0,
                waits_seconds=75.0,
                blockers=(48377,),
            ),
        ],
        {
            48213: Session(
                pid=48213,
                username="deploy",
                application_name="psql",
                state="idle in transaction",
                in_state_seconds=860.0,
            )
        },
    ),
    advisory=((48213, 1),),
    endable=48213,
)
MIGRATIONS = m.MigrationList(
    env="dev",
    as_of=NOW,
    applied=317,
    lines=(
        m.MigrationLine(version="20251226000000", name="add_feed_view", verdict="pending"),
        m.MigrationLine(version="0042", name="old", verdict="differs", detail="name is not the file's"),
    ),
    total=319,
    pending=1,
    differs=1,
    source="migrations",
    mixed_lengths=True,
    blocked="session 48213 blocks it for 6 m 02 s",
)
PAUSE = m.PauseCard(
    env="dev",
    as_of=NOW,
    key="4B7T",
    thing="ingest",
    state="active",
    held=212,
    held_later=19,
    released=0,
    moved=1,
    owner="slack:T0DRAGON/U0ADA",
    reason="Simplicity API down",
    started_at=ago(540),
    ends_at=NOW + timedelta(hours=2),
    ended_at=None,
    vendor="Simplicity API",
    verdict="failing",
    asked_ago=timedelta(seconds=20),
    not_ours=8,
    why_stopped="5 of 8 calls failed in the last batch",
    contact="vendor support +1 555 0100",
)
HOME = m.Home(
    env="dev",
    as_of=NOW,
    reader="slack:T0DRAGON/U0ADA",
    role="operator",
    oncall=STATUS.oncall,
    ask="U0BEN",
    waiting=(m.LinkedPlan(card=PLAN, url="https://example.org/x"), m.LinkedPlan(card=replace(PLAN, key="2H6V"))),
    alerts=(replace(STATUS.alerts[0], url="https://example.org/y"),) * 7,
    reviews=(m.LinkedPlan(card=replace(PLAN, alone=ALONE, **RAN)),),  # type: ignore[arg-type]
    held=(PAUSE,),
    mine=tuple(
        m.LinkedPlan(card=replace(PLAN, face=face, **RAN))  # type: ignore[arg-type]
        for face in (m.PlanFace.WORKING, m.PlanFace.RECOVERED, m.PlanFace.NO_EFFECT)
    ),
    checked_ago=timedelta(minutes=12),
    steps=15,
    ready=14,
)
ANCHOR = f"dragonfly-anchor env=dev n=1842 at=2026-01-02T03:04:05.000006Z hash={'ab' * 32} signature={'cd' * 32}"
CHECK = m.GateCheck(name="API Health", passed=True, skipped=False, message="200, 84 ms")
GATE = m.GateReport(
    env="dev",
    as_of=NOW,
    mode="prod",
    checks=(
        CHECK,
        m.GateCheck(
            name="Worker Heartbeats",
            passed=False,
            skipped=False,
            message="No workers active in last 300 s",
            remediation="check the logs, restart the workers",
        ),
        m.GateCheck(name="AI Evaluator", passed=False, skipped=True, message="by --skip"),
    ),
    took=timedelta(seconds=31),
    commit="9f1c2ab",
    key="G7",
)


def lists() -> list[m.Message]:
    """Return one of every list, with findings and without."""
    worker = m.ListedWorker(
        worker_id="ingest_processor-4f2a91c0",
        worker_type="ingest_processor",
        label="ingest",
        status="running",
        online=True,
        silent_for=timedelta(seconds=2),
        jobs_held=1,
    )
    old = replace(worker, worker_id="ingest_processor-dead0001", online=False, silent_for=timedelta(hours=1))
    logs = m.LogReport(
        env="dev",
        as_of=NOW,
        service="ingest-worker",
        lines=100,
        since=ago(600),
        until=NOW,
        deployments=("4f2a91c0 success",),
        evidence=(("OOM", 2, ago(108)), ("crashed", 1, None)),
        dropped=3,
    )
    probe = m.ProbeReport(
        env="dev",
        as_of=NOW,
        vendor="simplicity",
        title="Simplicity API",
        verdict="failing",
        endpoint="500",
        took=timedelta(milliseconds=84),
        status_page="operational",
        good_in_a_row=1,
        contact="vendor support +1 555 0100",
    )
    offline = {"label": "ingest", "online": 0, "total": 2, "newest": "", "others": ()}
    line = m.VerifyLine(thing="worker", verdict="not yet", facts=offline, why="no heartbeat")
    told: dict[str, dict[str, object]] = {
        "jobs": {"held": 0},
        "locks": {},
        "migrations": {"pending": 2},
        "vendor": {"title": "Simplicity API"},
        "errors": {"title": "Simplicity", "failed": 0},
        "ingest": {},
        "offline": {},
    }
    recovered = [
        m.VerifyLine(thing=thing, verdict="recovered", facts=facts, why="200" if thing == "vendor" else "")
        for thing, facts in told.items()
    ]
    state = m.QueueState(job_type="ingest_csv", counts={"due": 3, "lock-held": 1}, oldest=timedelta(minutes=4))
    return [
        m.WorkerList(
            env="dev", as_of=NOW, workers=(worker,) * 30 + (old,), finished={"ingest_processor": 14}, no_progress=()
        ),
        m.WorkerList(env="dev", as_of=NOW, workers=(), finished={}, no_progress=()),
        m.QueueReport(
            env="dev",
            as_of=NOW,
            states=(state,) * 20,
            schedules=False,
            paused_by="slack:T0/U0ADA",
            next=(m.NextJob(id="a3f09c11-1", job_type="ingest_csv", attempts=1, why="lock held", until=NOW),) * 30,
        ),
        m.FailureReport(
            env="dev",
            as_of=NOW,
            since=timedelta(hours=24),
            total=9,
            cut=True,
            groups=(
                m.FailureGroup(
                    job_type="ingest_csv",
                    error="http 5xx",
                    print="91bc",
                    count=9,
                    newest=timedelta(seconds=20),
                    exhausted=True,
                ),
            )
            * 12,
        ),
        m.IngestReport(
            env="dev",
            as_of=NOW,
            job_types=("ingest_csv",),
            ignored=("ingest",),
            counts=(("ingest_csv", "pending", 4),),
            oldest=timedelta(minutes=4),
            files=(("a.csv", 2),),
            files_hidden=False,
            paused_by="slack:T0/U0ADA",
            paused_until=NOW + timedelta(hours=2),
        ),
        m.IngestReport(
            env="dev", as_of=NOW, job_types=(), ignored=(), counts=(), oldest=None, files=None, files_hidden=True
        ),
        MIGRATIONS,
        replace(MIGRATIONS, pending=None, blocked=""),
        LOCKS,
        replace(LOCKS, tree=tree([], {}), endable=0, advisory=(), cannot="role bot may not end sessions of others"),
        logs,
        replace(logs, evidence=(), dropped=0, lines=0, since=None, until=None),
        replace(logs, evidence=(), oom_lines=0),
        replace(logs, why_unknown="Railway cannot be reached", local="python -m backend.workers.ingest_processor"),
        *(replace(probe, verdict=verdict) for verdict in ("ok", "failing", "unknown")),
        replace(probe, good_in_a_row=None),
        m.TableReport(
            env="dev",
            as_of=NOW,
            step="failed-by-type",
            title="Failed jobs by type",
            columns=("job_type", "failed", "last_failed"),
            rows=(("ingest_csv", "14", "2026-01-05 08:00:00"), ("<!channel> `x` *y*", "1", "")) * 25,
            more=True,
        ),
        m.TableReport(env="dev", as_of=NOW, step="failed-by-type", title="Failed jobs", columns=(), rows=()),
        m.VerifyReport(env="dev", as_of=NOW, scenario="worker-death", lines=(line,), next_contact=("U0BEN",)),
        m.VerifyReport(env="dev", as_of=NOW, scenario="worker-death", lines=(line,), done_ago=timedelta(minutes=5)),
        m.VerifyReport(
            env="dev",
            as_of=NOW,
            scenario="vendor-outage",
            lines=(replace(line, verdict="recovered"), *recovered),
            wrong_for=timedelta(seconds=130),
        ),
        m.DoctorReport(
            env="dev",
            as_of=NOW,
            took=timedelta(seconds=1.9),
            lines=tuple(
                m.DoctorLine(
                    name=f"step {verdict}", verdict=verdict, detail="next_run_at is missing", remedy=("GRANT x",)
                )
                for verdict in ("ok", "bad", "unknown", "off")
            ),
        ),
        GATE,
        replace(GATE, service="enforcement"),
        replace(GATE, checks=(CHECK,)),
        replace(GATE, checks=(CHECK,), outdated_at=NOW),
        replace(GATE, stopped_by="slack:T0DRAGON/U0ADA", waits=("DB Connectivity", "Migration Status")),
        replace(GATE, allowed_until=NOW, allowed_why="fix for A31"),
        replace(GATE, in_progress=True, running="DB Connectivity", waits=("Migration Status",)),
        *(replace(PAUSE, state=state) for state in ("active", "resuming", "stopped")),
        replace(PAUSE, state="ended", ended_at=NOW, good=3),
        *(
            m.PauseReply(env="dev", as_of=NOW, card=replace(PAUSE, ended_at=NOW), event=event, mentions=("U0ADA",))
            for event in ("reminder", "ends_soon", "ended_failing", "resuming", "stopped", "ended")
        ),
    ]


def plans_of_every_kind() -> list[m.Message]:
    """Return a plan of every kind, in every face, and its details."""
    found: list[m.Message] = []
    for kind, (step, target, facts) in PLANS.items():
        plan = replace(
            PLAN, kind=kind, step=step, title=step, target=target, acting=5, facts=facts, url="https://x.y/z"
        )
        ran = {**RAN, "rows": 5, "result": {"put_back": 5, "held": 5}, "proof": {"left": 1, "total": 5}}
        found += [plan, *in_every_face(plan, **ran)]
        found.append(m.AskForm(env="dev", as_of=NOW, card=plan))
    return found


def examples() -> list[m.Message]:
    """Return one of every message, each card in every face."""
    call = m.Call(who=("U0ADA",), label="on call", at=NOW)
    found: list[m.Message] = [*lists(), *plans_of_every_kind()]
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
        for check in ("check_blind", "api_health", "db_reachable", "migration_blocked")
    ]
    sources = {"failed_jobs": 9, "finished_jobs": 3, "log_lines": 4, "probe": "500", "page": "operational"}
    vendor = replace(ALERT, check="vendor_errors", label="Simplicity API", scenario="vendor-outage", sources=sources)
    found += [
        vendor,
        replace(TAKEN, face=m.AlertFace.ACKED, service="ingest"),
        replace(vendor, acked_by="slack:T0/U0ADA", acked_at=NOW, face=m.AlertFace.ACKED),
        replace(vendor, pause="active"),
        replace(ALERT, face=m.AlertFace.REOPENED, reopens=1, recovered_at=ago(300), ack_gone=True, in_logs=()),
        replace(ALERT, lapsed_by="slack:T0/U0ADA", lapsed_at=NOW, in_logs=(("OOM", 2),)),
        replace(ALERT, check="migration_blocked", label="migrations", scenario="migration-block", counted=WAITS),
        replace(ALERT, check="jobs_stuck", label="ingest jobs", counted={"count": 17}),
    ]
    link = m.Link(key="7F3K", url="https://example.org/x")
    found += [
        replace(TAKEN, face=m.AlertFace.ACKED, service="ingest", open_plan=link, open_step=step)
        for step in ("reset-stuck", "restart", "unlock")
    ]
    for event in ("escalated", "exhausted", "recovered", "reopened", "resolved_by_hand", "ack_lapsed", "unsteady"):
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
    recovered = next(one for one in found if isinstance(one, m.AlertReply) and one.event == "recovered")
    found.append(replace(recovered, reset=0, paused=155))
    found += [
        STATUS,
        replace(STATUS, restart="enforcement", next_steps=("restart", "reset")),
        replace(STATUS, restart="enforcement", next_steps=("logs", "restart", "reset"), down="A31"),
        replace(STATUS, alerts=(), workers=STATUS.workers[1:], queue=replace(STATUS.queue, stuck=0, stuck_dead=0)),
    ]
    found += [
        replace(
            STATUS, changes_on=False, changes_why="database failover", changes_by="slack:T0/U0BEN", changes_since=NOW
        ),
        replace(STATUS, changes_on=False, changes_why="clocks differ by 41 s"),
    ]
    away = replace(STATUS, queue=NOT_KNOWN, alerts=(), blind="unreachable", blind_reason="timed out", changes_on=False)
    last = m.LastSeen(at=NOW, workers=(("ingest", 0, 2), ("enforcement", 1, 1)), pending=244, processing=17)
    found += [away, replace(away, blind="hidden"), replace(away, last=last, logs="ingest")]
    found.append(replace(away, refused_hint="dragonfly db grants prints what to grant"))
    found += [PLAN, *in_every_face(PLAN, **RAN), replace(PLAN, facts={**PLAN.facts, "replaces": "8Q2M"})]
    found += [
        replace(PLAN, face=face, alone=alone, **RAN)  # type: ignore[arg-type]
        for face in (m.PlanFace.WORKING, m.PlanFace.RECOVERED, m.PlanFace.UNKNOWN, m.PlanFace.CANCELLED)
        for alone in (ALONE, REVIEWED)
    ]
    replies = ("done", "proved", "no_effect", "not_known", "asked", "approved", "unknown", "settled")
    for event in (*replies, "stopped", "reviewed", "review_open"):
        found.append(
            m.PlanReply(
                env="dev",
                as_of=NOW,
                card=replace(PLAN, alone=ALONE, **RAN),  # type: ignore[arg-type]
                event=event,
                actor="slack:T0/U0ADA",
                at=NOW,
                facts={"how": "it happened", "reason": "seen in the dashboard", "found": "it was needed"},
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
            soon=2,
            stuck_by=NOW,
        ),
        m.CannotPlan(
            env="dev",
            as_of=NOW,
            step="reset-stuck",
            title="Reset stuck jobs",
            reasons=("role x may not update status",),
            remedy=("GRANT UPDATE",),
            statement="SELECT 'a * b * c' -- `as it is`\n" * 90,
        ),
        m.NothingStuck(env="dev", as_of=NOW, stuck=3, slow=2, unknown=1, unlisted=0, guard_until=NOW, jobs=(JOB,)),
        m.NothingStuck(env="dev", as_of=NOW, stuck=0, slow=0, unknown=0, unlisted=0, soon=1, stuck_by=NOW),
        m.PlanDetails(
            env="dev",
            as_of=NOW,
            key="7F3K",
            seal="4c1e09ab",
            kind="rescue",
            targets=(TARGET,) * 30,
            total=358,
            strategy="clears locks",
            statement="UPDATE x < y && `z`\n" * 400,
        ),
        *(
            replace(PLAN, face=face, moved=moved, stale=moved > 200, as_of=NOW + timedelta(minutes=4, seconds=10))
            for face in (m.PlanFace.ISSUED, m.PlanFace.NEEDS_SECOND, m.PlanFace.ASKED, m.PlanFace.APPROVED)
            for moved in (12, 340)
        ),
        replace(PLAN, face=m.PlanFace.ASKED, may_run_alone=True),
        m.AskForm(env="dev", as_of=NOW, card=PLAN),
        m.SettleForm(env="dev", as_of=NOW, card=PLAN, happened=True),
        m.TypedForm(env="dev", as_of=NOW, card=replace(PLAN, **RAN)),  # type: ignore[arg-type]
        m.AloneForm(env="dev", as_of=NOW, card=PLAN, told=ALONE.told, delay=timedelta(seconds=60)),
        m.ReviewForm(env="dev", as_of=NOW, card=replace(PLAN, alone=ALONE, **RAN)),  # type: ignore[arg-type]
        m.ResolveForm(env="dev", as_of=NOW, key="A31", label="ingest"),
        m.Working(env="dev", as_of=NOW, what="7F3K"),
        m.PlanForm(
            env="dev",
            as_of=NOW,
            step="repair",
            title="Repair a migration's record",
            why="This changes the record alone.",
            place="repair?channel=C0INCIDENTS",
            fields=(
                m.Field(name="version", value="20251226000000", example="20251226000000", most=100),
                m.Field(name="status", choices=("applied", "reverted")),
                m.Field(name="reason", least=5, lines=True),
            ),
        ),
        m.RunbookCard(
            env="dev",
            as_of=NOW,
            scenario="worker-death",
            title="Worker death",
            trigger="A type is silent.",
            calls=(call,),
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
            checked_ago=timedelta(minutes=12),
        ),
        m.OnCallCard(env="dev", as_of=NOW, now=STATUS.oncall, chains=(("worker-death", (call, call)),)),
        replace(ALERT, check="audit_chain", label="record", reason="the record does not add up at no. 3 (gap)"),
        m.AnchorNote(env="dev", as_of=NOW, n=1842, line=ANCHOR),
        m.AlertList(env="dev", as_of=NOW, alerts=STATUS.alerts * 12),
        m.AlertList(env="dev", as_of=NOW, alerts=(), last=STATUS.alerts[0]),
        m.Timeline(
            env="dev",
            as_of=NOW,
            key="A31",
            label="ingest",
            word="offline",
            state="resolved",
            wrong_for=timedelta(seconds=318),
            entries=(
                *(m.TimelineEntry(at=NOW, event="fired", reason="bad for long enough", who=("U0ADA",)),) * 60,
                m.TimelineEntry(at=NOW, event="run", actor="slack:T0/U0ADA", step=ALERT.steps[0], record_n=1842),
                m.TimelineEntry(at=NOW, event="recovered", took=timedelta(seconds=318)),
            ),
            record_n=1845,
            record_at=ago(720),
            copied_n=1800,
            copied_at=ago(240),
        ),
        m.Help(env="dev", as_of=NOW),
        m.Help(env="dev", as_of=NOW, topic="stuck", found=(("/dragonfly stuck", "jobs"),)),
        HOME,
        replace(HOME, reader="slack:T0DRAGON/U0BEN", role="viewer", alerts=(), waiting=(), held=(), mine=()),
        replace(HOME, blind="the database cannot be reached", alerts=(), waiting=(), held=(), mine=()),
        *(replace(HOME, role=role, alerts=(), waiting=(), held=(), mine=()) for role in ("nobody", "")),
    ]
    found += [m.Notice(env="dev", as_of=NOW, kind=kind, facts=FACTS) for kind in NOTICES]
    return [*found, *itself()]


FREEZE = m.Mode(kind="freeze", facts={"since": NOW, "by": "slack:T0/U0BEN", "reason": "database failover"})
MODES = (
    FREEZE,
    m.Mode(kind="clock", facts={"reason": "clocks differ by 41 s"}),
    m.Mode(kind="record", facts={"reason": "the record does not add up at no. 1,712 (content)"}),
    m.Mode(kind="no_copy", facts={"n": 1800, "late": timedelta(minutes=22)}),
    m.Mode(kind="slack_slow", facts={"late": timedelta(seconds=40), "pager": True}),
)
PAGE = m.Page(
    env="prod",
    as_of=NOW,
    action="trigger",
    dedup_key="3" * 64,
    key="A31",
    check="worker_heartbeat",
    severity="critical",
    what="ingest workers offline",
    detail="0 of 2 online",
    since=ago(108),
    by="slack:T0DRAGON/U0ADA",
)


def itself() -> list[m.Message]:
    """Return what the bot says of itself."""
    lines = (STATUS.alerts or ())[:1]
    away = m.AwayCard(
        env="dev",
        as_of=NOW,
        away_from=ago(845),
        away_to=NOW,
        restarted=True,
        looking_until=NOW + timedelta(seconds=110),
        alerts=lines * 2,
        before=lines,
        missed_looks=56,
        late_calls=1,
        latest_call=timedelta(seconds=250),
        ended_plans=("7F3K", "8Q2M"),
        record_n=1836,
    )
    return [
        away,
        replace(away, as_of=NOW + timedelta(seconds=110), alerts=(), before=(), late_calls=0, ended_plans=()),
        replace(away, alerts=lines * 31),
        *(m.ModeNotice(env="dev", as_of=NOW, mode=mode) for mode in MODES),
        *(m.ModeNotice(env="dev", as_of=NOW, mode=mode, ended_at=NOW) for mode in MODES),
        replace(ALERT, check="outbox_lag", scenario="self-check", label="Dragonfly itself", reason="waits 130 s"),
        replace(ENDED, face=m.AlertFace.RECOVERED, late=True),
    ]
