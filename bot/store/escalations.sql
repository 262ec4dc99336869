-- name: insert
-- One level of a chain that is still to be called.
INSERT INTO ops.chatops_escalation (alert_id, round, repeat, level, due_at, chain)
VALUES (%(alert_id)s, %(round)s, %(repeat)s, %(level)s, %(due_at)s, %(chain)s::jsonb)
ON CONFLICT DO NOTHING;

-- name: take_due
-- Take levels whose time has come, of alerts that nobody has acknowledged.
UPDATE ops.chatops_escalation AS e
SET done_at = %(now)s, called = coalesce(e.chain -> (e.level - 1) -> 'who', '[]')
WHERE e.id IN (
    SELECT due.id
    FROM ops.chatops_escalation AS due
    WHERE due.due_at <= %(now)s AND due.done_at IS NULL AND due.cancelled_at IS NULL
    ORDER BY due.due_at
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED)
RETURNING e.id, e.alert_id, e.round, e.repeat, e.level, e.due_at, e.done_at, e.chain;

-- name: cancel
-- Somebody has it, or it is over.
UPDATE ops.chatops_escalation
SET cancelled_at = %(now)s
WHERE alert_id = %(alert_id)s AND done_at IS NULL AND cancelled_at IS NULL;

-- name: of_alert
-- The chain of an alert's present round, without the row that ends it.
SELECT id, alert_id, round, repeat, level, due_at, done_at, chain
FROM ops.chatops_escalation
WHERE alert_id = %(alert_id)s AND level <= jsonb_array_length(chain)
  AND round = (SELECT max(round) FROM ops.chatops_escalation WHERE alert_id = %(alert_id)s)
  AND cancelled_at IS NULL
ORDER BY level;

-- name: last_round
-- How often an alert's chain was begun.
SELECT coalesce(max(round), 0)::integer AS round FROM ops.chatops_escalation WHERE alert_id = %(alert_id)s;

-- name: first_called
-- The card itself called the first level.
UPDATE ops.chatops_escalation AS e
SET done_at = %(now)s, called = e.chain -> 0 -> 'who'
WHERE e.alert_id = %(alert_id)s AND e.level = 1 AND e.done_at IS NULL AND e.cancelled_at IS NULL;
