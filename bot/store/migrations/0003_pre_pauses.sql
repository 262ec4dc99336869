-- Pauses (§12): leased, sticky, with the prior state of every job they hold, so that a resume restores exactly these.

CREATE TABLE ops.chatops_pause (
    id           text PRIMARY KEY,                 -- the run that began it
    thing        text        NOT NULL,             -- `ingest`
    job_types    text[]      NOT NULL,
    strategy     text        NOT NULL,             -- `label` or `next-run-at`
    held_until   timestamptz NOT NULL,             -- the finite moment that next_run_at was moved to
    owner        text        NOT NULL,
    reason       text        NOT NULL,
    channel      text        NOT NULL DEFAULT '',
    state        text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'resuming', 'stopped', 'ended')),
    started_at   timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    reminded_at  timestamptz,
    warned_at    timestamptz,
    told_end_at  timestamptz,
    swept_at     timestamptz,
    probes       jsonb       NOT NULL DEFAULT '[]', -- the newest answers of the vendor: [at, verdict]
    resume_run   text,
    batch_at     timestamptz,                      -- when the next batch is due
    why_stopped  text NOT NULL DEFAULT '',
    ended_at     timestamptz,
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX chatops_pause_one ON ops.chatops_pause (thing) WHERE state <> 'ended';

CREATE TABLE ops.chatops_pause_job (
    pause_id     text NOT NULL REFERENCES ops.chatops_pause (id) ON DELETE CASCADE,
    job_id       text NOT NULL,
    prior        jsonb NOT NULL,                   -- next_run_at before
    held_at      timestamptz NOT NULL,
    released_at  timestamptz,
    outcome      text NOT NULL DEFAULT '',         -- released, or moved on
    PRIMARY KEY (pause_id, job_id)
);
CREATE INDEX chatops_pause_job_open ON ops.chatops_pause_job (job_id) WHERE released_at IS NULL;
