-- name: deliveries
-- Handled deliveries; what they carried is gone since they were handled.
DELETE FROM ops.chatops_inbox
WHERE id IN (SELECT id FROM ops.chatops_inbox WHERE handled_at < %(before)s LIMIT %(most)s);

-- name: messages
-- Messages that were delivered or given up, unless what they are about is still open: its card must still be found.
DELETE FROM ops.chatops_outbox
WHERE id IN (
    SELECT o.id
    FROM ops.chatops_outbox AS o
    WHERE o.ended_at < %(before)s
      AND NOT EXISTS (
          SELECT FROM ops.chatops_alert AS a
          WHERE a.state <> 'resolved' AND (o.message_key = 'alert:' || a.id OR o.message_key LIKE 'page:' || a.id || ':%%'))
      AND NOT EXISTS (SELECT FROM ops.chatops_pause AS p WHERE p.state <> 'ended' AND o.message_key = 'pause:' || p.id)
      AND NOT EXISTS (
          SELECT FROM ops.chatops_run AS r
          LEFT JOIN ops.chatops_review AS v ON v.run_id = r.id AND v.closed_at IS NULL
          WHERE (r.ended_at IS NULL OR v.run_id IS NOT NULL)
            AND (o.message_key = 'plan:' || r.id OR o.message_key LIKE 'plan:' || r.id || ':%%'))
    LIMIT %(most)s);

-- name: plans
-- Plans with their targets, their run, its pause and its review, when all of them are over.
WITH old AS (
    SELECT p.id
    FROM ops.chatops_plan AS p
    WHERE p.ended_at < %(before)s
      AND NOT EXISTS (
          SELECT FROM ops.chatops_run AS r
          WHERE r.id = p.id AND (r.ended_at IS NULL OR r.ended_at > %(before)s OR r.proof = 'watching'))
      AND NOT EXISTS (SELECT FROM ops.chatops_review AS v WHERE v.run_id = p.id AND v.closed_at IS NULL)
      AND NOT EXISTS (
          SELECT FROM ops.chatops_pause AS h WHERE h.id = p.id AND (h.ended_at IS NULL OR h.ended_at > %(before)s))
    LIMIT %(most)s
), reviews AS (
    DELETE FROM ops.chatops_review WHERE run_id IN (SELECT id FROM old)
), pauses AS (
    DELETE FROM ops.chatops_pause WHERE id IN (SELECT id FROM old)
), runs AS (
    DELETE FROM ops.chatops_run WHERE id IN (SELECT id FROM old)
)
DELETE FROM ops.chatops_plan WHERE id IN (SELECT id FROM old);

-- name: gates
-- Runs of the release gate.
DELETE FROM ops.chatops_gate
WHERE id IN (SELECT id FROM ops.chatops_gate WHERE ended_at < %(before)s LIMIT %(most)s);

-- name: alerts
-- Resolved alerts with their events; one that a plan still names stays.
WITH old AS (
    SELECT a.id
    FROM ops.chatops_alert AS a
    WHERE a.state = 'resolved' AND a.resolved_at < %(before)s
      AND NOT EXISTS (SELECT FROM ops.chatops_plan AS p WHERE p.alert_id = a.id)
    LIMIT %(most)s
), events AS (
    DELETE FROM ops.chatops_alert_event WHERE alert_id IN (SELECT id FROM old)
)
DELETE FROM ops.chatops_alert WHERE id IN (SELECT id FROM old);
