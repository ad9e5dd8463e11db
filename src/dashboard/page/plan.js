// What other numbers of instances would mean: when done, how much memory, how much of D1.
/** @import { Child, OpenPanel, PoolPlan, PlanRow } from "./types.d.ts" */
import { get } from "./api.js";
import { h } from "./dom.js";
import { clockTime, count, dollars, duration, megabytes, plural } from "./format.js";
import { live, now } from "./live.js";
import { Resource, section, table } from "./parts.js";
import { planPicture } from "./plan-picture.js";

/** @type {OpenPanel} */
export function openPlan(_params, redraw) {
  const plan = new Resource((signal) => get("plan", { signal }), redraw);
  return {
    title: "Plan",
    view: () => plan.show(view),
    onOverview: () => plan.refresh(15_000),
    close: () => plan.close(),
  };
}

/** @type {(plan: PoolPlan) => Child} */
function view(plan) {
  const { rows, basis, videos } = plan;
  if (videos === 0) return h("p", { class: "empty" }, "There is nothing left to plan: every video has ended.");
  if (basis === "unknown") {
    return h(
      "p",
      { class: "empty" },
      "How long a video takes is not known yet. See what if: hidb plan --seconds-per-video 200",
    );
  }
  const current = live.overview?.instances.length;
  return [
    h("p", { class: "lede" }, describeBasis(plan)),
    section("Time left by number of instances", planPicture(rows, current)),
    table({
      caption: "Plan by number of instances",
      rows,
      key: (row) => row.instances,
      columns: [
        {
          head: "Instances",
          cell: (row) => [String(row.instances), row.instances === current && h("small", null, "now")],
          class: "number",
        },
        { head: "Left, p50", cell: (row) => duration(row.p50S), class: "number" },
        { head: "p90", cell: (row) => duration(row.p90S), class: "number" },
        { head: "Done about", cell: (row) => clockTime(now() + row.p50S * 1000, now()), class: "number" },
        { head: "Speed-up", cell: (row) => `${row.speedUp.toFixed(1)} ×`, class: "number" },
        { head: "Memory", cell: (row) => megabytes(row.memoryBytes), class: "number" },
        { head: "Fits", cell: describeFit },
        { head: "D1 requests", cell: (row) => count(row.d1Requests), class: "number" },
        { head: "D1 cost", cell: (row) => dollars(row.dollars), class: "number" },
      ],
    }),
    h(
      "p",
      { class: "key" },
      "D1: what the rest of the run would ask of it, and cost beyond what the paid plan includes.",
    ),
  ];
}

/** @type {(plan: PoolPlan) => Child} */
function describeBasis({ videos, secondsPerVideo, measured, budgetBytes, budgetFrom, memoryPerInstanceBytes }) {
  return [
    `${plural(videos, "video")} to do, ${duration(secondsPerVideo)} each on average of ${count(measured)}.`,
    ` Memory: ${megabytes(budgetBytes)} in all (${budgetFrom}), ${megabytes(memoryPerInstanceBytes)} for an instance.`,
  ];
}

/** @type {(row: PlanRow) => Child} */
function describeFit({ fits }) {
  return fits ? "yes" : h("span", { class: "slow" }, "too little memory");
}
