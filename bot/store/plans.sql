-- name: insert_plan
-- A new plan.
INSERT INTO ops.chatops_plan
    (id, step, step_rev, params, params_digest, requester, requester_name, surface, channel, thread_ts, alert_id,
     secret_hash, nonce, preview, digest, target_count, database, created_at, expires_at, approval, approval_why, ask_reason)
VALUES
    (%(id)s, %(step)s, %(step_rev)s, %(params)s::jsonb, %(params_digest)s, %(requester)s, %(requester_name)s,
     %(surface)s, %(channel)s, %(thread_ts)s, %(alert_id)s, %(secret_hash)s, %(nonce)s, %(preview)s::jsonb,
     %(digest)s, %(target_count)s, %(database)s, %(now)s, %(expires_at)s, %(approval)s, %(approval_why)s,
     %(ask_reason)s);

-- name: insert_targets
-- The plan's targets, oldest first; `ordinal` counts from 1. What a batch compares row by row stands in columns too.
INSERT INTO ops.chatops_plan_target
    (plan_id, ordinal, target_id, disposition, reason, guard, locked_at, attempts, worker_id, seen_at, wait_seconds)
SELECT %(plan)s, t.ordinal, t.target_id, t.disposition, t.reason, t.guard,
       (t.guard ->> 'locked_at')::timestamptz, (t.guard ->> 'attempts')::integer, t.guard ->> 'worker_id',
       (t.guard ->> 'seen_at')::timestamptz, (t.guard ->> 'wait_seconds')::float8
FROM unnest(%(target_ids)s::text[], %(dispositions)s::text[], %(reasons)s::text[], %(guards)s::jsonb[])
     WITH ORDINALITY AS t(target_id, disposition, reason, guard, ordinal);

-- name: supersede
-- End the requester's earlier plan for the same step and parameters.
UPDATE ops.chatops_plan
SET state = 'superseded', ended_at = %(now)s, superseded_by = %(by)s, version = version + 1
WHERE step = %(step)s AND params_digest = %(params_digest)s AND requester = %(requester)s AND state = 'issued'
RETURNING id, channel, alert_id, requester;

-- name: find_plan
-- One plan.
SELECT id, step, step_rev, params, requester, requester_name, surface, channel, thread_ts, alert_id, state,
       secret_hash, nonce, preview, digest, target_count, database, created_at, expires_at, ended_at, ended_by,
       superseded_by, approval, approval_why, ask_reason, decided_by, decided_at, version, wrong_entries
FROM ops.chatops_plan
WHERE id = %(id)s;

-- name: lock_plan
-- One plan, locked until the transaction ends.
SELECT id, step, step_rev, params, requester, requester_name, surface, channel, thread_ts, alert_id, state,
       secret_hash, nonce, preview, digest, target_count, database, created_at, expires_at, ended_at, ended_by,
       superseded_by, approval, approval_why, ask_reason, decided_by, decided_at, version, wrong_entries
FROM ops.chatops_plan
WHERE id = %(id)s
FOR UPDATE;

-- name: consume
-- Use the plan up, once: by its requester (or from a shell), with its secret, while it is issued and not too old.
UPDATE ops.chatops_plan
SET state = 'consumed', ended_at = %(now)s, ended_by = %(actor)s, version = version + 1
WHERE id = %(id)s AND state = 'issued' AND expires_at > %(now)s
  AND approval IN ('none', 'approved')
  AND (%(from_shell)s OR (secret_hash = %(secret_hash)s::bytea AND (requester = %(actor)s OR surface = 'cli')))
  AND decided_by IS DISTINCT FROM %(actor)s
  AND step_rev = %(step_rev)s AND database = %(database)s
RETURNING id;

-- name: use_up_waiting
-- Use the plan up while it waits for a second person, and is not too old: handed over, or run alone.
UPDATE ops.chatops_plan
SET state = 'consumed', ended_at = %(now)s, ended_by = %(actor)s, version = version + 1
WHERE id = %(id)s AND state = 'issued' AND expires_at > %(now)s AND approval IN ('needed', 'asked')
RETURNING id;

