-- name: insert_run
-- The intent: committed at Confirm, before any effect. No row = another run holds the resource.
INSERT INTO ops.chatops_run
    (id, step, resource, state, actor, approver, surface, confirmed_at, not_before, claimed_until)
VALUES
    (%(id)s, %(step)s, %(resource)s, 'confirmed', %(actor)s, %(approver)s, %(surface)s, %(now)s, %(not_before)s, %(now)s)
ON CONFLICT (resource) WHERE state IN ('confirmed', 'executing') DO NOTHING
RETURNING id;

-- name: insert_handed_over
-- What was printed for a DBA to run: nothing of ours is under way, and nothing is watched.
INSERT INTO ops.chatops_run
    (id, step, resource, state, actor, surface, confirmed_at, not_before, ended_at)
VALUES
    (%(id)s, %(step)s, %(resource)s, 'handed_over', %(actor)s, %(surface)s, %(now)s, %(now)s, %(now)s);

-- name: active
-- Who holds a resource.
SELECT id, step, actor, confirmed_at FROM ops.chatops_run
WHERE resource = %(resource)s AND state IN ('confirmed', 'executing');

-- name: followed
-- Whether the same step was carried out on the same thing since, and stands.
SELECT EXISTS (SELECT FROM ops.chatops_run
               WHERE resource = %(resource)s AND step = %(step)s AND confirmed_at > %(since)s
                 AND state IN ('succeeded', 'reconciled_done') AND undone_by IS NULL) AS present;

-- name: find_run
-- One run; locked, recovery waits here for the truth of a transaction that may still be running (§9).
SELECT id, step, resource, state, actor, approver, surface, confirmed_at, not_before, started_at, ended_at,
       rows_affected, done_to, result, reason, sqlstate, record_n, proof, proof_until, proof_facts, proved_at, undone_by
FROM ops.chatops_run
WHERE id = %(id)s
FOR UPDATE  -- if locked
;

-- name: claim_due
-- Take runs that may begin now; the claim only saves work, the row lock decides.
UPDATE ops.chatops_run
SET claimed_until = %(now)s::timestamptz + make_interval(secs => %(claim_seconds)s)
WHERE id IN (
    SELECT id FROM ops.chatops_run
    WHERE state IN ('confirmed', 'executing') AND not_before <= %(now)s AND claimed_until <= %(now)s
    ORDER BY confirmed_at
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: progress
-- One batch of several is carried out; the claim counts from its end, however long it took.
UPDATE ops.chatops_run
SET state = 'executing', started_at = coalesce(started_at, %(now)s), done_to = %(done_to)s,
    rows_affected = %(rows)s, moved = moved || %(moved)s::integer[], result = %(result)s::jsonb,
    claimed_until = greatest(%(now)s, clock_timestamp()) + make_interval(secs => %(claim_seconds)s)
WHERE id = %(id)s AND state IN ('confirmed', 'executing')
RETURNING id;

-- name: finish
-- The outcome, in the transaction of the effect.
UPDATE ops.chatops_run
SET state = %(state)s, started_at = coalesce(started_at, %(now)s), ended_at = clock_timestamp(),
    rows_affected = %(rows)s, done_to = %(done_to)s, moved = moved || %(moved)s::integer[],
    result = %(result)s::jsonb, reason = %(reason)s,
    sqlstate = %(sqlstate)s, proof = %(proof)s, proof_until = %(proof_until)s, proof_facts = %(facts)s::jsonb
WHERE id = %(id)s AND state IN ('confirmed', 'executing', 'unknown')
RETURNING (extract(epoch FROM ended_at - started_at) * 1000)::bigint AS took_ms;

-- name: set_record
-- The number of the outcome in the record.
UPDATE ops.chatops_run SET record_n = %(n)s WHERE id = %(id)s;

-- name: list_watched
-- Runs whose proof is watched.
SELECT id, step, resource, state, actor, approver, surface, confirmed_at, not_before, started_at, ended_at,
       rows_affected, done_to, result, reason, sqlstate, record_n, proof, proof_until, proof_facts, proved_at, undone_by
FROM ops.chatops_run
WHERE proof = 'watching'
ORDER BY proof_until
LIMIT %(most)s;

-- name: begin
-- A call is about to be sent: from here on, no answer means that nobody knows.
UPDATE ops.chatops_run
SET state = 'executing', started_at = %(now)s, claimed_until = %(now)s::timestamptz + make_interval(secs => %(seconds)s)
WHERE id = %(id)s AND state = 'confirmed'
RETURNING id;

-- name: mark_unknown
-- No answer came; the machine never sends it again.
UPDATE ops.chatops_run SET state = 'unknown', reason = %(reason)s
WHERE id = %(id)s AND state = 'executing'
RETURNING id;

-- name: list_unknown
-- Runs of which nobody knows whether they happened, sent since a moment: older ones must not stand before them.
-- Where a later call went to the same thing, what is seen now says nothing of the one before it.
SELECT id, step, resource, state, actor, approver, surface, confirmed_at, not_before, started_at, ended_at,
       rows_affected, done_to, result, reason, sqlstate, record_n, proof, proof_until, proof_facts, proved_at, undone_by
FROM ops.chatops_run AS r
WHERE state = 'unknown' AND coalesce(started_at, confirmed_at) > %(since)s
  AND NOT EXISTS (
      SELECT FROM ops.chatops_run AS later
      WHERE later.resource = r.resource AND later.started_at > r.started_at
        AND later.state IN ('executing', 'succeeded', 'unknown', 'reconciled_done'))
ORDER BY confirmed_at
LIMIT %(most)s;

-- name: set_undone
-- Which run took this one back; once only. Whether it worked is not asked any more.
UPDATE ops.chatops_run SET undone_by = %(by)s, proof = CASE WHEN proof = 'watching' THEN 'none' ELSE proof END
WHERE id = %(id)s AND undone_by IS NULL
RETURNING id;

-- name: set_proof
-- What the proof says now.
UPDATE ops.chatops_run
SET proof = %(proof)s, proof_facts = proof_facts || %(facts)s::jsonb,
    proved_at = CASE WHEN %(proof)s = 'proved' THEN %(now)s::timestamptz END
WHERE id = %(id)s AND proof = 'watching'
RETURNING id;
