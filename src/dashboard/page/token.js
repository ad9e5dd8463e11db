// The token that changes need: asked for once, kept for this tab only, never in an address or a storage that outlives it.
/** @import { ElementDescription } from "./types.d.ts" */
import { byId, h, render } from "./dom.js";

const KEY = "hidb-token";
/** @type {Set<() => void>} */
const listeners = new Set();

export function readToken() {
  return sessionStorage.getItem(KEY);
}

/** @type {(listener: () => void) => void} */
export function onTokenChange(listener) {
  listeners.add(listener);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

/** @type {(token: string) => void} */
function keepToken(token) {
  sessionStorage.setItem(KEY, token);
  for (const listener of listeners) listener();
}

export function askForToken() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("token-dialog"));
  render(dialog, form(dialog));
  const field = fieldOf(dialog);
  field.value = "";
  dialog.showModal();
  field.focus();
}

/** @type {(dialog: HTMLDialogElement) => HTMLInputElement} */
function fieldOf(dialog) {
  return /** @type {HTMLInputElement} */ (dialog.querySelector("input"));
}

/** @type {(dialog: HTMLDialogElement) => ElementDescription} */
function form(dialog) {
  /** @type {(event: SubmitEvent) => void} */
  const submit = (event) => {
    event.preventDefault();
    const field = fieldOf(dialog);
    const token = field.value.trim();
    if (token === "") return;
    field.value = "";
    keepToken(token);
    dialog.close();
  };
  return h(
    "form",
    { onsubmit: submit },
    h("h2", { id: "token-title" }, "Unlock changes"),
    h(
      "p",
      { id: "token-help" },
      "Retrying, cancelling, pausing and scaling need the token of the pool: the setting ",
      h("code", null, "HIDB_TOKEN"),
      ", or the file ",
      h("code", null, "token"),
      " beside the database. It is kept until this tab is closed.",
    ),
    h("label", { for: "token-field" }, "Token"),
    h("input", {
      id: "token-field",
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
      "aria-describedby": "token-help",
    }),
    h(
      "div",
      { class: "row end" },
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      h("button", { type: "submit", class: "primary" }, "Unlock"),
    ),
  );
}
