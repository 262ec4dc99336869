-- name: turn_off
-- Turn changes off for one cause; what turned them off first stands.
INSERT INTO ops.chatops_changes_off (cause, since, actor, reason)
VALUES (%(cause)s, %(now)s, %(actor)s, %(reason)s)
ON CONFLICT (cause) DO NOTHING
RETURNING cause;

-- name: turn_on
-- Take one cause away.
DELETE FROM ops.chatops_changes_off WHERE cause = %(cause)s RETURNING cause;

-- name: why_off
-- The oldest cause for which changes are off.
SELECT cause, since, actor, reason FROM ops.chatops_changes_off ORDER BY since, cause LIMIT 1;

-- name: find
-- One cause, locked until the transaction ends.
SELECT cause, since, actor, reason FROM ops.chatops_changes_off WHERE cause = %(cause)s FOR UPDATE;
