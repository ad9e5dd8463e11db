// What the pool costs on D1, and how far the local mirror and D1 are apart.
/** @import { ReadAnswer, Child, OpenPanel } from "./types.d.ts" */
import { get } from "./api.js";
import { h } from "./dom.js";
import { clockTime, count, dollars, stamp } from "./format.js";
import { live, now } from "./live.js";
import { figure, meter, Resource, section } from "./parts.js";

/** @type {OpenPanel} */
export function openRemote(_params, redraw) {
  const d1 = new Resource((signal) => get("d1", { signal }), redraw);
  const mirror = new Resource((signal) => get("mirror", { signal }), redraw);
  return {
    title: "D1 and mirror",
    view: () => [section("D1", d1.show(describeD1)), section("Mirror", mirror.show(describeMirror))],
    onOverview: () => [d1, mirror].map((one) => one.refresh(10_000)),
    close: () => [d1, mirror].map((one) => one.close()),
  };
}

/** @type {(answer: ReadAnswer<"d1">) => Child} */
function describeD1({ d1 }) {
  const hold = live.overview?.hold;
  if (d1 === null) return h("p", { class: "empty" }, "The pool works on a SQLite file: nothing is asked of D1.");
  const { requestsRecent, budget } = d1;
  const share = `${count(requestsRecent)} of ${count(budget)}`;
  return [
    hold &&
      h(
        "p",
        { class: "notice warn" },
        h("strong", null, `The pool waits${hold.until ? ` until ${clockTime(hold.until, now())}` : ""}`),
        hold.reason,
      ),
    h(
      "dl",
      { class: "figures" },
      figure("Requests in 5 minutes", count(requestsRecent), [
        `of ${count(budget)}`,
        meter("Requests in 5 minutes", requestsRecent, budget, share),
      ]),
      figure("Requests in all", count(d1.requests)),
      figure("Rows read", count(d1.rowsRead)),
      figure("Rows written", count(d1.rowsWritten)),
      figure("Cost", dollars(d1.dollars), "beyond what the paid plan includes"),
    ),
  ];
}

/** @type {(answer: ReadAnswer<"mirror">) => Child} */
function describeMirror({ mirror }) {
  if (mirror === null)
    return h("p", { class: "empty" }, "This database is no mirror of a D1 database; hidb mirror pull makes one.");
  return [
    h(
      "dl",
      { class: "figures" },
      figure("Pulled", stamp(mirror.pulledAt)),
      figure("Rows to push", count(mirror.toPush)),
    ),
    h(
      "p",
      { class: "lede" },
      mirror.toPush > 0 ? "Take them to D1 with hidb mirror push." : "Everything done here has been taken to D1.",
      " What has changed on D1 is told by hidb mirror status.",
    ),
  ];
}
