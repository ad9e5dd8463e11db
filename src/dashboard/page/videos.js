// All videos, searched and filtered, a page at a time: a hundred thousand of them cost no more than fifty.
/** @import { Child, Column, ElementDescription, FieldEvent, OpenPanel, Redraw, State, VideoLine, VideoPage } from "./types.d.ts" */
import { get } from "./api.js";
import { byId, h } from "./dom.js";
import { clockTime, count, duration, NONE } from "./format.js";
import { live, now } from "./live.js";
import { link, Resource, STATES, stateBadge, table } from "./parts.js";

const PAGE = 50;
const TYPING_MS = 200;

/** @type {OpenPanel} */
export function openVideos(params, redraw) {
  const list = new VideoList(params, redraw);
  return {
    title: "Videos",
    view: () => list.view(),
    onOverview: () => list.page.refresh(),
    close: () => list.close(),
  };
}

class VideoList {
  #state;
  #q;
  #over;
  /**
   * Where each page begins that was turned to; the last one is shown.
   * @type {(number | null | undefined)[]}
   */
  #starts = [undefined];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;

  /**
   * @param {URLSearchParams} params
   * @param {Redraw} redraw
   */
  constructor(params, redraw) {
    this.#state = params.get("state") ?? "";
    this.#q = params.get("q") ?? "";
    this.#over = params.get("over") ?? "";
    this.page = new Resource((signal) => this.#read(signal), redraw);
  }

  /** @param {AbortSignal} signal */
  #read(signal) {
    return get("videos", {
      state: this.#state,
      q: this.#q,
      over: this.#over,
      after: this.#starts.at(-1),
      limit: PAGE,
      signal,
    });
  }

  close() {
    clearTimeout(this.#typing);
    this.page.close();
  }

  /** From the first page on; the address keeps what was asked, without a step back for each letter. */
  #search() {
    this.#starts = [undefined];
    const words = new URLSearchParams(
      Object.entries({ state: this.#state, q: this.#q, over: this.#over }).filter(([, value]) => value !== ""),
    );
    history.replaceState(null, "", words.size > 0 ? `#/videos?${words}` : "#/videos");
    this.page.load();
  }

  view() {
    return [this.#form(), this.page.show((page) => this.#table(page))];
  }

  #form() {
    /** @type {(event: FieldEvent) => void} */
    const typed = ({ target }) => {
      this.#q = target.value.trim();
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#search(), TYPING_MS);
    };
    /** @type {(event: FieldEvent) => void} */
    const chosen = (event) => {
      this.#state = event.target.value;
      this.#search();
    };
    /** @type {(event: FieldEvent) => void} */
    const overChosen = ({ target }) => {
      this.#over = target instanceof HTMLInputElement && target.checked ? "any" : "";
      this.#search();
    };
    /** @type {(event: SubmitEvent) => void} */
    const submit = (event) => {
      event.preventDefault();
      clearTimeout(this.#typing);
      this.#search();
    };
    const counts = live.overview?.counts;
    const total = counts ? ` (${count(counts.total)})` : "";
    /** @type {(state: State) => ElementDescription} */
    const option = (state) =>
      h("option", { value: state, key: state }, state, counts ? ` (${count(counts[state])})` : "");
    return h(
      "form",
      { class: "row card", role: "search", onsubmit: submit },
      h(
        "label",
        { class: "grow stack" },
        "Search",
        h("input", {
          type: "search",
          name: "q",
          value: this.#q,
          oninput: typed,
          placeholder: "id, source or title",
          autocomplete: "off",
          spellcheck: "false",
        }),
      ),
      h(
        "label",
        { class: "stack" },
        "State",
        h(
          "select",
          { name: "state", value: this.#state, onchange: chosen },
          h("option", { value: "" }, `all${total}`),
          STATES.map(option),
        ),
      ),
      h(
        "label",
        { class: "check" },
        h("input", { type: "checkbox", name: "over", checked: this.#over !== "", onchange: overChosen }),
        "over a limit of Workers",
      ),
    );
  }

  /** @type {(page: VideoPage) => Child} */
  #table({ videos, next, total }) {
    const first = (this.#starts.length - 1) * PAGE;
    const range = videos.length === 0 ? "No video" : `${count(first + 1)}–${count(first + videos.length)}`;
    /** @type {(starts: (number | null | undefined)[]) => void} */
    const turn = (starts) => {
      this.#starts = starts;
      this.page.load();
      byId("panel-title").scrollIntoView();
    };
    const pager = h(
      "nav",
      { class: "row pager", "aria-label": "Pages", key: "pager" },
      h(
        "p",
        { class: "grow", role: "status", "aria-busy": this.page.loading ? "true" : "false" },
        `${range}${total === undefined || total === null ? "" : ` of ${count(total)}`}`,
      ),
      h("button", { type: "button", disabled: this.#starts.length === 1, onclick: () => turn([undefined]) }, "First"),
      h(
        "button",
        { type: "button", disabled: this.#starts.length === 1, onclick: () => turn(this.#starts.slice(0, -1)) },
        "Previous",
      ),
      h("button", { type: "button", disabled: next === null, onclick: () => turn([...this.#starts, next]) }, "Next"),
    );
    const empty =
      this.#q === "" && this.#state === "" && this.#over === ""
        ? "The catalogue is empty: hidb add <folder or list>"
        : "No video matches.";
    return [
      pager,
      h(
        "div",
        { key: "table" },
        table({ caption: "Videos", columns: COLUMNS, rows: videos, key: ({ id }) => id, empty }),
      ),
    ];
  }
}

/** @type {Column<VideoLine>[]} */
const COLUMNS = [
  { head: "Id", cell: ({ id }) => link(`videos/${id}`, String(id)), class: "number" },
  { head: "State", cell: ({ state }) => stateBadge(state) },
  { head: "Video", cell: describeVideo, class: "wide" },
  { head: "Length", cell: ({ durationS }) => duration(durationS), class: "number" },
  { head: "Attempt", cell: ({ attempt }) => attempt, class: "number" },
  { head: "Ended", cell: ({ finishedAt }) => (finishedAt ? clockTime(finishedAt, now()) : NONE), class: "number" },
];

/** @type {(video: VideoLine) => Child} */
function describeVideo({ title, source, error }) {
  return [
    h("span", { class: "name" }, title ?? source ?? "no longer in the catalogue"),
    title && source && h("span", { class: "quiet source" }, source),
    error && h("span", { class: "reason" }, error),
  ];
}
