// Modals: a stack of at most three; the focus stays inside, Escape closes, closing never does anything.

import { blocks, values } from "./blocks.js";
import { byId, el } from "./dom.js";

export class Modals {
  constructor(context, send) {
    this.context = context;
    this.send = send;
    this.stack = [];
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  show(view) {
    const known = this.stack.findIndex((each) => each.id === view.id);
    if (known >= 0) this.stack[known] = view;
    else this.stack.push(view);
    this.#draw();
  }

  close(id) {
    this.stack = this.stack.filter((view) => view.id !== id);
    this.#draw();
  }

  clear() {
    this.stack = [];
    this.#draw();
  }

  errors(id, errors) {
    if (this.stack.at(-1)?.id !== id) return;
    for (const [block, message] of Object.entries(errors)) {
      const field = byId("modals").querySelector(`[data-block-id="${CSS.escape(block)}"] .field-error`);
      if (field) field.textContent = message;
    }
    this.#busy(false);
  }

  #busy(on) {
    byId("modals").querySelector(".submit")?.toggleAttribute("disabled", on);
  }

  #draw() {
    const root = byId("modals");
    const view = this.stack.at(-1);
    root.replaceChildren();
    if (!view) return;
    const body = el("form", { class: "modal-body" }, ...blocks(view.blocks, this.context(view)));
    const foot = el(
      "footer",
      {},
      el("button", { type: "button", class: "control", "data-testid": "modal-close", onclick: () => this.send.close(view) }, view.close?.text ?? "Close"),
      view.submit ? el("button", { type: "submit", class: "control primary submit", "data-testid": "modal-submit" }, view.submit.text) : null,
    );
    body.append(foot);
    body.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#busy(true);
      this.send.submit(view, values(body)).then(() => this.#busy(false));
    });
    const box = el("div", { class: "modal", role: "dialog", "aria-modal": "true", "aria-label": view.title.text, "data-testid": "modal" }, el("header", {}, el("h2", {}, view.title.text)), body);
    root.append(el("div", { class: "shade" }, box));
    box.querySelector("input, textarea, select, .submit, button")?.focus();
  }

  #key(event) {
    const view = this.stack.at(-1);
    if (!view) return;
    if (event.key === "Escape") this.send.close(view);
    if (event.key !== "Tab") return;
    const inside = [...byId("modals").querySelectorAll("input, textarea, select, button, a")];
    const edge = event.shiftKey ? inside[0] : inside.at(-1);
    if (document.activeElement === edge) {
      event.preventDefault();
      (event.shiftKey ? inside.at(-1) : inside[0]).focus();
    }
  }
}

export function confirmDialog(confirm) {
  return new Promise((answer) => {
    const done = (yes) => {
      shade.remove();
      answer(yes);
    };
    const shade = el(
      "div",
      { class: "shade" },
      el(
        "div",
        { class: "modal small", role: "alertdialog", "aria-modal": "true", "data-testid": "confirm" },
        el("header", {}, el("h2", {}, confirm.title.text)),
        el("div", { class: "modal-body" }, el("p", {}, confirm.text.text), el("footer", {}, el("button", { type: "button", class: "control", onclick: () => done(false) }, confirm.deny.text), el("button", { type: "button", class: "control primary", "data-testid": "confirm-yes", onclick: () => done(true) }, confirm.confirm.text))),
      ),
    );
    byId("modals").append(shade);
    shade.querySelector("button").focus();
  });
}
