-- How often something else than the target was typed for a plan: a fifth time ends the request.
-- Safe on any size: a column with a constant default.

ALTER TABLE ops.chatops_plan ADD COLUMN wrong_entries integer NOT NULL DEFAULT 0;
