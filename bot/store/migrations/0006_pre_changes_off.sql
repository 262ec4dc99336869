-- What turns changes off for every replica, and what one person ran alone and somebody else must look at.

CREATE TABLE ops.chatops_changes_off (
    cause  text        PRIMARY KEY CHECK (cause IN ('freeze', 'record')),  -- by a person, or the record does not add up
    since  timestamptz NOT NULL,
    actor  text        NOT NULL,
    reason text        NOT NULL
);

CREATE TABLE ops.chatops_review (
    run_id      text        PRIMARY KEY REFERENCES ops.chatops_run (id),
    actor       text        NOT NULL,               -- who ran it alone
    reason      text        NOT NULL,
    channel     text        NOT NULL DEFAULT '',
    opened_at   timestamptz NOT NULL,
    reminded_at timestamptz,
    closed_at   timestamptz,
    closed_by   text,
    CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
    CHECK (closed_by IS DISTINCT FROM actor)
);
