-- name: hold
-- Hold pending jobs of the paused types that are not held yet; every job's prior state is kept for its way back.
WITH free AS (
    SELECT j.id,
           jsonb_build_object('attempts', j.attempts, 'next_run_at', j.next_run_at) AS prior  -- if next_run_at
           jsonb_build_object('attempts', j.attempts) AS prior  -- unless next_run_at
    FROM ops.job_queue AS j
    WHERE j.status::text = 'pending' AND j.job_type::text = ANY (%(job_types)s)
      AND j.next_run_at IS DISTINCT FROM %(held_until)s::timestamptz  -- if by_next_run_at
    ORDER BY j.id
    LIMIT %(most)s
    FOR UPDATE OF j SKIP LOCKED
),
held AS (
    UPDATE ops.job_queue AS j
    SET next_run_at = %(held_until)s::timestamptz  -- if by_next_run_at
    SET status = 'paused'  -- unless by_next_run_at
    FROM free
    WHERE j.id = free.id
    RETURNING j.id::text AS job_id, free.prior
)
INSERT INTO ops.chatops_pause_job (pause_id, job_id, prior, held_at)
SELECT %(pause)s, job_id, prior, %(now)s FROM held
ON CONFLICT (pause_id, job_id) DO UPDATE
SET prior = excluded.prior, held_at = excluded.held_at, released_at = NULL, outcome = ''
RETURNING job_id;

-- name: release
-- Let some of a pause's own jobs go, and only those that still have the value the pause wrote; others have moved on.
WITH mine AS MATERIALIZED (
    SELECT p.job_id, p.prior
    FROM ops.chatops_pause_job AS p
    WHERE p.pause_id = %(pause)s AND p.released_at IS NULL
    ORDER BY p.held_at, p.job_id
    LIMIT %(most)s
),
freed AS (
    UPDATE ops.job_queue AS j
    SET next_run_at = (mine.prior ->> 'next_run_at')::timestamptz  -- if by_next_run_at
    SET status = 'pending'  -- unless by_next_run_at
    FROM mine
    WHERE j.id = mine.job_id::uuid  -- if id_uuid
    WHERE j.id = mine.job_id::bigint  -- if id_bigint
    WHERE j.id = mine.job_id::integer  -- if id_integer
    WHERE j.id = mine.job_id  -- if id_text
    WHERE j.id::text = mine.job_id  -- if id_other
      AND j.status::text = 'pending' AND j.next_run_at = %(held_until)s::timestamptz  -- if by_next_run_at
      AND j.status::text = 'paused'  -- unless by_next_run_at
    RETURNING mine.job_id
)
UPDATE ops.chatops_pause_job AS p
SET released_at = %(now)s,
    outcome = CASE WHEN p.job_id IN (SELECT job_id FROM freed) THEN 'released' ELSE 'moved on' END
FROM mine
WHERE p.pause_id = %(pause)s AND p.job_id = mine.job_id
RETURNING p.outcome;

-- name: since_release
-- What became of the jobs that were let go since a moment and tried since, with the text of those that failed; classified, never shown.
SELECT j.status::text AS status,
       coalesce(j.last_error, '') AS last_error,  -- if last_error
       '' AS last_error,  -- unless last_error
       count(*)::integer AS jobs
FROM ops.chatops_pause_job AS p
JOIN ops.job_queue AS j
    ON j.id = p.job_id::uuid  -- if id_uuid
    ON j.id = p.job_id::bigint  -- if id_bigint
    ON j.id = p.job_id::integer  -- if id_integer
    ON j.id = p.job_id  -- if id_text
    ON j.id::text = p.job_id  -- if id_other
WHERE p.pause_id = %(pause)s AND p.outcome = 'released' AND p.released_at >= %(since)s::timestamptz
  AND coalesce(j.attempts, 0) > coalesce((p.prior ->> 'attempts')::integer, 0)
GROUP BY 1, 2;

-- name: still_held
-- Of the jobs a pause let go: how many are held all the same by what it wrote, and by no later hold.
SELECT count(*)::integer AS jobs
FROM ops.chatops_pause_job AS p
JOIN ops.job_queue AS j
    ON j.id = p.job_id::uuid  -- if id_uuid
    ON j.id = p.job_id::bigint  -- if id_bigint
    ON j.id = p.job_id::integer  -- if id_integer
    ON j.id = p.job_id  -- if id_text
    ON j.id::text = p.job_id  -- if id_other
WHERE p.pause_id = %(pause)s AND p.outcome = 'released'
  AND j.status::text = 'pending' AND j.next_run_at = %(held_until)s::timestamptz  -- if by_next_run_at
  AND j.status::text = 'paused'  -- unless by_next_run_at
  AND NOT EXISTS (SELECT FROM ops.chatops_pause_job AS n WHERE n.job_id = p.job_id AND n.released_at IS NULL);

-- name: foreign
-- Jobs that somebody else paused: left as they are.
SELECT count(*)::integer AS jobs
FROM ops.job_queue AS j
WHERE j.status::text = 'paused' AND j.job_type::text = ANY (%(job_types)s)
  AND NOT EXISTS (SELECT FROM ops.chatops_pause_job AS p WHERE p.job_id = j.id::text AND p.released_at IS NULL);
