// Block Kit as nodes. A control calls `act(element, given)`; what is typed is read from the nodes when it is sent.

import { el } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";

const text = (object, names) => (object.type === "mrkdwn" ? mrkdwn(object.text, names) : document.createTextNode(object.text));

export function blocks(list, context) {
  return list.map((block) => {
    const node = (BLOCKS[block.type] ?? unknown)(block, context);
    node.dataset.blockId = block.block_id ?? "";
    return node;
  });
}

const unknown = (block) => el("p", { class: "unknown" }, `(${block.type})`);

const BLOCKS = {
  header: (block) => el("h3", { class: "block-header" }, block.text.text),
  divider: () => el("hr"),
  section: (block, context) =>
    el(
      "div",
      { class: "block-section" },
      el(
        "div",
        { class: "grow" },
        block.text ? text(block.text, context.names) : null,
        block.fields ? el("div", { class: "fields" }, ...block.fields.map((field) => el("div", {}, text(field, context.names)))) : null,
      ),
      block.accessory ? element(block.accessory, block, context) : null,
    ),
  context: (block, context) =>
    el("div", { class: "block-context" }, ...block.elements.map((item) => (item.type === "image" ? el("img", { src: item.image_url, alt: item.alt_text }) : text(item, context.names)))),
  actions: (block, context) => el("div", { class: "block-actions" }, ...block.elements.map((item) => element(item, block, context))),
  image: (block) => el("img", { class: "block-image", src: block.image_url, alt: block.alt_text }),
  markdown: (block) => el("div", { class: "block-section" }, block.text),
  input: (block, context) =>
    el(
      "label",
      { class: "block-input" },
      el("span", { class: "label" }, block.label.text, block.optional ? el("small", {}, " (optional)") : null),
      element(block.element, block, context),
      block.hint ? el("small", { class: "hint" }, block.hint.text) : null,
      el("span", { class: "field-error", role: "alert" }),
    ),
};

function element(item, block, context) {
  const make = ELEMENTS[item.type] ?? unknown;
  const node = make(item, block, context);
  node.dataset.actionId = item.action_id ?? "";
  return node;
}

async function sure(confirm, context) {
  return !confirm || context.confirm(confirm);
}

const ELEMENTS = {
  button: (item, block, context) => {
    const node = el("button", { type: "button", class: `control ${item.style ?? ""}`, "aria-label": item.accessibility_label }, item.text.text);
    node.addEventListener("click", async () => {
      if (!(await sure(item.confirm, context))) return;
      node.classList.add("busy");
      if (item.url) window.open(item.url, item.url.startsWith(location.origin) ? "_self" : "_blank", "noopener");
      await context.act(item, block, { type: "button", value: item.value ?? "" });
      node.classList.remove("busy");
    });
    return node;
  },
  overflow: (item, block, context) => {
    const menu = el("div", { class: "menu", role: "menu", hidden: true });
    const node = el("span", { class: "overflow" }, el("button", { type: "button", class: "control", "aria-label": "More", onclick: () => (menu.hidden = !menu.hidden) }, "⋯"), menu);
    for (const option of item.options)
      menu.append(el("button", { type: "button", role: "menuitem", onclick: () => ((menu.hidden = true), context.act(item, block, { type: "overflow", selected_option: option })) }, option.text.text));
    return node;
  },
  static_select: (item, block, context) => {
    const node = el("select", { class: "control" }, el("option", { value: "" }, item.placeholder?.text ?? "Choose"));
    for (const option of item.options ?? []) node.append(el("option", { value: option.value, selected: option.value === item.initial_option?.value }, option.text.text));
    node.addEventListener("change", () => {
      const option = item.options.find((each) => each.value === node.value);
      if (block.type !== "input" && option) context.act(item, block, { type: "static_select", selected_option: option });
    });
    node.read = () => ({ type: "static_select", selected_option: item.options.find((each) => each.value === node.value) ?? null });
    return node;
  },
  plain_text_input: (item) => {
    const attributes = { minlength: item.min_length, maxlength: item.max_length, placeholder: item.placeholder?.text, class: "text" };
    const node = el(item.multiline ? "textarea" : "input", attributes);
    node.value = item.initial_value ?? "";
    node.read = () => ({ type: "plain_text_input", value: node.value || null });
    return node;
  },
  radio_buttons: (item) => {
    const name = `radio-${Math.random()}`;
    const node = el("span", { class: "choices" }, ...item.options.map((option) => el("label", {}, el("input", { type: "radio", name, value: option.value }), option.text.text)));
    node.read = () => ({ type: "radio_buttons", selected_option: item.options.find((option) => option.value === node.querySelector("input:checked")?.value) ?? null });
    return node;
  },
  checkboxes: (item) => {
    const node = el("span", { class: "choices" }, ...item.options.map((option) => el("label", {}, el("input", { type: "checkbox", value: option.value }), option.text.text)));
    node.read = () => {
      const chosen = [...node.querySelectorAll("input:checked")].map((box) => box.value);
      return { type: "checkboxes", selected_options: item.options.filter((option) => chosen.includes(option.value)) };
    };
    return node;
  },
};

export function values(root) {
  const found = {};
  for (const node of root.querySelectorAll("[data-action-id]")) {
    if (!node.read) continue;
    const block = node.closest("[data-block-id]").dataset.blockId;
    (found[block] ??= {})[node.dataset.actionId] = node.read();
  }
  return found;
}
