-- name: receive
-- Keep one delivery before it is acknowledged; nothing when it, or its signature, came before.
INSERT INTO ops.chatops_inbox (key, signature, kind, envelope)
VALUES (%(key)s, %(signature)s, %(kind)s, %(envelope)s::jsonb)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: receive_wrong
-- Keep a delivery in which something else than a plan's target was typed, count it, and return the plan's count.
WITH kept AS (
    INSERT INTO ops.chatops_inbox (key, signature, kind, envelope)
    VALUES (%(key)s, %(signature)s, %(kind)s, %(envelope)s::jsonb)
    ON CONFLICT DO NOTHING
    RETURNING id)
UPDATE ops.chatops_plan SET wrong_entries = wrong_entries + (SELECT count(*) FROM kept)
WHERE id = %(plan)s
RETURNING wrong_entries;

-- name: claim
-- Take deliveries that wait, oldest first.
UPDATE ops.chatops_inbox
SET claimed_until = %(now)s::timestamptz + make_interval(secs => %(claim_seconds)s), attempts = attempts + 1
WHERE id IN (
    SELECT id FROM ops.chatops_inbox
    WHERE state = 'pending' AND claimed_until <= %(now)s
    ORDER BY id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED)
RETURNING id, kind, envelope, attempts;

-- name: finish
-- A delivery is handled: what it carried is not kept.
UPDATE ops.chatops_inbox
SET state = %(state)s, handled_at = clock_timestamp(), envelope = '{}'
WHERE id = %(id)s AND state = 'pending';
