-- name: applied
-- What the migration history records; it says nothing of times, and "recorded" is not "run".
SELECT version, name, coalesce(cardinality(statements), 0) AS statements  -- if history_statements
SELECT version, NULL::text AS name, 0 AS statements  -- unless history_statements
FROM supabase_migrations.schema_migrations
ORDER BY version;

-- name: row
-- One version's row, whole, for its way back.
SELECT to_jsonb(h) AS row FROM supabase_migrations.schema_migrations AS h WHERE h.version = %(version)s FOR UPDATE;

-- name: peek
-- One version's row, whole.
SELECT to_jsonb(h) AS row FROM supabase_migrations.schema_migrations AS h WHERE h.version = %(version)s;

-- name: record
-- Record a version as applied; none of its SQL is run.
INSERT INTO supabase_migrations.schema_migrations (version, name) VALUES (%(version)s, %(name)s)  -- if history_statements
INSERT INTO supabase_migrations.schema_migrations (version) VALUES (%(version)s)  -- unless history_statements
ON CONFLICT (version) DO NOTHING
RETURNING version;

-- name: remove
-- Take a version's record away; the schema stays as it is.
DELETE FROM supabase_migrations.schema_migrations WHERE version = %(version)s RETURNING version;

-- name: restore
-- Put a row back as it was.
INSERT INTO supabase_migrations.schema_migrations
SELECT (jsonb_populate_record(NULL::supabase_migrations.schema_migrations, %(row)s::jsonb)).*
ON CONFLICT (version) DO NOTHING
RETURNING version;
