// The plan as a picture: a bar for each number of instances up to the p50, a line up to the p90; what does not fit is hatched.
// The table below it says the same in figures, so that a screen reader is given only the sentence.
/** @import { Child, ElementDescription, PlanRow } from "./types.d.ts" */
import { h } from "./dom.js";
import { duration } from "./format.js";

const HEIGHT = 22;
const MIDDLE = HEIGHT / 2;

/** @type {(rows: PlanRow[], current: number | undefined) => Child} */
export function planPicture(rows, current) {
  const longest = Math.max(...rows.map(({ p90S }) => p90S), 1e-9);
  const label = rows
    .map(({ instances, p50S, fits }) => `${instances}: ${duration(p50S)}${fits ? "" : ", does not fit"}`)
    .join("; ");
  return [
    h(
      "div",
      { class: "picture", role: "img", "aria-label": `Time left by instances: ${label}` },
      rows.map((row) => bar(row, { longest, isCurrent: row.instances === current })),
    ),
    h(
      "p",
      { class: "key" },
      "bar: as likely sooner as later; line: in nine of ten cases; hatched: does not fit into the memory",
    ),
  ];
}

/**
 * Shares of the width, without a view box: nothing is distorted, and texts keep their size on a phone.
 * @type {(row: PlanRow, options: { longest: number, isCurrent: boolean }) => ElementDescription}
 */
function bar({ instances, p50S, p90S, fits }, { longest, isCurrent }) {
  /** @type {(seconds: number) => string} */
  const share = (seconds) => `${(99 * seconds) / longest}%`;
  const end = share(p90S);
  return h(
    "div",
    { key: instances, class: isCurrent ? "current" : null },
    h("span", { class: "axis" }, String(instances)),
    h(
      "svg",
      { height: HEIGHT, width: "100%" },
      h("defs", null, hatch(instances)),
      h("rect", {
        y: 1,
        width: share(p50S),
        height: HEIGHT - 2,
        rx: 3,
        class: fits ? "fits" : "unfit",
        fill: fits ? null : `url(#hatch-${instances})`,
      }),
      h("line", { x1: share(p50S), x2: end, y1: MIDDLE, y2: MIDDLE }),
      h("line", { x1: end, x2: end, y1: MIDDLE - 5, y2: MIDDLE + 5 }),
    ),
    h("span", null, duration(p50S), isCurrent && h("small", null, "now"), !fits && h("small", null, "does not fit")),
  );
}

/** @type {(instances: number) => ElementDescription} */
function hatch(instances) {
  const size = { width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  return h("pattern", { id: `hatch-${instances}`, ...size }, h("rect", { width: 2.5, height: 6, class: "hatch" }));
}
