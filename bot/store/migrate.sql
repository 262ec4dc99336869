-- name: has_versions
-- Say whether our version table is there; to_regclass refuses a role that may not use its schema (PostgreSQL 15 to 18).
SELECT EXISTS (
    SELECT FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'ops' AND c.relname = 'chatops_schema_version'
) AS present;

-- name: list_versions
-- What was applied, in order.
SELECT version, name, checksum, applied_at, mode, database_identity
FROM ops.chatops_schema_version
ORDER BY version;

-- name: lock
-- One migration at a time; transaction-level, so it works through a pooler.
SELECT pg_advisory_xact_lock(hashtextextended('ops.chatops_schema_version', 0));

-- name: create_versions
-- The version table and the environment marker, made by the first run.
DO $$ BEGIN
    CREATE SCHEMA IF NOT EXISTS ops;
    IF to_regclass('ops.chatops_schema_version') IS NULL THEN
        CREATE TABLE ops.chatops_schema_version (
            version           integer     PRIMARY KEY,
            name              text        NOT NULL,
            checksum          text        NOT NULL,
            applied_at        timestamptz NOT NULL,
            mode              text        NOT NULL CHECK (mode IN ('dev', 'prod')),
            database_identity text        NOT NULL
        );
    END IF;
END $$;

-- name: record_version
-- Remember one applied migration, with the environment and the database it was applied to.
INSERT INTO ops.chatops_schema_version (version, name, checksum, applied_at, mode, database_identity)
SELECT %(version)s, %(name)s, %(checksum)s, %(now)s, %(mode)s,
       (SELECT system_identifier::text FROM pg_control_system()) || '/' || current_database();

-- name: identity
-- What tells this database from every other, and whether it only follows another.
SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' || current_database() AS identity,
       pg_is_in_recovery() AS follows;
