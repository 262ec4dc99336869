-- name: find_stuck
-- Jobs processing for longer than their limit, oldest first, with what is known of their owner; counted: one of those judged alike.
SELECT min(s.id) AS id, s.job_type, min(s.locked_at) AS locked_at, min(s.since) AS since, s.attempts, s.max_attempts,  -- if counted
       s.worker_id, s.owner_seen_at, s.owner_status, s.rescues, count(*)::integer AS jobs  -- if counted
FROM (  -- if counted
SELECT j.id::text AS id,
       coalesce(j.job_type::text, 'no type') AS job_type,
       j.locked_at,
       coalesce(j.started_at, j.locked_at) AS since,  -- if started_at
       j.locked_at AS since,  -- unless started_at
       j.started_at,  -- if started_at
       NULL::timestamptz AS started_at,  -- unless started_at
       coalesce(j.attempts, 0) AS attempts,
       coalesce(j.max_attempts, %(max_attempts)s::integer) AS max_attempts,  -- if max_attempts
       %(max_attempts)s::integer AS max_attempts,  -- unless max_attempts
       j.next_run_at,  -- if next_run_at
       NULL::timestamptz AS next_run_at,  -- unless next_run_at
       j.worker_id::text AS worker_id,  -- if worker_id
       NULL::text AS worker_id,  -- unless worker_id
       h.last_seen_at AS owner_seen_at,  -- if worker_id
       NULL::timestamptz AS owner_seen_at,  -- unless worker_id
       coalesce(h.status::text, '') AS owner_status,  -- if owner_status
       '' AS owner_status,  -- unless owner_status
       greatest(coalesce(j.reap_count, 0), rescued.times) AS rescues  -- if reap_count
       rescued.times AS rescues  -- unless reap_count
FROM ops.job_queue AS j
LEFT JOIN ops.worker_heartbeats AS h ON h.worker_id::text = j.worker_id::text  -- if worker_id
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS times
    FROM ops.chatops_plan_target AS t
    JOIN ops.chatops_run AS r ON r.id = t.plan_id AND t.ordinal <= r.done_to AND t.ordinal <> ALL (r.moved)
    WHERE t.target_id = j.id::text AND t.disposition = 'reset'
) AS rescued
WHERE j.status = 'processing'
  AND (%(job_type)s = '' OR j.job_type::text = %(job_type)s)
  AND coalesce(j.started_at, j.locked_at)  -- if started_at
  AND j.locked_at  -- unless started_at
      < %(now)s::timestamptz - make_interval(secs => greatest(
          coalesce((%(limits)s::jsonb ->> j.job_type::text)::float8, %(stuck_seconds)s), %(older_seconds)s))
ORDER BY since, j.id  -- unless counted
LIMIT %(most)s  -- unless counted
) AS s  -- if counted
GROUP BY s.job_type, s.attempts, s.max_attempts, s.worker_id, s.owner_seen_at, s.owner_status, s.rescues,  -- if counted
         coalesce(s.locked_at, s.since) < %(now)s::timestamptz - make_interval(secs => %(vanished_seconds)s)  -- if counted
;

-- name: scene
-- What holds for every job: database start, recovery, gaps in our looking, and how many workers fell silent at once.
WITH dead AS (
    SELECT max(last_seen_at) AS newest
    FROM ops.worker_heartbeats
    WHERE last_seen_at < %(now)s::timestamptz - make_interval(secs => %(dead_seconds)s)
)
SELECT pg_postmaster_start_time() AS database_started,
       pg_is_in_recovery() AS in_recovery,
       (SELECT CASE WHEN seen_at < %(now)s::timestamptz - make_interval(secs => %(dead_seconds)s)
                         AND coalesce(gap_ended_at <= seen_at, true)  -- nobody has looked since: it has not ended
                    THEN %(now)s::timestamptz ELSE gap_ended_at END
        FROM ops.chatops_check WHERE check_id = 'worker_heartbeat') AS gap_ended,
       count(h.last_seen_at)::integer AS recent_workers,
       count(h.last_seen_at) FILTER (
           WHERE h.last_seen_at < %(now)s::timestamptz - make_interval(secs => %(dead_seconds)s)
       )::integer AS recent_dead
FROM dead
LEFT JOIN ops.worker_heartbeats AS h
    ON h.last_seen_at >= dead.newest - make_interval(secs => %(mass_seconds)s);

-- name: type_beats
-- The newest heartbeat of each worker type.
SELECT coalesce(worker_type::text, 'no type') AS worker_type, max(last_seen_at) AS newest
FROM ops.worker_heartbeats
WHERE last_seen_at IS NOT NULL
GROUP BY 1;

