"""Every duration of the specification, once.

The defaults are the production numbers; `FAST` is the sandbox's profile (design, D15).
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
    escalate_second: timedelta = _minutes(5)
    """When the second level is called, where no contacts are configured."""
    escalate_third: timedelta = _minutes(15)
    """When the third level is called, where no contacts are configured."""
    stuck_after: timedelta = _minutes(5)
    """`processing` for longer is stuck."""
    dead_after: timedelta = _seconds(180)
    """An owner silent for this long is dead (§12.2)."""
    start_guard: timedelta = _seconds(180)
    """Nobody is judged dead this soon after a database start or a gap in our own looking (§12.4)."""
    unknown_after_start: timedelta = _seconds(90)
    """Heartbeats older than the database's start are `unknown` for this long after it."""
    stopped_after: timedelta = _seconds(60)
    """A worker that said `stopped` is gone after this."""
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
    begin_within: timedelta = _seconds(60)
    """A confirmed run that has not begun by then is aborted (K4)."""
    proof_limit: timedelta = _minutes(5)
    """How long a run may take to show its effect."""
    sweep_interval: timedelta = _seconds(15)
    """How often a pause holds what has come since (§12)."""
    probe_interval: timedelta = _seconds(20)
    """How often the vendor of a pause is asked."""
    probe_span: timedelta = _seconds(60)
    """Three good answers count only when they lie at least this far apart."""
    resume_interval: timedelta = _seconds(30)
    """Between two batches of a resume."""
    pause_reminder: timedelta = timedelta(hours=1)
    """How often whoever paused is reminded."""
    pause_warning: timedelta = _minutes(15)
    """How long before its end a pause says so."""
    numbers_edit: timedelta = _seconds(60)
    """A card whose numbers alone changed is edited no more often than this."""
    edit_gap: timedelta = _seconds(3)
    """Two edits of one message are at least this far apart."""
    clock_limit: timedelta = _seconds(30)
    """Our clock and the database's differ by more: changes are off (§1, T3)."""
    catalog_age: timedelta = _seconds(60)
    """How old our knowledge of the target's catalog may be."""


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
)

PROFILES = {"playbook": PLAYBOOK, "fast": FAST}
