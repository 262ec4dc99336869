// Slack's mrkdwn as nodes: bold, italic, strike, code, quotes, mentions, links, dates. Nothing is ever parsed as HTML.

import { el } from "./dom.js";

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const plain = (text) => text.replace(/&(lt|gt|amp);/g, (entity) => ENTITIES[entity]);
const FENCED = /```([\s\S]+?)```\n?/u;
const TOKEN = /(`[^`\n]+`)|(<[^<>\n]+>)|(?<![\p{L}\p{N}])(?:(\*(?=\S)[^*\n]*[^\s*]\*|\*\S\*)|(_(?=\S)[^_\n]*[^\s_]_)|(~(?=\S)[^~\n]*[^\s~]~))/gu;

export function mrkdwn(text, names) {
  const holder = el("span", { class: "mrkdwn" });
  text.split(FENCED).forEach((part, index) => {
    if (index % 2) holder.append(el("pre", {}, plain(part.trim())));
    else if (part) write(holder, part, names);
  });
  return holder;
}

function write(holder, text, names) {
  const lines = text.split("\n");
  let quote = null;
  lines.forEach((line, index) => {
    const quoted = line.startsWith("&gt;") || line.startsWith(">");
    const body = quoted ? line.replace(/^(&gt;|>)\s?/, "") : line;
    if (quoted && !quote) holder.append((quote = el("blockquote")));
    if (!quoted) quote = null;
    const target = quote ?? holder;
    target.append(...inline(body, names));
    if (index < lines.length - 1) target.append(el("br"));
  });
}

function inline(text, names) {
  const nodes = [];
  let last = 0;
  for (const found of text.matchAll(TOKEN)) {
    nodes.push(plain(text.slice(last, found.index)), token(found, names));
    last = found.index + found[0].length;
  }
  nodes.push(plain(text.slice(last)));
  return nodes.filter((node) => node !== "");
}

function token(found, names) {
  const inner = found[0].slice(1, -1);
  if (found[1]) return el("code", {}, plain(inner));
  if (found[2]) return special(inner, names);
  const tag = found[3] ? "strong" : found[4] ? "em" : "s";
  return el(tag, {}, ...inline(inner, names));
}

function special(inner, names) {
  const [target, label] = inner.split("|");
  if (target.startsWith("@")) return el("span", { class: "mention" }, `@${names.user(target.slice(1))}`);
  if (target.startsWith("#")) return el("span", { class: "mention" }, `#${names.channel(target.slice(1))}`);
  if (target.startsWith("!date^")) return date(target, label);
  if (target.startsWith("!")) return el("span", { class: "mention" }, `@${target.slice(1).replace(/^subteam\^/, "")}`);
  if (!/^(https?:|mailto:)/.test(target)) return `<${plain(inner)}>`;
  return el("a", { href: plain(target), rel: "noreferrer" }, plain(label ?? target));
}

function date(target, fallback) {
  const [, seconds, format] = target.split("^");
  const at = new Date(Number(seconds) * 1000);
  const today = at.toDateString() === new Date().toDateString();
  const day = today ? "today" : at.toLocaleDateString([], { day: "numeric", month: "short" });
  const text = format
    .replace("{time_secs}", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }))
    .replace("{time}", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }))
    .replace(/\{date_short_pretty\}|\{date_pretty\}/, day)
    .replace(/\{date[a-z_]*\}/, at.toLocaleDateString());
  return el("time", { datetime: at.toISOString(), title: fallback ?? "" }, text);
}
