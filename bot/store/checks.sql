-- name: ensure
-- A check that was never looked at is due at once.
INSERT INTO ops.chatops_check (check_id, due_at)
VALUES (%(check)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: take_due
-- Take a check that is due, for this look; another replica finds it not due any more.
UPDATE ops.chatops_check
SET due_at = %(now)s::timestamptz + make_interval(secs => %(seconds)s)
WHERE check_id = %(check)s AND due_at <= %(now)s
RETURNING check_id;

-- name: saw
-- A look that could tell; a long gap since the one before is remembered (mass-stall guard, §12.4).
UPDATE ops.chatops_check
SET gap_ended_at = CASE WHEN seen_at IS NOT NULL AND %(now)s::timestamptz - seen_at > make_interval(secs => %(gap_seconds)s)
                        THEN %(now)s ELSE gap_ended_at END,
    observed_at = %(now)s, seen_at = %(now)s, unknown_streak = 0
WHERE check_id = %(check)s;

-- name: end_gap
-- Somebody acts where nobody has looked at heartbeats for long: the gap ends now, once, whether a bot runs or not.
UPDATE ops.chatops_check SET gap_ended_at = %(now)s
WHERE check_id = 'worker_heartbeat' AND seen_at < %(now)s::timestamptz - make_interval(secs => %(gap_seconds)s)
  AND coalesce(gap_ended_at <= seen_at, true);

-- name: could_not_tell
-- A look that could not tell; returns how many in a row.
UPDATE ops.chatops_check
SET observed_at = %(now)s, unknown_streak = unknown_streak + 1
WHERE check_id = %(check)s
RETURNING unknown_streak;

-- name: make_due
-- Look at some checks at once.
UPDATE ops.chatops_check SET due_at = %(now)s WHERE check_id = ANY (%(ids)s);

-- name: check_detail
-- What was kept of the last look.
SELECT detail FROM ops.chatops_check WHERE check_id = %(check)s FOR UPDATE;

-- name: note_detail
-- Keep what this look saw, for those who do not look themselves.
UPDATE ops.chatops_check SET detail = %(detail)s::jsonb WHERE check_id = %(check)s;

-- name: last_look
-- What was kept of the last look, and when that was.
SELECT detail, observed_at FROM ops.chatops_check WHERE check_id = %(check)s;

-- name: keep_detail
-- Keep something of this look.
UPDATE ops.chatops_check SET detail = %(detail)s::jsonb, observed_at = %(now)s, seen_at = %(now)s WHERE check_id = %(check)s;

-- name: failing_streak
-- Count failed probes in a row, or start again.
UPDATE ops.chatops_check
SET detail = jsonb_set(detail, '{failed}', to_jsonb(CASE WHEN %(failed)s THEN coalesce((detail ->> 'failed')::integer, 0) + 1 ELSE 0 END))
WHERE check_id = %(check)s
RETURNING (detail ->> 'failed')::integer AS failed;