-- name: count_left
-- Of a plan's targets that would be acted on: how many still are exactly as the plan pinned them.
SELECT count(*)::integer AS jobs
FROM ops.chatops_plan_target AS t
JOIN ops.job_queue AS j
    ON j.id = t.target_id::uuid  -- if id_uuid
    ON j.id = t.target_id::bigint  -- if id_bigint
    ON j.id = t.target_id::integer  -- if id_integer
    ON j.id = t.target_id  -- if id_text
    ON j.id::text = t.target_id  -- if id_other
WHERE t.plan_id = %(plan)s AND t.disposition IN ('reset', 'fail_exhausted', 'fail_poison')
  AND j.status = 'processing'
  AND j.locked_at IS NOT DISTINCT FROM t.locked_at
  AND coalesce(j.attempts, 0) = t.attempts
  AND j.worker_id::text IS NOT DISTINCT FROM t.worker_id  -- if worker_id
  AND NOT EXISTS (
      SELECT FROM ops.worker_heartbeats AS h
      WHERE h.worker_id::text = t.worker_id AND h.last_seen_at > coalesce(t.seen_at, '-infinity'))
  AND (t.worker_id IS NOT NULL OR NOT EXISTS (
      SELECT FROM ops.worker_heartbeats AS h
      WHERE h.worker_type::text = ANY (ARRAY(SELECT jsonb_array_elements_text(t.guard -> 'types')))
        AND h.last_seen_at > coalesce(t.seen_at, '-infinity')));

-- name: reset_batch
-- Reset or fail those targets of one batch that still are exactly as the plan pinned them; say which moved on.
WITH target AS MATERIALIZED (
    SELECT t.ordinal, t.target_id, t.disposition, t.reason, t.locked_at, t.attempts, t.worker_id,
           coalesce(t.seen_at, '-infinity') AS seen_at,
           CASE WHEN t.worker_id IS NULL
                THEN ARRAY(SELECT jsonb_array_elements_text(t.guard -> 'types')) END AS types,
           coalesce(t.wait_seconds, 0) AS wait_seconds
    FROM ops.chatops_plan_target AS t
    WHERE t.plan_id = %(plan)s AND t.ordinal > %(after)s AND t.ordinal <= %(upto)s
      AND t.disposition IN ('reset', 'fail_exhausted', 'fail_poison')
),
live AS MATERIALIZED (
    SELECT t.ordinal, t.disposition, t.reason, t.wait_seconds, j.id AS job
    FROM target AS t
    JOIN ops.job_queue AS j
        ON j.id = t.target_id::uuid  -- if id_uuid
        ON j.id = t.target_id::bigint  -- if id_bigint
        ON j.id = t.target_id::integer  -- if id_integer
        ON j.id = t.target_id  -- if id_text
        ON j.id::text = t.target_id  -- if id_other
    WHERE j.status = 'processing'
      AND j.locked_at IS NOT DISTINCT FROM t.locked_at
      AND coalesce(j.attempts, 0) = t.attempts
      AND j.worker_id::text IS NOT DISTINCT FROM t.worker_id  -- if worker_id
      AND NOT EXISTS (
          SELECT FROM ops.worker_heartbeats AS h
          WHERE h.worker_id::text = t.worker_id AND h.last_seen_at > t.seen_at)
      AND (t.types IS NULL OR NOT EXISTS (
          SELECT FROM ops.worker_heartbeats AS h
          WHERE h.worker_type::text = ANY (t.types) AND h.last_seen_at > t.seen_at))
    FOR UPDATE OF j SKIP LOCKED
),
reset AS (
    UPDATE ops.job_queue AS j
    SET status = 'pending',
        started_at = NULL,  -- if can_set_started_at
        worker_id = NULL,  -- if can_set_worker_id
        next_run_at = %(now)s::timestamptz + make_interval(secs => live.wait_seconds),  -- if can_set_next_run_at
        updated_at = %(now)s::timestamptz,  -- if can_set_updated_at
        locked_at = NULL
    FROM live
    WHERE j.id = live.job AND live.disposition = 'reset'
    RETURNING live.ordinal
),
failed AS (
    UPDATE ops.job_queue AS j
    SET status = 'failed',
        started_at = NULL,  -- if can_set_started_at
        worker_id = NULL,  -- if can_set_worker_id
        updated_at = %(now)s::timestamptz,  -- if can_set_updated_at
        last_error = left('[DLQ] dragonfly run ' || %(plan)s || ': ' || live.reason  -- if can_set_last_error
                          || '. Was: ' || coalesce(j.last_error, ''), 2000),  -- if can_set_last_error
        locked_at = NULL
    FROM live
    WHERE j.id = live.job AND live.disposition <> 'reset'
    RETURNING live.ordinal
)
SELECT (SELECT count(*) FROM reset)::integer AS reset,
       (SELECT count(*) FROM failed)::integer AS failed,
       ARRAY(SELECT ordinal FROM target
             EXCEPT (SELECT ordinal FROM reset UNION ALL SELECT ordinal FROM failed)
             ORDER BY ordinal) AS moved;

