-- name: enqueue
-- One message to deliver, inserted with the change it announces; a waiting update of the same message is enough.
INSERT INTO ops.chatops_outbox
    (kind, destination, recipient, message_key, thread_key, thread_ts, broadcast, render_from, priority,
     next_attempt_at, created_at)
VALUES
    (%(kind)s, %(destination)s, %(recipient)s, %(message_key)s, %(thread_key)s, %(thread_ts)s, %(broadcast)s,
     %(render_from)s::jsonb, %(priority)s, %(now)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: whereabouts
-- Where a message of ours stands in Slack, once it was posted.
SELECT sent_channel AS channel, sent_ts AS ts
FROM ops.chatops_outbox
WHERE message_key = %(message_key)s AND kind = 'post' AND state = 'delivered'
ORDER BY created_at DESC
LIMIT 1;
