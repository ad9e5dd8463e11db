// The settings in force, and where each comes from. Secrets arrive here as ***.
/** @import { Child, FieldEvent, OpenPanel, SettingView } from "./types.d.ts" */
import { get } from "./api.js";
import { h } from "./dom.js";
import { Resource, table } from "./parts.js";

/** @type {OpenPanel} */
export function openSettings(_params, redraw) {
  const settings = new Resource((signal) => get("settings", { signal }), redraw);
  const filter = { changed: false };
  /** @type {(event: FieldEvent) => void} */
  const onchange = ({ target }) => {
    filter.changed = target instanceof HTMLInputElement && target.checked;
    redraw();
  };
  return {
    title: "Settings",
    view: () => [
      h(
        "div",
        { class: "row card" },
        h(
          "p",
          { class: "grow" },
          "As in force in the instance that answers. They are read at its start: change them in the environment or in .env, then reload.",
        ),
        h(
          "label",
          { class: "check" },
          h("input", { type: "checkbox", checked: filter.changed, onchange }),
          "only what was set",
        ),
      ),
      settings.show((answer) => view(answer.settings, filter)),
      h(
        "p",
        null,
        h("a", { href: "/api/v1/openapi.json" }, "The API of this page (OpenAPI)"),
        ", ",
        h("a", { href: "/metrics" }, "metrics (Prometheus)"),
      ),
    ],
    close: () => settings.close(),
  };
}

/** @type {(settings: SettingView[], filter: { changed: boolean }) => Child} */
function view(settings, { changed }) {
  return table({
    caption: "Settings",
    empty: "All settings have their defaults.",
    rows: changed ? settings.filter(({ origin }) => origin !== "default") : settings,
    key: ({ name }) => name,
    columns: [
      { head: "Setting", cell: ({ name, help }) => [h("code", null, name), h("small", null, withCode(help))] },
      { head: "Value", cell: ({ value }) => describeValue(value), class: "wide" },
      { head: "Origin", cell: ({ origin }) => (origin === "default" ? h("span", { class: "quiet" }, origin) : origin) },
    ],
  });
}

/** @type {(value: unknown) => Child} */
function describeValue(value) {
  if (value === "" || value === null || value === undefined) return h("span", { class: "quiet" }, "not set");
  return h("code", null, typeof value === "string" ? value : JSON.stringify(value));
}

/**
 * Words between backticks are code.
 * @type {(text: string) => Child}
 */
function withCode(text) {
  return text.split("`").map((part, at) => (at % 2 === 0 ? part : h("code", null, part)));
}
