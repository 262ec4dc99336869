-- What one person ran alone: for which alert, who was told, and whether somebody stopped it in time.

ALTER TABLE ops.chatops_review
    ADD COLUMN alert_id   bigint REFERENCES ops.chatops_alert (id) ON DELETE SET NULL,
    ADD COLUMN told       text[] NOT NULL DEFAULT '{}',   -- channels with a card of it, beside the plan's own
    ADD COLUMN stopped_by text,
    DROP COLUMN channel;
