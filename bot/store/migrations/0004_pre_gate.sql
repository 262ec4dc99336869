-- Runs of the release gate, and the failures that two people allowed: each ends by itself.

CREATE TABLE ops.chatops_gate (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode          text        NOT NULL CHECK (mode IN ('dev', 'prod')),
    actor         text        NOT NULL,
    at            timestamptz NOT NULL,
    ended_at      timestamptz,                      -- NULL while it runs
    passed        boolean     NOT NULL DEFAULT false,
    failed        text[]      NOT NULL DEFAULT '{}',
    report        jsonb       NOT NULL DEFAULT '{}',
    allowed_by    text,                             -- the run that allowed it
    allowed_until timestamptz,
    allowed_why   text NOT NULL DEFAULT ''
);
