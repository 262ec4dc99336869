-- Who watches the bot: what each process says of itself, pages of the second path, rounds of calling.

CREATE TABLE ops.chatops_process (
    id           text             PRIMARY KEY,             -- random at each start; gone when it stopped by itself
    version      text             NOT NULL,
    started_at   timestamptz      NOT NULL,
    seen_at      timestamptz      NOT NULL,                -- its last pulse
    skew_seconds double precision NOT NULL DEFAULT 0,      -- how far its clock is from the database's
    late_tick    text             NOT NULL DEFAULT '',     -- its latest tick, and by how much
    late_seconds double precision NOT NULL DEFAULT 0,
    slack_fails  integer          NOT NULL DEFAULT 0,      -- sign-ins to Slack that failed in a row
    slack_error  text             NOT NULL DEFAULT '',
    forged       integer          NOT NULL DEFAULT 0       -- wrong signatures of late
);

ALTER TABLE ops.chatops_escalation
    ADD COLUMN repeat integer NOT NULL DEFAULT 1;          -- how often the chain was gone through, this time included

-- Each round ends with a row one level beyond its chain: the chain begins again, or is exhausted (§4, R4).
INSERT INTO ops.chatops_escalation (alert_id, round, level, due_at, chain)
SELECT e.alert_id, e.round, jsonb_array_length(e.chain) + 1, greatest(max(e.due_at), now()) + interval '10 minutes', e.chain
FROM ops.chatops_escalation AS e
JOIN ops.chatops_alert AS a ON a.id = e.alert_id
WHERE a.state IN ('firing', 'resolving') AND a.acked_at IS NULL AND e.cancelled_at IS NULL
  AND e.round = (SELECT max(round) FROM ops.chatops_escalation WHERE alert_id = e.alert_id)
GROUP BY e.alert_id, e.round, e.chain;

ALTER TABLE ops.chatops_outbox
    ADD COLUMN rerouted_from text NOT NULL DEFAULT '';     -- the channel that could not take it
CREATE UNIQUE INDEX chatops_outbox_one_page ON ops.chatops_outbox (message_key) WHERE kind = 'page';
CREATE INDEX chatops_outbox_trouble ON ops.chatops_outbox (state, created_at) WHERE state = 'dead' OR rerouted_from <> '';
