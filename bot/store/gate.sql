-- name: begin_gate
-- The gate begins to run.
INSERT INTO ops.chatops_gate (mode, actor, at) VALUES (%(mode)s, %(actor)s, %(now)s)
RETURNING id;

-- name: progress_gate
-- How far it is.
UPDATE ops.chatops_gate SET report = %(report)s::jsonb
WHERE id = %(id)s AND ended_at IS NULL
RETURNING id;

-- name: end_gate
-- What it came to.
UPDATE ops.chatops_gate
SET passed = %(passed)s, failed = %(failed)s, report = %(report)s::jsonb, ended_at = %(now)s
WHERE id = %(id)s AND ended_at IS NULL
RETURNING id;

-- name: stop_gate
-- Somebody stops it: whoever runs it finds that it has ended.
UPDATE ops.chatops_gate SET ended_at = %(now)s, stopped_by = %(actor)s
WHERE id = %(id)s AND ended_at IS NULL
RETURNING id;

-- name: give_up_gates
-- Runs that cannot go on any more: their process ended under them.
UPDATE ops.chatops_gate SET ended_at = %(now)s, stopped_by = 'dragonfly'
WHERE ended_at IS NULL AND at <= %(now)s::timestamptz - make_interval(secs => %(seconds)s)
RETURNING id;

-- name: outdate
-- Passes that are too old, or older than a critical alert that is open, are not true any more.
UPDATE ops.chatops_gate AS g
SET outdated_at = least(%(now)s, g.ended_at + make_interval(secs => %(true_seconds)s))
WHERE g.passed AND g.outdated_at IS NULL
  AND (g.ended_at <= %(now)s::timestamptz - make_interval(secs => %(true_seconds)s)
       OR EXISTS (SELECT FROM ops.chatops_alert AS a
                  WHERE a.severity = 'critical' AND a.state IN ('firing', 'resolving') AND a.fired_at > g.ended_at))
RETURNING g.id;

-- name: find_gate
-- One run.
SELECT id, mode, actor, at, ended_at, passed, failed, report, allowed_until, allowed_why, stopped_by, outdated_at
FROM ops.chatops_gate
WHERE id = %(id)s;

-- name: newest_gate
-- The newest run of a mode that came to its end.
SELECT id, mode, actor, at, ended_at, passed, failed, report, allowed_until, allowed_why, stopped_by, outdated_at
FROM ops.chatops_gate
WHERE mode = %(mode)s AND ended_at IS NOT NULL AND stopped_by IS NULL
ORDER BY id DESC
LIMIT 1;

-- name: allow
-- Two people allow what failed, for a while.
UPDATE ops.chatops_gate SET allowed_by = %(run)s, allowed_until = %(until)s, allowed_why = %(why)s
WHERE id = %(id)s AND NOT passed
RETURNING id;

-- name: disallow
-- Take an allowance back before its end.
UPDATE ops.chatops_gate SET allowed_until = %(now)s
WHERE allowed_by = %(run)s AND allowed_until > %(now)s
RETURNING id;

-- name: is_allowed
-- Whether an allowance holds.
SELECT id FROM ops.chatops_gate WHERE allowed_by = %(run)s AND allowed_until > %(now)s;
