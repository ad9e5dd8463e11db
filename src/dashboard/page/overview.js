// How far, how fast, when done, does it fit, what went wrong: on one screen.
/** @import { ReadAnswer, Child, ElementDescription, OpenPanel, Overview, State } from "./types.d.ts" */
import { action, lockHint } from "./actions.js";
import { get } from "./api.js";
import { banner } from "./banner.js";
import { RateChart } from "./chart.js";
import { h } from "./dom.js";
import { reasonCell } from "./failures.js";
import { clockTime, count, duration, megabytes, millis, NONE, percent, plural, rate, timeOf } from "./format.js";
import { held, instanceState } from "./instances.js";
import { live, now } from "./live.js";
import { figure, link, memoryMeter, Resource, STATES, section, stateBadge, table } from "./parts.js";

const CHART_MINUTES = 60;
const LAST_SHOWN = 5;
/**
 * In the order of the bar: what has ended first.
 * @type {State[]}
 */
const BAR_ORDER = ["completed", "failed", "quarantined", "cancelled", "running", "pending"];

/** @type {OpenPanel} */
export function openOverview(_params, redraw) {
  const series = new Resource((signal) => get("series", { minutes: CHART_MINUTES, signal }), redraw);
  const chart = new RateChart();
  return {
    title: "Overview",
    view: () => view(series, chart),
    onOverview: () => series.refresh(5000),
    close() {
      series.close();
      chart.close();
    },
  };
}

/** @type {(series: Resource<ReadAnswer<"series">>, chart: RateChart) => Child} */
function view(series, chart) {
  const { overview } = live;
  if (overview === null) return h("p", { class: "empty" }, "Waiting for the pool …");
  const { counts } = overview;
  const ended = counts.total - counts.pending - counts.running;
  return [
    banner(overview),
    h(
      "section",
      { class: "card lead", "aria-label": "Progress" },
      h(
        "p",
        { class: "big" },
        percent(ended, counts.total),
        h("small", null, `${count(ended)} of ${plural(counts.total, "video")}`),
      ),
      bar(counts, ended),
      h(
        "ul",
        { class: "legend" },
        STATES.map((state) => legendEntry(state, counts[state])),
      ),
      controls(overview),
    ),
    h("dl", { class: "figures" }, figures(overview)),
    h(
      "div",
      { class: "columns" },
      section(
        "Videos a minute",
        series.show(({ minutes }) => chart.view(minutes)),
        h(
          "p",
          { class: "key" },
          h("span", { class: "dot completed" }),
          "completed ",
          h("span", { class: "dot failed" }),
          "failed",
        ),
      ),
      section("Instances", instances(overview)),
    ),
    h(
      "div",
      { class: "columns" },
      section("Why videos failed", failures(overview)),
      section("Failed last", lastFailures(overview)),
    ),
  ];
}

/** @type {(counts: Overview["counts"], ended: number) => ElementDescription} */
function bar(counts, ended) {
  let x = 0;
  const parts = BAR_ORDER.map((state) => {
    const width = counts.total ? (1000 * counts[state]) / counts.total : 0;
    const rect = h("rect", { class: state, x, width, height: 1 });
    x += width;
    return rect;
  });
  const text = `${count(ended)} of ${count(counts.total)}, ${percent(ended, counts.total)}`;
  const share = counts.total ? Math.floor((100 * ended) / counts.total) : 0;
  return h(
    "div",
    {
      class: "bar",
      role: "progressbar",
      "aria-label": "Videos that have ended",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": share,
      "aria-valuetext": text,
    },
    h("svg", { "aria-hidden": "true", viewBox: "0 0 1000 1", preserveAspectRatio: "none" }, parts),
  );
}

/** @type {(state: State, value: number) => ElementDescription} */
function legendEntry(state, value) {
  return h(
    "li",
    { key: state },
    link(`videos?state=${state}`, h("span", { class: `dot ${state}` }), h("b", null, count(value)), ` ${state}`),
  );
}

/** @type {(overview: Overview) => ElementDescription} */
function controls({ paused, draining }) {
  return h(
    "div",
    { class: "row" },
    paused || draining
      ? action({ label: "Resume", path: "pool/resume", said: () => "The pool goes on.", class: "primary" })
      : action({ label: "Pause", path: "pool/pause", said: () => "The pool is paused: what runs is finished." }),
    !paused &&
      !draining &&
      action({
        label: "Pause for 30 min",
        path: "pool/pause",
        body: { forMs: 1_800_000 },
        said: () => "The pool is paused for 30 minutes.",
      }),
    lockHint(),
  );
}

/** @type {(overview: Overview) => Child} */
function figures({ rates, eta, medianMs, memory, counts, d1 }) {
  const done = counts.total > 0 && counts.pending + counts.running === 0;
  const p50 = done ? "now" : clockTime(eta?.p50, now());
  return [
    figure(
      "Done",
      done ? "all have ended" : eta ? `about ${p50}` : NONE,
      !done && eta && `90 %: by ${clockTime(eta.p90, now())}`,
    ),
    figure("Left", done ? NONE : eta ? left(eta.p50) : NONE, !done && eta && `90 %: within ${left(eta.p90)}`),
    figure("Rate, last minute", rate(rates?.minute), `15 min ${rate(rates?.quarter)}, whole run ${rate(rates?.run)}`),
    figure("Median of a video", millis(medianMs)),
    memory &&
      figure(
        "Memory",
        megabytes(memory.usedBytes),
        memory.budgetBytes ? [`of ${megabytes(memory.budgetBytes)}`, memoryMeter(memory)] : "no budget is known",
      ),
    d1 && figure("D1", `${count(d1.requestsRecent)} requests`, "in 5 minutes"),
  ];
}

/**
 * Until a moment.
 * @type {(at: number) => string}
 */
function left(at) {
  return duration((at - now()) / 1000);
}

/** @type {(overview: Overview) => Child} */
function instances({ instances: rows, medianMs }) {
  return table({
    caption: "Instances at a glance",
    empty: "No instance is live.",
    key: (row) => row.id,
    rows,
    columns: [
      { head: "Rank", cell: (row) => row.rank ?? NONE, class: "number" },
      { head: "State", cell: instanceState },
      { head: "In hand", cell: (row) => held(row, { medianMs, most: 2 }), class: "wide" },
      { head: "Memory", cell: (row) => megabytes(row.rssBytes), class: "number" },
    ],
  });
}

/** @type {(overview: Overview) => Child} */
function failures({ failures: groups }) {
  const shown = table({
    caption: "The most frequent reasons",
    empty: "No video has failed.",
    rows: groups,
    columns: [
      { head: "Reason", cell: reasonCell, class: "wide" },
      { head: "State", cell: (group) => stateBadge(group.state) },
      { head: "Videos", cell: (group) => count(group.count), class: "number" },
    ],
  });
  return [shown, groups.length > 0 && h("p", null, link("failures", "All failures, and trying them again"))];
}

/** @type {(overview: Overview) => Child} */
function lastFailures({ lastFailures: videos }) {
  return table({
    caption: "The videos that failed last",
    empty: "No video has failed.",
    key: ({ videoId, at }) => `${videoId} ${at}`,
    rows: videos.slice(0, LAST_SHOWN),
    columns: [
      { head: "Video", cell: ({ videoId }) => link(`videos/${videoId}`, String(videoId)), class: "number" },
      { head: "At", cell: ({ at }) => timeOf(at), class: "number" },
      { head: "Reason", cell: reasonCell, class: "wide" },
    ],
  });
}
