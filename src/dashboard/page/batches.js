// Ranges of ids as batches, each with its progress and its end in sight.
/** @import { ReadAnswer, BatchView, Child, OpenPanel } from "./types.d.ts" */
import { get } from "./api.js";
import { h } from "./dom.js";
import { clockTime, count, NONE, percent, rate } from "./format.js";
import { now } from "./live.js";
import { progress, Resource, table } from "./parts.js";

/** @type {OpenPanel} */
export function openBatches(_params, redraw) {
  const batches = new Resource((signal) => get("batches", { signal }), redraw);
  return {
    title: "Batches",
    view: () => batches.show(view),
    onOverview: () => batches.refresh(),
    close: () => batches.close(),
  };
}

/** @type {(answer: ReadAnswer<"batches">) => Child} */
function view({ batches }) {
  return [
    h(
      "p",
      { class: "lede" },
      "With ",
      h("code", null, "HIDB_SHARDING=ranges"),
      " each instance takes the batch of its rank and helps the others at the end.",
    ),
    table({
      caption: "Batches of ids",
      empty: "There are no batches. Make some: hidb batches create --count 3",
      rows: batches,
      key: ({ id }) => id,
      columns: [
        { head: "Batch", cell: ({ id }) => id, class: "number" },
        { head: "Ids", cell: ({ first, last }) => `${first}–${last}`, class: "number" },
        { head: "Rank", cell: ({ rank }) => rank ?? NONE, class: "number" },
        { head: "Progress", cell: batchProgress, class: "wide" },
        { head: "Ended", cell: ({ ended, total }) => `${count(ended)} of ${count(total)}`, class: "number" },
        { head: "Failed", cell: ({ failed, quarantined }) => count(failed + quarantined), class: "number" },
        { head: "Rate", cell: (batch) => rate(batch.rate), class: "number" },
        { head: "Done", cell: etaOf, class: "number" },
      ],
    }),
  ];
}

/** @type {(batch: BatchView) => Child} */
function batchProgress({ first, last, ended, total }) {
  return h(
    "div",
    { class: "row" },
    progress(`Batch of the ids ${first} to ${last}`, ended, total),
    h("span", { class: "share" }, percent(ended, total)),
  );
}

/** @type {(batch: BatchView) => string} */
function etaOf({ ended, total, eta }) {
  if (ended === total) return "all ended";
  return eta === null ? NONE : `about ${clockTime(eta, now())}`;
}
