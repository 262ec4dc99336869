// The simulated system beside the chat: workers with their heartbeats, the queue by status, faults at a press.

import { get, post } from "./api.js";
import { byId, el, toast } from "./dom.js";

const ORDER = ["pending", "processing", "paused", "failed", "completed"];

export class Panel {
  #fast = true;

  async start() {
    this.root = byId("panel");
    try {
      await this.#look();
    } catch {
      return;
    }
    this.root.hidden = false;
    setInterval(() => this.#look().catch(() => this.#lost()), 1000);
  }

  async #look() {
    const state = await get("/system/state");
    this.#fast = state.profile === "fast";
    if (!this.built) this.#build(state);
    this.facts.textContent = [`${state.schema} schema, ${state.profile} profile`, ...state.trouble].join(" · ");
    this.workers.replaceChildren(...this.#types(state.workers));
    const known = ORDER.filter((name) => state.queue[name] || name !== "paused");
    const pages = state.pages.map((text) => el("p", { class: "page" }, text));
    this.pager.replaceChildren(...(pages.length ? [el("h3", {}, "Pager"), ...pages] : []));
    this.queue.replaceChildren(...known.map((name) => el("div", { class: "count", "data-status": name }, el("strong", {}, (state.queue[name] ?? 0).toLocaleString()), el("span", {}, name))));
  }

  #lost() {
    this.facts.textContent = "the system does not answer";
  }

  #build(state) {
    this.built = true;
    this.facts = el("small");
    this.workers = el("div", { class: "workers" });
    this.queue = el("div", { class: "queue" });
    this.pager = el("div", { class: "pager" });
    const faults = state.faults.map((fault) =>
      el("button", { type: "button", class: `control fault ${fault.name === "bring-back" ? "primary" : ""}`, "data-fault": fault.name, onclick: (event) => this.#press(event.target, fault) }, fault.label),
    );
    const slack = [
      ["Slack down", { down: true }],
      ["Slack up", { down: false, latency_ms: 0 }],
      ["Slack slow", { latency_ms: 1500 }],
    ].map(([label, body]) => el("button", { type: "button", class: "control small", onclick: () => post("/page/faults", body).then(() => toast(label)) }, label));
    this.root.append(
      el("header", { class: "bar" }, el("h2", {}, "Simulated system"), this.facts),
      el("div", { class: "inside" }, el("h3", {}, "Workers"), this.workers, el("h3", {}, "Queue"), this.queue, this.pager, el("h3", {}, "Break it"), el("div", { class: "faults" }, ...faults), el("h3", {}, "Break Slack"), el("div", { class: "faults" }, ...slack)),
    );
  }

  #types(workers) {
    const types = Map.groupBy ? Map.groupBy(workers, (each) => each.worker_type) : group(workers);
    return [...types].map(([type, members]) => el("div", { class: "type" }, el("h4", {}, type.replaceAll("_", " ")), ...members.map((worker) => this.#worker(worker))));
  }

  #worker(worker) {
    const age = worker.last_seen_seconds;
    const limit = this.#fast ? 4 : 60;
    const state = !worker.alive ? "dead" : worker.hung ? "hung" : "well";
    const bar = el("i", { style: `width:${Math.max(4, 100 - (100 * (age ?? limit)) / limit)}%` });
    const held = worker.jobs_held ? `, ${worker.jobs_held} ${worker.jobs_held === 1 ? "job" : "jobs"}` : "";
    const words = { dead: "killed", hung: "hangs, still beats", well: "beats" }[state];
    return el("div", { class: `worker ${state}`, "data-worker": worker.worker_id, "data-state": state }, el("span", { class: "id" }, worker.worker_id.split("-").at(-1)), el("span", { class: "beat" }, bar), el("span", { class: "age" }, `${words} ${age === null ? "" : `${Math.round(age)} s`}${held}`));
  }

  async #press(button, fault) {
    button.classList.add("busy");
    const answer = await post("/system/fault", { name: fault.name });
    button.classList.remove("busy");
    toast(answer.text ?? answer.error);
  }
}

function group(workers) {
  const found = new Map();
  for (const worker of workers) found.set(worker.worker_type, [...(found.get(worker.worker_type) ?? []), worker]);
  return found;
}
