-- name: failed_by_type
-- Failed jobs by type, and when the last one failed.
SELECT j.job_type::text AS job_type,
       count(*) AS failed,
       max(j.updated_at) AS last_failed,  -- if updated_at
       max(j.attempts) AS most_attempts
FROM ops.job_queue AS j
WHERE j.status = 'failed'
GROUP BY j.job_type
ORDER BY count(*) DESC, j.job_type
LIMIT %(most)s;

-- name: failed_jobs
-- Failed jobs of one type, those of a window where one was asked for.
SELECT j.id::text AS id,
       j.job_type::text AS job_type,
       j.updated_at AS failed_at,  -- if updated_at
       j.attempts
FROM ops.job_queue AS j
WHERE j.status = 'failed'
  AND j.job_type::text = %(type)s::text
  AND (%(since)s::interval IS NULL OR j.updated_at > %(now)s::timestamptz - %(since)s::interval)  -- if updated_at
  AND (%(ids)s::text[] IS NULL OR j.id::text = ANY (%(ids)s::text[]))
ORDER BY j.id
LIMIT %(most)s;

-- name: to_pending
-- One failed job goes back to pending; every column that a claim filled is cleared, where there is one.
UPDATE ops.job_queue AS j
SET status = 'pending',
    started_at = NULL,  -- if started_at
    worker_id = NULL,  -- if worker_id
    next_run_at = NULL,  -- if next_run_at
    updated_at = %(now)s::timestamptz,  -- if updated_at
    locked_at = NULL
WHERE j.status = 'failed'
  AND j.id = ANY (%(ids)s::uuid[])  -- if id_uuid
  AND j.id::text = ANY (%(ids)s::text[])  -- unless id_uuid
RETURNING j.id::text AS id;

-- name: not_picked_up
-- Of the jobs that were put back: those nobody has taken yet, and those that failed again.
SELECT j.id::text AS id
FROM ops.job_queue AS j
WHERE j.status IN ('pending', 'failed')
  AND j.id = ANY (%(ids)s::uuid[])  -- if id_uuid
  AND j.id::text = ANY (%(ids)s::text[]);  -- unless id_uuid
