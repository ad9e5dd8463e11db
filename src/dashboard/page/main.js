// The page: which panel is shown, the state of the connection, and what is said aloud.
/** @import { Child, OpenPanel, PagePanel } from "./types.d.ts" */
import { startActions } from "./actions.js";
import { openBatches } from "./batches.js";
import { byId, h, render } from "./dom.js";
import { openFailures } from "./failures.js";
import { count, percent } from "./format.js";
import { openInstances } from "./instances.js";
import { follow, live, onChange } from "./live.js";
import { openOverview } from "./overview.js";
import { openPlan } from "./plan.js";
import { openRemote } from "./remote.js";
import { openSettings } from "./settings.js";
import { startTheme } from "./theme.js";
import { askForToken, forgetToken, onTokenChange, readToken } from "./token.js";
import { openVideo } from "./video.js";
import { openVideos } from "./videos.js";

/** @typedef {[name: string, label: string, open: OpenPanel]} Entry */
/** @type {Entry} */
const OVERVIEW = ["overview", "Overview", openOverview];
/** @type {Entry[]} */
const PANELS = [
  OVERVIEW,
  ["videos", "Videos", openVideos],
  ["instances", "Instances", openInstances],
  ["failures", "Failures", openFailures],
  ["batches", "Batches", openBatches],
  ["plan", "Plan", openPlan],
  ["remote", "D1 and mirror", openRemote],
  ["settings", "Settings", openSettings],
];
const TICK_MS = 1000;
/** The end and each of these steps is said to a screen reader, not every figure. */
const SAID_STEP = 10;

const place = byId("panel");
const title = byId("panel-title");
/** @type {PagePanel | undefined} */
let panel;
/** @type {string | undefined} */
let route;
let scheduled = false;
/** @type {string | undefined} */
let lastSaid;

function redraw() {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    draw();
  });
}

function draw() {
  drawHeader();
  if (panel === undefined) return;
  render(place, panel.view());
}

/** Follows the part of the address behind the #. */
function turn() {
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name = "", id = ""] = path.split("/");
  const params = new URLSearchParams(search);
  const [known, , open] = PANELS.find(([one]) => one === name) ?? OVERVIEW;
  const isFirst = panel === undefined;
  panel?.close?.();
  render(place);
  route = known;
  panel = undefined;
  const opened = known === "videos" && /^-?\d+$/.test(id) ? openVideo(id, redraw) : open(params, redraw);
  panel = opened;
  title.textContent = opened.title;
  document.title = `${opened.title} · hidb`;
  draw();
  scrollTo(0, 0);
  // So that keyboard and screen reader go on where the new panel begins.
  if (!isFirst) title.focus({ preventScroll: true });
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

function drawHeader() {
  render(
    byId("nav"),
    PANELS.map(([name, label]) =>
      h("a", { key: name, href: `#/${name}`, "aria-current": name === route ? "page" : null }, label, badge(name)),
    ),
  );
  const unlocked = readToken() !== null;
  render(
    byId("lock"),
    h(
      "button",
      { type: "button", class: "quiet", onclick: unlocked ? forgetToken : askForToken },
      unlocked ? "Lock" : "Unlock",
    ),
  );
  const texts = { connecting: "connecting", live: "live", lost: "connection lost, trying again" };
  const connection = byId("connection");
  connection.className = live.state;
  if (connection.textContent !== texts[live.state]) connection.textContent = texts[live.state];
}

/**
 * How many videos have failed stands beside the panel that lists them.
 * @type {(name: string) => Child}
 */
function badge(name) {
  const counts = live.overview?.counts;
  const failed = counts ? counts.failed + counts.quarantined : 0;
  if (name !== "failures" || failed === 0) return null;
  return h("span", { class: "pill" }, h("span", { class: "hidden" }, ": "), count(failed));
}

function announce() {
  const { overview } = live;
  if (overview === null) return;
  const { counts, paused, hold } = overview;
  const ended = counts.total - counts.pending - counts.running;
  const step = counts.total === 0 ? 0 : Math.floor((100 * ended) / counts.total / SAID_STEP);
  const stopped = hold ? "held" : paused ? "paused" : "";
  const said = `${step} ${stopped}`;
  if (lastSaid !== undefined && said !== lastSaid) {
    const state = stopped === "" ? "" : ` The pool is ${stopped}.`;
    byId("said").textContent = `${percent(ended, counts.total)} of the videos have ended.${state}`;
  }
  lastSaid = said;
}

byId("skip").onclick = (event) => {
  event.preventDefault();
  title.focus();
};
startTheme();
startActions(redraw);
onTokenChange(redraw);
onChange(() => {
  announce();
  panel?.onOverview?.();
  redraw();
});
addEventListener("hashchange", turn);
// Elapsed times go on between two messages.
setInterval(() => document.hidden || redraw(), TICK_MS);
turn();
follow();
