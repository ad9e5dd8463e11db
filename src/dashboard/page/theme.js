// Dark, light, or what the system says; the choice is remembered.

import { byId } from "./dom.js";

const KEY = "hidb-theme";
/** @type {Set<() => void>} */
const listeners = new Set();

export function startTheme() {
  const select = /** @type {HTMLSelectElement} */ (byId("theme"));
  apply(localStorage.getItem(KEY) ?? "system");
  select.value = document.documentElement.dataset.theme ?? "system";
  select.onchange = () => {
    localStorage.setItem(KEY, select.value);
    apply(select.value);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
}

/**
 * For what is painted rather than styled: charts.
 * @type {(listener: () => void) => () => void}
 */
export function onThemeChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @type {(theme: string) => void} */
function apply(theme) {
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}
