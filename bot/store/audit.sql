-- name: append
-- Append one record; the function numbers, stamps, hashes and chains it.
SELECT ops.chatops_audit_append(%(canonical)s) AS n;

-- name: head
-- The last number and hash of the chain.
SELECT n, hash FROM ops.chatops_audit_head;

-- name: walk
-- A page of the chain from a number on, in order.
SELECT n, at, record, prev, hash FROM ops.chatops_audit
WHERE n BETWEEN %(first)s AND %(last)s ORDER BY n LIMIT %(most)s;

-- name: newest
-- The newest records, oldest of them first.
SELECT n, at, record, prev, hash FROM (
    SELECT n, at, record, prev, hash FROM ops.chatops_audit ORDER BY n DESC LIMIT %(most)s
) AS newest ORDER BY n;

-- name: about
-- Every record that names one plan, run or alert.
SELECT n, at, record, prev, hash FROM ops.chatops_audit
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

-- name: newest_of
-- The newest record of an event, up to a number.
SELECT n, at, record, prev, hash FROM ops.chatops_audit
WHERE event = %(event)s AND n <= %(last)s ORDER BY n DESC LIMIT 1;

-- name: copied
-- How far copies of the head have gone outside; until the first one, time counts from the first record.
SELECT coalesce((newest.record ->> 'n')::bigint, 0) AS n, coalesce(newest.n, 0) AS log_n,
       coalesce(newest.at, began.at) AS log_at, coalesce(posted.n, 0) AS slack_n, coalesce(posted.at, began.at) AS slack_at
FROM (SELECT at FROM ops.chatops_audit ORDER BY n LIMIT 1) AS began
LEFT JOIN LATERAL (
    SELECT n, at, record FROM ops.chatops_audit WHERE event = 'chain.anchored' ORDER BY n DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT n, at FROM ops.chatops_audit
    WHERE event = 'chain.anchored' AND record ->> 'to' = 'slack' ORDER BY n DESC LIMIT 1
) AS posted ON true;

-- name: rights
-- What our role may do to the record, whether the head leaves room for the next one, and whether the function's owner logs in.
SELECT has_function_privilege(f.oid, 'EXECUTE') AS may_append,
       NOT EXISTS (SELECT FROM ops.chatops_audit WHERE n > (SELECT h.n FROM ops.chatops_audit_head AS h)) AS has_room,
       bool_or(pg_has_role(c.relowner, 'USAGE')) AS owns,
       bool_or(pg_has_role(c.relowner, 'USAGE') OR pg_has_role(f.proowner, 'USAGE')
               OR has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')) AS may_rewrite,
       bool_or(r.rolcanlogin) AS owner_logs_in
FROM pg_class AS c
JOIN pg_proc AS f ON f.oid = 'ops.chatops_audit_append(text)'::regprocedure
JOIN pg_roles AS r ON r.oid = f.proowner
WHERE c.oid IN ('ops.chatops_audit'::regclass, 'ops.chatops_audit_head'::regclass)
GROUP BY f.oid;

-- name: lock_head
-- The last number and hash, locked: nobody appends until the transaction ends. For the owner.
SELECT n, hash FROM ops.chatops_audit_head FOR UPDATE;

-- name: mend_head
-- Put the head at the last record where it stood before it, so that the record can go on. For the owner.
INSERT INTO ops.chatops_audit_head (n, hash)
SELECT n, hash FROM ops.chatops_audit ORDER BY n DESC LIMIT 1
ON CONFLICT (only_row) DO UPDATE SET n = excluded.n, hash = excluded.hash
WHERE ops.chatops_audit_head.n < excluded.n;
