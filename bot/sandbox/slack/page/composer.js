// The composer: Enter sends, Shift+Enter breaks the line, "/" completes commands and their first words.

import { el } from "./dom.js";

export class Composer {
  constructor(form, field, list, commands, send) {
    Object.assign(this, { form, field, list, commands, send, at: 0 });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    field.addEventListener("input", () => this.#suggest());
    field.addEventListener("keydown", (event) => this.#key(event));
  }

  #send() {
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.#show([]);
    this.send(text);
  }

  #key(event) {
    const open = this.list && !this.list.hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (open && step) {
      event.preventDefault();
      this.at = (this.at + step + this.list.children.length) % this.list.children.length;
      this.#mark();
    } else if (open && event.key === "Tab") {
      event.preventDefault();
      this.#take(this.list.children[this.at].dataset.text);
    } else if (event.key === "Escape") this.#show([]);
    else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    }
  }

  #suggest() {
    if (!this.list) return;
    const text = this.field.value;
    if (!text.startsWith("/")) return this.#show([]);
    const options = this.commands().flatMap((command) => {
      const words = command.usage_hint.split("|").map((part) => part.trim());
      return [[command.command, command.description], ...words.map((word) => [`${command.command} ${word}`, ""])];
    });
    const found = options.filter(([option]) => bare(option).startsWith(text) && bare(option) !== text.trimEnd());
    this.#show(found.slice(0, 8));
  }

  #show(options) {
    if (!this.list) return;
    this.at = 0;
    this.list.hidden = options.length === 0;
    this.list.replaceChildren(
      ...options.map(([option, said]) => el("li", { role: "option", "data-text": bare(option), onmousedown: (event) => (event.preventDefault(), this.#take(bare(option))) }, el("b", {}, option), el("span", {}, said))),
    );
    this.#mark();
  }

  #mark() {
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", index === this.at));
  }

  #take(text) {
    this.field.value = text;
    this.#show([]);
    this.field.focus();
    this.#suggest();
  }
}

const bare = (option) => option.replace(/\s*[[<].*$/, "").replace(/\s[A-Z]\d+.*$/, " ");
