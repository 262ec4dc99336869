-- name: applied
-- What the migration history records; it says nothing of times, and "recorded" is not "run".
SELECT version, name, coalesce(cardinality(statements), 0) AS statements  -- if history_statements
SELECT version, NULL::text AS name, 0 AS statements  -- unless history_statements
FROM supabase_migrations.schema_migrations
ORDER BY version;

-- name: peek
-- One version's row, whole, for its way back; and its digest, by which it is known again.
SELECT to_jsonb(h) AS row, encode(sha256(convert_to(to_jsonb(h)::text, 'UTF8')), 'hex') AS seen
FROM supabase_migrations.schema_migrations AS h
WHERE h.version = %(version)s;

-- name: newest
-- The newest recorded versions.
SELECT version FROM supabase_migrations.schema_migrations ORDER BY version DESC LIMIT 3;

-- name: record
-- Record a version as applied, if nobody has; none of its SQL is run, and none is stored.
INSERT INTO supabase_migrations.schema_migrations AS h (version, name) VALUES (%(version)s, %(name)s)  -- if history_statements
INSERT INTO supabase_migrations.schema_migrations AS h (version) VALUES (%(version)s)  -- unless history_statements
ON CONFLICT (version) DO NOTHING
RETURNING h.version, encode(sha256(convert_to(to_jsonb(h)::text, 'UTF8')), 'hex') AS seen;

-- name: remove
-- Take a version's record away, if it is still as it was seen; the schema stays as it is.
DELETE FROM supabase_migrations.schema_migrations AS h
WHERE h.version = %(version)s AND encode(sha256(convert_to(to_jsonb(h)::text, 'UTF8')), 'hex') = %(seen)s
RETURNING h.version;

-- name: restore
-- Put a row back as it was, if nobody has recorded the version since.
INSERT INTO supabase_migrations.schema_migrations
SELECT (jsonb_populate_record(NULL::supabase_migrations.schema_migrations, %(row)s::jsonb)).*
ON CONFLICT (version) DO NOTHING
RETURNING version;

-- name: roll_back
-- What a DBA runs in our place: the record goes and the script runs, or nothing happens.
DO $dragonfly$
BEGIN
    DELETE FROM supabase_migrations.schema_migrations AS h
    WHERE h.version = %(version)s AND encode(sha256(convert_to(to_jsonb(h)::text, 'UTF8')), 'hex') = %(seen)s;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the record was changed since the plan; nothing was done';
    END IF;
    EXECUTE %(script)s;
END
$dragonfly$;
