-- name: relations
-- Columns of the queue and the heartbeats that we may see, with what we may do with them.
SELECT c.relname AS relation, a.attname AS name, format_type(a.atttypid, NULL) AS type,
       has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable,
       has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'UPDATE') AS updatable
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'ops' AND c.relname IN ('job_queue', 'worker_heartbeats')
ORDER BY c.relname, a.attnum;

-- name: labels
-- Labels that the queue's status and job type may have: of their enum, or of a CHECK; no rows where any text will do.
WITH kept AS (
    SELECT c.oid AS relation, a.attname::text AS name, a.attnum, a.atttypid
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname IN ('status', 'job_type')
    WHERE n.nspname = 'ops' AND c.relname = 'job_queue'
)
SELECT kept.name, e.enumlabel::text AS label
FROM kept JOIN pg_enum AS e ON e.enumtypid = kept.atttypid
UNION ALL
SELECT kept.name, found[1]
FROM kept
JOIN pg_constraint AS k
    ON k.contype = 'c' AND (k.contypid = kept.atttypid OR (k.conrelid = kept.relation AND k.conkey = ARRAY[kept.attnum]))
CROSS JOIN LATERAL regexp_matches(pg_get_constraintdef(k.oid), '''([^'']+)''', 'g') AS found
ORDER BY 1, 2;

-- name: visibility
-- Whether row security may hide rows from us, the health view, the identity of the database and our role.
SELECT
    coalesce(bool_or(row_security_active(c.oid)), false) AS row_security,
    NOT EXISTS (
        SELECT FROM pg_class AS guarded
        JOIN pg_namespace AS inside ON inside.oid = guarded.relnamespace AND inside.nspname = 'ops'
        WHERE guarded.relname IN ('job_queue', 'worker_heartbeats') AND row_security_active(guarded.oid)
          AND NOT EXISTS (
            SELECT FROM pg_policy AS p
            WHERE p.polrelid = guarded.oid AND p.polcmd IN ('*', 'r') AND p.polpermissive
              AND pg_get_expr(p.polqual, p.polrelid) = 'true'
              AND EXISTS (SELECT FROM unnest(p.polroles) AS role(id)
                          WHERE role.id = 0 OR pg_has_role(current_user, role.id, 'USAGE')))
    ) AS policies_match,
    (SELECT count(*) = 2 AND bool_and(has_schema_privilege(h.relnamespace, 'USAGE') AND has_table_privilege(h.oid, 'SELECT'))
     FROM pg_attribute AS a
     JOIN pg_class AS h ON h.oid = a.attrelid AND h.relname = 'v_system_health'
     JOIN pg_namespace AS inside ON inside.oid = h.relnamespace AND inside.nspname = 'ops'
     WHERE a.attname IN ('ingest_status', 'enforcement_status')) IS TRUE AS health_view,
    current_database() AS database,
    current_user::text AS role,
    (SELECT system_identifier::text FROM pg_control_system()) || '/' || current_database() AS identity
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'ops' AND c.relname IN ('job_queue', 'worker_heartbeats');

-- name: reapers
-- Reapers found in the database.
SELECT p.oid::regprocedure::text AS signature
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = 'ops' AND p.proname = 'reap_stuck_jobs'
ORDER BY 1;

-- name: rights
-- What our role may do beyond the queue: see and end sessions, read and write the migration history.
SELECT pg_has_role(current_user, 'pg_signal_backend', 'USAGE') AS signal,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_sessions,
       h.oid IS NOT NULL AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(h.oid, 'SELECT') AS history_readable,
       h.oid IS NOT NULL AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(h.oid, 'INSERT')
           AND has_table_privilege(h.oid, 'UPDATE') AND has_table_privilege(h.oid, 'DELETE') AS history_writable,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute AS a
        WHERE a.attrelid = h.oid AND a.attnum > 0 AND NOT a.attisdropped) AS history_columns
FROM (SELECT 1) AS one
LEFT JOIN pg_namespace AS n ON n.nspname = 'supabase_migrations'
LEFT JOIN pg_class AS h ON h.relnamespace = n.oid AND h.relname = 'schema_migrations';
