// The page: one person's view of the workspace, kept true by the stream of what changes.

import { get, listen, post } from "./api.js";
import { blocks, values } from "./blocks.js";
import { Composer } from "./composer.js";
import { byId, clock, el, toast } from "./dom.js";
import { confirmDialog, Modals } from "./modal.js";
import { mrkdwn } from "./mrkdwn.js";
import { Panel } from "./panel.js";

const state = { me: "U0ADA", channel: "C0INCIDENTS", thread: null, home: false, messages: new Map(), unread: new Map(), users: [], channels: [], commands: [], stream: null };

const names = {
  user: (id) => state.users.find((each) => each.id === id)?.real_name ?? id,
  channel: (id) => state.channels.find((each) => each.id === id)?.name ?? id,
};

const modals = new Modals((view) => context({ view_id: view.id }), {
  close: (view) => (modals.close(view.id), post("/page/close", { user: state.me, view_id: view.id })),
  submit: async (view, filled) => {
    const answer = await post("/page/submit", { user: state.me, view_id: view.id, values: filled });
    if (answer.errors) modals.errors(view.id, answer.errors);
    else if (!answer.ok) toast(answer.error ?? "That did not work.");
  },
});

function context(place) {
  return {
    names,
    confirm: confirmDialog,
    act: async (item, block, given) => {
      const root = document.querySelector(place.view_id ? "#modals" : `[data-ts="${place.message?.ts}"]`);
      const action = { action_id: item.action_id, block_id: block.block_id, ...given };
      const answer = await post("/page/action", { user: state.me, ...place, action, state: { values: root ? values(root) : {} } });
      if (!answer.ok) toast(answer.error ?? "That did not work.");
    },
  };
}

// Drawing

function author(message) {
  const user = state.users.find((each) => each.id === message.user);
  return { name: user?.real_name ?? message.user, color: user?.color ?? "#1f4e5f", bot: Boolean(message.bot_id || user?.is_bot) };
}

function drawMessage(message, inThread) {
  const who = author(message);
  const replies = inThread ? 0 : threadOf(message.ts).length;
  const mentioned = JSON.stringify([message.text, message.blocks ?? []]).includes(`<@${state.me}>`);
  const body = message.blocks?.length ? blocks(message.blocks, context({ message: { channel: message.channel, ts: message.ts } })) : [mrkdwn(message.text, names)];
  const node = el(
    "article",
    { class: `message ${message.ephemeral_to ? "ephemeral" : ""} ${mentioned ? "mentioned" : ""}`, "data-testid": "message", "data-ts": message.ts, "data-channel": message.channel },
    el("span", { class: "avatar", style: `background:${who.color}`, "aria-hidden": "true" }, who.bot ? "✦" : who.name[0]),
    el(
      "div",
      { class: "content" },
      el("header", {}, el("strong", {}, who.name), who.bot ? el("span", { class: "tag" }, "APP") : null, el("time", {}, clock(message.ts)), message.edited && !message.blocks?.length ? el("small", {}, "(edited)") : null),
      message.ephemeral_to ? el("p", { class: "only-you" }, "Only visible to you") : null,
      message.thread_ts && message.reply_broadcast && !inThread ? el("button", { class: "quiet from-thread", type: "button", onclick: () => openThread(message.thread_ts) }, "replied to a thread") : null,
      ...body,
      replies ? el("button", { type: "button", class: "replies", "data-testid": "replies", onclick: () => openThread(message.ts) }, replies === 1 ? "1 reply" : `${replies} replies`) : null,
    ),
  );
  return node;
}

const ofChannel = () => [...(state.messages.get(state.channel)?.values() ?? [])].sort((a, b) => Number(a.ts) - Number(b.ts));
const threadOf = (ts) => ofChannel().filter((message) => message.thread_ts === ts && message.ts !== ts);

function draw() {
  drawRail();
  const channel = state.channels.find((each) => each.id === state.channel);
  byId("title").textContent = state.home ? "Dragonfly home" : `# ${channel?.name ?? ""}`;
  byId("topic").textContent = state.home ? "" : (channel?.topic ?? "");
  byId("composer").hidden = state.home;
  const shown = ofChannel().filter((message) => !message.thread_ts || message.thread_ts === message.ts || message.reply_broadcast || (message.ephemeral_to && !state.thread));
  fill(byId("messages"), state.home ? [homeView()] : shown.map((message) => drawMessage(message, false)));
  byId("thread").hidden = !state.thread;
  document.body.classList.toggle("with-thread", Boolean(state.thread));
  if (state.thread) {
    const first = ofChannel().find((message) => message.ts === state.thread);
    fill(byId("thread-messages"), [first, ...threadOf(state.thread)].filter(Boolean).map((message) => drawMessage(message, true)));
  }
}

function homeView() {
  const view = state.homeView;
  if (!view) return el("p", { class: "empty" }, "Dragonfly shows your Home here.");
  return el("div", { class: "home", "data-testid": "home" }, ...blocks(view.blocks, context({ view_id: view.id })));
}

function fill(root, nodes) {
  const atEnd = root.scrollHeight - root.scrollTop - root.clientHeight < 60;
  const place = root.scrollTop;
  root.replaceChildren(...(nodes.length ? nodes : [el("p", { class: "empty" }, "Nothing here yet.")]));
  root.scrollTop = atEnd ? root.scrollHeight : place;
}

