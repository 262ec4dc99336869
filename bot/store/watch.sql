-- name: beat
-- What a process says of itself, now.
INSERT INTO ops.chatops_process
    (id, version, started_at, seen_at, skew_seconds, late_tick, late_seconds, slack_fails, slack_error, forged)
VALUES
    (%(id)s, %(version)s, %(now)s, %(now)s, %(skew_seconds)s, %(late_tick)s, %(late_seconds)s, %(slack_fails)s,
     %(slack_error)s, %(forged)s)
ON CONFLICT (id) DO UPDATE
SET seen_at = excluded.seen_at, skew_seconds = excluded.skew_seconds, late_tick = excluded.late_tick,
    late_seconds = excluded.late_seconds, slack_fails = excluded.slack_fails, slack_error = excluded.slack_error,
    forged = excluded.forged;

-- name: leave
-- A process stops by itself; those that did not, and were not seen for a day, go with it.
DELETE FROM ops.chatops_process WHERE id = %(id)s OR seen_at < %(now)s::timestamptz - interval '1 day';

-- name: processes
-- The processes that were seen of late.
SELECT id, version, started_at, seen_at, skew_seconds, late_tick, late_seconds, slack_fails, slack_error, forged
FROM ops.chatops_process
WHERE seen_at > %(now)s::timestamptz - make_interval(secs => %(silent_seconds)s)
ORDER BY started_at;

-- name: figures
-- How late messages are, which were given up or went elsewhere of late, since when the record has no copy outside, and
-- whom nobody will be called for.
WITH undelivered AS (
    SELECT kind, priority, created_at, next_attempt_at
    FROM ops.chatops_outbox
    WHERE state IN ('pending', 'leased', 'ambiguous')
), unanswered AS (
    SELECT a.id, a.check_id,
           EXISTS (SELECT FROM ops.chatops_escalation AS e
                   WHERE e.alert_id = a.id AND e.done_at IS NULL AND e.cancelled_at IS NULL) AS is_called_again,
           EXISTS (SELECT FROM ops.chatops_escalation AS e
                   WHERE e.alert_id = a.id AND e.done_at IS NOT NULL AND e.level > jsonb_array_length(e.chain)
                     AND e.repeat >= %(rounds)s
                     AND e.round = (SELECT max(round) FROM ops.chatops_escalation WHERE alert_id = a.id)) AS is_exhausted
    FROM ops.chatops_alert AS a
    WHERE a.state IN ('firing', 'resolving') AND a.acked_at IS NULL
), copied AS (
    SELECT coalesce(max(n), 0) AS n FROM ops.chatops_audit WHERE event = 'chain.anchored'
)
SELECT
    (SELECT min(created_at) FROM undelivered WHERE priority <= 1) AS oldest_critical,
    (SELECT min(created_at) FROM undelivered WHERE kind <> 'page' AND priority <= 3 AND next_attempt_at <= %(now)s) AS oldest_due,
    (SELECT count(*)::integer FROM undelivered) AS waiting,
    (SELECT max(until) FROM ops.chatops_rate_gate WHERE until > %(now)s) AS gate_until,
    (SELECT count(*)::integer FROM ops.chatops_outbox
     WHERE state = 'dead' AND ended_at > %(now)s::timestamptz - make_interval(secs => %(lately_seconds)s)) AS dead,
    ARRAY (SELECT DISTINCT rerouted_from FROM ops.chatops_outbox
           WHERE rerouted_from <> '' AND created_at > %(now)s::timestamptz - make_interval(secs => %(lately_seconds)s)
           ORDER BY rerouted_from) AS rerouted,
    (SELECT n FROM copied) AS copied_n,
    (SELECT a.at FROM ops.chatops_audit AS a JOIN copied ON a.n = copied.n + 1) AS uncopied_since,
    ARRAY (SELECT id FROM unanswered WHERE NOT is_called_again AND NOT is_exhausted ORDER BY id) AS forgotten,
    ARRAY (SELECT id FROM unanswered WHERE is_exhausted AND check_id <> 'escalation_exhausted' ORDER BY id) AS exhausted;

-- name: check_ages
-- When each check was looked at last, and how many looks in a row could not tell.
SELECT check_id, observed_at, unknown_streak FROM ops.chatops_check WHERE check_id = ANY (%(ids)s) ORDER BY check_id;

-- name: newest_pulse
-- When any process was seen before now; the row lock lets one process alone learn of a gap.
WITH before AS (
    SELECT check_id, observed_at FROM ops.chatops_check WHERE check_id = 'pulse' FOR UPDATE
), written AS (
    INSERT INTO ops.chatops_check (check_id, due_at, observed_at) VALUES ('pulse', %(now)s, %(now)s)
    ON CONFLICT (check_id) DO UPDATE SET observed_at = greatest(ops.chatops_check.observed_at, excluded.observed_at)
)
SELECT observed_at AS before FROM before;

-- name: late_calls
-- Calls that were due in a gap and made after it, or not yet; the end of a round calls nobody.
SELECT count(*)::integer AS count,
       coalesce(extract(epoch FROM max(coalesce(done_at, %(now)s) - due_at)), 0)::double precision AS seconds
FROM ops.chatops_escalation
WHERE due_at BETWEEN %(began)s AND %(ended)s AND cancelled_at IS NULL AND level <= jsonb_array_length(chain)
  AND (done_at IS NULL OR done_at >= %(ended)s);

-- name: plans_ended
-- Plans that nobody could confirm in a gap, and that ended in it.
SELECT id FROM ops.chatops_plan
WHERE expires_at BETWEEN %(began)s AND %(ended)s AND state IN ('issued', 'expired')
ORDER BY expires_at
LIMIT 10;

-- name: found_at_start
-- What a process finds when it starts.
SELECT (SELECT count(*)::integer FROM ops.chatops_alert WHERE state IN ('firing', 'resolving')) AS open_alerts,
       (SELECT count(*)::integer FROM ops.chatops_run
        WHERE state IN ('confirmed', 'executing', 'unknown')) AS unfinished_runs,
       (SELECT count(*)::integer FROM ops.chatops_outbox
        WHERE state IN ('pending', 'leased', 'ambiguous')) AS waiting_messages;

-- name: runs_by_state
-- How many runs there are in each state.
SELECT state, count(*)::integer AS number FROM ops.chatops_run GROUP BY state ORDER BY state;

-- name: open_by_check
-- How many alerts are open, by check and severity.
SELECT check_id, severity, count(*)::integer AS number
FROM ops.chatops_alert
WHERE state IN ('firing', 'resolving')
GROUP BY check_id, severity
ORDER BY check_id, severity;
