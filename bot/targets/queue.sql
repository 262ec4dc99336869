-- name: unfinished
-- Unfinished jobs by type and status; finished ones are never counted here.
SELECT coalesce(job_type::text, 'no type') AS job_type, status::text AS status, count(*)::integer AS jobs, min(created_at) AS oldest  -- if created_at
SELECT coalesce(job_type::text, 'no type') AS job_type, status::text AS status, count(*)::integer AS jobs, NULL::timestamptz AS oldest  -- unless created_at
FROM ops.job_queue
WHERE status IN ('pending', 'processing', 'paused')  -- if label_paused
WHERE status IN ('pending', 'processing')  -- unless label_paused
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: failed_lately
-- Jobs that failed in the last 24 hours.
SELECT count(*)::integer AS jobs
FROM ops.job_queue
WHERE status = 'failed'
  AND updated_at > %(now)s::timestamptz - interval '24 hours';

-- name: states
-- Jobs by type and by what keeps them: due, delayed by next_run_at, held by a fresh lock, paused by us; and failed ones.
SELECT coalesce(j.job_type::text, 'no type') AS job_type,
       CASE WHEN j.status::text IN ('processing', 'failed') THEN j.status::text
            WHEN j.status::text = 'paused' OR p.job_id IS NOT NULL THEN 'paused'
            WHEN j.next_run_at > %(now)s::timestamptz THEN 'delayed'  -- if next_run_at
            WHEN j.locked_at > %(now)s::timestamptz - interval '30 minutes' THEN 'lock-held'  -- if next_run_at
            ELSE 'due' END AS state,
       count(*)::integer AS jobs,
       min(j.created_at) AS oldest  -- if created_at
       NULL::timestamptz AS oldest  -- unless created_at
FROM ops.job_queue AS j
LEFT JOIN ops.chatops_pause_job AS p ON p.job_id = j.id::text AND p.released_at IS NULL
WHERE j.status::text IN ('pending', 'processing', 'paused', 'failed') AND (%(job_type)s = '' OR j.job_type::text = %(job_type)s)
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: next_due
-- The jobs that would be claimed next, in the order of the claim; then those that wait, with why.
WITH waiting AS (
    SELECT j.id::text AS id, coalesce(j.job_type::text, 'no type') AS job_type, coalesce(j.attempts, 0) AS attempts, j.locked_at,
           j.next_run_at,  -- if next_run_at
           NULL::timestamptz AS next_run_at,  -- unless next_run_at
           j.locked_at > %(now)s::timestamptz - interval '30 minutes' AS lock_held,  -- if next_run_at
           false AS lock_held,  -- unless next_run_at
           j.created_at  -- if created_at
           NULL::timestamptz AS created_at  -- unless created_at
    FROM ops.job_queue AS j
    WHERE j.status::text = 'pending' AND (%(job_type)s = '' OR j.job_type::text = %(job_type)s)
)
SELECT w.*
FROM waiting AS w
LEFT JOIN ops.chatops_pause_job AS p ON p.job_id = w.id AND p.released_at IS NULL
WHERE p.job_id IS NULL
ORDER BY coalesce(w.next_run_at > %(now)s::timestamptz, false), coalesce(w.lock_held, false),
         coalesce(w.next_run_at, w.created_at), w.id
LIMIT %(most)s;

-- name: failures
-- The newest failures of a window; the text goes no further than its class and a short fingerprint.
SELECT j.id::text AS id, coalesce(j.job_type::text, 'no type') AS job_type, coalesce(j.attempts, 0) AS attempts, j.updated_at,
       coalesce(j.last_error, '') AS last_error  -- if last_error
       '' AS last_error  -- unless last_error
FROM ops.job_queue AS j
WHERE j.status::text = 'failed' AND j.updated_at > %(now)s::timestamptz - make_interval(secs => %(seconds)s)
  AND (%(job_types)s::text[] IS NULL OR j.job_type::text = ANY (%(job_types)s::text[]))
ORDER BY j.updated_at DESC
LIMIT %(most)s;

-- name: complaints
-- What jobs said went wrong in a window, counted by what they said: failed ones and those to be tried again.
-- A claim keeps what was said before, so a job that is tried now says nothing new. Nor does one that only we have touched:
-- a pause that holds or lets go, a run that resets or gives up. Classified, never shown.
SELECT j.last_error, count(*)::integer AS jobs, (sum(count(*)) OVER ())::integer AS total
FROM ops.job_queue AS j
WHERE j.status::text NOT IN ('completed', 'processing') AND coalesce(j.last_error, '') <> ''
  AND j.updated_at > %(now)s::timestamptz - make_interval(secs => %(seconds)s)
  AND j.job_type::text = ANY (%(job_types)s)
  AND NOT starts_with(j.last_error, '[DLQ] dragonfly')
  AND NOT EXISTS (SELECT FROM ops.chatops_pause_job AS p
                  WHERE p.job_id = j.id::text
                    AND (p.released_at IS NULL OR j.updated_at <= p.released_at + interval '1 second'))
  AND NOT EXISTS (
      SELECT FROM ops.chatops_plan_target AS t
      JOIN ops.chatops_run AS r ON r.id = t.plan_id
      WHERE t.target_id = j.id::text AND NOT starts_with(t.disposition, 'leave')
        AND t.ordinal <= r.done_to AND t.ordinal <> ALL (r.moved)
        AND coalesce(r.ended_at, %(now)s::timestamptz) >= %(now)s::timestamptz - make_interval(secs => %(seconds)s)
        AND (j.attempts <= (t.guard ->> 'attempts')::integer
             OR j.updated_at BETWEEN r.ended_at - interval '1 second' AND r.ended_at + interval '1 second'))
GROUP BY j.last_error
ORDER BY jobs DESC
LIMIT %(most)s;

-- name: finished
-- Jobs completed by type in a window.
SELECT coalesce(job_type::text, 'no type') AS job_type, count(*)::integer AS jobs
FROM ops.job_queue
WHERE status::text = 'completed' AND updated_at > %(now)s::timestamptz - make_interval(secs => %(seconds)s)
GROUP BY job_type;

-- name: by_status
-- Jobs of some types by status, with the oldest; what a pause of ours holds is paused, whatever its status says.
SELECT j.job_type::text AS job_type,
       CASE WHEN j.status::text = 'pending' AND p.job_id IS NOT NULL THEN 'paused'
            ELSE coalesce(j.status::text, 'no status') END AS status,
       count(*)::integer AS jobs,
       min(j.created_at) AS oldest  -- if created_at
       NULL::timestamptz AS oldest  -- unless created_at
FROM ops.job_queue AS j
LEFT JOIN ops.chatops_pause_job AS p ON p.job_id = j.id::text AND p.released_at IS NULL
WHERE j.job_type::text = ANY (%(job_types)s)
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: files
-- File names of unfinished jobs, without their folders, for a shell; only where our role may read the payload.
SELECT regexp_replace(payload ->> 'file_path', '^.*[/\\]', '') AS file, count(*)::integer AS jobs  -- if payload
SELECT NULL::text AS file, 0 AS jobs  -- unless payload
FROM ops.job_queue
WHERE job_type::text = ANY (%(job_types)s) AND status::text IN ('pending', 'processing', 'paused')
GROUP BY 1
ORDER BY 2 DESC
LIMIT 10;
