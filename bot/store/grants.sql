-- The least that the bot needs. Read it, then run it as the owner of the tables, after `dragonfly db migrate`.
-- Give the role a password yourself: \password dragonfly_bot

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dragonfly_bot') THEN
        CREATE ROLE dragonfly_bot LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
END $$;

GRANT USAGE ON SCHEMA ops TO dragonfly_bot;

-- The target: heartbeats and the queue are read, seven columns of the queue are changed. Never the payload.
GRANT SELECT ON ops.worker_heartbeats TO dragonfly_bot;
DO $$
DECLARE
    readable text;
    writable text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ') FILTER (WHERE attname <> 'payload'),
           string_agg(quote_ident(attname), ', ') FILTER (WHERE attname IN
               ('status', 'locked_at', 'started_at', 'worker_id', 'next_run_at', 'updated_at', 'last_error'))
    INTO readable, writable
    FROM pg_attribute
    WHERE attrelid = 'ops.job_queue'::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('GRANT SELECT (%s), UPDATE (%s) ON ops.job_queue TO dragonfly_bot', readable, writable);
    IF to_regclass('ops.v_system_health') IS NOT NULL THEN
        GRANT SELECT ON ops.v_system_health TO dragonfly_bot;
    END IF;
END $$;

-- Sessions: whose they are, their state and their locks; the product never selects the text of a query.
GRANT pg_read_all_stats TO dragonfly_bot;

-- The migration history is read; changing it needs the role that `dragonfly db grants --dba` prints.
DO $$ BEGIN
    IF to_regclass('supabase_migrations.schema_migrations') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA supabase_migrations TO dragonfly_bot;
        GRANT SELECT ON supabase_migrations.schema_migrations TO dragonfly_bot;
    END IF;
END $$;

-- Row security: the bot sees and changes jobs, and sees heartbeats. Without these policies the tables look empty.
DO $$ BEGIN
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = 'ops.job_queue'::regclass)
       AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'ops.job_queue'::regclass AND polname = 'chatops_queue') THEN
        CREATE POLICY chatops_queue ON ops.job_queue TO dragonfly_bot USING (true) WITH CHECK (true);
    END IF;
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = 'ops.worker_heartbeats'::regclass)
       AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'ops.worker_heartbeats'::regclass AND polname = 'chatops_heartbeats') THEN
        CREATE POLICY chatops_heartbeats ON ops.worker_heartbeats FOR SELECT TO dragonfly_bot USING (true);
    END IF;
END $$;

-- Our own tables: all of them, except that the record is only appended to, through its function.
DO $$
DECLARE
    mine text;
BEGIN
    FOR mine IN
        SELECT quote_ident(relname) FROM pg_class
        WHERE relnamespace = 'ops'::regnamespace AND relkind = 'r' AND relname LIKE 'chatops\_%'
          AND relname NOT IN ('chatops_audit', 'chatops_audit_head', 'chatops_schema_version')
    LOOP
        EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ops.' || mine || ' TO dragonfly_bot';
    END LOOP;
END $$;
GRANT SELECT ON ops.chatops_audit, ops.chatops_audit_head, ops.chatops_schema_version TO dragonfly_bot;
GRANT EXECUTE ON FUNCTION ops.chatops_audit_append(text) TO dragonfly_bot;

-- The function that appends belongs to a role that cannot log in and may do no more than append.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dragonfly_bot_record') THEN
        CREATE ROLE dragonfly_bot_record NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT pg_has_role('dragonfly_bot_record', 'USAGE') THEN
        GRANT dragonfly_bot_record TO CURRENT_USER;
    END IF;
END $$;
GRANT USAGE, CREATE ON SCHEMA ops TO dragonfly_bot_record;
GRANT SELECT, INSERT ON ops.chatops_audit TO dragonfly_bot_record;
GRANT SELECT, UPDATE ON ops.chatops_audit_head TO dragonfly_bot_record;
ALTER FUNCTION ops.chatops_audit_append(text) OWNER TO dragonfly_bot_record;
REVOKE CREATE ON SCHEMA ops FROM dragonfly_bot_record;
