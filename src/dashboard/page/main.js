// The page: which panel is shown, the state of the connection, and what is said aloud.
import { startActions } from "./actions.js";
import { openBatches } from "./batches.js";
import { h, render } from "./dom.js";
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

const PANELS = [
  ["overview", "Overview", openOverview],
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

const place = document.getElementById("panel");
const title = document.getElementById("panel-title");
let panel;
let route;
let scheduled = false;
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
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name = "", id] = path.split("/");
  const params = new URLSearchParams(search);
  const [known, , open] = PANELS.find(([one]) => one === name) ?? PANELS[0];
  const isFirst = panel === undefined;
  panel?.close?.();
  render(place);
  route = known;
  panel = undefined;
  panel = known === "videos" && /^-?\d+$/.test(id ?? "") ? openVideo(id, redraw) : open(params, redraw);
  title.textContent = panel.title;
  document.title = `${panel.title} · hidb`;
  draw();
  scrollTo(0, 0);
  // So that keyboard and screen reader go on where the new panel begins.
  if (!isFirst) title.focus({ preventScroll: true });
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

function drawHeader() {
  render(
    document.getElementById("nav"),
    PANELS.map(([name, label]) =>
      h("a", { key: name, href: `#/${name}`, "aria-current": name === route ? "page" : null }, label, badge(name)),
    ),
  );
  const unlocked = readToken() !== null;
  render(
    document.getElementById("lock"),
    h(
      "button",
      { type: "button", class: "quiet", onclick: unlocked ? forgetToken : askForToken },
      unlocked ? "Lock" : "Unlock",
    ),
  );
  const texts = { connecting: "connecting", live: "live", lost: "connection lost, trying again" };
  const connection = document.getElementById("connection");
  connection.className = live.state;
  if (connection.textContent !== texts[live.state]) connection.textContent = texts[live.state];
}

/** How many videos have failed stands beside the panel that lists them. */
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
    document.getElementById("said").textContent = `${percent(ended, counts.total)} of the videos have ended.${state}`;
  }
  lastSaid = said;
}

document.getElementById("skip").onclick = (event) => {
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
