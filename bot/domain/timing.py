"""Every duration of the product, once: whatever a person waits for, is told, or might set otherwise.

The defaults are the production numbers; `FAST` is the sandbox's profile (design, D15). What belongs to a library, to
somebody's protocol or to one statement (time-outs, leases of a claim, Slack's three seconds) stands where it is used.
"""

from dataclasses import dataclass, replace
from datetime import timedelta


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def _minutes(value: float) -> timedelta:
    return timedelta(minutes=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long things may take before they mean something."""

    offline_after: timedelta = _seconds(60)
    """A worker type with no `running` heartbeat for this long is offline (§2)."""
    check_interval: timedelta = _seconds(15)
    """Between two looks of one check."""
    platform_interval: timedelta = _seconds(60)
    """Between two looks at the platform's deployments: its rate limit is 1,000 requests an hour."""
    vendor_interval: timedelta = _seconds(30)
    """Between two looks at a vendor: our jobs' errors, our logs, its endpoint and its page."""
    stuck_interval: timedelta = _seconds(60)
    """Between two looks at jobs whose workers are gone."""
    migration_wait: timedelta = _seconds(60)
    """A session that waits for a migration's lock for longer blocks it (§2)."""
    deploy_pending: timedelta = _minutes(15)
    """A deployment that is pending for longer is blocked (§2)."""
    vendor_window: timedelta = _minutes(5)
    """How far back a vendor's errors, our finished jobs and our logs are looked at."""
    preflight_interval: timedelta = _minutes(5)
    """Between two looks whether every step would still work."""
    verify_gap: timedelta = _seconds(5)
    """Between the two looks of `verify`, or `check_interval` where that is shorter."""
    progress_window: timedelta = _minutes(15)
    """A worker type that beats, has jobs to do and has finished none for this long makes no progress."""
    pending_for: timedelta = _seconds(30)
    """How long a check must be bad before its alert fires (`for`)."""
    keep_firing_for: timedelta = _seconds(60)
    """How long a check must be well before its alert is resolved."""
    reopen_window: timedelta = _minutes(15)
    """A resolved alert that turns bad again within this reopens on the same card."""
    refire_after_manual: timedelta = _minutes(10)
    """Resolved by hand and still bad after this: it fires anew."""
    flap_window: timedelta = _minutes(30)
    """Changes older than this do not count as unsteady."""
    flap_quiet: timedelta = _minutes(15)
    """Four changes within the window: unsteady until this long without a break."""
    ack_reminder: timedelta = _minutes(30)
    """Whoever acknowledged is asked again after this."""
    ack_lapses: timedelta = _minutes(60)
    """An acknowledgement that nobody renewed ends after this, and calling begins anew."""
    away_lately: timedelta = _minutes(5)
    """A card "cannot reach the database" that a replica posted within this is not posted again."""
    away_adopted: timedelta = timedelta(hours=24)
    """A new process closes such a card of an earlier one, up to this old."""
    escalate_second: timedelta = _minutes(5)
    """When the second level is called, where no contacts are configured."""
    escalate_third: timedelta = _minutes(15)
    """When the third level is called, where no contacts are configured."""
    stuck_after: timedelta = _minutes(5)
    """`processing` for longer is stuck."""
    dead_after: timedelta = _seconds(180)
    """An owner silent for this long is dead (§12.2)."""
    start_guard: timedelta = _seconds(180)
    """Nobody is judged dead this soon after a database start or a gap in our own looking (§12.4); `dead_after` at least, unless set."""
    unknown_after_start: timedelta = _seconds(90)
    """Heartbeats older than the database's start are `unknown` for this long after it."""
    stopped_after: timedelta = _seconds(60)
    """A worker that said `stopped` is gone after this."""
    worker_memory: timedelta = timedelta(hours=24)
    """A worker id that beat within this is no new one: a restart is proved by a new one."""
    sign_in_window: timedelta = _minutes(5)
    """How far back a service's logs are searched for a failed sign-in to the database before a restart."""
    idle_limit: timedelta = _minutes(5)
    """A session that has been idle in its transaction for less than this is not ended (§13)."""
    session_gone: timedelta = _seconds(60)
    """How long an ended session may take to be gone, and those who waited for it to go on."""
    mass_window: timedelta = _minutes(15)
    """Workers that beat this shortly before the newest dead one count when judging "over half at once"."""
    vanished_after: timedelta = _minutes(15)
    """A job whose owner never wrote a heartbeat row is judged by age alone after this."""
    second_look: timedelta = _seconds(30)
    """Between the two looks at a vanished owner."""
    backoff_base: timedelta = _seconds(30)
    """A reset job's next try waits this long, doubled with each attempt, where the queue keeps a next try."""
    backoff_most: timedelta = timedelta(hours=1)
    """The longest such wait."""
    plan_life: timedelta = _minutes(5)
    """How long a plan may be confirmed."""
    run_life: timedelta = _seconds(120)
    """How long an approved plan may wait for its requester."""
    approval_life: timedelta = _minutes(15)
    """How long a second person may take."""
    alone_delay: timedelta = _seconds(60)
    """How long everybody may stop what one person runs alone."""
    review_reminder: timedelta = timedelta(hours=24)
    """How often people are reminded of a run alone that nobody else has looked at."""
    begin_within: timedelta = _seconds(60)
    """A confirmed run that has not begun by then is aborted (K4)."""
    call_limit: timedelta = _seconds(90)
    """A call is answered by then, or nobody knows whether it happened."""
    read_back: timedelta = _minutes(10)
    """How long a call of unknown outcome is read back; then a person says what they saw."""
    proof_limit: timedelta = _minutes(5)
    """How long a run may take to show its effect."""
    proof_interval: timedelta = _seconds(5)
    """Between two looks at a proof that asks a platform which counts requests."""
    pause_lease: timedelta = timedelta(hours=2)
    """How long a pause lasts, unless it is said."""
    pause_least: timedelta = _minutes(5)
    """The shortest pause that may be asked for."""
    pause_longest: timedelta = timedelta(hours=72)
    """The longest one."""
    pause_ahead: timedelta = timedelta(days=3650)
    """How far ahead `next_run_at` is moved: finite, because `infinity` breaks every reader (target-system 1.6)."""
    resume_grace: timedelta = _minutes(2)
    """A resume is watched for this long beyond its batches."""
    release_lease: timedelta = _minutes(30)
    """How long a release that the gate refused is allowed, unless it is said."""
    release_longest: timedelta = timedelta(hours=4)
    """The longest such allowance."""
    gate_fresh: timedelta = _minutes(10)
    """A gate is true for this long (cards, section 6)."""
    sweep_interval: timedelta = _seconds(15)
    """How often a pause holds what has come since (§12)."""
    probe_interval: timedelta = _seconds(20)
    """How often the vendor of a pause is asked; a good answer is old after three such intervals."""
    probe_span: timedelta = _seconds(60)
    """Three good answers count only when they lie at least this far apart."""
    resume_interval: timedelta = _seconds(30)
    """Between two batches of a resume."""
    pause_reminder: timedelta = timedelta(hours=1)
    """How often whoever paused is reminded."""
    pause_warning: timedelta = _minutes(15)
    """How long before its end a pause says so."""
    status_shared: timedelta = _seconds(60)
    """Whoever asks for the status this soon after another gets a link to their card."""
    cause_window: timedelta = _minutes(5)
    """How long before an outage its logs may tell of its cause."""
    numbers_edit: timedelta = _seconds(60)
    """A card whose numbers alone changed is edited no more often than this."""
    edit_gap: timedelta = _seconds(3)
    """Two edits of one message are at least this far apart."""
    clock_limit: timedelta = _seconds(30)
    """Our clock and the database's differ by more: changes are off (§1, T3)."""
    verify_interval: timedelta = timedelta(hours=1)
    """Between two looks at what was added to the record (§11, U5)."""
    verify_whole: timedelta = timedelta(hours=24)
    """Between two walks through the whole record; the first is when the bot starts."""
    verify_again: timedelta = _seconds(60)
    """Between two walks through a record that does not add up."""
    anchor_log: timedelta = _minutes(15)
    """How often the end of the record is copied to the log, where anything was added (§11, U4)."""
    anchor_slack: timedelta = timedelta(hours=24)
    """How often it is copied to Slack too."""
    catalog_age: timedelta = _seconds(60)
    """How old our knowledge of the target's catalog may be."""
    identity_fresh: timedelta = _seconds(60)
    """How old our knowledge of a person may be when they change something (§7)."""
    identity_kept: timedelta = _minutes(15)
    """How old it may be when they only look."""
    clock_skew: timedelta = _seconds(2)
    """A clock that differs from the database's by more is a warning, and `doctor` complains of it (§1, T3)."""
    pulse_interval: timedelta = _seconds(5)
    """How often a process says that it lives, how its clock stands and how late its ticks are."""
    silent_after: timedelta = _seconds(60)
    """What a process said of itself is old after this."""
    self_check_interval: timedelta = _seconds(15)
    """Between two looks at ourselves: messages, calls, clocks, ticks, Slack (§16)."""
    overdue_least: timedelta = _seconds(30)
    """A check that nobody has looked at for three of its intervals, and for this long, cannot see (§2, O2)."""
    slack_interval: timedelta = _seconds(15)
    """Between two sign-ins to Slack; three that fail in a row are an alert (§2)."""
    scheduler_late: timedelta = _seconds(60)
    """A tick that should have ended this long ago is late."""
    page_after: timedelta = _seconds(60)
    """A critical message that Slack has not taken for this long goes by pager too (§5, Q9)."""
    outbox_late: timedelta = _seconds(120)
    """A critical message that nobody has got for this long is an alert."""
    outbox_life: timedelta = timedelta(hours=24)
    """A message that could not be delivered for this long is given up, unless its alert still fires (§5, Q8)."""
    trouble_lately: timedelta = timedelta(hours=1)
    """A message that was given up, or went to the fallback channel, is an alert for this long."""
    forged_window: timedelta = _minutes(5)
    """Wrong signatures within this count together (§6, N6)."""
    escalate_again: timedelta = _minutes(10)
    """How long after its last level a chain begins again, where nobody has acknowledged (§4, R4)."""
    ping_interval: timedelta = _seconds(60)
    """How often an outside monitor hears that all is well (§16, W1)."""
    away_after: timedelta = _minutes(2)
    """Away for longer than this, the bot says so when it is back."""
    slack_slow: timedelta = _seconds(20)
    """Messages that wait for longer make every answer say that Slack is slow."""
    clean_interval: timedelta = timedelta(days=1)
    """How often what is old is taken away (§22); the record never is."""
    keep_deliveries: timedelta = timedelta(days=7)
    """How long a handled delivery of Slack's is known, so that it is not handled again; ten minutes at least."""
    keep_messages: timedelta = timedelta(days=30)
    """How long a delivered message is known."""
    keep_plans: timedelta = timedelta(days=90)
    """How long a plan that is over is kept, with its run; and a run of the gate."""
    keep_alerts: timedelta = timedelta(days=365)
    """How long a resolved alert is kept."""

    @property
    def probe_fresh(self) -> timedelta:
        """Return after how long a good answer of a vendor is old: silence after it is no good answer."""
        return self.probe_interval * 3


PLAYBOOK = Timing()

FAST = replace(
    PLAYBOOK,
    offline_after=_seconds(4),
    check_interval=_seconds(1),
    platform_interval=_seconds(3),
    vendor_interval=_seconds(2),
    stuck_interval=_seconds(3),
    migration_wait=_seconds(4),
    pending_for=_seconds(2),
    keep_firing_for=_seconds(5),
    stuck_after=_seconds(10),
    dead_after=_seconds(8),
    start_guard=_seconds(8),
    unknown_after_start=_seconds(8),
    stopped_after=_seconds(4),
    idle_limit=_seconds(10),
    mass_window=_seconds(8),
    vanished_after=_seconds(20),
    second_look=_seconds(5),
    backoff_base=_seconds(2),
    escalate_second=_seconds(30),
    escalate_third=_seconds(90),
    proof_limit=_seconds(60),
    sweep_interval=_seconds(2),
    probe_interval=_seconds(2),
    probe_span=_seconds(4),
    resume_interval=_seconds(4),
    numbers_edit=_seconds(5),
    pulse_interval=_seconds(1),
    silent_after=_seconds(10),
    self_check_interval=_seconds(1),
    page_after=_seconds(15),
    outbox_late=_seconds(30),
    trouble_lately=_seconds(60),
    escalate_again=_seconds(60),
    away_after=_seconds(30),
    slack_interval=_seconds(5),
)

PROFILES = {"playbook": PLAYBOOK, "fast": FAST}
