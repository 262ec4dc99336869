-- name: append
-- Append one record; the function numbers, stamps, hashes and chains it.
SELECT ops.chatops_audit_append(%(canonical)s) AS n;

-- name: head
-- The last number and hash of the chain.
SELECT n, hash FROM ops.chatops_audit_head;

-- name: walk
-- The whole chain from a number on, in order.
SELECT n, at, record, hash FROM ops.chatops_audit WHERE n > %(after)s ORDER BY n LIMIT %(most)s;

-- name: newest
-- The newest records, oldest of them first.
SELECT n, at, record, hash FROM (
    SELECT n, at, record, hash FROM ops.chatops_audit ORDER BY n DESC LIMIT %(most)s
) AS newest ORDER BY n;

-- name: about
-- Every record that names one plan, run or alert.
SELECT n, at, record, hash FROM ops.chatops_audit
WHERE record ->> 'plan' = %(key)s OR record ->> 'alert' = %(key)s OR n::text = %(key)s
ORDER BY n;

-- name: refused_lately
-- Whether this refusal was recorded within the minute.
SELECT EXISTS (
    SELECT FROM ops.chatops_audit
    WHERE n > (SELECT n - 200 FROM ops.chatops_audit_head) AND at > %(now)s::timestamptz - interval '1 minute'
      AND event = %(event)s AND actor = %(actor)s AND record ->> 'reason' = %(reason)s
) AS present;

-- name: one_refusal_at_a_time
-- Wait for whoever is about to record the same refusal; ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('dragonfly refusal ' || %(actor)s || ' ' || %(reason)s, 0));

-- name: session_user
-- The log-in of this connection: all that is known for sure of who sits at a shell.
SELECT session_user::text AS name;

-- name: newest_at
-- When an event was recorded last.
SELECT max(at) AS at FROM ops.chatops_audit WHERE event = %(event)s;
