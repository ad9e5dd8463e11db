// Dark, light, or what the system says; the choice is remembered.

const KEY = "hidb-theme";
const listeners = new Set();

export function startTheme() {
  const select = document.getElementById("theme");
  apply(localStorage.getItem(KEY) ?? "system");
  select.value = document.documentElement.dataset.theme ?? "system";
  select.onchange = () => {
    localStorage.setItem(KEY, select.value);
    apply(select.value);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
}

/** For what is painted rather than styled: charts. */
export function onThemeChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function apply(theme) {
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}
