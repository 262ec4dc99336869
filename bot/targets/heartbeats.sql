-- name: census
-- Each worker type: workers of late, how many are online, newest heartbeats, the ten longest silent.
WITH beat AS (
    SELECT coalesce(worker_id::text, 'no id') AS worker_id, coalesce(worker_type::text, 'no type') AS worker_type, last_seen_at,
           coalesce(status::text, 'no status') AS status,  -- if heartbeat_status
           'running' AS status,  -- unless heartbeat_status
           max(last_seen_at) OVER (PARTITION BY worker_type) AS newest
    FROM ops.worker_heartbeats
),
recent AS (
    SELECT beat.*,
           row_number() OVER (PARTITION BY worker_type ORDER BY last_seen_at, worker_id) AS place,
           (status = 'running' AND last_seen_at > %(now)s::timestamptz - make_interval(secs => %(offline_seconds)s)) AS online
    FROM beat
    WHERE last_seen_at >= newest - make_interval(secs => %(recent_seconds)s)
)
SELECT worker_type,
       count(*)::integer AS total,
       count(*) FILTER (WHERE online)::integer AS online,
       max(last_seen_at) AS newest,
       max(last_seen_at) FILTER (WHERE status = 'running') AS newest_running,
       (array_agg(status ORDER BY last_seen_at DESC))[1] AS newest_status,
       coalesce(jsonb_agg(jsonb_build_object('worker_id', worker_id, 'status', status, 'last_seen_at', last_seen_at)
                          ORDER BY place) FILTER (WHERE place <= 10 AND NOT online), '[]') AS worst
FROM recent
GROUP BY worker_type
ORDER BY worker_type;

-- name: started
-- When this database server started.
SELECT pg_postmaster_start_time() AS database_started;

-- name: held
-- Jobs in processing by worker.
SELECT worker_id::text AS worker_id, count(*)::integer AS held
FROM ops.job_queue
WHERE status = 'processing' AND worker_id IS NOT NULL
GROUP BY worker_id;

-- name: held_by_type
-- Jobs in processing by job type, where jobs carry no worker id.
SELECT coalesce(job_type::text, 'no type') AS job_type, count(*)::integer AS held
FROM ops.job_queue
WHERE status = 'processing'
GROUP BY job_type;

-- name: workers_of
-- The type of each worker.
SELECT worker_id::text AS worker_id, coalesce(worker_type::text, 'no type') AS worker_type FROM ops.worker_heartbeats
WHERE worker_id::text = ANY (%(ids)s);

-- name: depth
-- How many jobs wait and how many are being worked on.
SELECT count(*) FILTER (WHERE status = 'pending')::integer AS pending,
       count(*) FILTER (WHERE status = 'processing')::integer AS processing
FROM ops.job_queue
WHERE status IN ('pending', 'processing');

-- name: view
-- What the target's own health view says.
SELECT ingest_status::text AS ingest_processor, enforcement_status::text AS enforcement_engine
FROM ops.v_system_health;

-- name: workers
-- Workers that beat shortly before the newest of their type, newest first by type; ids that were replaced are gone, and
-- so are types that nobody expects and of which none beat lately.
WITH beat AS (
    SELECT coalesce(worker_id::text, 'no id') AS worker_id, coalesce(worker_type::text, 'no type') AS worker_type, last_seen_at,
           coalesce(status::text, 'no status') AS status,  -- if heartbeat_status
           'running' AS status,  -- unless heartbeat_status
           max(last_seen_at) OVER (PARTITION BY worker_type) AS newest
    FROM ops.worker_heartbeats
)
SELECT worker_id, worker_type, last_seen_at, status
FROM beat
WHERE last_seen_at >= newest - make_interval(secs => %(recent_seconds)s)
  AND (worker_type = ANY (%(expected)s) OR newest > %(now)s::timestamptz - make_interval(secs => %(seconds)s))
ORDER BY worker_type, last_seen_at DESC
LIMIT %(most)s;

-- name: of_types
-- Workers of some types that beat lately, newest first.
SELECT coalesce(worker_id::text, 'no id') AS worker_id, last_seen_at,
       coalesce(status::text, 'no status') AS status  -- if heartbeat_status
       'running' AS status  -- unless heartbeat_status
FROM ops.worker_heartbeats
WHERE worker_type::text = ANY (%(types)s) AND last_seen_at > %(now)s::timestamptz - make_interval(secs => %(seconds)s)
ORDER BY last_seen_at DESC
LIMIT %(most)s;
