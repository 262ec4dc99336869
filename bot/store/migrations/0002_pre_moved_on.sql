-- A run says how far it came and which targets had moved on; no row a target is written while it runs.
-- Safe on any size: a column with a constant default, and a dropped one that only the older program wrote.

ALTER TABLE ops.chatops_run ADD COLUMN moved integer[] NOT NULL DEFAULT '{}';
ALTER TABLE ops.chatops_run ADD COLUMN undone_by text;  -- the run that took it back

UPDATE ops.chatops_run AS r
SET moved = ARRAY(SELECT t.ordinal FROM ops.chatops_plan_target AS t
                  WHERE t.plan_id = r.id AND t.result = 'moved on' ORDER BY t.ordinal);

ALTER TABLE ops.chatops_plan_target DROP COLUMN result;
ALTER TABLE ops.chatops_plan_target RESET (fillfactor);
