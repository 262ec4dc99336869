-- name: seen_workers
-- Each worker type: how many were seen in the gate's window, and how many of them are online as we say it.
SELECT worker_type::text AS worker_type,
       count(*) FILTER (WHERE last_seen_at > %(now)s::timestamptz - make_interval(secs => %(window_seconds)s))::integer AS seen,
       count(*) FILTER (
           WHERE last_seen_at > %(now)s::timestamptz - make_interval(secs => %(offline_seconds)s)
             AND status::text = 'running'  -- if heartbeat_status
       )::integer AS online
FROM ops.worker_heartbeats
GROUP BY worker_type
ORDER BY worker_type;

-- name: missing_tables
-- Which of some tables and views are not there; asked of the catalog, so that no grant on them is needed.
SELECT wanted.name AS name
FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS wanted(name, place)
WHERE NOT EXISTS (
    SELECT FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND n.nspname || '.' || c.relname = CASE WHEN strpos(wanted.name, '.') > 0 THEN wanted.name ELSE 'public.' || wanted.name END
)
ORDER BY wanted.place;
