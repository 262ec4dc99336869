-- name: newest
-- The newest alert of a fingerprint, locked.
SELECT id, fingerprint, check_id, labels, scenario, state, severity, version, started_at, pending_since, fired_at,
       resolving_since, resolved_at, resolved_by, resolved_reason, last_bad_at, acked_by, acked_at, reopens, changes,
       unsteady, evidence, channel, edited_at
FROM ops.chatops_alert
WHERE fingerprint = %(fingerprint)s
ORDER BY id DESC
LIMIT 1
FOR UPDATE;

-- name: find
-- One alert, locked until the transaction ends if asked.
SELECT id, fingerprint, check_id, labels, scenario, state, severity, version, started_at, pending_since, fired_at,
       resolving_since, resolved_at, resolved_by, resolved_reason, last_bad_at, acked_by, acked_at, reopens, changes,
       unsteady, evidence, channel, edited_at
FROM ops.chatops_alert
WHERE id = %(id)s
FOR UPDATE  -- if locked
;

-- name: list_open
-- Alerts that were announced and are not resolved: not acknowledged first, oldest first.
SELECT id, fingerprint, check_id, labels, scenario, state, severity, version, started_at, pending_since, fired_at,
       resolving_since, resolved_at, resolved_by, resolved_reason, last_bad_at, acked_by, acked_at, reopens, changes,
       unsteady, evidence, channel, edited_at
FROM ops.chatops_alert
WHERE state IN ('firing', 'resolving')
ORDER BY acked_at IS NOT NULL, fired_at, id;

-- name: begun_of
-- What the alerts of one check that are not resolved are about, announced or not.
SELECT labels FROM ops.chatops_alert WHERE check_id = %(check)s AND state <> 'resolved';

-- name: last_resolved
-- The alert that was resolved last.
SELECT id, fingerprint, check_id, labels, scenario, state, severity, version, started_at, pending_since, fired_at,
       resolving_since, resolved_at, resolved_by, resolved_reason, last_bad_at, acked_by, acked_at, reopens, changes,
       unsteady, evidence, channel, edited_at
FROM ops.chatops_alert
WHERE state = 'resolved'
ORDER BY resolved_at DESC
LIMIT 1;

-- name: came_between
-- Alerts that began between two moments, those still open first.
SELECT id, fingerprint, check_id, labels, scenario, state, severity, version, started_at, pending_since, fired_at,
       resolving_since, resolved_at, resolved_by, resolved_reason, last_bad_at, acked_by, acked_at, reopens, changes,
       unsteady, evidence, channel, edited_at
FROM ops.chatops_alert
WHERE started_at BETWEEN %(began)s AND %(ended)s AND state <> 'pending'
ORDER BY state = 'resolved', acked_at IS NOT NULL, started_at, id;

-- name: insert
-- A new alert; nothing when another replica has just made it (A5).
INSERT INTO ops.chatops_alert
    (fingerprint, check_id, labels, scenario, state, severity, started_at, pending_since, fired_at, last_bad_at,
     evidence, channel)
VALUES
    (%(fingerprint)s, %(check)s, %(labels)s::jsonb, %(scenario)s, %(state)s, %(severity)s, %(started_at)s,
     %(pending_since)s, %(fired_at)s, %(now)s, %(evidence)s::jsonb, %(channel)s)
ON CONFLICT (fingerprint) WHERE state <> 'resolved' DO NOTHING
RETURNING id;

-- name: change
-- A change of state, compared and set on the version.
UPDATE ops.chatops_alert
SET state = %(state)s, version = version + 1, pending_since = %(pending_since)s, fired_at = %(fired_at)s,
    resolving_since = %(resolving_since)s, resolved_at = %(resolved_at)s, resolved_by = %(resolved_by)s,
    resolved_reason = %(resolved_reason)s, last_bad_at = %(last_bad_at)s, acked_by = %(acked_by)s,
    acked_at = %(acked_at)s, reopens = %(reopens)s, changes = %(changes)s, unsteady = %(unsteady)s,
    evidence = %(evidence)s::jsonb, started_at = %(started_at)s, edited_at = %(edited_at)s
WHERE id = %(id)s AND version = %(version)s
RETURNING id;

-- name: forget
-- A pending alert that was well again before it fired.
DELETE FROM ops.chatops_alert WHERE id = %(id)s AND state = 'pending';

-- name: insert_event
-- Something happened to an alert.
INSERT INTO ops.chatops_alert_event (alert_id, fingerprint, at, event, actor, reason, facts)
VALUES (%(alert_id)s, %(fingerprint)s, %(now)s, %(event)s, %(actor)s, %(reason)s, %(facts)s::jsonb)
RETURNING id;

-- name: events
-- What happened to an alert, oldest first.
SELECT id, at, event, actor, reason, facts
FROM ops.chatops_alert_event
WHERE alert_id = %(alert_id)s
ORDER BY at, id;

-- name: event
-- One event.
SELECT id, at, event, actor, reason, facts FROM ops.chatops_alert_event WHERE id = %(id)s;

-- name: runs_of
-- The runs made for an alert, oldest first, and what was put back of them since.
SELECT r.id, r.step, r.state, r.actor, r.confirmed_at, r.rows_affected, r.proof, r.result, r.proved_at, r.ended_at,
       r.record_n, r.undone_by, coalesce((undo.result ->> 'put_back')::integer, 0) AS put_back,
       coalesce((r.proof_facts ->> 'gone')::integer, 0) AS gone
FROM ops.chatops_run AS r
JOIN ops.chatops_plan AS p ON p.id = r.id
LEFT JOIN ops.chatops_run AS undo ON undo.id = r.undone_by
WHERE p.alert_id = %(alert_id)s
ORDER BY r.confirmed_at;

-- name: episode
-- The newest outage of a scenario: since when its alerts say without a gap that something is wrong, until when, and when a step last acted.
WITH wrong AS (
    SELECT started_at, coalesce(resolving_since, resolved_at) AS ended_at
    FROM ops.chatops_alert
    WHERE scenario = %(scenario)s AND (state IN ('firing', 'resolving') OR (state = 'resolved' AND resolved_at > %(after)s))
),
outage AS (
    SELECT max(started_at) AS since
    FROM wrong AS first
    WHERE NOT EXISTS (
        SELECT FROM wrong AS before
        WHERE before.started_at < first.started_at AND (before.ended_at IS NULL OR before.ended_at >= first.started_at))
)
SELECT o.since,
       (SELECT CASE WHEN bool_and(w.ended_at IS NOT NULL) THEN max(w.ended_at) END
        FROM wrong AS w WHERE w.started_at >= o.since) AS until,
       (SELECT max(r.ended_at) FROM ops.chatops_run AS r
        WHERE r.step = ANY(%(steps)s) AND r.state = 'succeeded' AND r.ended_at >= o.since) AS done_at
FROM outage AS o
WHERE o.since IS NOT NULL;
