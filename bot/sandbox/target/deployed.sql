-- The target as it is deployed (target-system facts, sections 1 to 3): enums without `ingest` and `paused`, forced row
-- security, invoker views, worker ids on jobs, `next_run_at`, two reapers of which one is broken.

CREATE SCHEMA ops;
CREATE SCHEMA supabase_migrations;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['anon', 'authenticated', 'dragonfly_app', 'dragonfly_worker', 'dragonfly_readonly', 'service_role']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
                IF wanted = 'service_role' THEN
                    ALTER ROLE service_role BYPASSRLS;
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- somebody makes the same system on this server at the same moment
            END;
        END IF;
    END LOOP;
END $$;

CREATE TYPE ops.job_status_enum AS ENUM ('pending', 'processing', 'completed', 'failed');
CREATE TYPE ops.job_type_enum AS ENUM (
    'enrich_tlo', 'enrich_idicore', 'generate_pdf', 'ingest_csv',
    'enforcement_generate_packet', 'enforcement_strategy', 'enforcement_drafting', 'simplicity_ingest');

CREATE TABLE ops.job_queue (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_type        ops.job_type_enum   NOT NULL,
    payload         jsonb               NOT NULL,
    status          ops.job_status_enum NOT NULL DEFAULT 'pending',
    attempts        integer             NOT NULL DEFAULT 0,
    locked_at       timestamptz,
    last_error      text,
    created_at      timestamptz         NOT NULL DEFAULT now(),
    updated_at      timestamptz         NOT NULL DEFAULT now(),
    priority        integer             NOT NULL DEFAULT 0,
    run_at          timestamptz         NOT NULL DEFAULT now(),
    max_attempts    integer             NOT NULL DEFAULT 5,
    next_run_at     timestamptz,
    started_at      timestamptz,
    worker_id       text,
    reap_count      integer             NOT NULL DEFAULT 0,
    idempotency_key text,
    dedup_key       text,
    correlation_id  uuid,
    dead_letter_at  timestamptz
);
CREATE UNIQUE INDEX idx_job_queue_idempotency ON ops.job_queue (job_type, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX idx_job_dedup ON ops.job_queue (job_type, dedup_key)
    WHERE dedup_key IS NOT NULL AND status IN ('pending', 'processing');
CREATE UNIQUE INDEX uq_job_queue_type_dedup ON ops.job_queue (job_type, dedup_key)
    WHERE dedup_key IS NOT NULL AND status NOT IN ('completed', 'failed');
CREATE INDEX idx_job_queue_pending_pickup ON ops.job_queue (status, locked_at, created_at) WHERE status = 'pending';
CREATE INDEX idx_job_queue_priority_run_at ON ops.job_queue (priority DESC, run_at) WHERE status = 'pending';
CREATE INDEX idx_job_queue_scheduled ON ops.job_queue (status, next_run_at, created_at) WHERE status = 'pending';
CREATE INDEX idx_job_queue_stuck_detection ON ops.job_queue (status, started_at) WHERE status = 'processing';
CREATE INDEX idx_job_queue_status ON ops.job_queue (status);
CREATE INDEX idx_job_queue_created_at ON ops.job_queue (created_at);
CREATE INDEX idx_job_queue_correlation ON ops.job_queue (correlation_id);

CREATE FUNCTION ops.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER trg_job_queue_updated_at BEFORE UPDATE ON ops.job_queue
    FOR EACH ROW EXECUTE FUNCTION ops.touch_updated_at();

CREATE TABLE ops.worker_heartbeats (
    worker_id               text PRIMARY KEY,
    worker_type             text        NOT NULL,
    hostname                text,
    last_seen_at            timestamptz NOT NULL DEFAULT now(),
    status                  text        NOT NULL DEFAULT 'running'
                            CHECK (status IN ('starting', 'running', 'degraded', 'stopped', 'error')),
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    stale_threshold_seconds integer     NOT NULL DEFAULT 90
);
CREATE INDEX idx_worker_heartbeats_type ON ops.worker_heartbeats (worker_type, last_seen_at DESC);
CREATE TRIGGER trg_worker_heartbeats_updated_at BEFORE UPDATE ON ops.worker_heartbeats
    FOR EACH ROW EXECUTE FUNCTION ops.touch_updated_at();

ALTER TABLE ops.job_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.job_queue FORCE ROW LEVEL SECURITY;
ALTER TABLE ops.worker_heartbeats ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.worker_heartbeats FORCE ROW LEVEL SECURITY;
CREATE POLICY job_queue_service ON ops.job_queue TO service_role USING (true) WITH CHECK (true);
CREATE POLICY job_queue_worker ON ops.job_queue TO dragonfly_worker USING (true) WITH CHECK (true);
CREATE POLICY job_queue_nobody ON ops.job_queue TO anon, authenticated USING (false);
CREATE POLICY heartbeats_service ON ops.worker_heartbeats TO service_role USING (true) WITH CHECK (true);
CREATE POLICY heartbeats_worker ON ops.worker_heartbeats TO dragonfly_worker USING (true) WITH CHECK (true);
GRANT USAGE ON SCHEMA ops TO service_role, dragonfly_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON ops.job_queue, ops.worker_heartbeats TO service_role, dragonfly_worker;

CREATE VIEW ops.v_system_health WITH (security_invoker = true) AS
SELECT CASE WHEN count(*) FILTER (WHERE worker_type = 'ingest_processor' AND status = 'running'
                                    AND last_seen_at > now() - interval '60 seconds') > 0
            THEN 'online' ELSE 'offline' END AS ingest_status,
       max(last_seen_at) FILTER (WHERE worker_type = 'ingest_processor') AS ingest_last_heartbeat,
       CASE WHEN count(*) FILTER (WHERE worker_type = 'enforcement_engine' AND status = 'running'
                                    AND last_seen_at > now() - interval '60 seconds') > 0
            THEN 'online' ELSE 'offline' END AS enforcement_status,
       max(last_seen_at) FILTER (WHERE worker_type = 'enforcement_engine') AS enforcement_last_heartbeat,
       (SELECT count(*) FROM ops.job_queue WHERE status = 'pending') AS queue_depth,
       (SELECT count(*) FROM ops.job_queue WHERE status = 'processing') AS queue_processing,
       now() AS checked_at
FROM ops.worker_heartbeats;
GRANT SELECT ON ops.v_system_health TO service_role;

CREATE FUNCTION ops.claim_pending_job(
    p_job_types text[], p_lock_timeout_minutes integer DEFAULT 30, p_worker_id text DEFAULT NULL)
RETURNS TABLE (job_id uuid, job_type text, payload jsonb, attempts integer, created_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE ops.job_queue AS j
    SET status = 'processing', locked_at = now(), started_at = now(), worker_id = p_worker_id, attempts = j.attempts + 1
    WHERE j.id = (
        SELECT q.id FROM ops.job_queue AS q
        WHERE q.status = 'pending' AND q.job_type::text = ANY (p_job_types)
          AND (q.next_run_at IS NULL OR q.next_run_at <= now())
          AND (q.locked_at IS NULL OR q.locked_at < now() - make_interval(mins => p_lock_timeout_minutes))
        ORDER BY coalesce(q.next_run_at, q.created_at)
        LIMIT 1
        FOR UPDATE SKIP LOCKED)
    RETURNING j.id, j.job_type::text, j.payload, j.attempts, j.created_at
$$;

CREATE FUNCTION ops.update_job_status(
    p_job_id uuid, p_status text, p_error_message text DEFAULT NULL, p_backoff_seconds integer DEFAULT NULL)
RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH done AS (
        UPDATE ops.job_queue
        SET status = p_status::ops.job_status_enum,
            last_error = coalesce(left(p_error_message, 2000), last_error),
            next_run_at = now() + make_interval(secs => p_backoff_seconds),
            locked_at = CASE WHEN p_status IN ('completed', 'failed') THEN NULL ELSE locked_at END,
            started_at = CASE WHEN p_status IN ('completed', 'failed') THEN NULL ELSE started_at END,
            worker_id = CASE WHEN p_status IN ('completed', 'failed') THEN NULL ELSE worker_id END
        WHERE id = p_job_id
        RETURNING 1)
    SELECT EXISTS (SELECT FROM done)
$$;

CREATE FUNCTION ops.queue_job(p_type text, p_payload jsonb, p_priority integer DEFAULT 0, p_run_at timestamptz DEFAULT now())
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO ops.job_queue (job_type, payload, priority, run_at)
    VALUES (p_type::ops.job_type_enum, p_payload, p_priority, p_run_at)
    RETURNING id
$$;

CREATE FUNCTION ops.register_heartbeat(
    p_worker_id text, p_worker_type text, p_hostname text DEFAULT NULL, p_status text DEFAULT 'running')
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO ops.worker_heartbeats (worker_id, worker_type, hostname, status, last_seen_at)
    VALUES (p_worker_id, p_worker_type, p_hostname, p_status, clock_timestamp())
    ON CONFLICT (worker_id) DO UPDATE SET status = excluded.status, last_seen_at = excluded.last_seen_at
$$;

CREATE FUNCTION ops.reap_stuck_jobs(p_lock_timeout_minutes integer DEFAULT 30)
RETURNS TABLE (job_id uuid, job_type text, action_taken text, attempts integer, max_attempts integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE ops.job_queue AS j
    SET status = CASE WHEN j.attempts >= j.max_attempts THEN 'failed' ELSE 'pending' END::ops.job_status_enum,
        next_run_at = now() + make_interval(secs => least(30 * 2 ^ j.attempts, 3600)),
        locked_at = NULL, started_at = NULL, worker_id = NULL, reap_count = j.reap_count + 1
    WHERE j.id IN (
        SELECT q.id FROM ops.job_queue AS q
        WHERE q.status = 'processing' AND q.started_at < now() - make_interval(mins => p_lock_timeout_minutes)
        FOR UPDATE SKIP LOCKED)
    RETURNING j.id, j.job_type::text,
              CASE WHEN j.attempts >= j.max_attempts THEN 'moved_to_dlq' ELSE 'reset_with_backoff' END, j.attempts, j.max_attempts
$$;

CREATE FUNCTION ops.reap_stuck_jobs(p_stuck_threshold interval DEFAULT interval '10 minutes')
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    UPDATE ops.job_queue SET status = 'failed', error_message = 'reaped', completed_at = now()
    WHERE status = 'processing' AND started_at < now() - p_stuck_threshold;
    RETURN 0;
END $$;

CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY, statements text[], name text);
CREATE VIEW public.v_migration_status WITH (security_invoker = true) AS
SELECT 'supabase'::text AS source, version, name, to_timestamp(version, 'YYYYMMDDHH24MISS') AS executed_at, true AS success
FROM supabase_migrations.schema_migrations
WHERE length(version) = 14;
