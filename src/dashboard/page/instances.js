// Who works: one row an instance, what it has in hand and for how long; how many there shall be.
/** @import { Changed, Child, ElementDescription, FieldEvent, InstanceView, OpenPanel, Redraw } from "./types.d.ts" */
import { change, lockHint } from "./actions.js";
import { h } from "./dom.js";
import { clockTime, count, megabytes, millis, NONE, plural } from "./format.js";
import { live, now } from "./live.js";
import { figure, link, memoryMeter, stateBadge, table } from "./parts.js";
import { readToken } from "./token.js";

/** @typedef {{ wanted: number | null }} Scale What somebody is typing: null follows the pool. */

const MOST_INSTANCES = 64;
const SHOWN_VIDEOS = 5;

/** @type {OpenPanel} */
export function openInstances(_params, redraw) {
  /** @type {Scale} */
  const scale = { wanted: null };
  return { title: "Instances", view: () => view(scale, redraw) };
}

/** @type {(scale: Scale, redraw: Redraw) => Child} */
function view(scale, redraw) {
  const { overview } = live;
  if (overview === null) return h("p", { class: "empty" }, "Waiting for the pool …");
  const { instances, medianMs, memory } = overview;
  return [
    h(
      "dl",
      { class: "figures" },
      figure(
        "Live",
        count(instances.length),
        `${count(instances.filter(({ state }) => state === "working").length)} working`,
      ),
      figure("In hand", count(instances.reduce((sum, row) => sum + row.inHand, 0))),
      figure("Median of a video", millis(medianMs)),
      figure(
        "Memory",
        megabytes(memory.usedBytes),
        memory.budgetBytes && [`of ${megabytes(memory.budgetBytes)}`, memoryMeter(memory)],
      ),
    ),
    scaleForm(scale, instances.length, redraw),
    instanceTable(instances, medianMs),
  ];
}

/** @type {(scale: Scale, current: number, redraw: Redraw) => ElementDescription} */
function scaleForm(scale, current, redraw) {
  const locked = readToken() === null;
  const wanted = scale.wanted ?? current;
  /** @type {(event: SubmitEvent) => void} */
  const submit = (event) => {
    event.preventDefault();
    /** @type {(answer: Changed<"pool/scale">) => string} */
    const said = ({ underWay }) => `The pool ${underWay ? "is being" : "is"} scaled to ${plural(wanted, "instance")}.`;
    const then = () => {
      scale.wanted = null;
    };
    change({ key: "scale", path: "pool/scale", body: { count: wanted }, said, then });
  };
  /** @type {(event: FieldEvent) => void} */
  const oninput = ({ target }) => {
    scale.wanted = target.value === "" ? null : Number(target.value);
    redraw();
  };
  return h(
    "form",
    { class: "row card", onsubmit: submit },
    h("label", { for: "scale" }, "Instances"),
    h("input", {
      id: "scale",
      type: "number",
      min: 1,
      max: MOST_INSTANCES,
      required: true,
      value: String(wanted),
      disabled: locked,
      oninput,
      "aria-describedby": locked ? "locked" : null,
    }),
    h(
      "button",
      { type: "submit", class: "primary", disabled: locked || wanted === current },
      wanted === current ? "Scale" : `Scale to ${wanted}`,
    ),
    lockHint(),
  );
}

/** @type {(rows: InstanceView[], medianMs: number | null) => ElementDescription} */
function instanceTable(rows, medianMs) {
  return table({
    caption: "Live instances",
    empty: "No instance is live. Start the pool: hidb start",
    key: (row) => row.id,
    rows,
    columns: [
      { head: "Rank", cell: (row) => row.rank ?? NONE, class: "number" },
      { head: "State", cell: instanceState },
      { head: "Videos in hand", cell: (row) => held(row, { medianMs, most: SHOWN_VIDEOS }), class: "wide" },
      { head: "Completed", cell: (row) => count(row.completed), class: "number" },
      { head: "Failed", cell: (row) => count(row.failed), class: "number" },
      { head: "Memory", cell: (row) => megabytes(row.rssBytes), class: "number" },
      { head: "Restarts", cell: (row) => count(row.restarts), class: "number" },
      { head: "Process id", cell: (row) => row.processId, class: "number" },
      { head: "pid", cell: (row) => row.pid, class: "number" },
      { head: "Since", cell: (row) => clockTime(row.startedAt, now()), class: "number" },
      { head: "Host", cell: (row) => row.host },
    ],
  });
}

/**
 * Why an instance claims nothing, if memory is why.
 * @type {Record<string, string>}
 */
const HELD_BACK = {
  admission: "waits for room",
  high: "above its limit",
  room: "makes room",
  pressure: "memory is short",
};

/** @type {(row: InstanceView) => Child} */
export function instanceState({ state, heldBack }) {
  return [stateBadge(state), heldBack && h("small", null, HELD_BACK[heldBack] ?? heldBack)];
}

/**
 * The videos in an instance's hand, each with its step and its time against the median.
 * @type {(row: InstanceView, options: { medianMs: number | null, most: number }) => ElementDescription}
 */
export function held(row, { medianMs, most }) {
  if (row.held.length === 0)
    return h("span", { class: "quiet" }, row.inHand > 0 ? plural(row.inHand, "video") : "nothing");
  const more = Math.max(row.held.length, row.inHand) - most;
  return h(
    "ul",
    { class: "held" },
    row.held.slice(0, most).map((one) => heldVideo(one, medianMs)),
    more > 0 && h("li", { class: "quiet", key: "more" }, `and ${plural(more, "other")}`),
  );
}

/** @type {(held: InstanceView["held"][number], medianMs: number | null) => ElementDescription} */
function heldVideo({ videoId, attempt, claimedAt, step }, medianMs) {
  const elapsedMs = Math.max(0, now() - claimedAt);
  const slow = medianMs !== null && elapsedMs > 2 * medianMs && elapsedMs - medianMs > 1000;
  const facts = [step, attempt > 1 && `attempt ${attempt}`].filter(Boolean).join(", ");
  return h(
    "li",
    { key: `${videoId} ${attempt}` },
    link(`videos/${videoId}`, `video ${videoId}`),
    facts && h("span", { class: "quiet" }, ` ${facts}`),
    h("span", { class: slow ? "slow" : null }, ` ${millis(elapsedMs)}`),
    slow && h("span", { class: "quiet" }, `, ${(elapsedMs / medianMs).toFixed(1)} × median`),
  );
}
