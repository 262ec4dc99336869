-- For DRAGONFLY_DBA_DATABASE_URL: opened only for an approved unlock, repair or rollback, whose whole transaction runs on it.
-- Read it, then run it as the owner of the tables, after `dragonfly db migrate`.
-- A rollback script drops what migrations made: make the role a member of the owner of these objects, or leave rollbacks out.
-- Give the role a password yourself: \password dragonfly_dba

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dragonfly_dba') THEN
        CREATE ROLE dragonfly_dba LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
END $$;

GRANT USAGE ON SCHEMA ops TO dragonfly_dba;

-- Sessions of other roles: seen, cancelled, ended. Never those of a superuser.
GRANT pg_read_all_stats, pg_signal_backend TO dragonfly_dba;

-- The migration history.
DO $$ BEGIN
    IF to_regclass('supabase_migrations.schema_migrations') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA supabase_migrations TO dragonfly_dba;
        GRANT SELECT, INSERT, UPDATE, DELETE ON supabase_migrations.schema_migrations TO dragonfly_dba;
    END IF;
END $$;

-- The run, its plan, the message about it, and the record, in the same transaction.
DO $$
DECLARE
    mine text;
BEGIN
    FOR mine IN
        SELECT quote_ident(relname) FROM pg_class
        WHERE relnamespace = 'ops'::regnamespace AND relkind = 'r' AND relname LIKE 'chatops\_%'
          AND relname NOT IN ('chatops_audit', 'chatops_audit_head', 'chatops_schema_version')
    LOOP
        EXECUTE 'GRANT SELECT, INSERT, UPDATE ON ops.' || mine || ' TO dragonfly_dba';
    END LOOP;
END $$;
GRANT SELECT ON ops.chatops_audit, ops.chatops_audit_head, ops.chatops_schema_version TO dragonfly_dba;
GRANT EXECUTE ON FUNCTION ops.chatops_audit_append(text) TO dragonfly_dba;
GRANT SELECT ON ops.worker_heartbeats TO dragonfly_dba;
DO $$
DECLARE
    readable text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ') INTO readable
    FROM pg_attribute
    WHERE attrelid = 'ops.job_queue'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'payload';
    EXECUTE format('GRANT SELECT (%s) ON ops.job_queue TO dragonfly_dba', readable);
END $$;