-- name: count_waiting
-- Of the jobs a run reset: how many, how many nobody has picked up yet (those that were paused wait too), how many are gone.
-- Of those it set to failed: how many, and how many are not.
SELECT count(*) FILTER (WHERE t.disposition = 'reset')::integer AS total,
       count(*) FILTER (WHERE t.disposition = 'reset' AND j.status::text IN ('pending', 'paused')
                              AND coalesce(j.attempts, 0) = t.attempts)::integer AS waiting,
       count(*) FILTER (WHERE t.disposition = 'reset' AND j.id IS NULL)::integer AS gone,
       count(*) FILTER (WHERE t.disposition <> 'reset')::integer AS failed,
       count(*) FILTER (WHERE t.disposition <> 'reset' AND j.status::text <> 'failed')::integer AS not_failed
FROM ops.chatops_plan_target AS t
JOIN ops.chatops_run AS r ON r.id = t.plan_id
LEFT JOIN ops.job_queue AS j
    ON j.id = t.target_id::uuid  -- if id_uuid
    ON j.id = t.target_id::bigint  -- if id_bigint
    ON j.id = t.target_id::integer  -- if id_integer
    ON j.id = t.target_id  -- if id_text
    ON j.id::text = t.target_id  -- if id_other
WHERE t.plan_id = %(plan)s AND t.disposition IN ('reset', 'fail_exhausted', 'fail_poison') AND t.ordinal <= r.done_to AND t.ordinal <> ALL (r.moved);

-- name: can_put_back
-- Of the jobs a run changed: how many are as the run left them, so that they can be put back.
SELECT count(*)::integer AS total, count(j.id)::integer AS can
FROM ops.chatops_plan_target AS t
JOIN ops.chatops_run AS r ON r.id = t.plan_id
LEFT JOIN ops.job_queue AS j
    ON j.id = t.target_id::uuid  -- if id_uuid
    ON j.id = t.target_id::bigint  -- if id_bigint
    ON j.id = t.target_id::integer  -- if id_integer
    ON j.id = t.target_id  -- if id_text
    ON j.id::text = t.target_id  -- if id_other
    AND coalesce(j.attempts, 0) = t.attempts AND j.locked_at IS NULL
    AND j.status::text = CASE WHEN t.disposition = 'reset' THEN 'pending' ELSE 'failed' END
WHERE t.plan_id = %(run)s AND t.ordinal <= r.done_to AND t.ordinal <> ALL (r.moved)
  AND t.disposition IN ('reset', 'fail_exhausted', 'fail_poison');

-- name: put_back
-- Put back as they were those jobs of a run that nobody has touched since; they will be stuck again.
WITH target AS MATERIALIZED (
    SELECT t.target_id, t.disposition, t.guard, t.attempts
    FROM ops.chatops_plan_target AS t
    JOIN ops.chatops_run AS r ON r.id = t.plan_id
    WHERE t.plan_id = %(run)s AND t.ordinal <= r.done_to AND t.ordinal <> ALL (r.moved)
      AND t.disposition IN ('reset', 'fail_exhausted', 'fail_poison')
),
free AS MATERIALIZED (
    SELECT j.id AS job, t.disposition, t.guard
    FROM target AS t
    JOIN ops.job_queue AS j
        ON j.id = t.target_id::uuid  -- if id_uuid
        ON j.id = t.target_id::bigint  -- if id_bigint
        ON j.id = t.target_id::integer  -- if id_integer
        ON j.id = t.target_id  -- if id_text
        ON j.id::text = t.target_id  -- if id_other
    WHERE coalesce(j.attempts, 0) = t.attempts AND j.locked_at IS NULL
      AND j.status::text = CASE WHEN t.disposition = 'reset' THEN 'pending' ELSE 'failed' END
    FOR UPDATE OF j SKIP LOCKED
)
UPDATE ops.job_queue AS j
SET status = 'processing',
    started_at = (free.guard ->> 'started_at')::timestamptz,  -- if can_set_started_at
    worker_id = free.guard ->> 'worker_id',  -- if worker_id_text
    worker_id = (free.guard ->> 'worker_id')::uuid,  -- if worker_id_uuid
    next_run_at = (free.guard ->> 'next_run_at')::timestamptz,  -- if can_set_next_run_at
    updated_at = %(now)s::timestamptz,  -- if can_set_updated_at
    last_error = CASE WHEN free.disposition = 'reset' THEN j.last_error  -- if can_set_last_error
                      ELSE nullif(regexp_replace(j.last_error, '^\[DLQ\] dragonfly run .*?\. Was: ', ''), '') END,  -- if can_set_last_error
    locked_at = (free.guard ->> 'locked_at')::timestamptz
FROM free
WHERE j.id = free.job
RETURNING j.id::text AS id;