-- name: end_plan
-- End an issued plan without effect; a denial is a decision, and the first one stands (V4).
UPDATE ops.chatops_plan
SET state = %(state)s, ended_at = %(now)s, ended_by = %(actor)s, version = version + 1,
    approval = CASE WHEN %(denied)s THEN 'denied' ELSE approval END,
    decided_by = CASE WHEN %(denied)s THEN %(actor)s ELSE decided_by END,
    decided_at = CASE WHEN %(denied)s THEN %(now)s ELSE decided_at END
WHERE id = %(id)s AND state = 'issued' AND (approval = 'asked' OR NOT %(denied)s)
RETURNING id;

-- name: ask
-- Ask for a second person; the plan then lives as long as the request.
UPDATE ops.chatops_plan
SET approval = 'asked', ask_reason = %(reason)s, expires_at = %(expires_at)s, version = version + 1
WHERE id = %(id)s AND state = 'issued' AND approval = 'needed' AND expires_at > %(now)s
RETURNING id;

-- name: approve
-- A second person agrees: the requester gets a fresh secret and a short time to run it.
UPDATE ops.chatops_plan
SET approval = 'approved', decided_by = %(actor)s, decided_at = %(now)s, expires_at = %(expires_at)s,
    secret_hash = %(secret_hash)s, nonce = %(nonce)s, version = version + 1
WHERE id = %(id)s AND state = 'issued' AND approval = 'asked' AND expires_at > %(now)s AND requester <> %(actor)s
RETURNING id;

-- name: set_channel
-- Where the card of a plan stands that was made in a shell.
UPDATE ops.chatops_plan SET channel = %(channel)s WHERE id = %(id)s AND channel = '';

-- name: set_card
-- Where the card of a plan stands that was made in a shell, with a secret of its own.
UPDATE ops.chatops_plan SET channel = %(channel)s, nonce = %(nonce)s, secret_hash = %(secret_hash)s, version = version + 1
WHERE id = %(id)s AND channel = '';

-- name: expire_due
-- End every plan whose time is over.
UPDATE ops.chatops_plan
SET state = 'expired', ended_at = %(now)s, version = version + 1
WHERE state = 'issued' AND expires_at <= %(now)s
RETURNING id, channel, alert_id, requester;

-- name: list_unedited
-- Plans that wait, and whose card was not posted or edited of late, nor is about to be.
SELECT p.id, p.channel, p.alert_id, p.requester
FROM ops.chatops_plan AS p
WHERE p.state = 'issued' AND p.channel <> '' AND p.expires_at > %(now)s
  AND p.created_at <= %(now)s::timestamptz - make_interval(secs => %(seconds)s)
  AND NOT EXISTS (
      SELECT FROM ops.chatops_outbox AS o
      WHERE o.message_key = 'plan:' || p.id
        AND (o.state IN ('pending', 'leased') OR o.created_at > %(now)s::timestamptz - make_interval(secs => %(seconds)s)));

-- name: list_targets
-- A plan's targets in their order; those that act come first, and a run has carried them out up to its `done_to`.
SELECT t.ordinal, t.target_id, t.disposition, t.reason, t.guard,
       CASE WHEN t.ordinal = ANY (r.moved) THEN 'moved on' WHEN t.ordinal <= r.done_to THEN 'done' END AS result
FROM ops.chatops_plan_target AS t
LEFT JOIN ops.chatops_run AS r ON r.id = t.plan_id
WHERE t.plan_id = %(plan)s AND t.ordinal > %(after)s
ORDER BY t.ordinal
LIMIT %(most)s;

-- name: list_waiting
-- What waits for one person, the first to end first: their own plans, and for an approver those that were asked.
SELECT id FROM ops.chatops_plan
WHERE state = 'issued' AND expires_at > %(now)s
  AND (requester = %(actor)s OR %(approves)s AND approval = 'asked')
ORDER BY expires_at, id
LIMIT %(most)s;

-- name: list_ran
-- The newest plans that one person carried out.
SELECT id FROM ops.chatops_run WHERE actor = %(actor)s ORDER BY confirmed_at DESC, id LIMIT %(most)s;

-- name: open_for_alert
-- The newest plan of an alert that is issued or still running.
SELECT p.id, p.step
FROM ops.chatops_plan AS p
LEFT JOIN ops.chatops_run AS r ON r.id = p.id
WHERE p.alert_id = %(alert_id)s AND (p.state = 'issued' OR r.state IN ('confirmed', 'executing'))
ORDER BY p.created_at DESC
LIMIT 1;
