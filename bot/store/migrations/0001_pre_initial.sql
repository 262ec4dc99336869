-- The bot's own tables: everything in schema `ops` with the prefix `chatops_`. Nothing of the target is touched.
-- Forward only; applied by `dragonfly db migrate` in one transaction under a transaction-level advisory lock.



-- 1. The record: append-only, hash-chained (specification §11) --------------------------------------------------

CREATE TABLE ops.chatops_audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    n        bigint  NOT NULL,
    hash     bytea   NOT NULL CHECK (octet_length(hash) = 32)
);
INSERT INTO ops.chatops_audit_head (n, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE ops.chatops_audit (
    n      bigint      PRIMARY KEY CHECK (n > 0),
    at     timestamptz NOT NULL,
    event  text        NOT NULL GENERATED ALWAYS AS (record ->> 'event') STORED,
    actor  text        NOT NULL GENERATED ALWAYS AS (record ->> 'actor') STORED,
    record jsonb       NOT NULL,
    hash   bytea       NOT NULL CHECK (octet_length(hash) = 32)
);

CREATE FUNCTION ops.chatops_audit_append(canonical text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head   ops.chatops_audit_head;
    moment timestamptz;
    sealed bytea;
BEGIN
    SELECT * INTO STRICT head FROM ops.chatops_audit_head FOR UPDATE;
    moment := clock_timestamp();
    sealed := sha256(head.hash || convert_to(
        'chatops-audit-v1' || E'\n' || (head.n + 1) || E'\n'
        || to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || E'\n' || canonical, 'UTF8'));
    INSERT INTO ops.chatops_audit (n, at, record, hash) VALUES (head.n + 1, moment, canonical::jsonb, sealed);
    UPDATE ops.chatops_audit_head SET n = head.n + 1, hash = sealed;
    RETURN head.n + 1;
END $$;
REVOKE ALL ON FUNCTION ops.chatops_audit_append(text) FROM PUBLIC;

CREATE FUNCTION ops.chatops_audit_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'ops.chatops_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER chatops_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.chatops_audit
    FOR EACH STATEMENT EXECUTE FUNCTION ops.chatops_audit_refuse();

-- 2. Inbound: one row a delivery, committed before it is acknowledged (§6) --------------------------------------

CREATE TABLE ops.chatops_inbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          text        NOT NULL UNIQUE,      -- trigger_id, event_id or the interaction key
    signature    bytea       UNIQUE,               -- sha256 of the HTTP signature; null over Socket Mode
    kind         text        NOT NULL CHECK (kind IN ('command', 'action', 'submission', 'event')),
    envelope     jsonb       NOT NULL,             -- what the handler needs; emptied once handled
    state        text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    received_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_until timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts     integer     NOT NULL DEFAULT 0,
    handled_at   timestamptz,
    CHECK ((state = 'pending') = (handled_at IS NULL))
);
CREATE INDEX chatops_inbox_pending ON ops.chatops_inbox (id) WHERE state = 'pending';

-- 3. Checks and alerts (§2, §3) ---------------------------------------------------------------------------------

CREATE TABLE ops.chatops_check (
    check_id       text PRIMARY KEY,
    due_at         timestamptz NOT NULL,           -- taken by UPDATE … WHERE due_at <= now RETURNING
    observed_at    timestamptz,                    -- last look, whatever it gave
    seen_at        timestamptz,                    -- last look that could tell
    unknown_streak integer     NOT NULL DEFAULT 0,
    gap_ended_at   timestamptz,                    -- end of the newest gap between looks that could tell
    detail         jsonb       NOT NULL DEFAULT '{}'
);

CREATE TABLE ops.chatops_alert (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- shown as A31
    fingerprint     text        NOT NULL,
    check_id        text        NOT NULL,
    labels          jsonb       NOT NULL DEFAULT '{}',
    scenario        text        NOT NULL DEFAULT '',                  -- whose contacts are called
    state           text        NOT NULL CHECK (state IN ('pending', 'firing', 'resolving', 'resolved')),
    severity        text        NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    version         integer     NOT NULL DEFAULT 1,                   -- compare-and-set
    started_at      timestamptz NOT NULL,                             -- since when it is bad (last good sign)
    pending_since   timestamptz,                                      -- bad since, while waiting out `for`
    fired_at        timestamptz,
    resolving_since timestamptz,
    resolved_at     timestamptz,
    resolved_by     text,                                             -- an actor, when by hand
    resolved_reason text,
    last_bad_at     timestamptz NOT NULL,
    acked_by        text,
    acked_at        timestamptz,
    reopens         integer     NOT NULL DEFAULT 0,
    changes         timestamptz[] NOT NULL DEFAULT '{}',              -- firing <-> resolved, newest last
    unsteady        boolean     NOT NULL DEFAULT false,
    evidence        jsonb       NOT NULL DEFAULT '{}',
    channel         text        NOT NULL DEFAULT '',
    edited_at       timestamptz,                                      -- when its numbers were last sent
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL)),
    CHECK (state = 'pending' OR fired_at IS NOT NULL)
);
CREATE UNIQUE INDEX chatops_alert_open ON ops.chatops_alert (fingerprint) WHERE state <> 'resolved';
CREATE INDEX chatops_alert_recent ON ops.chatops_alert (fingerprint, resolved_at DESC);

