-- name: insert_pause
-- A new pause; no row = one is open already.
INSERT INTO ops.chatops_pause (id, thing, job_types, strategy, held_until, owner, reason, channel, started_at, ends_at)
VALUES (%(id)s, %(thing)s, %(job_types)s, %(strategy)s, %(held_until)s, %(owner)s, %(reason)s, %(channel)s, %(now)s, %(ends_at)s)
ON CONFLICT (thing) WHERE state <> 'ended' DO NOTHING
RETURNING id;

-- name: find_pause
-- One pause, by its id or because it is open, locked until the transaction ends if asked.
SELECT id, thing, job_types, strategy, held_until, owner, reason, channel, state, started_at, ends_at, reminded_at,
       warned_at, told_end_at, swept_at, probes, resume_run, batch_at, why_stopped, ended_at
FROM ops.chatops_pause
WHERE id = %(id)s  -- unless open
WHERE state <> 'ended' ORDER BY started_at LIMIT 1  -- if open
FOR UPDATE  -- if locked
;

-- name: counts
-- How many jobs a pause holds, held later than its beginning, let go, and that moved on by themselves.
SELECT count(*) FILTER (WHERE released_at IS NULL AND held_at <= p.started_at)::integer AS held,
       count(*) FILTER (WHERE released_at IS NULL AND held_at > p.started_at)::integer AS held_later,
       count(*) FILTER (WHERE outcome = 'released')::integer AS released,
       count(*) FILTER (WHERE outcome = 'moved on')::integer AS moved
FROM ops.chatops_pause AS p
LEFT JOIN ops.chatops_pause_job AS j ON j.pause_id = p.id
WHERE p.id = %(id)s;

-- name: set_state
-- Where a pause stands.
UPDATE ops.chatops_pause
SET state = %(state)s, resume_run = coalesce(%(resume_run)s, resume_run), batch_at = %(batch_at)s,
    why_stopped = '', ended_at = CASE WHEN %(state)s = 'ended' THEN %(now)s::timestamptz END
WHERE id = %(id)s;

-- name: stop
-- Errors came back, or a person said so: what is held stays held, and good answers count anew.
UPDATE ops.chatops_pause SET state = 'stopped', why_stopped = %(why)s, batch_at = NULL, probes = '[]' WHERE id = %(id)s;

-- name: set_end
-- Keep a pause longer.
UPDATE ops.chatops_pause
SET ends_at = %(ends_at)s, warned_at = NULL, told_end_at = NULL
WHERE id = %(id)s AND state <> 'ended'
RETURNING id;

-- name: take_sweep
-- Take the next sweep of a pause; no row = another replica has just swept.
UPDATE ops.chatops_pause SET swept_at = %(now)s
WHERE id = %(id)s AND state IN ('active', 'stopped')
  AND (swept_at IS NULL OR swept_at <= %(now)s::timestamptz - make_interval(secs => %(seconds)s))
RETURNING id;

-- name: sweep_again
-- A sweep was as large as one may be: the next is due at once.
UPDATE ops.chatops_pause SET swept_at = started_at WHERE id = %(id)s;

-- name: set_probes
-- The newest answers of the vendor.
UPDATE ops.chatops_pause SET probes = %(probes)s::jsonb WHERE id = %(id)s;

-- name: take_due
-- What a pause owes to its owner now: the hourly reminder, the warning before its end, the end itself; once each.
UPDATE ops.chatops_pause
SET reminded_at = CASE WHEN %(now)s::timestamptz >= coalesce(reminded_at, started_at) + make_interval(secs => %(remind)s)
                       THEN %(now)s::timestamptz ELSE reminded_at END,
    warned_at = CASE WHEN warned_at IS NULL AND %(now)s::timestamptz >= ends_at - make_interval(secs => %(warn)s)
                     THEN %(now)s::timestamptz ELSE warned_at END,
    told_end_at = CASE WHEN told_end_at IS NULL AND %(now)s::timestamptz >= ends_at
                       THEN %(now)s::timestamptz ELSE told_end_at END
WHERE id = %(id)s AND state IN ('active', 'stopped')
RETURNING reminded_at = %(now)s::timestamptz AS remind, warned_at = %(now)s::timestamptz AS warn,
          told_end_at = %(now)s::timestamptz AS over;
