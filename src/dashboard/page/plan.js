// What other numbers of instances would mean: when done, how much memory, how much of D1.
import { get } from "./api.js";
import { h } from "./dom.js";
import { clockTime, count, dollars, duration, megabytes } from "./format.js";
import { live, now } from "./live.js";
import { Resource, section, table } from "./parts.js";
import { planPicture } from "./plan-picture.js";

export function openPlan(_params, redraw) {
  const plan = new Resource((signal) => get("plan", { signal }), redraw);
  return {
    title: "Plan",
    view: () => plan.show(view),
    onOverview: () => plan.refresh(15_000),
    close: () => plan.close(),
  };
}

function view(plan) {
  const { rows } = plan;
  const onD1 = rows.some(({ d1Requests }) => d1Requests !== null && d1Requests !== undefined);
  if (rows.length === 0) return h("p", { class: "empty" }, "There is nothing left to plan: no video is pending.");
  const current = live.overview?.instances.length;
  return [
    h("p", { class: "lede" }, describeBasis(plan)),
    section("Time left by number of instances", planPicture(rows, current)),
    table({
      caption: "Plan for one to eight instances",
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
        { head: "Memory", cell: (row) => megabytes(row.memoryBytes), class: "number" },
        { head: "Fits", cell: describeFit },
        ...(onD1 ? D1_COLUMNS : []),
      ],
    }),
  ];
}

function describeBasis({ videos, secondsPerVideo, basis, budgetBytes }) {
  const parts = [`${count(videos)} videos to do`];
  if (secondsPerVideo) parts.push(`${duration(secondsPerVideo)} each${basis ? ` (${basis})` : ""}`);
  if (budgetBytes) parts.push(`${megabytes(budgetBytes)} of memory in all`);
  return `${parts.join(", ")}.`;
}

function describeFit({ fits }) {
  return fits ? "yes" : h("span", { class: "slow" }, "too little memory");
}

const D1_COLUMNS = [
  { head: "D1 requests", cell: (row) => count(row.d1Requests), class: "number" },
  { head: "D1 cost", cell: (row) => dollars(row.dollars), class: "number" },
];
