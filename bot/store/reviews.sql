-- name: open
-- What one person is about to run alone, for somebody else to look at afterwards.
INSERT INTO ops.chatops_review (run_id, actor, reason, alert_id, told, opened_at)
VALUES (%(run)s, %(actor)s, %(reason)s, %(alert_id)s, %(told)s::text[], %(now)s);

-- name: find
-- One review, with whether its run has, or may have, changed something.
SELECT v.run_id, v.actor, v.reason, v.alert_id, v.told, v.opened_at, v.stopped_by, v.closed_at, v.closed_by,
       r.rows_affected > 0 OR r.state IN ('succeeded', 'unknown', 'reconciled_done') AS happened
FROM ops.chatops_review AS v
JOIN ops.chatops_run AS r ON r.id = v.run_id
WHERE v.run_id = %(run)s;

-- name: list_open
-- What somebody else must look at, oldest first.
SELECT v.run_id, v.actor, v.reason, v.alert_id, v.told, v.opened_at, v.stopped_by, v.closed_at, v.closed_by,
       true AS happened
FROM ops.chatops_review AS v
JOIN ops.chatops_run AS r ON r.id = v.run_id
WHERE v.closed_at IS NULL AND (r.rows_affected > 0 OR r.state IN ('succeeded', 'unknown', 'reconciled_done'))
ORDER BY v.opened_at, v.run_id;

-- name: stop
-- Who stopped it before it ran.
UPDATE ops.chatops_review SET stopped_by = %(actor)s WHERE run_id = %(run)s;

-- name: close
-- Somebody else has looked at it.
UPDATE ops.chatops_review SET closed_at = %(now)s, closed_by = %(actor)s
WHERE run_id = %(run)s AND closed_at IS NULL AND actor <> %(actor)s
RETURNING run_id;

-- name: take_due
-- Take the reviews of which people are to be reminded now.
UPDATE ops.chatops_review AS v SET reminded_at = %(now)s
FROM ops.chatops_run AS r
WHERE r.id = v.run_id AND v.closed_at IS NULL
  AND (r.rows_affected > 0 OR r.state IN ('succeeded', 'unknown', 'reconciled_done'))
  AND coalesce(v.reminded_at, v.opened_at) <= %(now)s::timestamptz - make_interval(secs => %(seconds)s)
RETURNING v.run_id;
