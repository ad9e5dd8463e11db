// The token that changes need: asked for once, kept for this tab only, never in an address or a storage that outlives it.
import { h, render } from "./dom.js";

const KEY = "hidb-token";
const listeners = new Set();

export function readToken() {
  return sessionStorage.getItem(KEY);
}

export function onTokenChange(listener) {
  listeners.add(listener);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

function keepToken(token) {
  sessionStorage.setItem(KEY, token);
  for (const listener of listeners) listener();
}

export function askForToken() {
  const dialog = document.getElementById("token-dialog");
  render(dialog, form(dialog));
  const field = dialog.querySelector("input");
  field.value = "";
  dialog.showModal();
  field.focus();
}

function form(dialog) {
  const submit = (event) => {
    event.preventDefault();
    const token = dialog.querySelector("input").value.trim();
    if (token === "") return;
    dialog.querySelector("input").value = "";
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
