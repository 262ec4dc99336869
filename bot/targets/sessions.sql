-- name: waits
-- Who waits for whom. Locks are shown to every role, so nobody who waits is missed; the text of no query is selected.
-- The history is found in pg_class: to_regclass refuses a role that may not use its schema (PostgreSQL 15 to 18).
WITH history AS (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'supabase_migrations' AND c.relname = 'schema_migrations')
SELECT w.pid, w.usename::text AS username, w.application_name, w.backend_start, w.xact_start, w.state,
       greatest(0, extract(epoch FROM %(now)s::timestamptz - coalesce(l.since, w.query_start)))::float8 AS waits_seconds,
       extract(epoch FROM %(now)s::timestamptz - w.state_change)::float8 AS in_state_seconds,
       pg_blocking_pids(w.pid) AS blockers,
       coalesce(l.for_migration, false) OR w.application_name = ANY (%(tools)s) AS is_migration
FROM (SELECT pid, min(waitstart) AS since,
             bool_or(relation = (SELECT oid FROM history)
                     OR (locktype = 'relation' AND mode = 'AccessExclusiveLock')) AS for_migration
      FROM pg_locks WHERE NOT granted GROUP BY pid) AS l
JOIN pg_stat_activity AS w ON w.pid = l.pid
WHERE w.datname = current_database() AND w.pid <> pg_backend_pid()
ORDER BY waits_seconds DESC NULLS LAST
LIMIT 200;

-- name: session
-- One session as it is now, with what decides whether it may be ended.
-- Ours are known by our name, and behind a pooler by the name it gives us; the role alone may be an engineer's too.
-- On Supabase the customer's own role, postgres, has REPLICATION and is no role of the platform (2026-11).
WITH history AS (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'supabase_migrations' AND c.relname = 'schema_migrations')
SELECT s.pid, s.usename::text AS username, s.application_name, s.backend_type, s.state, s.backend_start, s.xact_start,
       s.state_change,
       s.datname = current_database() AS same_database,
       extract(epoch FROM %(now)s::timestamptz - s.xact_start)::float8 AS xact_seconds,
       extract(epoch FROM %(now)s::timestamptz - s.state_change)::float8 AS in_state_seconds,
       coalesce(r.rolsuper OR (r.rolreplication AND r.rolname <> 'postgres'), true) AS is_privileged,
       s.application_name = %(ours)s
           OR (s.usename = current_user AND s.application_name = current_setting('application_name')) AS is_ours,
       EXISTS (SELECT FROM pg_locks AS l
               WHERE l.pid = s.pid AND NOT l.granted
                 AND (l.relation = (SELECT oid FROM history)
                      OR (l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'))) AS is_waiting_migration,
       (SELECT count(*) FROM pg_locks AS l WHERE l.pid = s.pid AND l.granted)::integer AS locks,
       EXISTS (SELECT FROM pg_locks AS l
               WHERE l.pid = s.pid AND l.granted AND l.database = s.datid
                 AND l.relation = (SELECT oid FROM history)) AS holds_history,
       ARRAY(SELECT DISTINCT w.pid FROM pg_locks AS w
             WHERE NOT w.granted AND s.pid = ANY (pg_blocking_pids(w.pid)) ORDER BY w.pid) AS blocks
FROM pg_stat_activity AS s
LEFT JOIN pg_roles AS r ON r.rolname = s.usename
WHERE s.pid = %(pid)s;

-- name: holders
-- The sessions named by pid, for the tree.
SELECT s.pid, s.usename::text AS username, s.application_name, s.backend_type, s.state, s.backend_start, s.xact_start,
       extract(epoch FROM %(now)s::timestamptz - s.state_change)::float8 AS in_state_seconds,
       coalesce(r.rolsuper OR (r.rolreplication AND r.rolname <> 'postgres'), true) AS is_privileged
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
-- End exactly that session; no row = it is gone, has done something since, or its number belongs to another one now.
SELECT pg_terminate_backend(s.pid) AS signalled
FROM pg_stat_activity AS s
WHERE s.pid = %(pid)s AND s.backend_start = %(backend_start)s::timestamptz
  AND s.xact_start IS NOT DISTINCT FROM %(xact_start)s::timestamptz
  AND s.datname = current_database() AND s.usename::text = %(username)s
  AND s.state = %(state)s AND s.state_change = %(state_change)s::timestamptz
  AND s.pid <> pg_backend_pid();

-- name: cancel
-- Cancel what exactly that session has been doing since it was looked at; no row = it has gone on.
SELECT pg_cancel_backend(s.pid) AS signalled
FROM pg_stat_activity AS s
WHERE s.pid = %(pid)s AND s.backend_start = %(backend_start)s::timestamptz
  AND s.xact_start IS NOT DISTINCT FROM %(xact_start)s::timestamptz
  AND s.datname = current_database() AND s.usename::text = %(username)s
  AND s.state = %(state)s AND s.state_change = %(state_change)s::timestamptz
  AND s.pid <> pg_backend_pid();