function drawRail() {
  const people = state.users.filter((user) => !user.is_bot && !user.deleted);
  byId("people").replaceChildren(
    ...people.map((user) =>
      el("button", { type: "button", class: "entry person", role: "radio", "aria-checked": String(user.id === state.me), "data-user-id": user.id, onclick: () => become(user.id) }, el("span", { class: "dot", style: `background:${user.color}` }, user.real_name[0]), el("span", {}, user.real_name, el("small", {}, user.is_restricted ? "Guest" : (user.title ?? "")))),
    ),
  );
  byId("channels").replaceChildren(
    ...state.channels.filter((channel) => !channel.is_im).map((channel) =>
      el("button", { type: "button", class: "entry", "data-channel-id": channel.id, "aria-current": String(channel.id === state.channel && !state.home), onclick: () => goTo(channel.id) }, el("span", { class: "hash" }, "#"), channel.name, state.unread.get(channel.id) ? el("span", { class: "badge" }, String(state.unread.get(channel.id))) : null),
    ),
  );
  byId("home-entry").setAttribute("aria-current", String(state.home));
}

// Moving about

function goTo(channel, thread = null) {
  Object.assign(state, { channel, thread, home: false });
  state.unread.delete(channel);
  tab("chats");
  draw();
  byId("messages").scrollTop = byId("messages").scrollHeight;
}

function openThread(ts) {
  state.thread = ts;
  tab("thread");
  draw();
  byId("thread-messages").scrollTop = byId("thread-messages").scrollHeight;
}

function tab(name) {
  document.body.dataset.tab = name;
  for (const button of document.querySelectorAll(".tabs button")) button.setAttribute("aria-current", String(button.dataset.go === name));
}

async function become(user) {
  state.me = user;
  state.thread = null;
  modals.clear();
  state.stream?.close();
  await load();
  state.stream = listen(user, heard, () => setTimeout(() => load().catch(() => {}), 1500));
}

async function load() {
  const found = await get(`/page/state?user=${state.me}`);
  Object.assign(state, { users: found.users, channels: found.channels, commands: found.commands, homeView: found.home });
  state.messages = new Map(Object.entries(found.messages).map(([channel, list]) => [channel, new Map(list.map((message) => [message.ts, message]))]));
  if (!state.channels.some((each) => each.id === state.channel)) state.channel = state.channels[0]?.id;
  byId("team").textContent = found.team.name;
  for (const view of found.views) modals.show(view);
  draw();
  const thread = state.thread ? byId("thread-messages") : null;
  byId("messages").scrollTop = byId("messages").scrollHeight;
  if (thread) thread.scrollTop = thread.scrollHeight;
}

// What happens

function heard(event) {
  const act = HEARD[event.type];
  if (act) act(event);
}

const HEARD = {
  message: ({ message }) => keep(message, true),
  message_changed: ({ message }) => keep(message, false),
  message_deleted: ({ channel, ts }) => (state.messages.get(channel)?.delete(ts), draw()),
  view_open: ({ view }) => modals.show(view),
  view_update: ({ view }) => modals.show(view),
  view_close: ({ view_id }) => modals.close(view_id),
  view_errors: ({ view_id, errors }) => modals.errors(view_id, errors),
  home: ({ view }) => ((state.homeView = view), draw()),
  notice: ({ text }) => toast(text),
  state: () => load(),
};

function keep(message, fresh) {
  if (!state.messages.has(message.channel)) state.messages.set(message.channel, new Map());
  state.messages.get(message.channel).set(message.ts, message);
  if (fresh && message.channel !== state.channel && message.user !== state.me) state.unread.set(message.channel, (state.unread.get(message.channel) ?? 0) + 1);
  draw();
}

async function say(text, thread = "") {
  const path = text.startsWith("/") ? "/page/command" : "/page/message";
  const answer = await post(path, { user: state.me, channel: state.channel, text, thread_ts: thread });
  if (!answer.ok) toast(answer.error ?? "That was not sent.");
}

new Composer(byId("composer"), byId("draft"), byId("completion"), () => state.commands, (text) => say(text));
new Composer(byId("thread-composer"), byId("thread-draft"), null, () => [], (text) => say(text, state.thread));
byId("thread-close").addEventListener("click", () => ((state.thread = null), tab("chats"), draw()));
byId("home-entry").addEventListener("click", () => {
  Object.assign(state, { home: true, thread: null });
  tab("chats");
  draw();
  post("/page/home", { user: state.me, tab: "home" });
});
for (const button of document.querySelectorAll(".tabs button")) button.addEventListener("click", () => tab(button.dataset.go));

function follow() {
  const [, channel, ts, thread] = location.hash.slice(1).split("/");
  if (!channel) return;
  goTo(channel, thread ?? null);
  const target = document.querySelector(`[data-ts="${CSS.escape(thread ? ts : ts ?? "")}"]`);
  target?.scrollIntoView({ block: "center" });
  target?.classList.add("found");
}
addEventListener("hashchange", follow);

await become(state.me);
follow();
new Panel().start();
