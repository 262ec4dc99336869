-- name: waits
-- Who waits for whom; the text of no query is selected.
SELECT w.pid, w.usename::text AS username, w.application_name, w.backend_start, w.xact_start, w.state,
       extract(epoch FROM %(now)s::timestamptz - w.query_start)::float8 AS waits_seconds,
       extract(epoch FROM %(now)s::timestamptz - w.state_change)::float8 AS in_state_seconds,
       pg_blocking_pids(w.pid) AS blockers,
       EXISTS (SELECT FROM pg_locks AS l
               WHERE l.pid = w.pid AND NOT l.granted
                 AND (l.relation = to_regclass('supabase_migrations.schema_migrations')
                      OR (l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock')))
           OR w.application_name = ANY (%(tools)s) AS is_migration
FROM pg_stat_activity AS w
WHERE w.wait_event_type = 'Lock' AND w.datname = current_database() AND w.pid <> pg_backend_pid()
ORDER BY w.query_start
LIMIT 200;

-- name: session
-- One session as it is now, with what decides whether it may be ended.
SELECT s.pid, s.usename::text AS username, s.application_name, s.backend_type, s.state, s.backend_start, s.xact_start,
       s.datname = current_database() AS same_database,
       extract(epoch FROM %(now)s::timestamptz - s.xact_start)::float8 AS xact_seconds,
       extract(epoch FROM %(now)s::timestamptz - s.state_change)::float8 AS in_state_seconds,
       coalesce(r.rolsuper OR r.rolreplication, true) AS is_privileged,
       s.usename = current_user AS is_ours,
       (SELECT count(*) FROM pg_locks AS l WHERE l.pid = s.pid AND l.granted)::integer AS locks,
       EXISTS (SELECT FROM pg_locks AS l
               WHERE l.pid = s.pid AND l.granted
                 AND l.relation = to_regclass('supabase_migrations.schema_migrations')) AS holds_history,
       ARRAY(SELECT w.pid FROM pg_stat_activity AS w
             WHERE w.wait_event_type = 'Lock' AND s.pid = ANY (pg_blocking_pids(w.pid))) AS blocks
FROM pg_stat_activity AS s
LEFT JOIN pg_roles AS r ON r.rolname = s.usename
WHERE s.pid = %(pid)s;

-- name: holders
-- The sessions named by pid, for the tree.
SELECT s.pid, s.usename::text AS username, s.application_name, s.backend_type, s.state, s.backend_start, s.xact_start,
       extract(epoch FROM %(now)s::timestamptz - s.state_change)::float8 AS in_state_seconds,
       coalesce(r.rolsuper OR r.rolreplication, true) AS is_privileged
FROM pg_stat_activity AS s
LEFT JOIN pg_roles AS r ON r.rolname = s.usename
WHERE s.pid = ANY (%(pids)s);

-- name: advisory
-- Sessions that hold advisory locks.
SELECT l.pid, count(*)::integer AS locks FROM pg_locks AS l
WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY l.pid
ORDER BY l.pid;

-- name: terminate
-- End exactly that session; no row = it is gone, or its number belongs to another one now.
SELECT pg_terminate_backend(s.pid) AS signalled
FROM pg_stat_activity AS s
WHERE s.pid = %(pid)s AND s.backend_start = %(backend_start)s::timestamptz
  AND s.xact_start IS NOT DISTINCT FROM %(xact_start)s::timestamptz
  AND s.usename::text = %(username)s AND s.state IS NOT DISTINCT FROM %(state)s AND s.pid <> pg_backend_pid();

-- name: cancel
-- Cancel what exactly that session is doing.
SELECT pg_cancel_backend(s.pid) AS signalled
FROM pg_stat_activity AS s
WHERE s.pid = %(pid)s AND s.backend_start = %(backend_start)s::timestamptz
  AND s.xact_start IS NOT DISTINCT FROM %(xact_start)s::timestamptz
  AND s.usename::text = %(username)s AND s.state IS NOT DISTINCT FROM %(state)s AND s.pid <> pg_backend_pid();
