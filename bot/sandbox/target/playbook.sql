-- The target as the playbook's SQL assumes it: text columns, job type `ingest`, status `paused`.

CREATE SCHEMA ops;
CREATE SCHEMA supabase_migrations;

CREATE TABLE ops.job_queue (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_type   text        NOT NULL,
    payload    jsonb       NOT NULL DEFAULT '{}',
    status     text        NOT NULL DEFAULT 'pending'
               CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'paused')),
    attempts   integer     NOT NULL DEFAULT 0,
    locked_at  timestamptz,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX job_queue_status ON ops.job_queue (status, locked_at);

CREATE TABLE ops.worker_heartbeats (
    worker_id    text PRIMARY KEY,
    worker_type  text        NOT NULL,
    status       text        NOT NULL DEFAULT 'running',
    last_seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE VIEW ops.v_system_health AS
SELECT CASE WHEN max(last_seen_at) FILTER (WHERE worker_type = 'ingest_processor') > now() - interval '60 seconds'
            THEN 'online' ELSE 'offline' END AS ingest_status,
       max(last_seen_at) FILTER (WHERE worker_type = 'ingest_processor') AS ingest_last_heartbeat,
       CASE WHEN max(last_seen_at) FILTER (WHERE worker_type = 'enforcement_engine') > now() - interval '60 seconds'
            THEN 'online' ELSE 'offline' END AS enforcement_status,
       max(last_seen_at) FILTER (WHERE worker_type = 'enforcement_engine') AS enforcement_last_heartbeat,
       (SELECT count(*) FROM ops.job_queue WHERE status = 'pending') AS queue_depth,
       (SELECT count(*) FROM ops.job_queue WHERE status = 'processing') AS queue_processing,
       now() AS checked_at
FROM ops.worker_heartbeats;

CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY, statements text[], name text);
CREATE VIEW public.v_migration_status AS
SELECT 'supabase'::text AS source, version, name, to_timestamp(version, 'YYYYMMDDHH24MISS') AS executed_at, true AS success
FROM supabase_migrations.schema_migrations
WHERE length(version) = 14;
