-- name: share_update
-- An edit of this message that waits already is enough; nobody may draw it before the change it will show is committed.
SELECT id FROM ops.chatops_outbox
WHERE message_key = %(message_key)s AND kind = 'update' AND state = 'pending'
FOR SHARE;

-- name: enqueue
-- One message to deliver, inserted with the change it announces; nothing where an edit of it has just come to wait.
INSERT INTO ops.chatops_outbox
    (kind, destination, message_key, thread_key, thread_ts, broadcast, render_from, priority,
     next_attempt_at, created_at)
VALUES
    (%(kind)s, %(destination)s, %(message_key)s, %(thread_key)s, %(thread_ts)s, %(broadcast)s,
     %(render_from)s::jsonb, %(priority)s, %(now)s::timestamptz + make_interval(secs => %(after_seconds)s), %(now)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: was_queued
-- Whether a message of this key was queued before.
SELECT EXISTS (SELECT FROM ops.chatops_outbox WHERE message_key = %(message_key)s) AS present;

-- name: whereabouts
-- Where a message of ours stands in Slack, once it was posted.
SELECT sent_channel AS channel, sent_ts AS ts
FROM ops.chatops_outbox
WHERE message_key = %(message_key)s AND kind = 'post' AND state = 'delivered'
ORDER BY created_at DESC
LIMIT 1;

-- name: claim
-- Take messages or pages to send: posts first, an edit or a reply only when the message it belongs to stands, nothing
-- through a closed gate, no two edits of one message within the gap. Whoever let a lease run out may have sent it: look first.
UPDATE ops.chatops_outbox AS o
SET state = 'leased', lease_epoch = o.lease_epoch + 1, leased_at = %(now)s, attempts = o.attempts + 1,
    last_error = CASE WHEN o.state = 'leased' THEN 'ambiguous:0' ELSE o.last_error END,
    lease_until = %(now)s::timestamptz + make_interval(secs => %(lease_seconds)s)
WHERE o.id IN (
    SELECT w.id
    FROM ops.chatops_outbox AS w
    WHERE (w.state = 'pending' AND w.next_attempt_at <= %(now)s
           OR w.state = 'leased' AND w.lease_until <= %(now)s
           OR w.state = 'ambiguous' AND w.next_attempt_at <= %(now)s)
      AND (w.kind = 'page') = %(pages)s
      AND (w.kind <> 'update' OR EXISTS (
          SELECT FROM ops.chatops_outbox AS p
          WHERE p.message_key = w.message_key AND p.kind = 'post' AND p.state = 'delivered'))
      AND (w.kind <> 'update' OR NOT EXISTS (
          SELECT FROM ops.chatops_outbox AS p
          WHERE p.message_key = w.message_key AND p.kind IN ('update', 'post') AND p.state = 'delivered'
            AND p.ended_at > %(now)s::timestamptz - make_interval(secs => %(gap_seconds)s)))
      AND (w.thread_key = '' OR EXISTS (
          SELECT FROM ops.chatops_outbox AS p
          WHERE p.message_key = w.thread_key AND p.kind = 'post' AND p.state = 'delivered'))
      AND NOT EXISTS (
          SELECT FROM ops.chatops_rate_gate AS g
          WHERE g.until > %(now)s AND g.key IN ('*', w.kind || ':' || w.destination))
    ORDER BY w.priority, w.created_at
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED)
RETURNING o.id::text AS id, o.kind, o.destination, o.message_key, o.thread_key, o.thread_ts, o.broadcast,
          o.render_from, o.priority, o.attempts, o.lease_epoch, o.plain, o.last_error, o.created_at;

-- name: delivered
-- Slack took it; recorded only by the one who still holds the lease.
UPDATE ops.chatops_outbox
SET state = 'delivered', sent_channel = %(channel)s, sent_ts = %(ts)s, ended_at = %(now)s, last_error = ''
WHERE id = %(id)s::uuid AND lease_epoch = %(epoch)s AND state = 'leased'
RETURNING id;

-- name: again
-- Not sent, or not known whether: wait and try again; an edit that a newer one waits to replace is given up.
-- What may have been sent before is not forgotten by a later try that was not: it is still looked for.
UPDATE ops.chatops_outbox AS o
SET state = CASE WHEN newer.waits THEN 'superseded' ELSE %(state)s END,
    ended_at = CASE WHEN newer.waits THEN %(now)s::timestamptz END,
    last_error = CASE WHEN starts_with(o.last_error, 'ambiguous:') AND NOT starts_with(%(error)s, 'ambiguous:')
                      THEN o.last_error ELSE %(error)s END,
    plain = o.plain OR %(plain)s, lease_until = NULL,
    destination = CASE WHEN %(destination)s = '' THEN o.destination ELSE %(destination)s END,
    rerouted_from = CASE WHEN %(destination)s = '' THEN o.rerouted_from ELSE o.destination END,
    next_attempt_at = %(now)s::timestamptz + make_interval(secs => %(wait_seconds)s)
FROM (
    SELECT EXISTS (
        SELECT FROM ops.chatops_outbox AS w
        JOIN ops.chatops_outbox AS mine ON mine.id = %(id)s::uuid AND mine.message_key = w.message_key
        WHERE mine.kind = 'update' AND w.kind = 'update' AND w.state = 'pending' AND w.id <> mine.id) AS waits
) AS newer
WHERE o.id = %(id)s::uuid AND o.lease_epoch = %(epoch)s AND o.state = 'leased';

-- name: end
-- It will not be sent: moot, or refused for good.
UPDATE ops.chatops_outbox
SET state = %(state)s, last_error = %(error)s, ended_at = %(now)s
WHERE id = %(id)s::uuid AND lease_epoch = %(epoch)s AND state = 'leased';

-- name: give_up
-- Nobody will get what could not be delivered for so long, unless its alert still fires.
UPDATE ops.chatops_outbox AS o
SET state = 'dead', ended_at = %(now)s
WHERE o.state IN ('pending', 'ambiguous') AND o.created_at <= %(now)s::timestamptz - make_interval(secs => %(life_seconds)s)
  AND NOT EXISTS (
      SELECT FROM ops.chatops_alert AS a
      WHERE o.render_from ->> 'message' IN ('alert', 'alert_reply', 'page')
        AND a.id::text = o.render_from ->> 'id' AND a.state IN ('firing', 'resolving'))
RETURNING o.message_key;

-- name: delivered_at
-- When a message arrived, in its channel or in another.
SELECT max(ended_at) AS at FROM ops.chatops_outbox
WHERE message_key = %(message_key)s AND kind IN ('post', 'reply') AND state = 'delivered';

-- name: was_paged
-- Whether the second path was told of an alert since it fired, or may have been.
SELECT EXISTS (
    SELECT FROM ops.chatops_outbox
    WHERE kind = 'page' AND render_from ->> 'action' = 'trigger' AND render_from ->> 'id' = %(alert_id)s
      AND created_at >= %(since)s AND attempts > 0 AND state <> 'superseded') AS present;

-- name: hasten_page
-- What Slack refuses for good goes by the second path at once.
UPDATE ops.chatops_outbox SET next_attempt_at = %(now)s
WHERE kind = 'page' AND state = 'pending' AND render_from ->> 'unless' = %(message_key)s;

-- name: settle
-- A message or a page that was sent without its row has been delivered.
UPDATE ops.chatops_outbox
SET state = 'delivered', attempts = 1, sent_channel = %(channel)s, sent_ts = %(ts)s, ended_at = %(now)s
WHERE kind = %(kind)s AND message_key = %(message_key)s AND state = 'pending';

-- name: is_known
-- Whether a message in Slack has a row.
SELECT EXISTS (
    SELECT FROM ops.chatops_outbox WHERE sent_channel = %(channel)s AND sent_ts = %(ts)s AND state = 'delivered') AS present;

-- name: close_gate
-- Slack asked us to wait; every replica does.
INSERT INTO ops.chatops_rate_gate (key, until)
VALUES (%(key)s, %(now)s::timestamptz + make_interval(secs => %(wait_seconds)s))
ON CONFLICT (key) DO UPDATE SET until = greatest(ops.chatops_rate_gate.until, excluded.until);

-- name: gate
-- How long nothing of a kind may be sent to a channel.
SELECT extract(epoch FROM until - %(now)s::timestamptz)::double precision AS seconds
FROM ops.chatops_rate_gate
WHERE key = %(key)s AND until > %(now)s;

-- name: lost
-- The message to edit is gone: it is posted anew.
UPDATE ops.chatops_outbox SET state = 'superseded', sent_ts = ''
WHERE message_key = %(message_key)s AND kind = 'post' AND state = 'delivered';

-- name: latest_status
-- The newest status card of a channel, if it is recent.
SELECT sent_channel AS channel, sent_ts AS ts, created_at
FROM ops.chatops_outbox
WHERE kind = 'post' AND state = 'delivered' AND destination = %(channel)s AND render_from ->> 'message' = 'status'
  AND created_at > %(now)s::timestamptz - make_interval(secs => %(seconds)s)
ORDER BY created_at DESC
LIMIT 1;
