-- A run of the gate ends by a person's stop too, and a pass is true for a while only.
-- Safe on any size: columns without a default.

ALTER TABLE ops.chatops_gate ADD COLUMN stopped_by text;          -- who stopped it; it then says nothing
ALTER TABLE ops.chatops_gate ADD COLUMN outdated_at timestamptz;  -- since when its pass is not true any more
CREATE INDEX chatops_gate_true ON ops.chatops_gate (ended_at) WHERE passed AND outdated_at IS NULL;
