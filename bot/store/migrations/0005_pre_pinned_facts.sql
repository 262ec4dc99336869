-- The facts that a batch compares row by row stand in columns of their own: five hundred JSON values cost more than the update.
-- Safe on any size: columns without a default.

ALTER TABLE ops.chatops_plan_target
    ADD COLUMN locked_at    timestamptz,
    ADD COLUMN attempts     integer,
    ADD COLUMN worker_id    text,
    ADD COLUMN seen_at      timestamptz,            -- the newest heartbeat when it was judged
    ADD COLUMN wait_seconds float8;                 -- how long until its next try

UPDATE ops.chatops_plan_target
SET locked_at = (guard ->> 'locked_at')::timestamptz,
    attempts = (guard ->> 'attempts')::integer,
    worker_id = guard ->> 'worker_id',
    seen_at = (guard ->> 'seen_at')::timestamptz,
    wait_seconds = (guard ->> 'wait_seconds')::float8
WHERE guard ? 'locked_at';