CREATE TABLE ops.chatops_alert_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id    bigint REFERENCES ops.chatops_alert (id) ON DELETE SET NULL,
    fingerprint text        NOT NULL,
    at          timestamptz NOT NULL,
    event       text        NOT NULL,   -- fired, called, acknowledged, recovering, relapsed, resolved, reopened, …
    actor       text        NOT NULL DEFAULT 'dragonfly',
    reason      text        NOT NULL DEFAULT '',
    facts       jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX chatops_alert_event_alert ON ops.chatops_alert_event (alert_id, at);

CREATE TABLE ops.chatops_escalation (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id     bigint      NOT NULL REFERENCES ops.chatops_alert (id) ON DELETE CASCADE,
    round        integer     NOT NULL DEFAULT 1,
    level        integer     NOT NULL CHECK (level >= 1),
    due_at       timestamptz NOT NULL,
    chain        jsonb       NOT NULL,             -- the whole chain as it was when the alert fired
    called       jsonb       NOT NULL DEFAULT '[]', -- who was called, once done
    done_at      timestamptz,
    cancelled_at timestamptz,
    UNIQUE (alert_id, round, level)
);
CREATE INDEX chatops_escalation_due ON ops.chatops_escalation (due_at) WHERE done_at IS NULL AND cancelled_at IS NULL;

-- 4. Plans and runs (§8, §9) ------------------------------------------------------------------------------------

CREATE TABLE ops.chatops_plan (
    id             text PRIMARY KEY,
    step           text        NOT NULL,
    step_rev       text        NOT NULL,            -- digest of declaration, SQL and settings of the step
    params         jsonb       NOT NULL,
    params_digest  text        NOT NULL,
    requester      text        NOT NULL,
    requester_name text        NOT NULL DEFAULT '',
    surface        text        NOT NULL CHECK (surface IN ('slack', 'cli')),
    channel        text        NOT NULL DEFAULT '',
    thread_ts      text        NOT NULL DEFAULT '',
    alert_id       bigint      REFERENCES ops.chatops_alert (id),
    state          text        NOT NULL DEFAULT 'issued'
                   CHECK (state IN ('issued', 'consumed', 'expired', 'revoked', 'superseded')),
    secret_hash    bytea,                           -- null while a second person is awaited
    nonce          text        NOT NULL,            -- the secret is derived from it, never stored
    preview        jsonb       NOT NULL,            -- counts, groups, samples, strategy: what the card shows
    digest         text        NOT NULL,            -- sha256 of all that was previewed; its first 8 are the seal
    target_count   integer     NOT NULL,
    database       text        NOT NULL,            -- identity of the database it was made on
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    ended_by       text,
    superseded_by  text,
    approval       text        NOT NULL DEFAULT 'none' CHECK (approval IN ('none', 'needed', 'asked', 'approved', 'denied')),
    approval_why   text        NOT NULL DEFAULT '',
    ask_reason     text        NOT NULL DEFAULT '',
    decided_by     text,
    decided_at     timestamptz,
    version        integer     NOT NULL DEFAULT 1,
    CHECK ((state = 'issued') = (ended_at IS NULL)),
    CHECK (decided_by IS NULL OR decided_by <> requester)
);
CREATE UNIQUE INDEX chatops_plan_issued ON ops.chatops_plan (step, params_digest, requester) WHERE state = 'issued';
CREATE INDEX chatops_plan_expiry ON ops.chatops_plan (expires_at) WHERE state = 'issued';

CREATE TABLE ops.chatops_plan_target (
    plan_id     text    NOT NULL REFERENCES ops.chatops_plan (id) ON DELETE CASCADE,
    ordinal     integer NOT NULL,
    target_id   text    NOT NULL,
    disposition text    NOT NULL,
    reason      text    NOT NULL DEFAULT '',
    guard       jsonb   NOT NULL,                   -- prior state: what must still hold, and what undo restores
    result      text,                               -- null until carried out; `done` or `moved on`
    PRIMARY KEY (plan_id, ordinal)
) WITH (fillfactor = 70);
CREATE INDEX chatops_plan_target_job ON ops.chatops_plan_target (target_id);

