-- name: unfinished
-- Unfinished jobs by type and status; finished ones are never counted here.
SELECT job_type::text AS job_type, status::text AS status, count(*)::integer AS jobs, min(created_at) AS oldest  -- if created_at
SELECT job_type::text AS job_type, status::text AS status, count(*)::integer AS jobs, NULL::timestamptz AS oldest  -- unless created_at
FROM ops.job_queue
WHERE status IN ('pending', 'processing', 'paused')  -- if label_paused
WHERE status IN ('pending', 'processing')  -- unless label_paused
GROUP BY job_type, status
ORDER BY job_type, status;

-- name: failed_lately
-- Jobs that failed in the last 24 hours.
SELECT count(*)::integer AS jobs
FROM ops.job_queue
WHERE status = 'failed'
  AND updated_at > %(now)s::timestamptz - interval '24 hours';
