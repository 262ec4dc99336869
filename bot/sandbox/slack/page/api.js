// The server as the page sees it: one person's state, a stream of what changes, and what the person does.

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json().catch(() => ({ ok: false, error: `HTTP ${answer.status}` }));
}

export async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

export function listen(user, onEvent, onLost) {
  const stream = new EventSource(`/page/events?user=${encodeURIComponent(user)}`);
  stream.onmessage = (event) => onEvent(JSON.parse(event.data));
  stream.onerror = onLost;
  return stream;
}