CREATE TABLE ops.chatops_run (
    id            text PRIMARY KEY REFERENCES ops.chatops_plan (id),   -- a plan keeps its id when it runs
    step          text        NOT NULL,
    resource      text        NOT NULL,             -- at most one unfinished run each
    state         text        NOT NULL CHECK (state IN ('awaiting_approval', 'confirmed', 'executing', 'succeeded',
                  'noop', 'failed', 'aborted', 'unknown', 'reconciled_done', 'reconciled_not_done', 'handed_over')),
    actor         text        NOT NULL,
    approver      text,
    surface       text        NOT NULL,
    confirmed_at  timestamptz NOT NULL,
    not_before    timestamptz NOT NULL,             -- later than confirmed_at when a second look is needed
    started_at    timestamptz,
    ended_at      timestamptz,
    rows_affected integer     NOT NULL DEFAULT 0,
    done_to       integer     NOT NULL DEFAULT 0,   -- plan targets up to this ordinal are carried out
    result        jsonb       NOT NULL DEFAULT '{}', -- counts by outcome
    reason        text        NOT NULL DEFAULT '',  -- why aborted or failed
    sqlstate      text        NOT NULL DEFAULT '',
    record_n      bigint,                           -- its outcome in the record
    proof         text        NOT NULL DEFAULT 'none' CHECK (proof IN ('none', 'watching', 'proved', 'no_effect', 'not_known')),
    proof_until   timestamptz,
    proof_facts   jsonb       NOT NULL DEFAULT '{}',
    proved_at     timestamptz,
    claimed_until timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((state IN ('awaiting_approval', 'confirmed', 'executing', 'unknown')) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX chatops_run_active ON ops.chatops_run (resource) WHERE state IN ('confirmed', 'executing');
CREATE INDEX chatops_run_open ON ops.chatops_run (not_before) WHERE state IN ('confirmed', 'executing');
CREATE INDEX chatops_run_proof ON ops.chatops_run (proof_until) WHERE proof = 'watching';

-- 5. Outbound: inserted in the transaction of the change it announces (§5) --------------------------------------

CREATE TABLE ops.chatops_outbox (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind             text        NOT NULL CHECK (kind IN ('post', 'update', 'reply', 'ephemeral', 'page')),
    destination      text        NOT NULL,           -- channel id
    recipient        text        NOT NULL DEFAULT '', -- user id, for an ephemeral message
    message_key      text        NOT NULL,           -- alert:31, plan:7F3K: the live message it belongs to
    thread_key       text        NOT NULL DEFAULT '', -- message key of the thread's first message
    thread_ts        text        NOT NULL DEFAULT '', -- or its ts, when it is not ours
    broadcast        boolean     NOT NULL DEFAULT false,
    render_from      jsonb       NOT NULL,           -- entity and facts, never rendered text
    priority         integer     NOT NULL DEFAULT 5, -- 1 = critical
    state            text        NOT NULL DEFAULT 'pending'
                     CHECK (state IN ('pending', 'leased', 'delivered', 'ambiguous', 'rerouted', 'dead', 'superseded')),
    attempts         integer     NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL,
    lease_epoch      integer     NOT NULL DEFAULT 0,
    lease_until      timestamptz,
    leased_at        timestamptz,
    sent_channel     text        NOT NULL DEFAULT '',
    sent_ts          text        NOT NULL DEFAULT '',
    rendered_version integer,
    last_error       text        NOT NULL DEFAULT '', -- Slack's word for it
    plain            boolean     NOT NULL DEFAULT false, -- blocks were refused: send as plain text
    created_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    CHECK ((state IN ('delivered', 'dead', 'superseded')) = (ended_at IS NOT NULL)),
    CHECK (state <> 'delivered' OR kind = 'ephemeral' OR sent_ts <> '')
);
CREATE INDEX chatops_outbox_due ON ops.chatops_outbox (priority, created_at) WHERE state IN ('pending', 'leased', 'ambiguous');
CREATE INDEX chatops_outbox_message ON ops.chatops_outbox (message_key, kind);
CREATE UNIQUE INDEX chatops_outbox_one_update ON ops.chatops_outbox (message_key) WHERE kind = 'update' AND state = 'pending';

CREATE TABLE ops.chatops_rate_gate (
    key        text PRIMARY KEY,                    -- method and channel; shared by all replicas
    until      timestamptz NOT NULL
);
