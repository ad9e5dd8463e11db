// Parts that several panels are made of.
/** @import { Child, ElementDescription, Overview, Redraw, State, Table } from "./types.d.ts" */
import { ApiError } from "./api.js";
import { h } from "./dom.js";
import { count, megabytes, percent } from "./format.js";
import { live } from "./live.js";

/** @type {State[]} */
export const STATES = ["pending", "running", "completed", "failed", "quarantined", "cancelled"];

/** @type {(state: string) => ElementDescription} */
export function stateBadge(state) {
  return h("span", { class: `badge ${state}` }, state);
}

/** @type {(route: string, ...children: Child[]) => ElementDescription} */
export function link(route, ...children) {
  return h("a", { href: `#/${route}` }, ...children);
}

/**
 * One figure of a `dl`.
 * @type {(label: string, value: Child, note?: Child) => ElementDescription}
 */
export function figure(label, value, note) {
  return h("div", { class: "figure" }, h("dt", null, label), h("dd", null, value, note && h("small", null, note)));
}

/** @type {(memory: Overview["memory"]) => ElementDescription} */
export function memoryMeter({ usedBytes, budgetBytes }) {
  return meter("Memory of the pool", usedBytes, budgetBytes, `${megabytes(usedBytes)} of ${megabytes(budgetBytes)}`);
}

/**
 * A bar that fills up; above 90 % it warns.
 * @type {(label: string, used: number, all: number | null, text: string) => ElementDescription}
 */
export function meter(label, used, all, text) {
  const share = all ? Math.min(100, (100 * used) / all) : 0;
  return h(
    "div",
    {
      class: share > 90 ? "meter full" : "meter",
      role: "meter",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": Math.round(share),
      "aria-valuetext": text,
    },
    h(
      "svg",
      { "aria-hidden": "true", viewBox: "0 0 100 1", preserveAspectRatio: "none" },
      h("rect", { width: share, height: 1 }),
    ),
  );
}

/** @type {(label: string, done: number, all: number) => ElementDescription} */
export function progress(label, done, all) {
  const text = `${count(done)} of ${count(all)}, ${percent(done, all)}`;
  const share = all ? Math.round((100 * done) / all) : 0;
  return h(
    "div",
    {
      class: "progress",
      role: "progressbar",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": share,
      "aria-valuetext": text,
    },
    h(
      "svg",
      { "aria-hidden": "true", viewBox: "0 0 100 1", preserveAspectRatio: "none" },
      h("rect", { width: all ? (100 * done) / all : 0, height: 1 }),
    ),
  );
}

/**
 * A table that turns into cards on a phone. A column is `{ head, cell(row), class? }`; a row's header is its first cell.
 * @type {<Row>(table: Table<Row>) => ElementDescription}
 */
export function table({ caption, columns, rows, key, empty = "Nothing to show." }) {
  if (rows.length === 0) return h("p", { class: "empty" }, empty);
  const head = columns.map((column) => h("th", { scope: "col", class: column.class }, column.head));
  const body = rows.map((row, at) =>
    h(
      "tr",
      { key: key ? key(row) : at },
      columns.map((column, index) =>
        h(
          index === 0 ? "th" : "td",
          { scope: index === 0 ? "row" : null, class: column.class, "data-label": column.head },
          column.cell(row, at),
        ),
      ),
    ),
  );
  return h(
    "div",
    { class: "table" },
    h(
      "table",
      null,
      h("caption", { class: "hidden" }, caption),
      h("thead", null, h("tr", null, head)),
      h("tbody", null, body),
    ),
  );
}

/** @type {(title: string, ...children: Child[]) => ElementDescription} */
export function section(title, ...children) {
  const id = `section-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  return h("section", { "aria-labelledby": id, key: id }, h("h2", { id }, title), ...children);
}

/**
 * What the API has said, with its mend.
 * @type {(error: unknown) => Child[]}
 */
export function describeError(error) {
  const fix = error instanceof ApiError ? error.fix : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return [h("strong", null, message), fix && h("span", { class: "fix" }, `Fix: ${fix}`)];
}

/**
 * Data read from the API: loaded at the start, and again no more often than the pool allows.
 * @template Data
 */
export class Resource {
  /** @type {Data | undefined} */
  data;
  /** @type {unknown} */
  error;
  loading = false;
  #read;
  #redraw;
  #askedAt = 0;
  /** @type {AbortController | undefined} */
  #aborter;

  /**
   * @param {(signal: AbortSignal) => Promise<Data>} read
   * @param {Redraw} redraw
   */
  constructor(read, redraw) {
    this.#read = read;
    this.#redraw = redraw;
    this.load();
  }

  async load() {
    this.#aborter?.abort();
    const aborter = new AbortController();
    this.#aborter = aborter;
    this.#askedAt = Date.now();
    this.loading = true;
    this.#redraw();
    try {
      const data = await this.#read(aborter.signal);
      if (aborter.signal.aborted) return;
      this.data = data;
      this.error = undefined;
    } catch (error) {
      if (aborter.signal.aborted) return;
      this.error = error;
    }
    this.loading = false;
    this.#redraw();
  }

  /** On D1 every look is a request out of a budget that the work needs. */
  refresh(everyMs = 4000) {
    const patience = live.overview?.d1 ? Math.max(everyMs, 60_000) : everyMs;
    if (!this.loading && Date.now() - this.#askedAt >= patience) this.load();
  }

  close() {
    this.#aborter?.abort();
  }

  /**
   * The view of the data; before it is there, or where it cannot be had, what a person should know.
   * @type {(view: (data: Data) => Child) => Child}
   */
  show(view) {
    if (this.data !== undefined)
      return [this.error !== undefined && h("p", { class: "notice bad" }, describeError(this.error)), view(this.data)];
    if (this.error)
      return h(
        "div",
        { class: "notice bad" },
        describeError(this.error),
        h("button", { type: "button", onclick: () => this.load() }, "Try again"),
      );
    return h("p", { class: "empty" }, "Loading …");
  }
}
